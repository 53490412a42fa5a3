import { InferenceSession } from "onnxruntime-node";
import { type Lowering, lower, portable, webgpu } from "../../src/lower/index.ts";
import { gradientPrograms, type Program, plainPrograms } from "./programs.ts";
import { differenceOf, FLOAT32, graphOf, runTogether } from "./together.ts";

/** What the programs come to on WebGPU, for webgpu.test.ts. */
export interface Findings {
  readonly programs: number;
  /** Those whose results are not the plain loops', and by how much. */
  readonly wrong: readonly string[];
  /** Whether onnxruntime leaves a node of any program to the CPU, by lowering. */
  readonly leftToTheCpu: { readonly webgpu: boolean; readonly portable: boolean };
}

const all = [plainPrograms, gradientPrograms];

const wrongOf = async (programs: readonly Program[]): Promise<string[]> => {
  const results = await runTogether(programs, webgpu, "webgpu");
  return programs.flatMap((program, i) => {
    const difference = differenceOf(program, results[i] ?? []);
    return difference < FLOAT32 ? [] : [`${program.title}: ${difference}`];
  });
};

const isLeftToTheCpu = async (target: Lowering): Promise<boolean> => {
  const strict = {
    executionProviders: ["webgpu"],
    logSeverityLevel: 4,
    extra: { session: { disable_cpu_ep_fallback: "1" } },
  } as const;
  try {
    await (await InferenceSession.create(lower(graphOf(plainPrograms), { target }), strict)).release();
    return false;
  } catch {
    return true;
  }
};

const findings: Findings = {
  programs: all.flat().length,
  wrong: [...(await wrongOf(plainPrograms)), ...(await wrongOf(gradientPrograms))],
  leftToTheCpu: { webgpu: await isLeftToTheCpu(webgpu), portable: await isLeftToTheCpu(portable) },
};
process.stdout.write(JSON.stringify(findings));
