import { ArgumentError } from "../base/index.ts";
import type { Emoji } from "./emoji-package.ts";

/** What makes a class of emoji: one of these, or nothing. */
export const emojiClassings = ["groups", "subgroups", "names", "none"] as const;

/**
 * How emoji fall into classes. A record has classes of one's own: a list of groups ("Flags"), subgroups
 * ("face-smiling") and names ("hot beverage"), in which `*` stands for anything ("clock face *").
 */
export type EmojiClasses = (typeof emojiClassings)[number] | Readonly<Record<string, readonly string[]>>;

/**
 * The class of each emoji, by name: the first whose list has it, null for those that are in none.
 * @throws ArgumentError when a class has no emoji, or an entry of its list matches none
 */
export const classifyEmoji = (
  emoji: readonly Emoji[],
  classes: Exclude<EmojiClasses, "none">,
): (string | null)[] => {
  if (classes === "groups") return emoji.map(({ group }) => group);
  if (classes === "subgroups") return emoji.map(({ subgroup }) => subgroup);
  if (classes === "names") return emoji.map(({ name }) => name);
  const lists = Object.entries(classes).map(([name, selectors]) => ({
    name,
    matches: selectors.map((selector) => matcher(selector, emoji)),
  }));
  const found = emoji.map(
    (each) => lists.find(({ matches }) => matches.some((match) => match(each)))?.name ?? null,
  );
  const empty = lists.find(({ name }) => !found.includes(name));
  if (empty)
    throw new ArgumentError({
      who: `emoji class "${empty.name}"`,
      expected: "emoji that no class before it has",
      got: "none",
    });
  return found;
};

type Match = (emoji: Emoji) => boolean;

const matcher = (selector: string, emoji: readonly Emoji[]): Match => {
  const parts = selector.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`^${parts.join(".*")}$`, "i");
  const match: Match = ({ name, group, subgroup }) =>
    [name, group, subgroup].some((word) => pattern.test(word));
  if (emoji.some(match)) return match;
  throw new ArgumentError({
    who: "emoji classes",
    expected: "a group, a subgroup or a name",
    got: `"${selector}", which is none`,
    hint: `groups are ${[...new Set(emoji.map(({ group }) => group))].join(", ")}`,
  });
};
