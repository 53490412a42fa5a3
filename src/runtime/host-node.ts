import { readdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { parentPort, type TransferListItem, Worker } from "node:worker_threads";
import type { InferenceSession } from "onnxruntime-node";
import { inferCpu, readPlan } from "../lower/index.ts";
import { deviceNames, openedOn } from "./device.ts";
import { mapFile, nativeEngine, openPlan } from "./native-session.ts";
import { runsOf } from "./ort-profile.ts";
import { onArrays } from "./ort-session.ts";
import type { Host, RunProfile, Session, SessionOptions } from "./session.ts";

/** onnxruntime's native build and Node's worker threads. */
export const host: Host = {
  inferTarget: inferCpu,

  holdsWeights: true,

  nativeEngine,

  mapFile,

  async devices() {
    const { listSupportedBackends } = await import("onnxruntime-node");
    const known = new Set<string>(listSupportedBackends().map(({ name }) => name));
    return deviceNames.filter((name) => known.has(name));
  },

  async openSession(model, options) {
    const plan = readPlan(model);
    if (plan) return openPlan(plan, { threads: availableParallelism(), ...options });
    const { device = "cpu" } = options;
    const ort = await import("onnxruntime-node");
    ort.env.logLevel = "fatal"; // what goes wrong outside a session is raised as well
    const session = onArrays(
      await openedOn(device, await host.devices(), () =>
        ort.InferenceSession.create(model, {
          ...sessionOptions(options),
          executionProviders: [device],
          externalData: externalData(options),
        }),
      ),
      ({ dtype, data, shape }) => new ort.Tensor(dtype, data as Uint8Array, shape),
    );
    return options.profile === undefined ? session : measured(session, options.profile);
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

/** A session of onnxruntime that gives the profile which is written when it closes. */
const measured = (session: Session, prefix: string): Session => ({
  ...session,
  async close(): Promise<RunProfile[]> {
    await session.close();
    const folder = dirname(prefix);
    const files = (await readdir(folder)).filter((name) => name.startsWith(`${basename(prefix)}_`));
    return runsOf(JSON.parse(await readFile(join(folder, files[0] ?? ""), "utf8")));
  },
});

/** Microseconds. */
const SPIN = "200";

/**
 * The number of threads is always given: onnxruntime's own choice pins them, which any other load makes slow.
 * Threads without work spin for some microseconds, enough to be there for the next operation, and sleep between runs:
 * 12% less than with 20 µs for a small network at batch 1, 12% more beside one busy process. Spinning on, as is
 * onnxruntime's habit, is no faster than this in a sampling and takes longer still beside a busy process.
 *
 * Memory is not planned ahead: onnxruntime would keep the plan's one block beside what the first run left in its
 * arena, 1.5 to 1.7 times the memory in training, and be 1 to 5% faster.
 */
const externalData = ({ held = {} }: SessionOptions): { path: string; data: Uint8Array }[] =>
  Object.entries(held).map(([path, { data }]) => ({
    path,
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  }));

const sessionOptions = ({
  threads = availableParallelism(),
  profile,
}: SessionOptions): InferenceSession.SessionOptions => ({
  graphOptimizationLevel: "all",
  logSeverityLevel: 3,
  intraOpNumThreads: threads,
  enableMemPattern: false,
  ...(profile !== undefined && { enableProfiling: true, profileFilePrefix: profile }),
  extra: { session: { force_spinning_stop: "1", intra_op: { spin_duration_us: SPIN } } },
});
