import { escapeXml } from "../../formats/index.ts";

const SIZE = /^<svg [^>]*?width="([\d.]+)" height="([\d.]+)"/;

/** SVG documents below each other in one, which is as wide as the widest. */
export const stacked = (title: string, documents: readonly string[]): string => {
  const sizes = documents.map((svg) => (SIZE.exec(svg) ?? []).slice(1).map(Number) as [number, number]);
  const width = Math.max(...sizes.map(([w]) => w));
  const tops = sizes.map((_, k) => sizes.slice(0, k).reduce((sum, [, h]) => sum + h, 0));
  const height = sizes.reduce((sum, [, h]) => sum + h, 0);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    ...documents.map((svg, k) =>
      svg.replace("<svg ", `<svg y="${tops[k]}" `).replace(/<title>[^<]*<\/title>\n?/, ""),
    ),
    "</svg>",
  ].join("\n");
};
