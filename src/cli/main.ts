#!/usr/bin/env node
import { runProgram } from "./command.ts";
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
  {
    train: async () => (await import("./train.ts")).trainCommand,
    data: async () => (await import("./data.ts")).dataCommand,
    sample: async () => (await import("./sample.ts")).sampleCommand,
    generate: async () => (await import("./generate.ts")).generateCommand,
    import: async () => (await import("./import.ts")).importCommand,
    invert: async () => (await import("./invert.ts")).invertCommand,
    evaluate: async () => (await import("./evaluate.ts")).evaluateCommand,
    classifier: async () => (await import("./classifier.ts")).classifierCommand,
    bench: async () => (await import("./bench.ts")).benchGroup,
    explain: async () => (await import("./explain.ts")).explainGroup,
    info: async () => (await import("./info.ts")).infoCommand,
    pack: async () => (await import("./pack.ts")).packCommand,
    export: async () => (await import("./export.ts")).exportCommand,
    runs: async () => (await import("./runs.ts")).runsCommand,
    doctor: async () => (await import("./doctor.ts")).doctorCommand,
  },
  process.argv.slice(2),
);
if (code !== 0) process.exitCode = code;
