// npm run docs:lecture: runs the code of docs/lecture.md, one program in the order of the page, and writes what each
// block prints below it. With --check it says where the page differs and writes nothing.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const page = `${root}docs/lecture.md`;
/** A block of code, and what it printed when the page was written. */
const BLOCK = /```ts\n([\s\S]*?)```\n(?:\n```text\n[\s\S]*?```\n)?/g;
const MARK = "end of block";

const text = readFileSync(page, "utf8");
const blocks = [...text.matchAll(BLOCK)].map(([, code]) => code);
// Inside the package, so that its own name resolves as it does for users.
const program = `${root}docs/.lecture.${process.pid}.ts`;
writeFileSync(program, blocks.map((code) => `${code}\nconsole.log("${MARK}");\n`).join(""));
let printed;
try {
  printed = execFileSync(process.execPath, ["--import", `${root}tools/typescript.mjs`, program], {
    encoding: "utf8",
  });
} finally {
  rmSync(program);
}
const outputs = printed.split(`${MARK}\n`);
const written = text.replace(BLOCK, (_, code) => {
  const output = outputs.shift();
  return `\`\`\`ts\n${code}\`\`\`\n${output ? `\n\`\`\`text\n${output}\`\`\`\n` : ""}`;
});
/** Numbers this near are one: another processor rounds otherwise, and a training magnifies that. */
const NEAR = 0.05;
const NUMBER = /-?\d+\.\d+/g;
const same = (a, b) => {
  const [left, right] = [a, b].map((line) => (line.match(NUMBER) ?? []).map(Number));
  return (
    a.replace(NUMBER, "") === b.replace(NUMBER, "") && left.every((x, i) => Math.abs(x - right[i]) <= NEAR)
  );
};

if (process.argv.includes("--check")) {
  const [now, then] = [written, text].map((version) => version.split("\n"));
  const line = now.findIndex((value, i) => !same(value, then[i] ?? ""));
  if (line !== -1)
    throw new Error(`docs/lecture.md, line ${line + 1}: "${then[line]}", but the code prints "${now[line]}"`);
} else writeFileSync(page, written);
