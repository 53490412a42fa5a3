import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { maskedCrc32c } from "./crc32c.ts";

/** What TensorBoard shows of a training step. */
export interface LoggedEvent {
  readonly step: number;
  /** Numbers by the tag that they are shown under. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** PNG files by tag. */
  readonly images?: Readonly<Record<string, Uint8Array>>;
}

/** TensorFlow's `SessionLog.SessionStatus`. */
const START = 1;

/** The first record of every event file. @param wallTime in milliseconds */
export const encodeEventVersion = (wallTime: number): Uint8Array<ArrayBuffer> =>
  record(eventAt(wallTime).tag(3, WireType.LengthDelimited).string("brain.Event:2").finish());

/** The record of a session's start: what was said before of this step and later ones no longer holds. */
export const encodeSessionStart = (step: number, wallTime: number): Uint8Array<ArrayBuffer> => {
  const event = stepAt(step, wallTime).tag(7, WireType.LengthDelimited).fork();
  return record(event.tag(1, WireType.Varint).int32(START).join().finish());
};

/**
 * One record of an event file. Field numbers are those of TensorFlow's core/util/event.proto and
 * core/framework/summary.proto. @param wallTime in milliseconds
 */
export const encodeEvent = (
  { step, scalars = {}, images = {} }: LoggedEvent,
  wallTime: number,
): Uint8Array<ArrayBuffer> => {
  const event = stepAt(step, wallTime).tag(5, WireType.LengthDelimited).fork();
  for (const [tag, value] of Object.entries(scalars)) writeScalar(event, tag, value);
  for (const [tag, png] of Object.entries(images)) writeImage(event, tag, png);
  return record(event.join().finish());
};

const eventAt = (wallTime: number): BinaryWriter =>
  new BinaryWriter().tag(1, WireType.Bit64).double(wallTime / 1000);

const stepAt = (step: number, wallTime: number): BinaryWriter =>
  eventAt(wallTime).tag(2, WireType.Varint).int64(step);

const writeScalar = (summary: BinaryWriter, tag: string, value: number): void => {
  summary.tag(1, WireType.LengthDelimited).fork();
  summary.tag(1, WireType.LengthDelimited).string(tag);
  summary.tag(2, WireType.Bit32).float(value);
  summary.join();
};

const writeImage = (summary: BinaryWriter, tag: string, png: Uint8Array): void => {
  const header = new DataView(png.buffer, png.byteOffset);
  summary.tag(1, WireType.LengthDelimited).fork();
  summary.tag(1, WireType.LengthDelimited).string(tag);
  summary.tag(4, WireType.LengthDelimited).fork();
  summary.tag(1, WireType.Varint).int32(header.getUint32(20)); // IHDR: width, then height
  summary.tag(2, WireType.Varint).int32(header.getUint32(16));
  summary.tag(4, WireType.LengthDelimited).bytes(png);
  summary.join().join();
};

/** The frame of a TFRecord: length, its checksum, data, their checksum. */
const record = (data: Uint8Array): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return bytes;
};
