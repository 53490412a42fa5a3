import { type PointChart, pointChart } from "../../formats/index.ts";
import type { Results, Row } from "./results.ts";

/** Results as one picture, an SVG document: speed across, distance upwards, recall as the area of dots. */
export const resultsPicture = ({ settings, rows }: Results): string => {
  const most = Math.max(...rows.map(({ samples }) => samples));
  const fewer = rows.filter(({ samples }) => samples < most);
  // Only the kernel distance is unbiased, so that it compares whatever N is.
  const measure = fewer.length > 0 ? "kernel" : "frechet";
  const values = rows.flatMap(({ [measure]: { value, interval } }) => [value, ...(interval ?? [])]);
  const { data, network } = settings;
  return pointChart({
    title: `Quality, diversity and speed on ${data.name}`,
    subtitle: [
      "Further down is closer to the data, further right is faster. Areas of dots, and numbers in brackets: recall, the",
      `share of the data near some sample. Vertical lines: 95%. Over ${network.name}; N = ${most.toLocaleString("en")}.`,
      ...(fewer.length > 0
        ? [`Rings are of fewer samples (${countsOf(fewer)}), which makes their recall too low.`]
        : []),
    ].join("\n"),
    x: {
      label: `images per second (${settings.threads} threads, batches of ${settings.batch})`,
      scale: "log",
    },
    y: {
      label: measure === "kernel" ? "kernel distance" : "Fréchet distance",
      scale: values.every((value) => value > 0) ? "log" : "linear",
    },
    families: familiesOf(rows, { measure, most }),
  });
};

const countsOf = (rows: readonly Row[]): string =>
  [...new Set(rows.map(({ samples }) => samples.toLocaleString("en")))].join(", ");

const familiesOf = (
  rows: readonly Row[],
  { measure, most }: { readonly measure: "kernel" | "frechet"; readonly most: number },
): PointChart["families"] =>
  [...new Set(rows.map(({ family }) => family))].map((family) => ({
    points: rows
      .filter((row) => row.family === family)
      .map(({ name, samples, speed, recall, [measure]: { value, interval } }) => ({
        name: recall ? `${name} (${recall.value.toFixed(2)})` : name,
        x: speed.imagesPerSecond,
        y: value,
        interval,
        area: recall?.value ?? 0,
        hollow: samples < most,
      })),
  }));
