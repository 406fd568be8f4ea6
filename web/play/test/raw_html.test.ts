// Names and messages of others are shown as text: nothing in the pages makes HTML or code of a string.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const RAW =
  /unsafe(HTML|SVG|CSS|Static)|\b(inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\(|new Function\(/;

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}

test("no page makes HTML or code of a text", () => {
  const files = [
    ...sources(join(import.meta.dirname, "../src")),
    ...sources(join(import.meta.dirname, "../../sdk/src")),
    ...sources(join(import.meta.dirname, "../../console/src")),
  ];
  expect(files.length).toBeGreaterThan(10);
  const raw = files.filter((file) => RAW.test(readFileSync(file, "utf8")));
  expect(raw).toEqual([]);
  expect(RAW.test('element.innerHTML = "<b>"')).toBe(true);
});
