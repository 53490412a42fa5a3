import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

type Target = string | { readonly [condition: string]: Target };
interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, Target>>;
  readonly imports: Readonly<Record<string, Target>>;
}
const manifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
const own = manifest("");

/** The conditions that bundlers resolve packages with. */
const conditions = ["browser", "import", "default"];

const choose = (target: Target | undefined): string | undefined =>
  target === undefined || typeof target === "string"
    ? target
    : Object.entries(target)
        .filter(([condition]) => conditions.includes(condition))
        .map(([, inner]) => choose(inner))
        .find((path) => path !== undefined);

/** Where a browser finds what a bare specifier names: `#host`, `zod`, `undiffuse/base`. */
const resolve = (specifier: string): string => {
  const [, name = "", subpath = ""] = /^((?:@[^/]+\/)?[^/]+)(.*)$/.exec(specifier) ?? [];
  const folder = name === own.name || name.startsWith("#") ? "" : `node_modules/${name}`;
  const { imports, exports } = manifest(folder);
  const path = choose(name.startsWith("#") ? imports[specifier] : exports[`.${subpath}`]);
  if (path === undefined) throw new Error(`no file for browsers behind "${specifier}"`);
  return new URL(path, `http://localhost/${folder}${folder && "/"}`).pathname;
};

/** What is served: the build, the page's script, and the packages that the build imports. */
const served = /^\/(dist|page|node_modules\/(onnxruntime-web\/dist|@bufbuild\/protobuf|zod))\//;
/** Where imports are bare; the other packages' files import each other by relative paths. */
const importing = /^\/(dist|page)\/.*\.js$/;

const mediaTypes: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};
const html = '<!doctype html><link rel="icon" href="data:,"><title>undiffuse</title>';

const fileOf = async (path: string, pages: string): Promise<Buffer | string> => {
  if (!served.test(path)) throw new Error(`${path} is not served`);
  const file = path.startsWith("/page/") ? join(pages, path.slice("/page/".length)) : join(root, path);
  if (!importing.test(path)) return readFile(file);
  return (await readFile(file, "utf8")).replace(
    /\b(from |import |import\()"([^"./][^"]*)"/g,
    (_, keyword, specifier) => `${keyword}"${resolve(specifier)}"`,
  );
};

/** What pages and their workers need in order to share memory between threads. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/**
 * Serves the build to a browser with bare imports resolved, as bundlers do: import maps would not
 * reach the workers. `/isolated` and `/plain` are empty pages that may and may not share memory.
 * @param pages the folder behind `/page/`
 */
export const startServer = async (pages: string) => {
  const server = createServer(async ({ url = "/" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    try {
      const body = ["/isolated", "/plain"].includes(pathname) ? html : await fileOf(pathname, pages);
      response.writeHead(200, {
        "Content-Type": mediaTypes[extname(pathname)] ?? "text/html",
        "Cache-Control": "max-age=600",
        ...(pathname !== "/plain" && isolation),
      });
      response.end(body);
    } catch (error) {
      response.writeHead(404).end(String(error));
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
};
