import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";
import { expect, it } from "vitest";

const path = new URL("../../../docs/contract/asyncapi.json", import.meta.url);

it("is a document that AsyncAPI's own parser takes without a complaint", async () => {
  const text = await readFile(path, "utf8");
  const { document, diagnostics } = await new Parser().parse(text);
  // The document is of version 3.0 on purpose: more tools read it than the latest.
  const complaints = diagnostics.filter((found) => found.code !== "asyncapi-latest-version");
  expect(complaints).toEqual([]);
  const messages = document?.messages().all() ?? [];
  expect(messages.length).toBeGreaterThan(100);
  expect(document?.channels().get("socket")?.address()).toBe("/ws");

  // Whoever takes everything proves nothing.
  const refused = await new Parser().parse({ asyncapi: "3.0.0", info: { title: "Of no version" } });
  expect(refused.document).toBeUndefined();
}, 60_000);
