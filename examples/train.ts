// Trains a class-conditional DDPM for a few steps, with the library instead of the command line.
import { openDataset } from "undiffuse/data";
import { digits } from "undiffuse/recipes";
import { parseRecipe, trainRecipe } from "undiffuse/systems";

const steps = Number(process.argv[2] ?? 5);
const recipe = parseRecipe({ ...digits, training: { ...digits.training, steps, batch: 16 } }, "recipe");
const dataset = await openDataset(recipe.data);

for await (const event of trainRecipe({ recipe, dataset, folder: "runs/example", resume: false })) {
  if (event.kind === "step") console.log(`step ${event.step}: loss ${event.losses.loss?.toFixed(3)}`);
  if (event.kind === "preview") console.log(`look at ${event.path}`);
}
