import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Builds the package once, before any test: the command line, the examples and the browser use what users get. */
export default (): void => {
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  execFileSync("npm", ["run", "--silent", "build"], { cwd, stdio: "inherit" });
};
