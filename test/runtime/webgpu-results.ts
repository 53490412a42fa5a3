import { selfTest } from "../../src/runtime/index.ts";
import { smallExperiment } from "../browser/page.ts";

// On WebGPU, for device.test.ts.
const tested = await selfTest("webgpu");
process.stdout.write(JSON.stringify({ tested, results: await smallExperiment({ device: "webgpu" }) }));
