import { NDArray } from "../base/index.ts";
import { type Dataset, labelsOf, makeDataset } from "./dataset.ts";
import { cached, cacheKey, defaultCacheFolder } from "./dataset-cache.ts";
import { classifyEmoji, type EmojiClasses } from "./emoji-classes.ts";
import {
  type Emoji,
  type EmojiPackage,
  type EmojiSet,
  emojiSets,
  openEmojiPackage,
} from "./emoji-package.ts";
import type { OpenOptions } from "./image-folder.ts";

export interface EmojiOptions extends OpenOptions {
  readonly sets?: readonly EmojiSet[];
  /** Side in pixels. */
  readonly size?: 32 | 64;
  readonly classes?: EmojiClasses;
  /** Also the variants of people and hands in five tones, and the tones themselves: half of all pictures. */
  readonly skinTones?: boolean;
  /** Shows through transparent pixels: #rrggbb. */
  readonly background?: string;
  /** A folder from which packages are looked for, instead of undiffuse's and the working directory. */
  readonly packagesFrom?: string | undefined;
}

/**
 * Emoji of Noto, Twemoji or both, three channels, set after set in the order of their packages. With
 * classes of one's own, only the emoji in them. Captions are names and keywords: "thumbs up sign, +1, thumbsup".
 * `notice` says whose pictures these are.
 * @throws FileError with the command that installs what is missing
 */
export const openEmoji = async (options: EmojiOptions = {}): Promise<Dataset> => {
  const { sets = ["noto"], size = 32, classes = "groups", skinTones = false } = options;
  const { background = "#ffffff", packagesFrom, cacheFolder = defaultCacheFolder() } = options;
  const packages = await Promise.all(sets.map((set) => openEmojiPackage(set, size, packagesFrom)));
  const hashes = packages.map(({ hash }) => hash);
  const key = cacheKey("captioned emoji", sets, classes, skinTones, background, hashes);
  return cached(cacheFolder, key, async () => {
    const chosen = packages.map((each) => choose(each, classes, skinTones));
    const pictures = packages.map(({ cut }, i) =>
      cut(
        (chosen[i] ?? []).map(({ emoji }) => emoji),
        background,
      ),
    );
    return makeDataset({
      name: `emoji (${sets.join(", ")})`,
      images: NDArray.concat(await Promise.all(pictures)),
      ...classesOf(chosen.flat(), classes),
      captions: chosen.flat().map(({ emoji }) => [emoji.name, ...emoji.keywords].join(", ")),
      skipped: [],
      notice: sets.map((set) => emojiSets[set].notice).join("; "),
    });
  });
};

interface Chosen {
  readonly emoji: Emoji;
  /** Null where there are no classes. */
  readonly name: string | null;
}

const choose = ({ emoji }: EmojiPackage, classes: EmojiClasses, skinTones: boolean): Chosen[] => {
  const wanted = emoji.filter(({ skinTone }) => skinTones || !skinTone);
  if (classes === "none") return wanted.map((each) => ({ emoji: each, name: null }));
  const names = classifyEmoji(wanted, classes);
  return wanted.flatMap((each, i) => (names[i] === null ? [] : [{ emoji: each, name: names[i] ?? null }]));
};

/** Classes of one's own stay in their order; others are sorted. */
const classesOf = (chosen: readonly Chosen[], classes: EmojiClasses): Pick<Dataset, "labels" | "classes"> => {
  if (classes === "none") return { labels: null, classes: null };
  const found = chosen.map(({ name }) => name ?? "");
  const names = typeof classes === "string" ? [...new Set(found)].sort() : Object.keys(classes);
  return { classes: names, labels: labelsOf(found, names) };
};
