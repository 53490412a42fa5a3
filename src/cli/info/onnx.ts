import { type OnnxValue, readOnnxFacts } from "../../formats/index.ts";
import { row, showBytes, showCount } from "./row.ts";
import { metadataRows } from "./tensors.ts";

/** An ONNX model: what goes in, what comes out, and what it says of itself. */
export const describeOnnx = async (path: string): Promise<string[]> => {
  const facts = await readOnnxFacts(path);
  const opsets = [...facts.opsets].map(([domain, version]) => `${domain || "ONNX"} ${version}`);
  const { beside, missing } = facts;
  return [
    row("kind", `an ONNX model${facts.producer ? ` by ${facts.producer}` : ""}, ${opsets.join(", ")}`),
    ...facts.inputs.map((each) => row("input", showValue(each))),
    ...facts.outputs.map((each) => row("output", showValue(each))),
    row("operations", facts.operations),
    row("constants", `${showCount(facts.parameters, "number")}, ${showBytes(facts.bytes)} in files`),
    ...(beside.length ? [row("beside it", beside.join(", "))] : []),
    ...(missing.length ? [row("missing", missing.join(", "))] : []),
    ...metadataRows(facts.metadata),
  ];
};

const showValue = ({ name, type, shape }: OnnxValue): string => `${name} ${type} [${shape.join(", ")}]`;
