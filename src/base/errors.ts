/** What went wrong, as data: who complains, what was expected, what came instead, and a way out. */
export interface Complaint {
  readonly who: string;
  readonly expected: string;
  readonly got: string;
  readonly hint?: string;
}

/** Every error that undiffuse raises on purpose. Its message reads `who: expected what, got value`. */
export class UndiffuseError extends Error {
  readonly who: string;
  readonly expected: string;
  readonly got: string;
  readonly hint: string | undefined;

  constructor(complaint: Complaint, options?: ErrorOptions) {
    const { who, expected, got, hint } = complaint;
    super(`${who}: expected ${expected}, got ${got}${hint ? `\n  hint: ${hint}` : ""}`, options);
    this.name = new.target.name;
    this.who = who;
    this.expected = expected;
    this.got = got;
    this.hint = hint;
  }
}

/** A value outside what a function accepts. */
export class ArgumentError extends UndiffuseError {}

/** Arrays or tensors whose shapes or dtypes do not fit together. */
export class ShapeError extends UndiffuseError {}

/** NaN or infinity where only finite numbers may pass. */
export class NonFiniteError extends UndiffuseError {}

/** A file or folder that is missing, damaged or not what it should be; `path` names it. */
export class FileError extends UndiffuseError {
  readonly path: string;

  constructor(path: string, complaint: Omit<Complaint, "who">, options?: ErrorOptions) {
    super({ who: path, ...complaint }, options);
    this.path = path;
  }
}

/** Makes the compiler prove that a union is exhausted. */
export const assertNever = (value: never): never => {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
};
