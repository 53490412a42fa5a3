import { host } from "#host";
import {
  ArgumentError,
  type Complaint,
  FileError,
  NonFiniteError,
  ShapeError,
  UndiffuseError,
} from "../base/index.ts";
import type { WorkerPort } from "./session.ts";

// biome-ignore lint/suspicious/noExplicitAny: a service may take any arguments; callers see the exact types
type Method = (...args: any[]) => Promise<unknown>;
/** An object of async methods whose arguments and results are plain data. */
export type Service<T> = { readonly [K in keyof T]: Method };

interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}
type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: Failure };

/** An error as plain data; `complaint` is null when the error is not one of undiffuse's. */
interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly complaint: (Complaint & { readonly path?: string }) | null;
}

/**
 * Inside a worker: makes a service from the owner's first call and answers the calls that follow, one
 * after the other. A result's buffers are given away.
 */
export const serve = <I, T extends Service<T>>(open: (init: I) => Promise<T>): void => {
  const port = host.parentPort();
  let service: Promise<T> | undefined;
  let queue: Promise<void> = Promise.resolve();
  const answer = async ({ method, args }: Call): Promise<unknown> => {
    if (method === "open") {
      service = open(args[0] as I);
      await service;
      return undefined;
    }
    return ((await service) as T)[method as keyof T](...args);
  };
  port.onMessage((message) => {
    const call = message as Call;
    queue = queue.then(async () => {
      try {
        const result = await answer(call);
        port.post({ id: call.id, result }, buffersIn(result));
      } catch (error) {
        port.post({ id: call.id, failure: toFailure(error) }, []);
      }
    });
  });
};

/** The owner's side of a service that lives in a worker. */
export class Remote<T extends Service<T>> {
  private readonly port: WorkerPort;
  private readonly waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  private failed: Error | null = null;
  private next = 0;

  private constructor(port: WorkerPort) {
    this.port = port;
    port.onMessage((message) => this.settle(message as Reply));
    port.onFailure((error) => this.fail(error));
  }

  /** Starts the worker module `url`, which calls {@link serve}, and opens its service. */
  static async open<T extends Service<T>>(url: URL, init: unknown): Promise<Remote<T>> {
    const remote = new Remote<T>(host.startWorker(url));
    try {
      await remote.send("open", [init]);
    } catch (error) {
      await remote.terminate();
      throw error;
    }
    return remote;
  }

  call<K extends keyof T & string>(method: K, ...args: Parameters<T[K]>): Promise<Awaited<ReturnType<T[K]>>> {
    return this.send(method, args) as Promise<Awaited<ReturnType<T[K]>>>;
  }

  async terminate(): Promise<void> {
    this.fail(new Error("the worker was terminated"));
    await this.port.terminate();
  }

  private send(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.failed) return Promise.reject(this.failed);
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.port.post({ id, method, args } satisfies Call, []);
    });
  }

  private settle(reply: Reply): void {
    const caller = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if ("failure" in reply) caller?.reject(fromFailure(reply.failure));
    else caller?.resolve(reply.result);
  }

  private fail(error: Error): void {
    this.failed ??= error;
    for (const { reject } of this.waiting.values()) reject(this.failed);
    this.waiting.clear();
  }
}

/** The worker module beside `from`: TypeScript in a source checkout, JavaScript in a build. */
export const workerModule = (name: string, from: string): URL =>
  new URL(`./${name}${from.endsWith(".ts") ? ".ts" : ".js"}`, from);

const buffersIn = (value: unknown): ArrayBuffer[] => {
  if (ArrayBuffer.isView(value)) return value.buffer instanceof ArrayBuffer ? [value.buffer] : [];
  if (typeof value !== "object" || value === null) return [];
  return [...new Set(Object.values(value).flatMap(buffersIn))];
};

const toFailure = (error: unknown): Failure => {
  if (!(error instanceof Error))
    return { name: "Error", message: String(error), stack: undefined, complaint: null };
  const { name, message, stack } = error;
  return { name, message, stack, complaint: error instanceof UndiffuseError ? complaintOf(error) : null };
};

const complaintOf = (error: UndiffuseError): Failure["complaint"] => {
  const { who, expected, got, hint } = error;
  const complaint = { who, expected, got, ...(hint ? { hint } : {}) };
  return error instanceof FileError ? { ...complaint, path: error.path } : complaint;
};

const known = { ArgumentError, ShapeError, NonFiniteError };

const fromFailure = ({ name, message, stack, complaint }: Failure): Error => {
  if (!complaint) return Object.assign(new Error(message), { name, stack });
  if (complaint.path !== undefined) return new FileError(complaint.path, complaint);
  return new (known[name as keyof typeof known] ?? UndiffuseError)(complaint);
};
