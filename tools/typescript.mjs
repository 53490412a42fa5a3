// Lets a process and the workers that it starts run TypeScript sources: `node --import ./tools/typescript.mjs`.
// (`--import tsx` alone does not reach worker threads on Node 20.)
import { register } from "tsx/esm/api";

register();
