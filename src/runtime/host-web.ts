import { ArgumentError } from "../base/index.ts";
import { portable } from "../lower/index.ts";
import { type Device, openedOn } from "./device.ts";
import { onArrays } from "./ort-session.ts";
import type { Host, Port } from "./session.ts";

/** The build with WebGPU is twice as large as the other. */
const load = (device: Device) =>
  device === "webgpu" ? import("onnxruntime-web/webgpu") : import("onnxruntime-web/wasm");

/** onnxruntime's builds for the web, and the web's module workers. */
export const host: Host = {
  inferTarget: portable,

  holdsWeights: false,

  nativeEngine: () => null,

  mapFile: () => null,

  devices: async () => ["cpu", "webgpu"],

  async openSession(model, { threads, device = "cpu", profile }) {
    if (profile !== undefined)
      throw new ArgumentError({
        who: "profile",
        expected: "Node.js",
        got: "a browser, which writes no files",
      });
    const ort = await load(device);
    if (threads) ort.env.wasm.numThreads = threads;
    const session = await openedOn(device, await host.devices(), () =>
      ort.InferenceSession.create(model, {
        executionProviders: [device === "cpu" ? "wasm" : device],
        logSeverityLevel: 3,
      }),
    );
    return onArrays(session, ({ dtype, data, shape }) => new ort.Tensor(dtype, data as Uint8Array, shape));
  },

  startWorker(url) {
    const worker = new Worker(url, { type: "module" });
    return {
      post: (message, transfer) => worker.postMessage(message, [...transfer]),
      onMessage: (listener) => worker.addEventListener("message", ({ data }) => listener(data)),
      // A script that cannot be loaded gives an event without a message.
      onFailure: (listener) =>
        worker.addEventListener("error", ({ message }) =>
          listener(new Error(message || `the worker ${url} did not start`)),
        ),
      async terminate() {
        worker.terminate();
      },
    };
  },

  parentPort(): Port {
    return {
      post: (message, transfer) => self.postMessage(message, { transfer: [...transfer] }),
      onMessage: (listener) => self.addEventListener("message", ({ data }) => listener(data)),
    };
  },
};
