import { describe, expect, it } from "vitest";
import { familyOf, sourcesOf } from "../../src/pipelines/families.ts";

describe("familyOf", () => {
  it("knows diffusers' names of pipelines", () => {
    expect(familyOf("StableDiffusionPipeline", "x")).toMatchObject({ steps: 50, guidance: 7.5 });
    expect(familyOf("StableDiffusionXLPipeline", "x").conditioning).toBe("two texts");
  });
  it.each(["FluxPipeline", "constructor", "undefined"])("refuses %s by name, with what it knows", (name) => {
    expect(() => familyOf(name, "folder")).toThrow(
      /folder: expected a pipeline among .*StableDiffusionPipeline.*, got /,
    );
    expect(() => familyOf(name, "folder")).toThrow(name);
  });
});

describe("sourcesOf", () => {
  const text = familyOf("StableDiffusionPipeline", "x");
  it.each([
    [4, ["none", "image", "inpaint"]],
    [9, ["inpaint"]],
    [7, ["upscale"]],
  ])("a network of %d channels", (seen, wanted) => {
    expect(sourcesOf(text, { seen, latent: 4 })).toEqual(wanted);
  });
  it("a picture's variations", () => {
    const family = familyOf("StableDiffusionImageVariationPipeline", "x");
    expect(sourcesOf(family, { seen: 4, latent: 4 })).toEqual(["variation"]);
  });
  it("refuses channels that nothing fills", () => {
    expect(() => sourcesOf(text, { seen: 8, latent: 4 })).toThrow(
      "unet.in_channels: expected 4, 9 to inpaint or 7 to upscale",
    );
  });
});
