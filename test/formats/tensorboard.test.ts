import { describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { encodeEvent, encodeEventVersion, encodePng, encodeSessionStart } from "../../src/formats/index.ts";
import { readEvents } from "./event-file.ts";

describe("event records", () => {
  it("begin a file with its version", () => {
    const bytes = encodeEventVersion(1500);
    expect(readEvents(bytes)).toMatchObject([{ wallTime: 1.5, version: "brain.Event:2" }]);
    // The first twelve bytes of every file that TensorFlow writes: length 24 and its checksum.
    expect(Buffer.from(bytes).toString("hex", 0, 12)).toBe("1800000000000000a37f4b22");
  });

  it("hold scalars as float32, and large steps", () => {
    const [event] = readEvents(encodeEvent({ step: 3_000_000, scalars: { "a/b": 0.1, c: -2 } }, 0));
    expect(event).toMatchObject({ step: 3_000_000, scalars: { "a/b": Math.fround(0.1), c: -2 } });
    expect(event?.starts).toBe(false);
  });

  it("hold a PNG as it is, with its size", async () => {
    const png = await encodePng(NDArray.zeros([3, 5, 7], "uint8"));
    const [event] = readEvents(encodeEvent({ step: 1, images: { preview: png } }, 0));
    expect(event?.images.preview).toMatchObject({ height: 5, width: 7 });
    expect(Buffer.compare(event?.images.preview?.png as Uint8Array, png)).toBe(0);
  });

  it("mark where a session starts", () => {
    expect(readEvents(encodeSessionStart(9, 0))).toMatchObject([{ step: 9, starts: true }]);
  });

  it("follow each other; one cut short ends the file, a damaged one does not pass", () => {
    const [one, two] = [encodeEvent({ step: 1 }, 0), encodeEvent({ step: 2 }, 0)];
    const both = Buffer.concat([one, two]);
    expect(readEvents(both).map(({ step }) => step)).toEqual([1, 2]);
    expect(readEvents(both.subarray(0, -1)).map(({ step }) => step)).toEqual([1]);
    both[one.length - 5] = 99;
    expect(() => readEvents(both)).toThrow(/checksum of the data/);
  });
});
