/** A file as the format lays it out: length, header, data. */
export const file = (header: unknown, data: Uint8Array | number = 0, length?: bigint): Uint8Array => {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const body = typeof data === "number" ? new Uint8Array(data) : data;
  const out = new Uint8Array(8 + text.length + body.length);
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  out.set(text, 8);
  out.set(body, 8 + text.length);
  return out;
};

/** The header of one tensor. */
export const one = (dtype: string, shape: unknown, offsets: unknown, name = "a") => ({
  [name]: { dtype, shape, data_offsets: offsets },
});

const huge = 2 ** 53 - 1;
/** What no reader may take, by what is wrong with it. */
export const badFiles: Readonly<Record<string, Uint8Array>> = {
  "an empty file": new Uint8Array(0),
  "seven bytes": new Uint8Array(7),
  "a header length past the end": file({}, 0, 3n),
  "a header length of 2^64 - 1": file({}, 0, 2n ** 64n - 1n),
  "a header above 100 MB": file({}, 0, 100_000_001n),
  "an empty header": file(""),
  "a header that is not JSON": file("{,}"),
  "a header that is not UTF-8": (() => {
    const bytes = file('{"__metadata__":{"a":"bb"}}');
    bytes[8 + 22] = 0xff;
    return bytes;
  })(),
  "a header behind a byte order mark": file("\ufeff{}"),
  "a header behind a space": file(" {}"),
  "an array as header": file([]),
  "null as header": file("null"),
  "brackets nested deeply": file("[".repeat(1_000_000)),
  "a tensor that is null": file({ a: null }),
  "a tensor that is an array": file({ a: [] }),
  "a tensor without a shape": file({ a: { dtype: "F32", data_offsets: [0, 4] } }, 4),
  "a tensor with a foreign key": file({ a: { dtype: "U8", shape: [1], data_offsets: [0, 1], x: 1 } }, 1),
  "what Git LFS leaves in place of a file": new TextEncoder().encode(
    "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
  ),
  "an unknown dtype": file(one("F8_E4M3", [4], [0, 4]), 4),
  "a dtype that objects inherit": file(one("constructor", [4], [0, 4]), 4),
  "a dtype that is a number": file({ a: { dtype: 1, shape: [4], data_offsets: [0, 4] } }, 4),
  "a negative size": file(one("U8", [-2, -2], [0, 4]), 4),
  "a fractional size": file(one("U8", [1.5, 2], [0, 3]), 3),
  "a size as text": file(one("U8", ["4"], [0, 4]), 4),
  "a shape whose product wraps 2^64 to 0": file(one("U8", [2 ** 32, 2 ** 32], [0, 0])),
  "a shape whose product overflows before a zero": file(one("U8", [huge, huge, 0], [0, 0])),
  "a shape whose bytes wrap to 4": file(one("F32", [2 ** 62 + 1], [0, 4]), 4),
  "one offset": file(one("U8", [4], [0]), 4),
  "three offsets": file(one("U8", [4], [0, 4, 4]), 4),
  "offsets backwards": file(one("U8", [4], [4, 0]), 4),
  "a negative offset": file(one("U8", [4], [-4, 0]), 4),
  "a fractional offset": file(one("U8", [4], [0.5, 4.5]), 5),
  "offsets past the end": file(one("U8", [8], [0, 8]), 4),
  "fewer bytes than the shape": file(one("F32", [2], [0, 4]), 4),
  "more bytes than the shape": file(one("F32", [1], [0, 8]), 8),
  "a hole before the first tensor": file(one("U8", [2], [2, 4]), 4),
  "a hole between tensors": file({ ...one("U8", [1], [0, 1]), ...one("U8", [1], [2, 3], "b") }, 3),
  "tensors that overlap": file({ ...one("U8", [3], [0, 3]), ...one("U8", [3], [1, 4], "b") }, 4),
  "tensors that share their bytes": file({ ...one("U8", [4], [0, 4]), ...one("U8", [4], [0, 4], "b") }, 4),
  "bytes after the last tensor": file(one("U8", [4], [0, 4]), 5),
  "an empty tensor inside a hole": file(one("U8", [0], [1, 1]), 1),
  "a tensor twice": file(
    '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
    1,
  ),
  "a tensor twice, once escaped": file(
    '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
    1,
  ),
  "a dtype twice": file('{"a":{"dtype":"I64","dtype" :"U8","shape":[1],"data_offsets":[0,1]}}', 1),
  "a metadata key twice": file('{"__metadata__":{"a":"1","a":"2"}}'),
  "metadata that is text": file({ __metadata__: "text" }),
  "metadata with a number": file({ __metadata__: { step: 3 } }),
  "metadata with an object": file({ __metadata__: { a: { b: "c" } } }),
  "a bool of 2": file(one("BOOL", [1], [0, 1]), Uint8Array.of(2)),
};
