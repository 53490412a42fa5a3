import { row, summarise } from "./row.ts";

/** What is read here of what a classifier's file says of it. */
interface About {
  readonly data?: { readonly name?: string; readonly images?: number };
  readonly classes?: readonly string[];
  readonly heldOut?: { readonly images?: number; readonly accuracy?: number };
}

/** A classifier that undiffuse trained, from its metadata. */
export const describeClassifier = (text: string): string[] => {
  const { data, classes, heldOut } = aboutOf(text);
  return [
    row("kind", `a classifier of undiffuse${data?.name ? `, of ${data.images} images of ${data.name}` : ""}`),
    ...(classes ? [row("classes", summarise(classes))] : []),
    ...(heldOut?.accuracy === undefined
      ? []
      : [row("reads", `${(100 * heldOut.accuracy).toFixed(1)}% of ${heldOut.images} held-out images`)]),
  ];
};

const aboutOf = (text: string): About => {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
};
