export {
  autoPrecision,
  type Backend,
  backendNames,
  inferTarget,
  type PrecisionChoice,
  precisionNames,
  precisionOf,
  trainTarget,
} from "./backend.ts";
export { blockSize } from "./block-size.ts";
export {
  type Compiled,
  type CompileOptions,
  checkFeeds,
  compile,
  compileSymbolic,
  type SymbolicGraph,
} from "./compile.ts";
export { Remote, type Service, serve, workerModule } from "./remote.ts";
export type { Arrays, NativeEngine, RunProfile, Session, SessionOptions } from "./session.ts";
