// Checks that Python finds what undiffuse downloads: fetches the fixture pipeline from a hub of its own into a new
// cache, then has Python's huggingface_hub and diffusers load it from there, offline:
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source tools/hub-in-python.ts ~/undiffuse-py/bin/python
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fetchFromHub } from "../src/formats/index.ts";
import { startHub } from "../test/formats/local-hub.ts";

const [python = "python3"] = process.argv.slice(2);
const fixture = fileURLToPath(new URL("../test/fixtures/folders/ddpm", import.meta.url));
const program = `
import sys
from huggingface_hub import scan_cache_dir, snapshot_download
from diffusers import DDPMPipeline
cache, folder = sys.argv[1:]
assert snapshot_download("owner/model", local_files_only=True) == folder, "another folder"
assert not scan_cache_dir(cache).warnings, scan_cache_dir(cache).warnings
unet = DDPMPipeline.from_pretrained("owner/model").unet
print(f"Python found it: {sum(p.numel() for p in unet.parameters())} parameters")
`;

const hub = await startHub();
for (const entry of readdirSync(fixture, { recursive: true, withFileTypes: true })) {
  if (entry.isDirectory()) continue;
  const path = join(entry.parentPath, entry.name);
  const name = path.slice(fixture.length + 1);
  hub.files.set(name, readFileSync(path));
  if (name.endsWith(".safetensors")) hub.lfs.add(name);
}
const cache = await mkdtemp(join(tmpdir(), "hub-in-python-"));
try {
  const { folder } = await fetchFromHub("owner/model", { hubUrl: hub.url, env: { HF_HUB_CACHE: cache } });
  const env = { ...process.env, HF_HUB_CACHE: cache, HF_HUB_OFFLINE: "1" };
  execFileSync(python, ["-c", program, cache, folder], { env, stdio: ["ignore", "inherit", "pipe"] });
} finally {
  await hub.close();
  await rm(cache, { recursive: true });
}
