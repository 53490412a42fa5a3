import { createHash } from "node:crypto";
import { FileError, ShapeError } from "../base/index.ts";
import type { Safetensors } from "../formats/index.ts";
import { foldedInception, INCEPTION_SIDE, INCEPTION_WIDTH, inceptionV3 } from "../models/index.ts";
import { leaves, loadState, stateOf } from "../nn/index.ts";
import { checkWeights } from "./classifier-file.ts";
import { type FeatureNetwork, featureNetwork, type NetworkOptions } from "./feature-network.ts";

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
): FeatureNetwork => {
  checkWeights(path, tensors);
  const net = inceptionV3();
  try {
    loadState(net, foldedInception(tensors));
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    const got = `${cause.who}: ${cause.got}`;
    throw new FileError(path, { expected: "the parameters of pytorch-fid's Inception", got }, { cause });
  }
  return featureNetwork(
    {
      name: "Inception",
      fingerprint: createHash("sha256").update(bytes).digest("hex"),
      preprocessing: `bilinear to ${INCEPTION_SIDE}×${INCEPTION_SIDE} between pixel centres, without smoothing (pytorch-fid's), grey levels / 127.5 − 1, grey images in three channels`,
      standard: true,
      width: INCEPTION_WIDTH,
      classes: null,
    },
    {
      forward: (images) => ({ features: net.forward(images) }),
      leaves: leaves(net),
      weights: stateOf(net),
      batch: 16,
      fault: ([channels]) => (channels === 1 || channels === 3 ? null : "grey or coloured images"),
    },
    options,
  );
};
