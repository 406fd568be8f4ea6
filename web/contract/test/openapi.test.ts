import { fileURLToPath } from "node:url";
import { BaseResolver, createConfig, lint, lintDocument, makeDocumentFromString } from "@redocly/openapi-core";
import { expect, test } from "vitest";

const DOCUMENT = fileURLToPath(new URL("../../../docs/contract/openapi.json", import.meta.url));

// Rules that do not fit one place of the document, each with its reason. A line that is no longer needed fails the test.
const EXCEPTIONS = [
  // Answers whoever asks, whatever is asked: that is its purpose.
  "operation-4xx-response #/paths/~1healthz/get/responses",
  // Its success is 101: from there on it is a WebSocket.
  "operation-2xx-response #/paths/~1ws/get/responses",
];

test("a linter's strict recommendations hold for the OpenAPI document", async () => {
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
  const problems = await lint({ ref: DOCUMENT, config });
  const found = problems.map(({ ruleId, location }) => `${ruleId} ${location[0]?.pointer}`);
  expect(found.sort()).toEqual([...EXCEPTIONS].sort());
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
