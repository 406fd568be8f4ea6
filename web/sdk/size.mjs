// Fails where all that the package exports, bundled and minified, is larger than an application wants to load.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const GZIPPED_BYTES_MAX = 15 * 1024;

const bundle = await rolldown({ input: fileURLToPath(new URL("dist/index.js", import.meta.url)) });
const { output } = await bundle.generate({ minify: true, comments: false });
const { code } = output[0];
const bytes = gzipSync(code, { level: 9 }).length;
console.log(`@blazing-sun/client: ${code.length} bytes minified, ${bytes} gzipped, of ${GZIPPED_BYTES_MAX}`);
if (bytes > GZIPPED_BYTES_MAX) {
  console.error(`too large by ${bytes - GZIPPED_BYTES_MAX} bytes`);
  process.exit(1);
}
