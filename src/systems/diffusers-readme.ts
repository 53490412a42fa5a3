import type { UNet2DConfig } from "../models/index.ts";
import type { DiffusersNotes } from "./diffusers-notes.ts";

/** What the page of a folder tells of. */
export interface ReadmeParts {
  readonly notes: DiffusersNotes;
  readonly unet: UNet2DConfig;
  /** `_class_name` of the scheduler. */
  readonly scheduler: string;
  /** `_class_name` of the pipeline. */
  readonly pipeline: string;
  /** Whether the weights are the variant `fp16`. */
  readonly half: boolean;
}

/** The page of an exported folder: what it is, and how Python samples from it. */
export const diffusersReadme = (parts: ReadmeParts): string => {
  const { notes, unet, pipeline } = parts;
  const { system, recipe, step, classes } = notes;
  return `# ${recipe}

A ${system} model trained by undiffuse for ${step.toLocaleString("en")} steps, as a folder of diffusers. Its images are
${colours(unet)}, ${sides(unet)}, in [-1, 1].
${classes ? classList(classes) : ""}
${pipelineNote(parts)}

\`\`\`python
${script(parts).join("\n")}
\`\`\`

\`undiffuse.json\` has what ${pipeline} does not know of: steps, guidance, the names of the classes.
`;
};

const colours = ({ in_channels: c }: UNet2DConfig): string =>
  c === 3 ? "RGB" : c === 1 ? "grey, of one channel" : `of ${c} channels`;

const sides = ({ sample_size: size }: UNet2DConfig): string =>
  Array.isArray(size) ? `${size[0]}×${size[1]}` : String(size);

const classList = (classes: readonly string[]): string =>
  `\nClasses: ${classes.map((name, i) => `${i} ${name}`).join(", ")}; ${classes.length} for no class.\n`;

const pipelineNote = (parts: ReadmeParts): string => {
  const { notes, pipeline } = parts;
  const words = args({ ...notes.set_timesteps, ...notes.step_arguments });
  return runsAlone(parts)
    ? `\`${pipeline}.from_pretrained(folder${variantOf(parts)})(${words})\` makes images; or step by step:`
    : `${pipeline} loads it. To sample, as no pipeline of diffusers knows of all that this model wants:`;
};

/** Whether diffusers' pipeline makes the model's images by itself. */
const runsAlone = ({ notes, scheduler }: ReadmeParts): boolean =>
  notes.classes === null &&
  (scheduler === "DDIMScheduler" ||
    (scheduler === "DDPMScheduler" && notes.step_arguments.eta === undefined)) &&
  (!notes.learns_variance || scheduler === "DDPMScheduler");

const variantOf = ({ half }: ReadmeParts): string => (half ? ', variant="fp16"' : "");

/** Python's keyword arguments. */
const args = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${python(value)}`)
    .join(", ");
const python = (value: unknown): string =>
  value === true ? "True" : value === false ? "False" : value === null ? "None" : JSON.stringify(value);

const script = (parts: ReadmeParts): string[] => {
  const { notes, unet, scheduler } = parts;
  const [height, width] = Array.isArray(unet.sample_size)
    ? unet.sample_size
    : [unet.sample_size, unet.sample_size];
  const noise = notes.noise === 1 ? "" : `${notes.noise} * `;
  const step = args(notes.step_arguments);
  return [
    "import torch",
    `from diffusers import UNet2DModel, ${scheduler}`,
    'folder = "."',
    `unet = UNet2DModel.from_pretrained(folder, subfolder="unet"${variantOf(parts)}).eval()`,
    `scheduler = ${scheduler}.from_pretrained(folder, subfolder="scheduler")`,
    `scheduler.set_timesteps(${args(notes.set_timesteps)})`,
    "generator = torch.Generator().manual_seed(0)",
    `x = ${noise}torch.randn((1, ${unet.in_channels}, ${height}, ${width}), generator=generator)`,
    "with torch.no_grad():",
    "    for i, t in enumerate(scheduler.timesteps):",
    ...evaluation(parts).map((line) => `        ${line}`),
    `        x = scheduler.step(out, t, x${takesGenerator(scheduler) ? ", generator=generator" : ""}${step && `, ${step}`}).prev_sample`,
    "image = (x / 2 + 0.5).clamp(0, 1)[0]  # [channels, height, width]",
  ];
};

/** Schedulers whose `step` draws nothing take no generator. */
const takesGenerator = (scheduler: string): boolean =>
  !/^(PNDM|DEIS|UniPC|Heun|LMS|KDPM2Discrete|DPMSolverSDE)/.test(scheduler);

/** The lines that lead to what the scheduler is told. */
const evaluation = ({ notes, unet, scheduler }: ReadmeParts): string[] => {
  const { classes, guidance, learns_variance } = notes;
  const seen = scheduler.startsWith("FlowMatch") ? "x" : "scheduler.scale_model_input(x, t)";
  const cut = learns_variance && scheduler !== "DDPMScheduler" ? `[:, :${unet.in_channels}]` : "";
  if (!classes) return [`out = unet(${seen}, t).sample${cut}`];
  const none = guidance.negative ?? classes.length;
  const lines = [
    `seen, labels = ${seen}, torch.tensor([0, ${none}])  # wanted: ${classes[0]}; away from: ${classes[none] ?? "no class"}`,
    `wanted, other = unet(seen.repeat(2, 1, 1, 1), t, class_labels=labels).sample${cut}.chunk(2)`,
    `scale = ${guidance.scale}${guidance.interval ? ` if ${guidance.interval[0]} <= ${ratio(scheduler)} <= ${guidance.interval[1]} else 1` : ""}`,
    "out = other + scale * (wanted - other)",
  ];
  if (guidance.rescale > 0)
    lines.push(
      `out = out * (${guidance.rescale} * wanted.std(correction=0) / out.std(correction=0) + ${1 - guidance.rescale})`,
    );
  if (learns_variance && !cut)
    lines.push(
      `out[:, ${unet.in_channels}:] = wanted[:, ${unet.in_channels}:]  # the variance is not guided`,
    );
  return lines;
};

/** σ / α of a step. */
const ratio = (scheduler: string): string => {
  if (/^DDPM|^DDIM|^LCM|^TCD|^PNDM/.test(scheduler)) return "(1 / scheduler.alphas_cumprod[t] - 1) ** 0.5";
  const sigma = "scheduler.sigmas[i]";
  return scheduler.startsWith("FlowMatch") ? `${sigma} / (1 - ${sigma})` : sigma;
};
