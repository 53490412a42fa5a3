export {
  autoPrecision,
  type Backend,
  backendNames,
  deviceOf,
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
} from "./compile.ts";
export { type Device, deviceNames, type OtherDevice } from "./device.ts";
export { Remote, type Service, serve, workerModule } from "./remote.ts";
export { chooseDevice, type SelfTest, selfTest } from "./self-test.ts";
export type { Arrays, NativeEngine, RunProfile, Session, SessionOptions } from "./session.ts";
