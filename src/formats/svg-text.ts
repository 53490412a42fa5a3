export const fontFamily = "DejaVu Sans, Helvetica, Arial, sans-serif";
export const inkColour = "#222222";

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** A text as it stands inside an SVG. */
export const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => entities[character] as string);

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** 10 with its whole exponent raised, e.g. 10⁻³. */
export const powerOfTen = (exponent: number): string => {
  const digits = [...String(Math.abs(exponent))].map((digit) => superscripts[Number(digit)]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
};

/** Where a text stands, and how large. */
export interface Placed {
  readonly x: number;
  readonly y: number;
  readonly size?: number;
  readonly anchor?: "start" | "middle" | "end";
  readonly weight?: "normal" | "bold";
}

/** A text as an SVG element. */
export const label = (
  text: string,
  { x, y, size = 12, anchor = "start", weight = "normal" }: Placed,
): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" font-family="${fontFamily}" font-size="${size}" font-weight="${weight}" fill="${inkColour}">${escapeXml(text)}</text>`;
