import * as ort from "onnxruntime-web/wasm";
import type { DType, PlainArray } from "../base/index.ts";
import type { Arrays, Host, Port } from "./session.ts";

/** onnxruntime's WebAssembly build and the web's module workers. */
export const host: Host = {
  async openSession(model, { threads }) {
    if (threads) ort.env.wasm.numThreads = threads;
    const session = await ort.InferenceSession.create(model, {
      executionProviders: ["wasm"],
      logSeverityLevel: 3,
    });
    const toTensor = ({ dtype, data, shape }: PlainArray) => new ort.Tensor(dtype, data as Uint8Array, shape);
    return {
      async run(feeds) {
        const tensors = Object.entries(feeds).map(([name, array]) => [name, toTensor(array)] as const);
        return toArrays(await session.run(Object.fromEntries(tensors)));
      },
      close: () => session.release(),
    };
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

const toArrays = (tensors: Readonly<Record<string, ort.Tensor>>): Arrays =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { type, dims, data }]) => [
      name,
      { dtype: type as DType, shape: dims, data: data as PlainArray["data"] },
    ]),
  );
