import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError, NDArray } from "../../src/base/index.ts";
import {
  openSafetensors,
  type ReadProgress,
  readSafetensors,
  writeSafetensors,
  writeSafetensorsFile,
} from "../../src/formats/index.ts";
import { badFiles, file, one } from "./bad-safetensors.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "safetensors-"));
  path = join(folder, "weights.safetensors");
});
afterEach(() => rm(folder, { recursive: true }));

const put = async (bytes: Uint8Array): Promise<string> => {
  await writeFile(path, bytes);
  return path;
};

const bytesOf = ({ data }: NDArray): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Tensors of every dtype that is read, as bytes of a file. */
const everyDType = (): Uint8Array => {
  const parts = {
    F64: Float64Array.of(0.1, -3),
    I64: BigInt64Array.of(-1n, 7n),
    F32: Float32Array.of(1.5, Number.NaN, -0),
    I32: Int32Array.of(-(2 ** 31), 5),
    F16: Uint16Array.of(0x3c00, 0x0001, 0xfc00),
    BF16: Uint16Array.of(0x3f80, 0xc049, 0x0001),
    U8: Uint8Array.of(0, 255, 3),
    BOOL: Uint8Array.of(1, 0),
  };
  let end = 0;
  const header = Object.entries(parts).map(([dtype, { length, byteLength }]) => {
    end += byteLength;
    return one(dtype, [length], [end - byteLength, end], dtype.toLowerCase());
  });
  const bytes = Object.values(parts).map(({ buffer, byteLength }) => new Uint8Array(buffer, 0, byteLength));
  return file(Object.assign({ __metadata__: { from: "here" } }, ...header), Buffer.concat(bytes));
};

describe("a large tensor", () => {
  const count = 2 ** 18 + 3;
  const large = Float32Array.from({ length: count }, (_, i) => i / 7);
  /** Behind a tensor of `shift` bytes. */
  const written = (shift: number): Promise<string> => {
    const bytes = new Uint8Array(large.buffer);
    const header = Object.assign(
      one("U8", [shift], [0, shift], "first"),
      one("F32", [count], [shift, shift + bytes.length], "large"),
    );
    return put(file(header, Buffer.concat([new Uint8Array(shift), bytes])));
  };

  it.each([0, 4, 3])("has the file's numbers %i bytes into the data, mapped or read", async (shift) => {
    const source = await openSafetensors(await written(shift));
    const tensor = await source.read("large");
    await source.close();
    expect(Buffer.compare(new Uint8Array(large.buffer), bytesOf(tensor))).toBe(0);
  });

  it("outlives its file, and can be written to without it", async () => {
    const source = await openSafetensors(await written(4));
    const before = await readFile(path);
    const [tensor, other] = [await source.read("large"), await source.read("large")];
    await source.close();
    tensor.data[5] = -1;
    expect(other.data[5]).toBe(large[5]);
    expect(await readFile(path)).toEqual(before);
    await rm(path);
    expect([tensor.data[5], tensor.data[count - 1]]).toEqual([-1, large[count - 1]]);
  });

  it("is refused where the file was cut since it was opened", async () => {
    const source = await openSafetensors(await written(0));
    await truncate(path, 2 ** 19);
    await expect(source.read("large")).rejects.toThrow(/it was cut while it was read/);
    await source.close();
  });
});

