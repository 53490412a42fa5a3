import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openTokenizer, type Tokenizer } from "../../src/pipelines/tokenizer.ts";

interface Row {
  readonly ids: readonly number[];
  readonly cut: string | null;
}
type Files = Readonly<Record<string, unknown>>;

const fixtures = fileURLToPath(new URL("../fixtures/clip/", import.meta.url));
const { prompts, last, forms, added } = JSON.parse(
  await readFile(join(fixtures, "tokenizer.json"), "utf8"),
) as {
  readonly prompts: readonly string[];
  readonly last: string;
  readonly forms: Readonly<Record<string, { readonly files: Files; readonly rows: readonly Row[] }>>;
  readonly added: { readonly tokens: Readonly<Record<string, number>>; readonly rows: readonly Row[] };
};
const sd1 = forms["stable-diffusion-v1-5"]?.files as Record<string, Record<string, unknown>>;

/** A folder with the small vocabulary, these files beside or in place of it (null leaves one out), opened. */
const opened = async (files: Files): Promise<Tokenizer> => {
  const folder = await mkdtemp(join(tmpdir(), "undiffuse-tokenizer-"));
  try {
    for (const name of ["vocab.json", "merges.txt"])
      if (!("tokenizer.json" in files))
        await copyFile(join(fixtures, "byte-pairs", name), join(folder, name));
    for (const [name, content] of Object.entries(files)) {
      if (content === null) await rm(join(folder, name));
      else
        await writeFile(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
    }
    return await openTokenizer(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
};

const expectRows = (tokenizer: Tokenizer, texts: readonly string[], rows: readonly Row[]): void => {
  expect(rows.length).toBe(texts.length);
  texts.forEach((text, i) => {
    const { ids, cut } = tokenizer.encode(text);
    expect(ids, JSON.stringify(text)).toEqual(rows[i]?.ids);
    expect(cut, JSON.stringify(text)).toBe(rows[i]?.cut);
  });
};

describe("a tokenizer gives transformers' numbers, and what was cut off, from the files of", () => {
  it.each(Object.keys(forms))("%s", async (name) => {
    const { files, rows } = forms[name] as (typeof forms)[string];
    expectRows(await opened(files), prompts, rows);
  });
});

describe("a tokenizer", () => {
  it("fills every text up to its greatest length, and says what it kept", async () => {
    const tokenizer = await opened(sd1);
    expect(tokenizer.maxLength).toBe(24);
    const { ids, kept, cut } = tokenizer.encode("A  Cat, and a DOG");
    expect(ids.length).toBe(24);
    expect(kept).toBe("a cat , and a dog");
    expect(cut).toBeNull();
  });

  it("cuts nothing of a text that just fits, and the rest of one that does not", async () => {
    const tokenizer = await opened(sd1);
    expect(tokenizer.encode("cat ".repeat(22)).cut).toBeNull();
    const { ids, kept, cut } = tokenizer.encode(`${"cat ".repeat(22)}Dog`);
    expect(cut).toBe("dog");
    expect(kept).toBe("cat ".repeat(22).trim());
    expect(ids.at(-1)).toBe(tokenizer.encode("").ids[1]);
  });

  it("takes a hundred thousand letters in one word", async () => {
    const { ids, cut } = (await opened(sd1)).encode("ab".repeat(50_000));
    expect(ids.length).toBe(24);
    expect(cut?.length).toBeGreaterThan(90_000);
  });

  it("knows its tokens and their count", async () => {
    const tokenizer = await opened(sd1);
    const vocabulary = JSON.parse(await readFile(join(fixtures, "byte-pairs", "vocab.json"), "utf8"));
    expect(tokenizer.size).toBe(Object.keys(vocabulary).length);
    expect(tokenizer.has("cat</w>")).toBe(true);
    expect(tokenizer.has("<cat-toy>")).toBe(false);
    expect(tokenizer.has("toString")).toBe(false);
  });

  it("has 77 tokens where its files set no limit", async () => {
    const { model_max_length: _, ...config } = sd1["tokenizer_config.json"] as Record<string, unknown>;
    for (const limit of [{}, { model_max_length: 1e30 }])
      expect((await opened({ "tokenizer_config.json": { ...config, ...limit } })).maxLength).toBe(77);
  });
});

describe("tokens that are added", () => {
  const tokens = new Map(Object.entries(added.tokens));

  it("get the numbers that transformers gives, and are found in any case", async () => {
    const tokenizer = await opened(sd1);
    const more = tokenizer.add(tokens);
    expectRows(more, [...prompts, last], added.rows);
    expect(more.size).toBe(tokenizer.size + tokens.size);
    expect(more.has("<cat-toy>_1")).toBe(true);
  });

  it("leave the tokenizer that they were added to as it was", async () => {
    const tokenizer = await opened(sd1);
    const before = tokenizer.encode(last);
    tokenizer.add(tokens);
    expect(tokenizer.encode(last)).toEqual(before);
  });

  it("are refused where the token or its number is taken, also among themselves", async () => {
    const tokenizer = await opened(sd1);
    const { size } = tokenizer;
    expect(() => tokenizer.add(new Map([["cat</w>", size]]))).toThrow(`got "cat</w>" as ${size}`);
    expect(() => tokenizer.add(new Map([["<x>", 5]]))).toThrow('got "<x>" as 5');
    expect(() => tokenizer.add(new Map([["", size]]))).toThrow('got "" as');
    const twice = new Map([
      ["<x>", size],
      ["<y>", size],
    ]);
    expect(() => tokenizer.add(twice)).toThrow(`got "<y>" as ${size}`);
  });
});

describe("a tokenizer's folder is refused by the file that is wrong:", () => {
  const config = sd1["tokenizer_config.json"] as Record<string, unknown>;
  const saved = forms["saved by transformers 5"]?.files as Record<string, Record<string, unknown>>;
  const whole = saved["tokenizer.json"] as Record<string, Record<string, unknown>>;
  const broken = (model: object) => ({
    ...saved,
    "tokenizer.json": { ...whole, model: { ...whole.model, ...model } },
  });

  it.each<readonly [string, Files, string, string]>([
    ["no configuration", {}, "tokenizer_config.json", "ENOENT"],
    ["no vocabulary", { ...sd1, "vocab.json": null }, "vocab.json", "ENOENT"],
    ["half a vocabulary", { ...sd1, "vocab.json": '{"a": 0, "b' }, "vocab.json", "expected JSON"],
    ["an empty vocabulary", { ...sd1, "vocab.json": {} }, "vocab.json", "got none"],
    [
      "a vocabulary with one number twice",
      { ...sd1, "vocab.json": { a: 1, b: 1 } },
      "vocab.json",
      "numbers twice",
    ],
    ["a vocabulary with half numbers", { ...sd1, "vocab.json": { a: 0.5 } }, "vocab.json", "got 0.5"],
    ["no merges", { ...sd1, "merges.txt": null }, "merges.txt", "ENOENT"],
    ["a merge of one", { ...sd1, "merges.txt": "#version: 0.2\ni n\nt" }, "merges.txt", '["t"] as merge 2'],
    ["a merge into no token", { ...sd1, "merges.txt": "i n\nq q\n" }, "merges.txt", '["q","q"] as merge 2'],
    [
      "another class",
      { ...sd1, "tokenizer_config.json": { tokenizer_class: "T5Tokenizer" } },
      "tokenizer_config.json",
      "T5Tokenizer",
    ],
    [
      "a length of two",
      { "tokenizer_config.json": { ...config, model_max_length: 2 } },
      "tokenizer_config.json",
      "got 2",
    ],
    [
      "a nameless token",
      { "tokenizer_config.json": { ...config, bos_token: {} } },
      "tokenizer_config.json",
      "got {}",
    ],
    [
      "a listed token with another number than the vocabulary's",
      { "tokenizer_config.json": { ...config, added_tokens_decoder: { 7: { content: "cat</w>" } } } },
      "tokenizer_config.json",
      "for cat</w>, got 7",
    ],
    [
      "added tokens without numbers",
      { ...sd1, "added_tokens.json": { "<x>": "y" } },
      "added_tokens.json",
      'got "y"',
    ],
    ["pieces by probability", broken({ type: "Unigram" }), "tokenizer.json", 'got "Unigram"'],
    ["a file without merges", broken({ merges: undefined }), "tokenizer.json", "byte pairs"],
    ["a file with a vocabulary of nothing", broken({ vocab: null }), "tokenizer.json", "got none"],
    [
      "a file with merges of another vocabulary",
      broken({ merges: [["i", "qq"]] }),
      "tokenizer.json",
      "as merge 1",
    ],
  ])("%s", async (_, files, file, words) => {
    const refused = opened(files);
    await expect(refused).rejects.toThrow(file);
    await expect(refused).rejects.toThrow(words);
    await expect(refused).rejects.toHaveProperty("name", "FileError");
  });
});
