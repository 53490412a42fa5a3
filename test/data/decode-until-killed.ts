// Opens a folder of images and dies as by `kill -9` after so many were decoded: folder, cache folder, count.
import { openImageFolder } from "../../src/data/index.ts";

const [folder = "", cacheFolder = "", count] = process.argv.slice(2);
await openImageFolder(folder, {
  size: 4,
  channels: 1,
  classes: "folders",
  cacheFolder,
  onProgress: (done) => {
    if (done === Number(count)) process.kill(process.pid, "SIGKILL");
  },
});
