import { describe, expect, it } from "vitest";
import { escapeXml, powerOfTen } from "../../src/formats/index.ts";

describe("escapeXml", () => {
  it("leaves nothing that an SVG would take for markup", () => {
    expect(escapeXml('<a href="b">&amp;</a>')).toBe("&lt;a href=&quot;b&quot;&gt;&amp;amp;&lt;/a&gt;");
  });
});

describe("powerOfTen", () => {
  it.each([
    [0, "10⁰"],
    [12, "10¹²"],
    [-345, "10⁻³⁴⁵"],
    [-6789, "10⁻⁶⁷⁸⁹"],
  ])("raises %i", (exponent, expected) => {
    expect(powerOfTen(exponent)).toBe(expected);
  });
});
