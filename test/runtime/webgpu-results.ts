import { smallExperiment } from "../browser/page.ts";

// On WebGPU, for device.test.ts.
process.stdout.write(JSON.stringify(await smallExperiment({ device: "webgpu", worker: true })));
