import { NDArray, ShapeError, showShape } from "../base/index.ts";
import {
  averagePool2d,
  concat,
  conv2d,
  maxPool2d,
  Parameter,
  type PoolGeometry,
  relu,
  resizeBilinear,
  type Tensor,
} from "../tensor/index.ts";

/** Side of the images that the network was trained on. */
export const INCEPTION_SIDE = 299;
/** Features of an image. */
export const INCEPTION_WIDTH = 2048;

interface Part {
  forward(x: Tensor): Tensor;
}

interface ConvOptions {
  readonly kernel: number | readonly [height: number, width: number];
  readonly stride?: number;
  /** Zeros around, so that a stride of 1 keeps the size. */
  readonly same?: boolean;
}

/** A convolution with its batch norm folded in, then ReLU. */
const conv = (from: number, to: number, { kernel, stride = 1, same = false }: ConvOptions) => {
  const [kh, kw] = typeof kernel === "number" ? [kernel, kernel] : kernel;
  const weight = new Parameter(NDArray.zeros([to, from, kh, kw]));
  const bias = new Parameter(NDArray.zeros([to]));
  const [y, x] = same ? [(kh - 1) / 2, (kw - 1) / 2] : [0, 0];
  const geometry = { stride, padding: [y, x, y, x] } as const;
  return { weight, bias, forward: (images: Tensor): Tensor => relu(conv2d(images, weight, bias, geometry)) };
};

const HALVING: PoolGeometry = { kernel: 3, stride: 2, padding: 0 };
const SMOOTHING: PoolGeometry = { kernel: 3, stride: 1, padding: 1 };

const inTurn = (x: Tensor, ...parts: readonly Part[]): Tensor =>
  parts.reduce((y, part) => part.forward(y), x);
const beside = (...branches: readonly Tensor[]): Tensor => concat(branches, 1);

const blockA = (from: number, pool: number) => {
  const parts = {
    branch1x1: conv(from, 64, { kernel: 1 }),
    branch5x5_1: conv(from, 48, { kernel: 1 }),
    branch5x5_2: conv(48, 64, { kernel: 5, same: true }),
    branch3x3dbl_1: conv(from, 64, { kernel: 1 }),
    branch3x3dbl_2: conv(64, 96, { kernel: 3, same: true }),
    branch3x3dbl_3: conv(96, 96, { kernel: 3, same: true }),
    branch_pool: conv(from, pool, { kernel: 1 }),
  };
  const forward = (x: Tensor): Tensor =>
    beside(
      parts.branch1x1.forward(x),
      inTurn(x, parts.branch5x5_1, parts.branch5x5_2),
      inTurn(x, parts.branch3x3dbl_1, parts.branch3x3dbl_2, parts.branch3x3dbl_3),
      parts.branch_pool.forward(averagePool2d(x, SMOOTHING)),
    );
  return { ...parts, forward };
};

const blockB = (from: number) => {
  const parts = {
    branch3x3: conv(from, 384, { kernel: 3, stride: 2 }),
    branch3x3dbl_1: conv(from, 64, { kernel: 1 }),
    branch3x3dbl_2: conv(64, 96, { kernel: 3, same: true }),
    branch3x3dbl_3: conv(96, 96, { kernel: 3, stride: 2 }),
  };
  const forward = (x: Tensor): Tensor =>
    beside(
      parts.branch3x3.forward(x),
      inTurn(x, parts.branch3x3dbl_1, parts.branch3x3dbl_2, parts.branch3x3dbl_3),
      maxPool2d(x, HALVING),
    );
  return { ...parts, forward };
};

const [ROW, COLUMN] = [
  { kernel: [1, 7], same: true },
  { kernel: [7, 1], same: true },
] as const;

const blockC = (from: number, width: number) => {
  const parts = {
    branch1x1: conv(from, 192, { kernel: 1 }),
    branch7x7_1: conv(from, width, { kernel: 1 }),
    branch7x7_2: conv(width, width, ROW),
    branch7x7_3: conv(width, 192, COLUMN),
    branch7x7dbl_1: conv(from, width, { kernel: 1 }),
    branch7x7dbl_2: conv(width, width, COLUMN),
    branch7x7dbl_3: conv(width, width, ROW),
    branch7x7dbl_4: conv(width, width, COLUMN),
    branch7x7dbl_5: conv(width, 192, ROW),
    branch_pool: conv(from, 192, { kernel: 1 }),
  };
  const forward = (x: Tensor): Tensor =>
    beside(
      parts.branch1x1.forward(x),
      inTurn(x, parts.branch7x7_1, parts.branch7x7_2, parts.branch7x7_3),
      inTurn(
        inTurn(x, parts.branch7x7dbl_1, parts.branch7x7dbl_2, parts.branch7x7dbl_3),
        parts.branch7x7dbl_4,
        parts.branch7x7dbl_5,
      ),
      parts.branch_pool.forward(averagePool2d(x, SMOOTHING)),
    );
  return { ...parts, forward };
};

const blockD = (from: number) => {
  const parts = {
    branch3x3_1: conv(from, 192, { kernel: 1 }),
    branch3x3_2: conv(192, 320, { kernel: 3, stride: 2 }),
    branch7x7x3_1: conv(from, 192, { kernel: 1 }),
    branch7x7x3_2: conv(192, 192, ROW),
    branch7x7x3_3: conv(192, 192, COLUMN),
    branch7x7x3_4: conv(192, 192, { kernel: 3, stride: 2 }),
  };
  const forward = (x: Tensor): Tensor =>
    beside(
      inTurn(x, parts.branch3x3_1, parts.branch3x3_2),
      inTurn(x, parts.branch7x7x3_1, parts.branch7x7x3_2, parts.branch7x7x3_3, parts.branch7x7x3_4),
      maxPool2d(x, HALVING),
    );
  return { ...parts, forward };
};

