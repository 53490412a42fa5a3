import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/base/index.ts";
import { classifyEmoji } from "../../src/data/emoji-classes.ts";
import type { Emoji } from "../../src/data/emoji-package.ts";

const emoji = (
  [
    ["grinning face", "Smileys & Emotion", "face-smiling"],
    ["clock face one oclock", "Travel & Places", "time"],
    ["clock face two oclock", "Travel & Places", "time"],
    ["watch", "Travel & Places", "time"],
    ["keycap: *", "Symbols", "keycap"],
    ["c++ (not regexp)", "Symbols", "other-symbol"],
  ] as const
).map(
  ([name, group, subgroup]): Emoji => ({
    name,
    group,
    subgroup,
    keywords: [],
    skinTone: false,
    tile: [0, 0],
  }),
);

describe("classifyEmoji", () => {
  it("takes groups, subgroups or names as classes", () => {
    expect(classifyEmoji(emoji, "groups")).toEqual(emoji.map(({ group }) => group));
    expect(classifyEmoji(emoji, "subgroups")).toEqual(emoji.map(({ subgroup }) => subgroup));
    expect(classifyEmoji(emoji, "names")).toEqual(emoji.map(({ name }) => name));
  });

  it("finds groups, subgroups and names in any case, with * for anything", () => {
    const classes = { faces: ["SMILEYS & emotion"], clocks: ["clock face *"], rest: ["time", "C++ (not*"] };
    expect(classifyEmoji(emoji, classes)).toEqual(["faces", "clocks", "clocks", "rest", null, "rest"]);
  });

  it("matches whole words, and nothing but * as a pattern", () => {
    expect(classifyEmoji(emoji, { a: ["watch"] })).toEqual([null, null, null, "a", null, null]);
    for (const wrong of ["atch", "w.tch", "watch|time", "[w]atch"])
      expect(() => classifyEmoji(emoji, { a: [wrong] }), wrong).toThrow(ArgumentError);
  });

  it("says which entry of a list matches nothing, and what groups there are", () => {
    expect(() => classifyEmoji(emoji, { faces: ["face-smiling", "facees"] })).toThrow(
      /got "facees", which is none\n.*Smileys & Emotion, Travel & Places, Symbols/,
    );
  });

  it("gives an emoji to the first class that has it, and refuses a class left with none", () => {
    expect(classifyEmoji(emoji, { a: ["watch"], b: ["time"] }).slice(1, 4)).toEqual(["b", "b", "a"]);
    expect(() => classifyEmoji(emoji, { a: ["time"], b: ["watch"] })).toThrow(/emoji class "b": expected/);
  });
});
