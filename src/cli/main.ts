#!/usr/bin/env node
import { benchGroup } from "./bench.ts";
import { classifierCommand } from "./classifier.ts";
import { runProgram } from "./command.ts";
import { dataCommand } from "./data.ts";
import { doctorCommand } from "./doctor.ts";
import { evaluateCommand } from "./evaluate.ts";
import { explainGroup } from "./explain.ts";
import { exportCommand } from "./export.ts";
import { generateCommand } from "./generate.ts";
import { importCommand } from "./import.ts";
import { infoCommand } from "./info.ts";
import { invertCommand } from "./invert.ts";
import { packCommand } from "./pack.ts";
import { runsCommand } from "./runs.ts";
import { sampleCommand } from "./sample.ts";
import { trainCommand } from "./train.ts";
import { version } from "./version.ts";

const program = {
  name: "undiffuse",
  summary: "Diffusion models in TypeScript: train, sample and explain them, with no Python.",
  version,
};
// The reader of our output may have seen enough, as `| head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});
const code = await runProgram(
  program,
  [
    trainCommand,
    dataCommand,
    sampleCommand,
    generateCommand,
    importCommand,
    invertCommand,
    evaluateCommand,
    classifierCommand,
    benchGroup,
    explainGroup,
    infoCommand,
    packCommand,
    exportCommand,
    runsCommand,
    doctorCommand,
  ],
  process.argv.slice(2),
);
if (code !== 0) process.exitCode = code;