/** The last block pools by the largest where the one before it takes the mean: a slip of 2015 that FID kept. */
const blockE = (from: number, pool: typeof averagePool2d) => {
  const parts = {
    branch1x1: conv(from, 320, { kernel: 1 }),
    branch3x3_1: conv(from, 384, { kernel: 1 }),
    branch3x3_2a: conv(384, 384, { kernel: [1, 3], same: true }),
    branch3x3_2b: conv(384, 384, { kernel: [3, 1], same: true }),
    branch3x3dbl_1: conv(from, 448, { kernel: 1 }),
    branch3x3dbl_2: conv(448, 384, { kernel: 3, same: true }),
    branch3x3dbl_3a: conv(384, 384, { kernel: [1, 3], same: true }),
    branch3x3dbl_3b: conv(384, 384, { kernel: [3, 1], same: true }),
    branch_pool: conv(from, 192, { kernel: 1 }),
  };
  const forward = (x: Tensor): Tensor => {
    const [single, double] = [
      parts.branch3x3_1.forward(x),
      inTurn(x, parts.branch3x3dbl_1, parts.branch3x3dbl_2),
    ];
    return beside(
      parts.branch1x1.forward(x),
      beside(parts.branch3x3_2a.forward(single), parts.branch3x3_2b.forward(single)),
      beside(parts.branch3x3dbl_3a.forward(double), parts.branch3x3dbl_3b.forward(double)),
      parts.branch_pool.forward(pool(x, SMOOTHING)),
    );
  };
  return { ...parts, forward };
};

/**
 * The network of FID (Szegedy et al. 2016; Heusel et al. 2017), as pytorch-fid has it: parameters have its names, with
 * every batch norm folded into its convolution ({@link foldedInception}). `forward` takes images [n, 1 or 3, h, w] in
 * [-1, 1], which it makes 299 × 299 by linear interpolation between pixel centres without smoothing, to features
 * [n, 2048]. For evaluation alone: its weights start as zeros.
 */
export const inceptionV3 = () => {
  const parts = {
    Conv2d_1a_3x3: conv(3, 32, { kernel: 3, stride: 2 }),
    Conv2d_2a_3x3: conv(32, 32, { kernel: 3 }),
    Conv2d_2b_3x3: conv(32, 64, { kernel: 3, same: true }),
    Conv2d_3b_1x1: conv(64, 80, { kernel: 1 }),
    Conv2d_4a_3x3: conv(80, 192, { kernel: 3 }),
    Mixed_5b: blockA(192, 32),
    Mixed_5c: blockA(256, 64),
    Mixed_5d: blockA(288, 64),
    Mixed_6a: blockB(288),
    Mixed_6b: blockC(768, 128),
    Mixed_6c: blockC(768, 160),
    Mixed_6d: blockC(768, 160),
    Mixed_6e: blockC(768, 192),
    Mixed_7a: blockD(768),
    Mixed_7b: blockE(1280, averagePool2d),
    Mixed_7c: blockE(2048, maxPool2d),
  };
  const { Conv2d_1a_3x3, Conv2d_2a_3x3, Conv2d_2b_3x3, Conv2d_3b_1x1, Conv2d_4a_3x3, ...mixed } = parts;
  const forward = (images: Tensor): Tensor => {
    const [, channels = 0] = images.shape;
    if (channels !== 1 && channels !== 3)
      throw new ShapeError({
        who: "inceptionV3",
        expected: "images [n, 1 or 3, h, w]",
        got: showShape(images.shape),
      });
    const colour = channels === 3 ? images : concat([images, images, images], 1);
    const resized = resizeBilinear(colour, [INCEPTION_SIDE, INCEPTION_SIDE]);
    const early = maxPool2d(inTurn(resized, Conv2d_1a_3x3, Conv2d_2a_3x3, Conv2d_2b_3x3), HALVING);
    const late = maxPool2d(inTurn(early, Conv2d_3b_1x1, Conv2d_4a_3x3), HALVING);
    return inTurn(late, ...Object.values(mixed)).mean([2, 3]);
  };
  return { ...parts, forward };
};

/** Of the batch norms. */
const EPS = 1e-3;

/**
 * pytorch-fid's parameters, batch norms folded into the convolutions before them: w · γ / √(v + ε) and
 * β − m γ / √(v + ε). The classes' own layer is left out.
 * @throws ShapeError where a batch norm lacks a tensor, or one has not a value for each channel
 */
export const foldedInception = (state: ReadonlyMap<string, NDArray>): Map<string, NDArray> => {
  const folded = new Map<string, NDArray>();
  for (const [name, weight] of state) {
    const layer = name.replace(/\.conv\.weight$/, "");
    if (layer === name) continue;
    const [to = 0] = weight.shape;
    const norm = (key: string): NDArray => {
      const value = state.get(`${layer}.bn.${key}`);
      if (value?.size === to) return value;
      throw new ShapeError({
        who: `${layer}.bn.${key}`,
        expected: `${to} numbers`,
        got: value ? showShape(value.shape) : "nothing",
      });
    };
    const scale = norm("weight").div(norm("running_var").add(EPS).sqrt());
    folded.set(`${layer}.weight`, weight.mul(scale.reshape([to, 1, 1, 1])));
    folded.set(`${layer}.bias`, norm("bias").sub(norm("running_mean").mul(scale)));
  }
  return folded;
};
