import { create, toBinary } from "@bufbuild/protobuf";
import {
  type ModelProto,
  ModelProtoSchema,
  type StringStringEntryProto,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from "./onnx_pb.ts";
import { EXTERNAL } from "./onnx-builder.ts";

/** What a file says of itself. */
export interface OnnxAbout {
  /** Of the program that wrote it. */
  readonly version: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A model as a file, and what lies in another beside it. */
export interface OnnxFiles {
  readonly model: Uint8Array;
  /** The other file, in parts that are views of the tensors; none where all is in the model. */
  readonly data: readonly Uint8Array[];
}

/** What one message may have, in bytes: protobuf's readers take no more. */
export const MOST_BYTES = 2 ** 31 - 1;
/** Tensors of fewer bytes stay in the model: what shapes are computed from has to be at hand when it loads. */
const LEAST = 1024;
/** Where a tensor may begin, in bytes. */
const ALIGNMENT = 64;

/**
 * The model as a file, with its large tensors in another one if that has a name (ONNX, "External Data").
 * @param location the other file's name, in the folder of the model
 */
export const onnxFiles = (given: ModelProto, about: OnnxAbout, location?: string): OnnxFiles => {
  const model = create(ModelProtoSchema, {
    ...given,
    producerVersion: about.version,
    metadataProps: entriesOf(about.metadata),
  });
  if (location === undefined || !given.graph) return { model: toBinary(ModelProtoSchema, model), data: [] };
  const { outside, data } = externalFile(location);
  model.graph = { ...given.graph, initializer: given.graph.initializer.map(outside) };
  return { model: toBinary(ModelProtoSchema, model), data };
};

const entriesOf = (texts: Readonly<Record<string, string>>): StringStringEntryProto[] =>
  Object.entries(texts).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));

const externalFile = (location: string) => {
  const data: Uint8Array[] = [];
  let end = 0;
  const append = (part: Uint8Array): void => {
    data.push(part);
    end += part.length;
  };
  const outside = (tensor: TensorProto): TensorProto => {
    const { rawData, name, dims, dataType } = tensor;
    if (rawData.length < LEAST) return tensor;
    append(new Uint8Array((ALIGNMENT - (end % ALIGNMENT)) % ALIGNMENT));
    const where = { location, offset: String(end), length: String(rawData.length) };
    append(rawData);
    const externalData = entriesOf(where);
    return create(TensorProtoSchema, { name, dims, dataType, externalData, dataLocation: EXTERNAL });
  };
  return { outside, data };
};

/** What a model's tensors take, in bytes. */
export const tensorBytes = ({ graph }: ModelProto): number =>
  (graph?.initializer ?? []).reduce((sum, { rawData }) => sum + rawData.length, 0);
