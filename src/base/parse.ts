import { ArgumentError } from "./errors.ts";

/** The part of a zod schema that is used here. */
interface Schema<T> {
  safeParse(value: unknown):
    | { readonly success: true; readonly data: T }
    | {
        readonly success: false;
        readonly error: {
          readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
        };
      };
}

/** The value as a schema reads it. @throws ArgumentError that lists every wrong field by its path */
export const parseAs = <T>(
  schema: Schema<T>,
  value: unknown,
  { who, expected }: { readonly who: string; readonly expected: string },
): T => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) =>
    path.length ? `${path.join(".")}: ${message}` : message,
  );
  throw new ArgumentError({ who, expected, got: issues.join("; ") });
};
