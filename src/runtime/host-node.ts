import { availableParallelism } from "node:os";
import { parentPort, type TransferListItem, Worker } from "node:worker_threads";
import type { InferenceSession } from "onnxruntime-node";
import { onArrays } from "./ort-session.ts";
import type { Host, SessionOptions } from "./session.ts";

/** onnxruntime's native CPU build and Node's worker threads. */
export const host: Host = {
  async openSession(model, options) {
    const ort = await import("onnxruntime-node");
    const session = await ort.InferenceSession.create(model, sessionOptions(options));
    return onArrays(session, ({ dtype, data, shape }) => new ort.Tensor(dtype, data as Uint8Array, shape));
  },

  startWorker(url) {
    const worker = new Worker(url);
    return {
      post: (message, transfer) => worker.postMessage(message, transfer as TransferListItem[]),
      onMessage: (listener) => worker.on("message", listener),
      onFailure(listener) {
        worker.on("error", listener);
        worker.on("exit", (code) => listener(new Error(`the worker ended with code ${code}`)));
      },
      async terminate() {
        worker.removeAllListeners();
        await worker.terminate();
      },
    };
  },

  parentPort() {
    if (!parentPort) throw new Error("parentPort: only inside a worker");
    const port = parentPort;
    return {
      post: (message, transfer) => port.postMessage(message, transfer as TransferListItem[]),
      onMessage: (listener) => port.on("message", listener),
    };
  },
};

/**
 * The number of threads is always given: onnxruntime's own choice pins them, which any other load makes slow.
 * Idle threads sleep: spinning is a few percent faster on a machine with nothing else to do, and several
 * times slower beside one busy process.
 */
const sessionOptions = ({
  threads = availableParallelism(),
}: SessionOptions): InferenceSession.SessionOptions => ({
  executionProviders: ["cpu"],
  graphOptimizationLevel: "all",
  logSeverityLevel: 3,
  intraOpNumThreads: threads,
  extra: { session: { intra_op: { allow_spinning: "0" } } },
});
