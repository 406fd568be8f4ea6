import { readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const MANIFEST = "manifest.json";
/** What a browser has to fetch before the first page is there: its HTML, scripts and styles, as they are sent. */
const FIRST_LOAD_BYTES_MAX = 150 * 1024;

/** Weighs the first load from Vite's manifest, prints it, and fails the build where it is too much. */
export function firstLoad(bytesMax = FIRST_LOAD_BYTES_MAX): Plugin {
  let folder = "";
  let base = "/";
  return {
    name: "first-load",
    apply: "build",
    config: () => ({ build: { manifest: MANIFEST } }),
    configResolved({ root, build, ...config }) {
      folder = resolve(root, build.outDir);
      base = config.base;
    },
    async closeBundle() {
      const listed = join(folder, MANIFEST);
      const manifest = JSON.parse(await readFile(listed, "utf8")) as Manifest;
      // It is for this alone, and no page of the server's.
      await rm(listed);
      const html = await readFile(join(folder, "index.html"), "utf8");
      const files = ["index.html", ...plainScripts(html, base), ...firstFiles(manifest)];
      const weights = await Promise.all(
        files.map(async (name) => [name, gzipSync(await readFile(join(folder, name)), { level: 9 }).length] as const),
      );
      const bytes = weights.reduce((sum, [, each]) => sum + each, 0);
      const words = `first load: ${kilobytes(bytes)} of ${kilobytes(bytesMax)}, gzipped`;
      const each = weights.map(([name, weight]) => `  ${name} ${kilobytes(weight)}`).join("\n");
      if (bytes > bytesMax) this.error(`${words}:\n${each}`);
      console.log(words);
    },
  };
}

/** The part of Vite's manifest that is read here. */
export type Manifest = Record<string, { file: string; isEntry?: boolean; css?: string[]; imports?: string[] }>;

/** The entry's files, and those of all that it imports at once. */
export function firstFiles(manifest: Manifest): string[] {
  const files = new Set<string>();
  const seen = new Set<string>();
  const add = (name: string) => {
    const chunk = manifest[name];
    if (!chunk || seen.has(name)) return;
    seen.add(name);
    for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file);
    for (const imported of chunk.imports ?? []) add(imported);
  };
  for (const [name, { isEntry }] of Object.entries(manifest)) if (isEntry) add(name);
  if (files.size === 0) throw new Error("the manifest names no entry");
  return [...files];
}

/** Scripts that are copied as they are, which the manifest does not know. */
function plainScripts(html: string, base: string): string[] {
  return [...html.matchAll(/<script src="([^"]+)"/g)].map(([, path]) => (path ?? "").slice(base.length));
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
