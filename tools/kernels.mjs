// npm run generate:kernels: assembles src/optim/kernels.wat into the TypeScript module that holds its bytes.
import { readFileSync, writeFileSync } from "node:fs";
import wabt from "wabt";

const folder = new URL("../src/optim/", import.meta.url);
const { parseWat } = await wabt();
const { buffer } = parseWat("kernels.wat", readFileSync(new URL("kernels.wat", folder), "utf8")).toBinary({});
writeFileSync(
  new URL("kernels-wasm.ts", folder),
  `/** kernels.wat, assembled by \`npm run generate:kernels\`: WebAssembly in base64. */
export const kernelsWasm =
  "${Buffer.from(buffer).toString("base64")}";
`,
);
