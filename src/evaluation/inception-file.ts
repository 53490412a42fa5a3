import { createHash } from "node:crypto";
import { FileError, type NDArray, ShapeError } from "../base/index.ts";
import { readOnnx, type Safetensors } from "../formats/index.ts";
import { foldedInception, INCEPTION_SIDE, INCEPTION_WIDTH, inceptionV3 } from "../models/index.ts";
import { leaves, loadState, stateOf } from "../nn/index.ts";
import { checkWeights } from "./classifier-file.ts";
import { type FeatureNetwork, featureNetwork, type NetworkOptions } from "./feature-network.ts";
import { inceptionState } from "./inception-onnx.ts";

/** A tensor that pytorch-fid's parameters have and no other file that is known here. */
export const INCEPTION = "Mixed_7c.branch_pool.conv.weight";

/**
 * Parameters of pytorch-fid's `FIDInceptionV3` as the network of FID and KID. That they are those of
 * pt_inception-2015-12-05 is the user's word: their fingerprint goes with every number.
 * @throws FileError for tensors that are missing or of other shapes
 */
export const openInception = (
  path: string,
  { tensors, bytes }: Safetensors & { readonly bytes: Uint8Array },
  options: NetworkOptions = {},
): FeatureNetwork => inceptionNetwork(path, { state: tensors, files: [bytes] }, options);

/** {@link openInception} of an ONNX model. @throws FileError for a model of something else */
export const openOnnxInception = async (
  path: string,
  options: NetworkOptions = {},
): Promise<FeatureNetwork> => {
  const model = await readOnnx(path);
  return inceptionNetwork(path, { state: inceptionState(path, model), files: model.files }, options);
};

interface Given {
  /** Parameters by pytorch-fid's names, or by {@link inceptionV3}'s where batch norms are folded in. */
  readonly state: ReadonlyMap<string, NDArray>;
  /** The bytes that they come from. */
  readonly files: readonly Uint8Array[];
}

const inceptionNetwork = (path: string, { state, files }: Given, options: NetworkOptions): FeatureNetwork => {
  checkWeights(path, state);
  const net = inceptionV3();
  const own = leaves(net);
  const folded = [...state].filter(([name]) => own.has(name));
  try {
    loadState(net, new Map([...folded, ...foldedInception(state)]));
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    const got = `${cause.who}: ${cause.got}`;
    throw new FileError(path, { expected: "the parameters of pytorch-fid's Inception", got }, { cause });
  }
  return featureNetwork(
    {
      name: "Inception",
      fingerprint: fingerprintOf(files),
      preprocessing: `bilinear to ${INCEPTION_SIDE}×${INCEPTION_SIDE} between pixel centres, without smoothing (pytorch-fid's), grey levels / 127.5 − 1, grey images in three channels`,
      standard: true,
      width: INCEPTION_WIDTH,
      classes: null,
    },
    {
      forward: (images) => ({ features: net.forward(images) }),
      leaves: own,
      weights: stateOf(net),
      batch: 16,
      fault: ([channels]) => (channels === 1 || channels === 3 ? null : "grey or coloured images"),
    },
    options,
  );
};

const fingerprintOf = (files: readonly Uint8Array[]): string => {
  const hash = createHash("sha256");
  for (const bytes of files) hash.update(bytes);
  return hash.digest("hex");
};
