// Trains a class-conditional DDPM for a few steps, with the library instead of the command line.
import { openDataset } from "undiffuse/data";
import { digits } from "undiffuse/recipes";
import { parseRecipe, stagesOf } from "undiffuse/systems";
import { dataShape, train } from "undiffuse/train";

const steps = Number(process.argv[2] ?? 5);
const recipe = parseRecipe({ ...digits, training: { ...digits.training, steps, batch: 16 } }, "recipe");
const dataset = await openDataset(recipe.data);
const [stage] = stagesOf(recipe, dataShape(dataset));
if (!stage) throw new Error("the recipe has no stage");

const { training, sampling } = recipe;
const job = { folder: "runs/example", stage, dataset, training, sampling, recipe, resume: false };
for await (const event of train(job)) {
  if (event.kind === "step") console.log(`step ${event.step}: loss ${event.losses.loss?.toFixed(3)}`);
  if (event.kind === "preview") console.log(`look at ${event.path}`);
}
