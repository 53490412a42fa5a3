/** File formats that are decoded, by the ways in which they can begin (-1 matches any byte). */
const signatures = {
  png: [[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  jpeg: [[0xff, 0xd8, 0xff]],
  webp: [[0x52, 0x49, 0x46, 0x46, -1, -1, -1, -1, 0x57, 0x45, 0x42, 0x50]],
  gif: [[0x47, 0x49, 0x46, 0x38]],
  // Little- and big-endian, each with offsets of 32 bits (42) or of 64 (43).
  tiff: [
    [0x49, 0x49, 0x2a, 0x00],
    [0x4d, 0x4d, 0x00, 0x2a],
    [0x49, 0x49, 0x2b, 0x00],
    [0x4d, 0x4d, 0x00, 0x2b],
  ],
  // A box "ftyp" of any length whose major brand is "avif", or "avis" for several frames.
  avif: [
    [-1, -1, -1, -1, 0x66, 0x74, 0x79, 0x70, 0x61, 0x76, 0x69, 0x66],
    [-1, -1, -1, -1, 0x66, 0x74, 0x79, 0x70, 0x61, 0x76, 0x69, 0x73],
  ],
} as const;
export type PictureFormat = keyof typeof signatures;
export const pictureFormats = Object.keys(signatures) as PictureFormat[];

/** The format of a picture by its first 12 bytes, whatever its file is called; null for anything else. */
export const pictureFormat = (start: Uint8Array): PictureFormat | null =>
  pictureFormats.find((format) =>
    signatures[format].some((signature) =>
      signature.every((byte, i) => byte === start[i] || (byte === -1 && i < start.length)),
    ),
  ) ?? null;
