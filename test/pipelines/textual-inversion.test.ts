import { describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { writeSafetensors } from "../../src/formats/index.ts";
import {
  addTokens,
  expandTokens,
  readTextualInversion,
  type TextualInversionOptions,
  textualInversion,
  tokensOf,
} from "../../src/pipelines/textual-inversion.ts";

const counting = (...shape: number[]) =>
  NDArray.of(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
    shape,
  );
const read = (tensors: Record<string, NDArray>, options: Partial<TextualInversionOptions> = {}) =>
  readTextualInversion(writeSafetensors(new Map(Object.entries(tensors))), {
    name: "words/my-cat.safetensors",
    ...options,
  });

describe("a file of a textual inversion", () => {
  it("names its tensor as the word, which has one vector or several", () => {
    expect(read({ "<cat>": counting(3) })).toEqual({ token: "<cat>", vectors: counting(1, 3) });
    expect(read({ "<cat>": counting(2, 3) })).toEqual({ token: "<cat>", vectors: counting(2, 3) });
  });

  it("names it emb_params, and the word by its own name", () => {
    expect(read({ emb_params: counting(2, 3) })).toEqual({ token: "my-cat", vectors: counting(2, 3) });
    expect(read({ emb_params: counting(3) }, { name: "C:\\words\\a.b.safetensors" }).token).toBe("a.b");
  });

  it("has one for each encoder of XL", () => {
    const file = { clip_l: counting(2, 3), clip_g: counting(2, 5) };
    expect(read(file)).toEqual({ token: "my-cat", vectors: counting(2, 3) });
    expect(read(file, { part: "text_encoder_2" }).vectors).toEqual(counting(2, 5));
    expect(() => read({ clip_g: counting(2, 5) })).toThrow(
      "words/my-cat.safetensors: expected clip_l, got clip_g",
    );
  });

  it("may be given another word", () => {
    expect(read({ "<cat>": counting(3) }, { token: "tom" }).token).toBe("tom");
    expect(() => read({ "a cat": counting(3) })).toThrow('stands for it in prompts, got "a cat"');
    expect(() => read({ emb_params: counting(3) }, { token: "" })).toThrow('got ""');
  });

  it("is refused with other tensors in it", () => {
    expect(() => read({ a: counting(3), b: counting(3) })).toThrow(
      "my-cat.safetensors: expected one tensor, or clip_l and clip_g, got a, b",
    );
    expect(() => textualInversion(new Map(), { name: "a" })).toThrow("a: expected one tensor");
    expect(() => read({ a: counting(1, 2, 3) })).toThrow("[vectors, width], got [1, 2, 3]");
    expect(() => read({ a: counting(0, 3) })).toThrow("got [0, 3]");
    expect(() => read({ a: counting() })).toThrow("got []");
    expect(() => read({ a: NDArray.of([1, Number.NaN]) })).toThrow("finite embeddings");
  });

  it.each([
    ["a ZIP file of torch", [0x50, 0x4b, 0x03, 0x04]],
    ["a bare pickle", [0x80, 0x02, 0x7d, 0x71]],
  ])("is refused as %s, with the way out", (_, start) => {
    expect(() => readTextualInversion(Uint8Array.of(...start, 0, 0, 0, 0, 0), { name: "cat.pt" })).toThrow(
      /^cat.pt: expected a safetensors file, got a pickle, .*\n {2}hint: .*save_file/,
    );
  });
});

describe("a text encoder's table", () => {
  const table = counting(4, 3);
  const name = "text_model.embeddings.token_embedding.weight";
  const weights = new Map([
    ["text_model.embeddings.position_embedding.weight", counting(2, 3)],
    [name, table],
  ]);
  const cat = { token: "<cat>", vectors: NDArray.of([7, 8, 9, 10, 11, 12], [2, 3]) };
  const dog = { token: "dog", vectors: NDArray.of([-1, -2, -3], [1, 3]) };

  it("gets a row for every vector, and a number for every token", () => {
    const { weights: changed, tokens } = addTokens(weights, [cat, dog]);
    expect([...changed.keys()]).toEqual([name]);
    expect(changed.get(name)).toEqual(
      NDArray.of([...table.data, ...cat.vectors.data, ...dog.vectors.data], [7, 3]),
    );
    expect([...tokens]).toEqual([
      ["<cat>", 4],
      ["<cat>_1", 5],
      ["dog", 6],
    ]);
    expect(table).toEqual(counting(4, 3));
  });

  it("stays as it is without words", () => {
    expect(addTokens(weights, [])).toEqual({ weights: new Map(), tokens: new Map() });
  });

  it("may have the names of transformers 5", () => {
    const bare = new Map([["embeddings.token_embedding.weight", table]]);
    expect([...addTokens(bare, [dog]).weights.keys()]).toEqual([...bare.keys()]);
    expect(() => addTokens(new Map([["conv_in.weight", table]]), [dog])).toThrow(
      "addTokens: expected a text encoder's weights, with embeddings.token_embedding.weight, got conv_in.weight",
    );
  });

  it("refuses words of another width, and names both", () => {
    expect(() => addTokens(weights, [{ token: "a", vectors: counting(1, 1024) }])).toThrow(
      "textual inversion a: expected embeddings of width 3, as the text encoder has, got 1024\n" +
        "  hint: it was made for another base: Stable Diffusion 2.x",
    );
    expect(() => addTokens(weights, [{ token: "a", vectors: counting(1, 4) }])).toThrow(/another base$/);
  });

  it("refuses words that are known, and numbered ones that are", () => {
    expect(() => addTokens(weights, [dog, dog])).toThrow("a word that is not known yet, got dog");
    expect(() => addTokens(weights, [dog], new Set(["dog"]))).toThrow("not known yet, got dog");
    expect(() => addTokens(weights, [{ ...dog, token: "<cat>_1" }, cat])).toThrow("got <cat>_1");
  });
});

describe("a prompt", () => {
  // As diffusers' maybe_convert_prompt (0.42.1) has them, with these tokens added to a tokenizer.
  const tokens = new Map(
    ["<cat>", "<cat>_1", "<cat>_2", "dog", "a.b", "a.b_1", "<catty>"].map((t, i) => [t, i]),
  );

  it.each([
    ["a <cat> and a dog", "a <cat> <cat>_1 <cat>_2 and a dog"],
    ["<cat>,<cat>", "<cat> <cat>_1 <cat>_2,<cat> <cat>_1 <cat>_2"],
    ["no such word", "no such word"],
    ["<catty> a.b axb", "<catty> a.b a.b_1 axb"],
    ["<cat>_1 alone", "<cat>_1 alone"],
    ["", ""],
  ])("has every vector's token: %o", (prompt, expanded) => {
    expect(expandTokens(prompt, tokens)).toBe(expanded);
  });

  it("stays as it is without new words", () => {
    expect(expandTokens("a cat", new Map())).toBe("a cat");
    expect(
      expandTokens("a cat", new Map(tokensOf({ token: "cat", vectors: counting(1, 3) }).map((t) => [t, 0]))),
    ).toBe("a cat");
  });
});
