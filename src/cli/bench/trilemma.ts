import { backend } from "../backend-option.ts";
import { defineCommand, flag, integer, text } from "../command.ts";
import { compare } from "./compare.ts";
import { contenders } from "./contenders.ts";

export const trilemmaCommand = defineCommand({
  name: "trilemma",
  summary: "Compare GAN, VAE, diffusion and DDGAN by quality, diversity and speed",
  description: `Few models are good, diverse and fast at once (Xiao, Kreis and Vahdat 2022).
Here all learn the packaged digits with about as many parameters:
  GAN, VAE        one evaluation of the network an image
  DDPM            the chain as it was trained, 1,000 evaluations
  DDIM            the same network, 10, 20 and 50
  DPM-Solver++    the same network, 10, 20 and 50
  DDGAN           a denoising diffusion GAN, 4

Each generates images, of classes as frequent as in the data, which are judged
as undiffuse evaluate does: distance from the data (quality), recall (diversity)
and images per second (speed), with 95% intervals. Writes trilemma.md, one
table; trilemma.svg, one picture; and trilemma.json, which has it all and is
saved after each of them: the same command goes on after Ctrl-C.

The runs are to be trained before; --dry-run says which are missing, and how.`,
  arguments: {},
  options: {
    features: text("file of the network to compare by, from undiffuse classifier digits", { value: "file" }),
    runs: text<string>("where the trained runs lie, in folders named like their recipes", {
      value: "folder",
      fallback: "runs",
    }),
    out: text<string>("folder for table and picture", {
      short: "o",
      value: "folder",
      fallback: "trilemma",
    }),
    count: integer<number>("images of each", { least: 6, fallback: 1000 }),
    longCount: integer("images of those that take 1,000 evaluations each (default: --count, at most 1,000)", {
      least: 6,
    }),
    seed: integer<number>("seed of the first image, and of all else that is drawn", { fallback: 0 }),
    batch: integer<number>("images at once", { least: 1, fallback: 64 }),
    threads: integer("threads of the network's operations (default: all cores)", { least: 1 }),
    backend,
    dryRun: flag("say what there is, what is missing and how many evaluations it would take; end"),
  },
  examples: [
    ["undiffuse classifier digits", "first, a network to compare digits by"],
    [
      "undiffuse bench trilemma --features classifiers/digits.safetensors --dry-run",
      "what is to be trained before",
    ],
    ["undiffuse bench trilemma --features classifiers/digits.safetensors", "1,000 digits of each, an hour"],
    [
      "undiffuse bench trilemma --features classifiers/digits.safetensors --count 10000",
      "10,000 of each; 1,000 of DDPM's",
    ],
  ],
  run: (request) => compare(contenders, request),
});
