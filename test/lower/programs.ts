import { Generator, type NDArray } from "../../src/base/index.ts";
import { input, type Tensor, vjp } from "../../src/tensor/index.ts";
import { allCases } from "../tensor/cases.ts";

/** Nodes to compute, and what to feed. */
export interface Program {
  readonly title: string;
  readonly outputs: readonly Tensor[];
  readonly values: ReadonlyMap<Tensor<"input">, NDArray>;
}

/** The gradients of a case in its float32 inputs, for a random gradient in its result. */
const gradientProgram = ({ title, node, values }: (typeof allCases)[number], i: number): Program => {
  const dy = input(node.shape);
  const floats = [...values.keys()].filter(({ dtype }) => dtype === "float32");
  return {
    title,
    outputs: vjp(node, floats, dy),
    values: new Map([...values, [dy, new Generator(1000 + i).normal(node.shape)]]),
  };
};

export const plainPrograms: readonly Program[] = allCases.map(({ title, node, values }) => ({
  title,
  outputs: [node],
  values,
}));

export const gradientPrograms: readonly Program[] = allCases
  .filter(({ node }) => node.dtype === "float32" && node.inputs.length > 0)
  .map(gradientProgram);
