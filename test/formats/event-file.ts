/** A reader of TensorBoard event files of its own, apart from the code under test. */
export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly version: string | undefined;
  readonly starts: boolean;
  readonly scalars: Readonly<Record<string, number>>;
  readonly images: Readonly<Record<string, { width: number; height: number; png: Uint8Array }>>;
}

/** CRC-32C bit by bit, as its definition reads. */
const checksum = (bytes: Uint8Array): number => {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let i = 0; i < 8; i++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  crc ^= 0xffffffffn;
  const turned = ((crc >> 15n) | (crc << 17n)) & 0xffffffffn;
  return Number((turned + 0xa282ead8n) & 0xffffffffn);
};

type Fields = Map<number, (bigint | Uint8Array)[]>;

/** A protobuf message as raw values by field number: varints and fixed words as bigint, the rest as bytes. */
const fieldsOf = (bytes: Uint8Array): Fields => {
  const fields: Fields = new Map();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const skip = (length: number): number => {
    at += length;
    return at - length;
  };
  const read = (type: number): bigint | Uint8Array => {
    if (type === 0) return varint();
    if (type === 1) return view.getBigUint64(skip(8), true);
    if (type === 5) return BigInt(view.getUint32(skip(4), true));
    const length = Number(varint());
    return bytes.subarray(skip(length), at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), read(tag & 7)]);
  }
  return fields;
};

const message = (fields: Fields, number: number): Fields | undefined => {
  const [bytes] = fields.get(number) ?? [];
  return bytes instanceof Uint8Array ? fieldsOf(bytes) : undefined;
};
const text = (fields: Fields, number: number): string | undefined => {
  const [bytes] = fields.get(number) ?? [];
  return bytes instanceof Uint8Array ? new TextDecoder().decode(bytes) : undefined;
};
const whole = (fields: Fields, number: number): number => Number(fields.get(number)?.[0] ?? 0n);

const eventOf = (data: Uint8Array): ReadEvent => {
  const fields = fieldsOf(data);
  const kinds = [3, 4, 5, 6, 7, 8, 9, 10].filter((number) => fields.has(number));
  if (kinds.length !== 1) throw new Error(`one kind of event, not fields ${kinds.join(", ")}`);
  const scalars: Record<string, number> = {};
  const images: Record<string, { width: number; height: number; png: Uint8Array }> = {};
  for (const bytes of message(fields, 5)?.get(1) ?? []) {
    const value = fieldsOf(bytes as Uint8Array);
    const tag = text(value, 1) as string;
    const image = message(value, 4);
    if (image)
      images[tag] = {
        height: whole(image, 1),
        width: whole(image, 2),
        png: image.get(4)?.[0] as Uint8Array,
      };
    else scalars[tag] = new Float32Array(Uint32Array.of(whole(value, 2)).buffer)[0] as number;
  }
  const log = message(fields, 7);
  return {
    wallTime: new Float64Array(BigUint64Array.of(fields.get(1)?.[0] as bigint).buffer)[0] as number,
    step: whole(fields, 2),
    version: text(fields, 3),
    starts: log !== undefined && whole(log, 1) === 1,
    scalars,
    images,
  };
};

/** The events of a file; a last one that a crash cut short is left out. @throws for a wrong checksum */
export const readEvents = (bytes: Uint8Array): ReadEvent[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const events: ReadEvent[] = [];
  let at = 0;
  while (at + 12 <= bytes.length) {
    const end = at + 12 + Number(view.getBigUint64(at, true));
    if (end + 4 > bytes.length) break;
    const data = bytes.subarray(at + 12, end);
    if (view.getUint32(at + 8, true) !== checksum(bytes.subarray(at, at + 8)))
      throw new Error(`byte ${at}: the checksum of the length is wrong`);
    if (view.getUint32(end, true) !== checksum(data))
      throw new Error(`byte ${at}: the checksum of the data is wrong`);
    events.push(eventOf(data));
    at = end + 4;
  }
  return events;
};

/** Points by tag over the files of several sessions: what follows a session's start step is dropped, as TensorBoard does. */
export const pointsOf = (files: readonly (readonly ReadEvent[])[]): Record<string, [number, number][]> => {
  const points: Record<string, [number, number][]> = {};
  for (const { step, starts, scalars } of files.flat()) {
    if (starts) for (const tag in points) points[tag] = points[tag]?.filter(([at]) => at < step) ?? [];
    for (const [tag, value] of Object.entries(scalars)) points[tag] = [...(points[tag] ?? []), [step, value]];
  }
  return points;
};
