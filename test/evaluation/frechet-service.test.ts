import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { withFrechetService } from "../../src/evaluation/frechet-service.ts";
import { frechetDistance } from "../../src/evaluation/index.ts";
import { normals } from "./sets.ts";

const [samples, reference] = [normals(1, 30, 6), normals(2, 50, 6).mul(2)];

test("a service in a worker gives the distances that there are without one, of resampled samples too", async () => {
  const counts = Uint16Array.from({ length: 30 }, (_, i) => i % 3);
  const repeated = NDArray.concat(
    samples.split().flatMap((row, i) => Array.from({ length: i % 3 }, () => row.reshape([1, 6]))),
  );
  const [plain, resampled] = await withFrechetService(samples, reference, async (service) => [
    await service.distance(),
    await service.distance(counts),
  ]);
  expect(plain).toBe(frechetDistance(samples, reference));
  expect(resampled).toBeCloseTo(frechetDistance(repeated, reference), 9);
});

test("a service in the middle of its work ends when it is told to", async () => {
  const controller = new AbortController();
  const wide = normals(3, 200, 600);
  const ended = withFrechetService(wide, wide, (service) => service.distance(), controller.signal);
  setTimeout(() => controller.abort(new Error("enough")), 20);
  await expect(ended).rejects.toThrow("enough");
});

test("features of other networks are refused before a worker is started", async () => {
  await expect(withFrechetService(samples, normals(1, 9, 5), async () => 0)).rejects.toThrow(
    /expected features of one network, 5 an image, got 6/,
  );
});
