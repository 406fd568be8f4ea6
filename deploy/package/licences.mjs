// What the program is made of, with the licence of each part and its text: crates that are linked, and packages in the pages.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const PLATFORM = /^host: (.+)$/m.exec(execFileSync("rustc", ["-vV"], { encoding: "utf8" }))[1];
const ROOT = "blazing-sun-server";
// In C, inside of these crates, under licences of their own.
const BUNDLED = {
  "libz-sys": { name: "zlib", license: "Zlib", path: "src/zlib/LICENSE" },
  "rdkafka-sys": { name: "librdkafka", license: "BSD-2-Clause", path: "librdkafka/LICENSES.txt" },
  "zstd-sys": { name: "zstd", license: "BSD-3-Clause", path: "zstd/LICENSE" },
};
const TEXTS = /^(licen[cs]e|copying|notice|unlicense)/i;

function crates() {
  const told = execFileSync("cargo", ["metadata", "--format-version", "1", "--locked", "--filter-platform", PLATFORM], {
    maxBuffer: 1 << 28,
  });
  const { packages, resolve } = JSON.parse(told);
  const byId = new Map(packages.map((one) => [one.id, one]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const linked = new Set();
  const open = [packages.find((one) => one.name === ROOT && one.source === null).id];
  while (open.length > 0) {
    const id = open.pop();
    if (linked.has(id)) continue;
    linked.add(id);
    for (const { pkg, dep_kinds } of nodes.get(id).deps) {
      if (dep_kinds.some(({ kind }) => kind === null)) open.push(pkg);
    }
  }
  return [...linked]
    .map((id) => byId.get(id))
    .filter(({ source }) => source !== null)
    .map(({ name, version, license, manifest_path }) => ({
      name,
      version,
      license: license ?? "see its text",
      folder: dirname(manifest_path),
    }));
}

function bundledIn({ name, version, folder }) {
  const part = BUNDLED[name];
  if (part === undefined) return [];
  return [{ ...part, version: /\+\D*(.+)$/.exec(version)?.[1] ?? `of ${name} ${version}`, file: join(folder, part.path) }];
}

// The system's that builds, linked into the program.
function openssl() {
  const version = execFileSync("pkg-config", ["--modversion", "openssl"], { encoding: "utf8" }).trim();
  return { name: "OpenSSL", version, license: "Apache-2.0", file: "LICENSE-APACHE" };
}

function packagesOfPages() {
  const { packages } = JSON.parse(readFileSync("web/package-lock.json", "utf8"));
  return Object.entries(packages)
    .filter(([path, { dev, link }]) => path.startsWith("node_modules/") && !dev && !link)
    .map(([path, { version, license }]) => ({
      name: path.slice("node_modules/".length),
      version,
      license: license ?? "see its text",
      folder: join("web", path),
    }));
}

function texts({ file, folder }) {
  if (file !== undefined) return [readFileSync(file, "utf8").trim()];
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => TEXTS.test(name))
    .sort()
    .flatMap((name) => {
      try {
        return [readFileSync(join(folder, name), "utf8").trim()];
      } catch {
        // A folder of this name.
        return [];
      }
    });
}

const linked = crates();
const parts = [...linked, ...linked.flatMap(bundledIn), openssl(), ...packagesOfPages()].sort(
  (a, b) => a.name.localeCompare(b.name, "en") || a.version.localeCompare(b.version, "en"),
);
const uses = new Map();
for (const part of parts) {
  for (const text of texts(part)) uses.set(text, [...(uses.get(text) ?? []), `${part.name} ${part.version}`]);
}
const out = ["Blazing Sun contains these parts of others, each under its licence.", ""];
for (const { name, version, license } of parts) out.push(`${name} ${version}: ${license}`);
for (const [text, names] of uses) out.push("", "-".repeat(80), names.join(", "), "", text);
process.stdout.write(`${out.join("\n")}\n`);