describe("openSafetensors", () => {
  it("gives what readSafetensors gives, tensor by tensor and all at once", async () => {
    const bytes = everyDType();
    const source = await openSafetensors(await put(bytes));
    const whole = readSafetensors(bytes);
    expect(source.metadata).toEqual(whole.metadata);
    expect([...(await source.readAll())]).toEqual([...whole.tensors]);
    for (const [name, array] of whole.tensors) expect(await source.read(name)).toEqual(array);
    await source.close();
  });

  it("says where each tensor lies and what the file calls it", async () => {
    const bytes = everyDType();
    const { tensors, close } = await openSafetensors(await put(bytes));
    await close();
    const start = bytes.length - 69;
    expect(
      [...tensors.values()].map(({ name, dtype, offset, bytes }) => [name, dtype, offset, bytes]),
    ).toEqual([
      ["f64", "F64", start, 16],
      ["i64", "I64", start + 16, 16],
      ["f32", "F32", start + 32, 12],
      ["i32", "I32", start + 44, 8],
      ["f16", "F16", start + 52, 6],
      ["bf16", "BF16", start + 58, 6],
      ["u8", "U8", start + 64, 3],
      ["bool", "BOOL", start + 67, 2],
    ]);
    expect(tensors.get("f16")).toMatchObject({ shape: [3], path });
  });

  it("reads a file of the reference as readSafetensors does", async () => {
    const reference = fileURLToPath(new URL("../fixtures/unet2d/down.safetensors", import.meta.url));
    const source = await openSafetensors(reference);
    expect([...(await source.readAll())]).toEqual([...readSafetensors(await readFile(reference)).tensors]);
    await source.close();
  });

  it("follows a symbolic link, as Python's cache is made of them", async () => {
    const link = join(folder, "link.safetensors");
    await symlink(await put(writeSafetensors(new Map([["a", NDArray.of([1])]]))), link);
    const source = await openSafetensors(link);
    expect(await source.read("a")).toEqual(NDArray.of([1]));
    await source.close();
  });

  it("reports bytes of the file up to all of them", async () => {
    const source = await openSafetensors(await put(everyDType()));
    const reports: ReadProgress[] = [];
    await source.readAll((progress) => reports.push(progress));
    await source.close();
    expect(reports).toHaveLength(8);
    expect(reports.map(({ total }) => total)).toEqual(Array(8).fill(69));
    expect(reports.map(({ bytes }) => bytes)).toEqual(
      [...reports.map(({ bytes }) => bytes)].sort((a, b) => a - b),
    );
    expect(reports.at(-1)).toEqual({ bytes: 69, total: 69 });
  });

  it("refuses a name that is not there, also one that objects inherit", async () => {
    const source = await openSafetensors(await put(everyDType()));
    await expect(source.read("constructor")).rejects.toThrow('tensor "constructor", got none of that name');
    await source.close();
  });

  it("says so when it is read after close, which may be called twice", async () => {
    const source = await openSafetensors(await put(everyDType()));
    await source.close();
    await source.close();
    await expect(source.read("f32")).rejects.toThrow(FileError);
  });

  it.each(Object.entries(badFiles))("refuses %s with a FileError that names the file", async (_, bytes) => {
    const reading = openSafetensors(await put(bytes)).then(async (source) => {
      try {
        return await source.readAll();
      } finally {
        await source.close();
      }
    });
    const error = await reading.catch((error) => error);
    expect(error).toBeInstanceOf(FileError);
    expect(error.message).toMatch(/weights\.safetensors: expected .+, got ./s);
  });

  it("says of every truncation that it looks like an interrupted download, at any length", async () => {
    const whole = writeSafetensors(new Map([["a", NDArray.of([1, 2])]]), { note: "n" });
    for (let length = 0; length < whole.length; length++)
      await expect(openSafetensors(await put(whole.subarray(0, length)))).rejects.toThrow(
        /interrupted download/,
      );
  });

  it("refuses a tensor when the file was cut after it was opened", async () => {
    const source = await openSafetensors(await put(everyDType()));
    await truncate(path, 100);
    await expect(source.read("bool")).rejects.toThrow(/2 bytes from \d+ on, got 0: it was cut/);
    await source.close();
  });

  it("takes room for no more than the file has, whatever its length field says", async () => {
    const before = process.memoryUsage().arrayBuffers;
    await expect(openSafetensors(await put(file({}, 10, 100_000_000n)))).rejects.toThrow(FileError);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  it("refuses a folder, a pipe, a device, and what does not exist, without waiting", async () => {
    await expect(openSafetensors(folder)).rejects.toThrow("a readable safetensors file, got a folder");
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    await expect(openSafetensors(pipe)).rejects.toThrow("got no file");
    await expect(openSafetensors("/dev/zero")).rejects.toThrow("got no file");
    await expect(openSafetensors(join(folder, "none"))).rejects.toThrow(/got ENOENT/);
  });
});

describe("writeSafetensorsFile", () => {
  const tensors = new Map([
    ["weight", NDArray.of([1, -2, 0.5], [3])],
    ["steps", NDArray.of([7], [], "int32")],
    ["empty", NDArray.zeros([0, 2])],
  ]);

  it.each([false, true])("writes the bytes of writeSafetensors, half %s", async (half) => {
    await writeSafetensorsFile(path, tensors, { metadata: { format: "pt" }, half });
    const expected = writeSafetensors(tensors, { format: "pt" }, { half });
    expect(Buffer.compare(await readFile(path), expected)).toBe(0);
    expect(await readdir(folder)).toEqual(["weights.safetensors"]);
  });

  it("leaves the old file and nothing else when a number does not fit float16", async () => {
    await writeFile(path, "old");
    const large = new Map([
      ["a", NDArray.of([1])],
      ["late", NDArray.of([1e6])],
    ]);
    await expect(writeSafetensorsFile(path, large, { half: true })).rejects.toThrow(
      /tensor "late" has 1000000, which float16 cannot hold/,
    );
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["weights.safetensors"]);
  });
});
