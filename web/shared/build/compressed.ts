import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const TEXT = /\.(html|js|css|svg)$/;
/** Less than this fits into one packet anyway. */
const BYTES_MIN = 1_000;

/** Writes a smaller file beside each, for the server to send to who reads it: once here instead of with every answer. */
export function compressed(): Plugin {
  let folder = "";
  return {
    name: "compressed",
    apply: "build",
    configResolved({ root, build }) {
      folder = resolve(root, build.outDir);
    },
    async closeBundle() {
      const names = (await readdir(folder, { recursive: true })).filter((name) => TEXT.test(name));
      await Promise.all(
        names.map(async (name) => {
          const file = join(folder, name);
          const bytes = await readFile(file);
          if (bytes.length < BYTES_MIN) return;
          const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
          await writeFile(`${file}.br`, brotliCompressSync(bytes, { params }));
          await writeFile(`${file}.gz`, gzipSync(bytes, { level: 9 }));
        }),
      );
    },
  };
}
