export { lower } from "./lower.ts";
export { type Lowering, portable } from "./portable.ts";
