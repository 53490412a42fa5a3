// A whole picture at full size in one process: Stable Diffusion 1.5's text encoder, U-Net and autoencoder with random
// weights, 512×512 with guidance. Says what the forecast of `undiffuse generate --dry-run` comes to and what it then takes.
//   BACKEND=native node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/whole-picture.ts [steps, 2] [side, 512]
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeSafetensorsFile } from "../src/formats/index.ts";
import {
  autoencoderKl,
  autoencoderKlSchema,
  clipTextModel,
  clipTextSchema,
  unet2dCondition,
  unet2dConditionSchema,
} from "../src/models/index.ts";
import { blank } from "../src/nn/index.ts";
import {
  folderSource,
  forecastPicture,
  measureRate,
  openPipeline,
  weightBytes,
} from "../src/pipelines/index.ts";
import { backend, machine, precision, THREADS } from "./peer.ts";
import { randomWeights } from "./random-weights.ts";

const [steps = 2, side = 512] = process.argv.slice(2).map(Number);
const folder = await mkdtemp(join(tmpdir(), "undiffuse-bench-"));

const write = async (part: string, config: object, module: object, file: string): Promise<void> => {
  await mkdir(join(folder, part));
  await writeFile(join(folder, part, "config.json"), JSON.stringify(config));
  await writeSafetensorsFile(join(folder, part, file), randomWeights(module));
};

const MODEL = "diffusion_pytorch_model.safetensors";
const unet = { _class_name: "UNet2DConditionModel", sample_size: 64, cross_attention_dim: 768 };
const vae = {
  _class_name: "AutoencoderKL",
  sample_size: 512,
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array(4).fill("DownEncoderBlock2D"),
  up_block_types: Array(4).fill("UpDecoderBlock2D"),
  layers_per_block: 2,
  latent_channels: 4,
  scaling_factor: 0.18215,
};
const text = {
  architectures: ["CLIPTextModel"],
  vocab_size: 49408,
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
};
await write("unet", unet, unet2dCondition(unet2dConditionSchema.parse(unet), blank), MODEL);
await write("vae", vae, autoencoderKl(autoencoderKlSchema.parse(vae), blank), MODEL);
await write("text_encoder", text, clipTextModel(clipTextSchema.parse(text), blank), "model.safetensors");
const scheduler = {
  _class_name: "PNDMScheduler",
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  skip_prk_steps: true,
  steps_offset: 1,
};
await mkdir(join(folder, "scheduler"));
await writeFile(join(folder, "scheduler", "scheduler_config.json"), JSON.stringify(scheduler));
const tokenizer = fileURLToPath(new URL("../test/fixtures/clip/byte-pairs/", import.meta.url));
await cp(tokenizer, join(folder, "tokenizer"), { recursive: true });
const index = {
  _class_name: "StableDiffusionPipeline",
  unet: ["diffusers", "UNet2DConditionModel"],
  vae: ["diffusers", "AutoencoderKL"],
  text_encoder: ["transformers", "CLIPTextModel"],
  tokenizer: ["transformers", "CLIPTokenizer"],
  scheduler: ["diffusers", "PNDMScheduler"],
};
await writeFile(join(folder, "model_index.json"), JSON.stringify(index));

const place = { threads: THREADS, backend, precision };
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
const peak = (): string => gigabytes(process.resourceUsage().maxRSS * 1024);
let clock = performance.now();
const lap = (): string => {
  const seconds = (performance.now() - clock) / 1000;
  clock = performance.now();
  return `${seconds.toFixed(1)} s`;
};
console.log(`${machine()}, ${backend}, ${THREADS} threads; ${side}×${side}, peak before ${peak()}`);
const source = await folderSource(folder);
const { parts, evaluation } = await forecastPicture(source, { width: side, height: side });
console.log(`forecast of memory: ${gigabytes(weightBytes(parts) + evaluation.bytes)}, told in ${lap()}`);
const rate = await measureRate(place);
console.log(
  `forecast of a step: ${(evaluation.flop / rate).toFixed(1)} s at ${(rate / 1e9).toFixed(0)} GFLOP/s, told in ${lap()}`,
);
const pipeline = await openPipeline(source, place);
console.log(`opened in ${lap()}, peak ${peak()}`);
const { frames, picture } = await pipeline.generate({
  prompt: "a fox",
  steps,
  width: side,
  height: side,
  seed: 0,
});
console.log(`text encoded in ${lap()}, peak ${peak()}`);
let latents: Parameters<typeof picture>[0] | undefined;
for await (const { index: step, x } of frames) {
  latents = x;
  console.log(`step ${step + 1} in ${lap()}, peak ${peak()}`);
}
const pixels = latents && (await picture(latents));
console.log(`decoded to [${pixels?.shape}] in ${lap()}, peak ${peak()}`);
await pipeline.close();
await rm(folder, { recursive: true });
