import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Refusal } from "@blazing-sun/client";
import { describe, expect, it } from "vitest";
import { REFUSALS } from "../src/texts.js";
import { wordsFor } from "../src/words.js";

const root = join(import.meta.dirname, "../../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** The members of a union of strings in the contract's types. */
function union(name: string): string[] {
  const declared =
    new RegExp(`export type ${name} =([\\s\\S]*?");`).exec(read("web/sdk/src/generated/contract.ts"))?.[1] ?? "";
  return [...declared.matchAll(/^\s*\| "(\w+)"/gm)].map(([, code]) => code ?? "");
}

/** The codes of problem documents, as the HTTP API's own document lists them for each of its answers. */
function problems(part: unknown = JSON.parse(read("docs/contract/openapi.json"))): string[] {
  if (typeof part !== "object" || part === null) return [];
  const { code } = part as { code?: { enum?: string[] } };
  return [...(code?.enum ?? []), ...Object.values(part).flatMap((each) => problems(each))];
}

describe("a refusal", () => {
  const codes = {
    "the game's rules": union("RefusalCode"),
    "the gateway": union("GatewayCode"),
    "the HTTP API": [...new Set(problems())],
    "the client itself": ["queue_full", "closed", "signed_out"],
  };

  it.each(Object.entries(codes))("of %s is told in words, whatever its code", (_, all) => {
    expect(all.length).toBeGreaterThan(2);
    expect(all.filter((code) => !REFUSALS[code])).toEqual([]);
  });

  it("names every code of the contract's own list", () => {
    const listed =
      "room_not_found room_full not_your_turn game_not_started already_in_room banned wrong_password insufficient_balance";
    const known: string[] = codes["the game's rules"];
    expect(listed.split(" ").filter((code) => !known.includes(code))).toEqual([]);
  });

  it("is told in sentences for people: no code, no empty word", () => {
    for (const [code, words] of Object.entries(REFUSALS)) {
      expect(words, code).toMatch(/^[A-Z].+[.!]$/);
      expect(words, code).not.toContain("_");
    }
  });

  it("of a newer server falls back to what that says itself", () => {
    expect(wordsFor(new Refusal("brand_new", "The moon is full."))).toBe("The moon is full.");
    expect(wordsFor(new Refusal("room_full", "Full."))).toBe("All seats are taken.");
  });
});
