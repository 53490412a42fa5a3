import { trilemmaCommand } from "./bench/trilemma.ts";
import type { CommandGroup } from "./command.ts";

export const benchGroup: CommandGroup = {
  name: "bench",
  summary: "Compare systems side by side, in one table and one picture",
  commands: [trilemmaCommand],
};
