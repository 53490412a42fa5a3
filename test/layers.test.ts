import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const src = join(root, "src");

/** ARCHITECTURE.md's list: a layer imports only from rows above it; layers of one row do not know each other. */
const order = [
  ["base"],
  ["tensor"],
  ["lower"],
  ["runtime"],
  ["nn", "optim"],
  ["models"],
  ["diffusion"],
  ["samplers"],
  ["formats"],
  ["data"],
  ["evaluation"],
  ["train"],
  ["systems"],
  ["pipelines"],
  ["recipes"],
  ["cli"],
];
const rowOf = (layer: string): number => order.findIndex((row) => row.includes(layer));

/** What is above in the list and forbidden all the same. */
const strangers: Readonly<Record<string, readonly string[]>> = {
  diffusion: ["models"],
  samplers: ["models"],
};

/**
 * These layers run unchanged in a browser; the one adapter for Node, which alone knows of the native engine, is chosen
 * by package conditions.
 */
const portableLayers = order.slice(0, rowOf("samplers") + 1).flat();
const nodeAdapters = ["runtime/host-node.ts", "runtime/native-session.ts"];

/**
 * Packages that more than one file imports: schemas of zod stand beside what they describe; the generated ONNX
 * messages need the run time of protobuf, as do the builder that fills them, their reader and TensorBoard's event files.
 */
const sharedPackages = ["zod", "@bufbuild/protobuf"];

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}
interface Source {
  /** Path under src with forward slashes. */
  readonly path: string;
  readonly layer: string;
  readonly imports: readonly Import[];
}

const statement =
  /^\s*(?:import|export)\s+(type\s+)?(?:(?:\*(?:\s+as\s+\w+)?|\{[^}]*\}|\w+(?:\s*,\s*\{[^}]*\})?)\s+from\s+)?"([^"]+)"/gm;
const dynamic = /\bimport\(\s*"([^"]+)"\s*\)/g;

const importsOf = (text: string): Import[] => [
  ...[...text.matchAll(statement)].map(([, type, specifier]) => ({
    specifier: specifier as string,
    typeOnly: type !== undefined,
  })),
  ...[...text.matchAll(dynamic)].map(([, specifier]) => ({
    specifier: specifier as string,
    typeOnly: false,
  })),
];

const sources: readonly Source[] = readdirSync(src, { recursive: true, encoding: "utf8" })
  .map((path) => path.split(sep).join("/"))
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({
    path,
    layer: path.split("/")[0] as string,
    imports: importsOf(readFileSync(join(src, path), "utf8")),
  }));
const layers = [...new Set(sources.map(({ layer }) => layer))];

/** The package of a specifier, its subpath left out. */
const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** The files under src that a specifier names, none for a package. */
const targets = ({ path }: Source, { specifier }: Import): string[] => {
  if (specifier === "#host") return ["runtime/host-node.ts", "runtime/host-web.ts"];
  if (!specifier.startsWith(".")) return [];
  return [
    relative(src, resolve(src, dirname(path), specifier))
      .split(sep)
      .join("/"),
  ];
};

const layerImports = sources.flatMap((source) =>
  source.imports.flatMap((each) =>
    targets(source, each).map((target) => ({ source, each, target, layer: target.split("/")[0] as string })),
  ),
);
const show = ({ source, target }: (typeof layerImports)[number]): string => `${source.path} → ${target}`;

test("the imports of every form are seen", () => {
  const text = [
    'import a from "a";',
    'import b, {\n  type B,\n} from "b";',
    'import * as c from "c";',
    'import type { D } from "d";',
    'export { e } from "e";',
    'export * from "f";',
    'export type { G } from "g";',
    'import "h";',
    'const i = await import("i");',
    '// a sentence from "nowhere"',
  ].join("\n");
  expect(importsOf(text)).toEqual(
    [..."abcdefghi"].map((specifier) => ({ specifier, typeOnly: "dg".includes(specifier) })),
  );
});

test("every import names a file of the source", () => {
  const known = new Set(sources.map(({ path }) => path));
  expect(layerImports.filter(({ target }) => !known.has(target)).map(show)).toEqual([]);
  expect(layerImports.length).toBeGreaterThan(sources.length);
});

test("every folder of the source is a layer of the list", () => {
  expect(layers.filter((layer) => rowOf(layer) < 0)).toEqual([]);
});

describe.each(layers)("%s", (layer) => {
  const own = layerImports.filter(({ source }) => source.layer === layer);

  test("imports only from itself and the layers above", () => {
    const below = own.filter((each) => each.layer !== layer && rowOf(each.layer) >= rowOf(layer));
    expect(below.map(show)).toEqual([]);
  });

  test("does not know its strangers", () => {
    expect(own.filter((each) => strangers[layer]?.includes(each.layer)).map(show)).toEqual([]);
  });

  test("has tests of its own", () => {
    const folder = join(root, "test", layer);
    const tests = existsSync(folder)
      ? readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".test.ts"))
      : [];
    expect(tests.length).toBeGreaterThan(0);
  });
});

test("layers import each other through their index only", () => {
  const inside = layerImports.filter(
    ({ source, each, target, layer }) =>
      source.layer !== layer && each.specifier !== "#host" && target !== `${layer}/index.ts`,
  );
  expect(inside.map(show)).toEqual([]);
});

test("no file imports itself by way of others", () => {
  const edges = new Map(
    sources.map((source) => [source.path, source.imports.flatMap((each) => targets(source, each))]),
  );
  const done = new Set<string>();
  const cycleFrom = (path: string, trail: readonly string[]): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    const found = (edges.get(path) ?? []).map((next) => cycleFrom(next, [...trail, path]));
    done.add(path);
    return found.find((cycle) => cycle.length > 0) ?? [];
  };
  expect(sources.map(({ path }) => cycleFrom(path, []).join(" → ")).filter(Boolean)).toEqual([]);
});

test("what runs in browsers does not import from Node", () => {
  const node = sources
    .filter(({ layer, path }) => portableLayers.includes(layer) && !nodeAdapters.includes(path))
    .flatMap(({ path, imports }) => imports.map(({ specifier }) => `${path} → ${specifier}`))
    .filter((edge) => edge.includes("→ node:"));
  expect(node).toEqual([]);
});

test("recipes are plain data: they import types and what checks them", () => {
  const values = layerImports.filter(
    ({ source, each, layer }) => source.layer === "recipes" && layer !== "recipes" && !each.typeOnly,
  );
  expect(values.map(show)).toEqual([]);
});

test("each package is imported by one file, which stands between it and the rest", () => {
  const users = new Map<string, Set<string>>();
  for (const { path, imports } of sources)
    for (const { specifier } of imports.filter((each) => !/^[.#]|^node:/.test(each.specifier))) {
      const name = packageOf(specifier);
      users.set(name, (users.get(name) ?? new Set()).add(path));
    }
  const shared = [...users].filter(([name, files]) => files.size > 1 && !sharedPackages.includes(name));
  expect(shared.map(([name, files]) => `${name}: ${[...files].join(", ")}`)).toEqual([]);
  expect(users.get("zod")?.size).toBeGreaterThan(0);
});
