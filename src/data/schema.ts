import { z } from "zod";
import { filters } from "../formats/index.ts";
import type { Dataset } from "./dataset.ts";
import { densityNames } from "./densities.ts";
import { openDensity } from "./density-points.ts";
import { openDigits } from "./digits.ts";
import { openEmoji } from "./emoji.ts";
import { emojiClassings } from "./emoji-classes.ts";
import { type EmojiSet, emojiSets } from "./emoji-package.ts";
import { openHeartbeat } from "./heartbeat.ts";
import { openIdx } from "./idx-files.ts";
import { type OpenOptions, openImageFolder } from "./image-folder.ts";

const digitsSchema = z.strictObject({
  kind: z.literal("digits"),
  /** Side in pixels. */
  size: z.literal([16, 32]).default(16),
});

const colour = z.string().regex(/^#[0-9a-f]{6}$/i, "expected a colour #rrggbb");

const folderSchema = z.strictObject({
  kind: z.literal("folder"),
  path: z.string().min(1),
  /** Side in pixels. */
  size: z.int().min(1).max(4096).default(32),
  channels: z.literal([1, 3]).default(3),
  filter: z.enum(filters).default("lanczos3"),
  /** Shows through transparent pixels and fills padding. */
  background: colour.default("#ffffff"),
  /** When a picture is not square: cut its centre out, pad it with the background, or stretch it. */
  fit: z.enum(["crop", "pad", "stretch"]).default("crop"),
  /**
   * Random crops: pictures are decoded so many pixels larger, and each draw in training is a window of `size`.
   * Left out, there are none. Held-out images are the window in the middle.
   */
  margin: z.int().min(1).max(4096).optional(),
  /** `folders`: the first folder on the way to a picture is its class. */
  classes: z.enum(["folders", "none"]).default("none"),
});

const idxSchema = z.strictObject({
  kind: z.literal("idx"),
  /** File of uint8 [n, h, w], as MNIST's train-images-idx3-ubyte; .gz as it is. */
  images: z.string().min(1),
  /** File of uint8 [n], as train-labels-idx1-ubyte. */
  labels: z.string().min(1).optional(),
  /** Side in pixels; left out, images stay as they are. */
  size: z.int().min(1).max(4096).optional(),
});

const emojiSchema = z.strictObject({
  kind: z.literal("emoji"),
  sets: z
    .array(z.enum(Object.keys(emojiSets) as EmojiSet[]))
    .min(1)
    .refine((sets) => new Set(sets).size === sets.length, "expected each set once")
    .default(["noto"]),
  /** Side in pixels. */
  size: z.literal([32, 64]).default(32),
  /** Unicode's groups, its subgroups, names, or classes of one's own with what is in each. */
  classes: z
    .union([
      z.enum(emojiClassings),
      z
        .record(z.string().min(1), z.array(z.string().min(1)).min(1))
        .refine((lists) => Object.keys(lists).length > 0, "expected at least one class"),
    ])
    .default("groups"),
  skinTones: z.boolean().default(false),
  /** Shows through transparent pixels. */
  background: colour.default("#ffffff"),
});

/** So many rows, drawn from a seed. */
const drawn = { count: z.int().min(1).default(10_000), seed: z.int().nonnegative().default(0) };

const densitySchema = z.strictObject({
  kind: z.literal("density"),
  name: z.enum(densityNames),
  ...drawn,
});

const heartbeatSchema = z.strictObject({
  kind: z.literal("heartbeat"),
  /** Bits of a sequence. */
  length: z.int().min(1).default(20),
  /** Bits from one pulse to the next. */
  period: z.int().min(1).default(5),
  ...drawn,
});

/** The part of a recipe that says which images, points or bits to learn. */
export const dataSchema = z.discriminatedUnion("kind", [
  digitsSchema,
  folderSchema,
  idxSchema,
  emojiSchema,
  densitySchema,
  heartbeatSchema,
]);
export type DataSpec = z.output<typeof dataSchema>;

type Openers = {
  readonly [Kind in DataSpec["kind"]]: (
    spec: Extract<DataSpec, { kind: Kind }>,
    options: OpenOptions,
  ) => Promise<Dataset>;
};

const openers: Openers = {
  digits: ({ size }, options) => openDigits(size, options),
  folder: ({ kind: _, path, ...decoding }, options) => openImageFolder(path, { ...decoding, ...options }),
  emoji: ({ kind: _, ...which }, options) => openEmoji({ ...which, ...options }),
  idx: ({ images, labels, size }, options) => openIdx(images, { labels, size, ...options }),
  density: async ({ kind: _, name, ...draw }) => openDensity(name, draw),
  heartbeat: async ({ kind: _, ...draw }) => openHeartbeat(draw),
};

/** The data that a recipe asks for. */
export const openDataset = <Kind extends DataSpec["kind"]>(
  spec: Extract<DataSpec, { kind: Kind }>,
  options: OpenOptions = {},
): Promise<Dataset> => openers[spec.kind as Kind](spec, options);
