import { fileURLToPath } from "node:url";
import { BaseResolver, createConfig, lint, lintDocument, makeDocumentFromString } from "@redocly/openapi-core";
import { expect, test } from "vitest";

const pathOf = (name: string) => fileURLToPath(new URL(`../../../docs/contract/${name}`, import.meta.url));

// The documents, each with the rules that do not fit one place of it, and why. A line that is no longer needed fails the test.
const DOCUMENTS: [string, string[]][] = [
  [
    "openapi.json",
    [
      // Answers whoever asks, whatever is asked: that is its purpose.
      "operation-4xx-response #/paths/~1healthz/get/responses",
      // Its success is 101: from there on it is a WebSocket.
      "operation-2xx-response #/paths/~1ws/get/responses",
    ],
  ],
  ["openapi-operators.json", []],
];

test.each(DOCUMENTS)("a linter's strict recommendations hold for %s", async (name, exceptions) => {
  const config = await createConfig({
    extends: ["recommended-strict"],
    rules: {
      "no-invalid-media-type-examples": "error",
      "no-invalid-parameter-examples": "error",
      "no-invalid-schema-examples": "error",
      "no-unused-components": "error",
      "operation-operationId": "error",
      "operation-operationId-url-safe": "error",
      "operation-description": "off",
      "operation-tag-defined": "error",
      "parameter-description": "error",
      "tag-description": "error",
      "paths-kebab-case": "error",
      "path-excludes-patterns": { severity: "error", patterns: ["\\.php", "\\?"] },
    },
  });
  const problems = await lint({ ref: pathOf(name), config });
  const found = problems.map(({ ruleId, location }) => `${ruleId} ${location[0]?.pointer}`);
  expect(found.sort()).toEqual([...exceptions].sort());
});

test("the linter sees what is wrong", async () => {
  const config = await createConfig({ extends: ["recommended-strict"] });
  const document = makeDocumentFromString(
    '{"openapi":"3.1.1","info":{"title":"x"},"paths":{"/a":{"get":{}}}}',
    "a.json",
  );
  const problems = await lintDocument({ document, externalRefResolver: new BaseResolver(), config });
  expect(problems.map(({ ruleId }) => ruleId)).toEqual(expect.arrayContaining(["struct", "operation-summary"]));
});
