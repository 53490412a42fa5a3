/** What Node is started with to run TypeScript sources. */
export const loader = [
  "--import",
  new URL("../tools/typescript.mjs", import.meta.url).href,
  "--conditions=undiffuse-source",
];
