// docs/systems.md from the systems, the recipes and docs/results: npm run docs:systems
import { fileURLToPath } from "node:url";
import { writeWhole } from "../src/formats/index.ts";
import { readResults } from "./measure/results.ts";
import { systemsPage } from "./measure/systems-page.ts";

const path = fileURLToPath(new URL("../docs/systems.md", import.meta.url));
await writeWhole(path, new TextEncoder().encode(systemsPage(await readResults())));
