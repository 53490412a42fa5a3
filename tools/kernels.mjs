// npm run generate:kernels: assembles WebAssembly's text into the TypeScript modules that hold its bytes.
import { readFileSync, writeFileSync } from "node:fs";
import wabt from "wabt";

const sources = [
  { folder: "optim", name: "kernels" },
  { folder: "formats", name: "halves" },
];
const { parseWat } = await wabt();

for (const { folder, name } of sources) {
  const at = (file) => new URL(`../src/${folder}/${file}`, import.meta.url);
  const { buffer } = parseWat(`${name}.wat`, readFileSync(at(`${name}.wat`), "utf8")).toBinary({});
  writeFileSync(
    at(`${name}-wasm.ts`),
    `/** ${name}.wat, assembled by \`npm run generate:kernels\`: WebAssembly in base64. */
export const ${name}Wasm =
  "${Buffer.from(buffer).toString("base64")}";
`,
  );
}
