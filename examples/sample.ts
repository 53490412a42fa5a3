import { toPixels } from "undiffuse/data";
import { encodePng, imageGrid, writeWhole } from "undiffuse/formats";
import { openTrained } from "undiffuse/systems";

const model = await openTrained("runs/digits");
const labels = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
for await (const { index, total, x } of model.sample({ seed: 7, count: 10, labels })) {
  console.log(`step ${index + 1} of ${total}`);
  if (index + 1 < (total ?? 0)) continue;
  const grid = imageGrid(toPixels(x), { columns: 10 }); // x: [10, 1, 16, 16] in [-1, 1]
  await writeWhole("digits.png", await encodePng(grid));
}
await model.close();
