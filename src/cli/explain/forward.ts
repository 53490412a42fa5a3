import { integer, text } from "../command.ts";
import { noisedGrid } from "./forward-grid.ts";
import { namedProcesses, scheduleNames } from "./named-processes.ts";
import { definePicture } from "./picture-command.ts";

export const forwardCommand = definePicture({
  name: "forward",
  summary: "Noise an image step by step under each schedule",
  description: `Each column is a timestep, each row a schedule:
    x_t = sqrt(alphaBar_t) x_0 + sqrt(1 - alphaBar_t) eps,  eps ~ N(0, I),
with the same eps everywhere, so that cells differ in nothing but their noise
level (Ho et al. 2020, eq. 4). Below each picture stands alphaBar_t, the share
of its variance that is signal.`,
  options: {
    image: text("a picture of your own (default: a handwritten digit)", { value: "file" }),
    size: integer("side in pixels (default: 64; the digit's is 32, or 16)", { least: 4 }),
    schedules: text<string>("which, with commas", { value: "names", fallback: scheduleNames.join(",") }),
    timesteps: integer<number>("T", { least: 2, fallback: 1000 }),
    columns: integer("timesteps to show, evenly from 0 to T - 1 (default: 9, T if that is less)", {
      least: 2,
    }),
    seed: integer<number>("seed of the noise", { fallback: 0 }),
  },
  examples: [
    ["undiffuse explain forward", "a digit, in explain-forward.svg"],
    ["undiffuse explain forward --image cat.jpg --size 128 --out cat.png", "your own picture"],
  ],
  async draw({ schedules, timesteps, columns = Math.min(9, timesteps), ...picture }) {
    const processes = namedProcesses(schedules, { timesteps });
    return { svg: await noisedGrid({ processes, timesteps, columns, ...picture }) };
  },
});
