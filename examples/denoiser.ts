// The samplers know nothing of networks: here the denoiser is a formula, the exact posterior mean of
// x0 ~ N(3, 0.5²), and DDIM carries noise to that distribution.
import { Generator } from "undiffuse/base";
import { type Denoiser, diffusionProcess, scheduleSchema } from "undiffuse/diffusion";
import { openSampler, sample, samplerSchema } from "undiffuse/samplers";

const [mean, deviation] = [3, 0.5];
const denoiser: Denoiser = async (x, { alpha, sigma }) => {
  const gain = (alpha * deviation ** 2) / (alpha ** 2 * deviation ** 2 + sigma ** 2);
  return {
    x0: x
      .sub(alpha * mean)
      .mul(gain)
      .add(mean),
  };
};

const process_ = diffusionProcess(scheduleSchema.parse({ beta_schedule: "linear" }));
const { sampler, levels } = openSampler(samplerSchema.parse({ kind: "ddim", steps: 50 }), process_);
const random = new Generator(0);
const noise = () => random.normal([1000]);
for await (const { index, total, x } of sample({ denoiser, sampler, levels, x: noise(), noise })) {
  if (index + 1 < total) continue;
  const average = x.mean().item();
  const spread = Math.sqrt(x.sub(average).mul(x.sub(average)).mean().item());
  console.log(`mean ${average.toFixed(2)}, standard deviation ${spread.toFixed(2)}`);
}
