import { ArgumentError, type PlainArray } from "../base/index.ts";
import type { Lowering } from "../lower/index.ts";
import type { Device } from "./device.ts";

/** Arrays by the names of a model's inputs or outputs. */
export type Arrays = Readonly<Record<string, PlainArray>>;

/** A loaded model. One `run` at a time; results own their memory. */
export interface Session {
  /** @param into arrays that results may be written to, by name: a result that was is the same array */
  run(feeds: Arrays, into?: Arrays): Promise<Arrays>;
  /**
   * A kernel of the optimizer (optim/flat-memory.ts) over equal ranges of flat arrays, in place, on the threads of the
   * session's runs; only where its engine has such kernels.
   */
  readonly pass?: (
    kernel: string,
    ranges: readonly Float32Array[],
    constants: readonly number[],
  ) => Promise<number>;
  /** Gives what each run took, if the session was opened to be measured. */
  close(): Promise<readonly RunProfile[]>;
}

/** What a run of a session took, and each of its operations, in milliseconds. */
export interface RunProfile {
  readonly ms: number;
  readonly operations: readonly {
    readonly name: string;
    readonly ms: number;
    /** Floating-point operations of a convolution or of matrix products; 0 for what is not counted. */
    readonly flop: number;
  }[];
}

export interface SessionOptions {
  /** Threads of one operation; all cores when absent. */
  readonly threads?: number;
  /** Constants that are not in the plan or file, by name; the native engine leaves them where they are. */
  readonly held?: Arrays;
  /** Where onnxruntime computes; the CPU when absent. What a device lacks, it leaves to the CPU. */
  readonly device?: Device;
  /**
   * Measures every operation of every run, which `close` then tells. onnxruntime writes a file whose path starts with
   * this; its owner deletes it. In Node.js only.
   */
  readonly profile?: string;
}

/** One end of a message channel, in Node or the web. */
export interface Port {
  post(message: unknown, transfer: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** A worker as its owner sees it. */
export interface WorkerPort extends Port {
  /** The worker failed or ended without being asked to. */
  onFailure(listener: (error: Error) => void): void;
  terminate(): Promise<void>;
}

/** The native engine and the processor as it sees it. */
export interface NativeEngine {
  readonly onednn: string;
  readonly isa: string;
  readonly bf16: boolean;
}

/** Why there is no plan to run. */
export const nativeMissing = (): ArgumentError =>
  new ArgumentError({
    who: "backend native",
    expected: "the native engine",
    got: "none",
    hint: "build it with: npm run build:native",
  });

/** What a platform offers: `#host` resolves to Node's or the web's by package conditions. */
export interface Host {
  /** What a graph with fixed weights is lowered to. */
  readonly inferTarget: Lowering;
  /** Whether sessions take weights beside their file, which then may be of any size. */
  readonly holdsWeights: boolean;
  /** The devices that onnxruntime's build knows, whether or not the machine has them. */
  devices(): Promise<readonly Device[]>;
  /**
   * Of an ONNX file, or of a plan where there is a native engine.
   * @throws ArgumentError for a device that onnxruntime's build does not know, or does not find here
   */
  openSession(model: Uint8Array, options: SessionOptions): Promise<Session>;
  /** What the native engine says of itself; null where there is none. */
  nativeEngine(): NativeEngine | null;
  /**
   * Bytes of an open file as memory of which what is used is read, when it is; writing changes no file. Null where there is
   * no such memory. The file must not be cut short while it is used.
   */
  mapFile(descriptor: number, offset: number, length: number): Uint8Array<ArrayBuffer> | null;
  startWorker(url: URL): WorkerPort;
  /** Inside a worker: the channel to its owner. */
  parentPort(): Port;
}
