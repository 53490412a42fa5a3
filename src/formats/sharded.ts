import { dirname, join } from "node:path";
import { FileError } from "../base/index.ts";
import { isJsonObject, readJsonObject } from "./json-file.ts";
import { isPlainName } from "./plain-name.ts";
import { openSafetensors, readEach, type WeightSource } from "./safetensors-file.ts";

/**
 * Opens the files that a `*.safetensors.index.json` names as one source; the index's `weight_map` says which tensor
 * lies in which file beside it.
 * @throws FileError for files that are missing, damaged or outside the folder, and for tensors that do not lie where the
 * index says, all of them listed
 */
export const openSharded = async (path: string): Promise<WeightSource> => {
  const weightMap = await readWeightMap(path);
  const names = [...new Set(weightMap.values())].sort();
  const opened = await Promise.allSettled(names.map((name) => openSafetensors(join(dirname(path), name))));
  const shards = opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const close = async () => {
    await Promise.all(shards.map((shard) => shard.close()));
  };
  try {
    for (const each of opened) if (each.status === "rejected") throw each.reason;
    checkPlaces(path, weightMap, new Map(names.map((name, i) => [name, shards[i] as WeightSource])));
    return { ...joined(path, shards), close };
  } catch (error) {
    await close();
    throw error;
  }
};

/** The files that an index names, each once. @throws FileError for one that is no index, or leads outside */
export const shardNames = async (path: string): Promise<string[]> => [
  ...new Set((await readWeightMap(path)).values()),
];

const readWeightMap = async (path: string): Promise<Map<string, string>> => {
  const { weight_map } = await readJsonObject(path);
  if (!isJsonObject(weight_map))
    throw new FileError(path, {
      expected: "a weight_map of tensors to files",
      got: JSON.stringify(weight_map) ?? "none",
    });
  return new Map(
    Object.entries(weight_map).map(([tensor, file]) => {
      if (typeof file !== "string" || !isPlainName(file))
        throw new FileError(path, {
          expected: `tensor ${JSON.stringify(tensor)} in a file of its own folder`,
          got: JSON.stringify(file),
        });
      return [tensor, file];
    }),
  );
};

const joined = (path: string, shards: readonly WeightSource[]): Omit<WeightSource, "close"> => {
  const owners = new Map(shards.flatMap((shard) => [...shard.tensors.keys()].map((name) => [name, shard])));
  const tensors = new Map(shards.flatMap((shard) => [...shard.tensors]));
  const read: WeightSource["read"] = async (name) => {
    const shard = owners.get(name);
    if (!shard)
      throw new FileError(path, { expected: `tensor ${JSON.stringify(name)}`, got: "none of that name" });
    return shard.read(name);
  };
  return {
    tensors,
    metadata: Object.fromEntries(shards.flatMap(({ metadata }) => Object.entries(metadata))),
    read,
    readAll: (onProgress) => readEach({ tensors, read }, onProgress),
  };
};

const checkPlaces = (
  path: string,
  weightMap: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, WeightSource>,
): void => {
  const missing = [...weightMap].filter(([tensor, file]) => !shards.get(file)?.tensors.has(tensor));
  if (missing.length)
    throw new FileError(path, {
      expected: "every tensor in the file that the index says",
      got: `none in it of ${missing.map(([tensor, file]) => `${tensor} (${file})`).join(", ")}`,
    });
  const extra = [...shards].flatMap(([file, { tensors }]) =>
    [...tensors.keys()]
      .filter((tensor) => weightMap.get(tensor) !== file)
      .map((tensor) => `${tensor} (${file})`),
  );
  if (extra.length)
    throw new FileError(path, {
      expected: "every tensor of the files in the index",
      got: `also ${extra.join(", ")}`,
    });
};
