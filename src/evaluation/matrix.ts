import { EigenvalueDecomposition, Matrix } from "ml-matrix";

const symmetricEigen = (matrix: Matrix): { readonly values: number[]; readonly vectors: Matrix } => {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  });
  // What rounding makes negative stands for 0.
  return { values: realEigenvalues.map((value) => Math.max(value, 0)), vectors: eigenvectorMatrix };
};

/**
 * Tr (A B)^½ of one A and any B, symmetric positive semi-definite matrices, row-major [d, d]: the sum of the roots of the
 * eigenvalues of A^½ B A^½, which is symmetric as A B is not. Singular matrices are as good as others. Each takes about
 * 10 d³ operations.
 */
export const traceOfRoot = (a: Float64Array, d: number): ((b: Float64Array) => number) => {
  const { values, vectors } = symmetricEigen(Matrix.from1DArray(d, d, a));
  const roots = values.map(Math.sqrt);
  const transposed = vectors.transpose();
  return (b) => {
    // In the coordinates of A's eigenvectors, A^½ is a scaling.
    const between = transposed.mmul(Matrix.from1DArray(d, d, b)).mmul(vectors);
    const scaled = between.mulRowVector(roots).mulColumnVector(roots);
    const symmetric = Matrix.add(scaled, scaled.transpose()).mul(0.5);
    return symmetricEigen(symmetric).values.reduce((sum, value) => sum + Math.sqrt(value), 0);
  };
};
