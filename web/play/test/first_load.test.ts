import { expect, test } from "vitest";
import { firstFiles } from "../../shared/build/first_load.js";

test("the first load is the entry and all that it imports at once, each once", () => {
  const manifest = {
    "index.html": { file: "a.js", isEntry: true, css: ["a.css"], imports: ["_shared.js", "_other.js"] },
    "_shared.js": { file: "s.js", imports: ["_other.js"] },
    "_other.js": { file: "o.js", css: ["o.css"], imports: ["_shared.js"] },
    "src/late.ts": { file: "late.js", css: ["late.css"], imports: ["_shared.js"] },
  };
  expect(firstFiles(manifest)).toEqual(["a.js", "a.css", "s.js", "o.js", "o.css"]);
  expect(() => firstFiles({ "src/late.ts": { file: "late.js" } })).toThrow("no entry");
});
