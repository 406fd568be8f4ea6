import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Draws } from "../src/index.js";

interface VectorSet {
  server_seed: string;
  room_id: string;
  seeds: (string | null)[];
  first_nonce: number;
  count: number;
  sha256: string;
  rolls: string[];
}

const file = new URL("../../../crates/domain/tests/vectors/rolls.json", import.meta.url);
const { sets } = JSON.parse(readFileSync(file, "utf8")) as { sets: VectorSet[] };

it("comes to the same 100,000 rolls as the server", { timeout: 60_000 }, async () => {
  let count = 0;
  for (const set of sets) {
    const draws = await Draws.of(set.server_seed, set.room_id, set.seeds);
    const nonces = Array.from({ length: set.count }, (_, index) => set.first_nonce + index);
    const rolled = await Promise.all(nonces.map((nonce) => draws.at(nonce)));
    const digits = rolled.map((value) => (value ?? -1) + 1).join("");
    expect(digits).toBe(set.rolls.join(""));
    expect(createHash("sha256").update(digits).digest("hex")).toBe(set.sha256);
    count += rolled.length;
  }
  expect(count).toBe(100_000);
});
