import { commitmentOf, type Frame } from "@blazing-sun/client";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Proof } from "../src/elements/proof.js";

const SEED = "d".repeat(64);

function ended(seed_commitment: string): Frame[] {
  return [
    { type: "games.event.room_state", room: { room_id: "r", room_seq: 1, seed_commitment } },
    { type: "games.event.seed_revealed", room_id: "r", room_seq: 2, server_seed: SEED, seed_commitment },
  ];
}

async function drawn(fields: Partial<Proof>) {
  const element = Object.assign(new Proof(), {
    roomId: "r",
    me: "1",
    hasOwn: true,
    hasDraws: true,
    contradicted: [],
    ...fields,
  });
  document.body.replaceChildren(element);
  await element.updateComplete;
  const find = (id: string) => element.shadowRoot?.querySelector<HTMLElement>(`[data-testid="${id}"]`);
  const verdict = (kind: string) => vi.waitFor(() => expect(find("proof-verdict")?.dataset.verdict).toBe(kind));
  return { element, find, verdict };
}

afterEach(() => document.body.replaceChildren());

describe("the proof of a played game", () => {
  it("is wrong where the server's record tells what this browser saw otherwise", async () => {
    const lines = ended(await commitmentOf(SEED));
    const { element, find, verdict } = await drawn({ lines });
    await verdict("right");
    expect(find("check-record")).toBeNull();
    element.contradicted = lines.slice(1);
    await verdict("wrong");
    expect(find("check-record")?.textContent).toBe(
      "The server’s record tells 1 event of this game otherwise than this browser saw it.",
    );
  });

  it("says so of a game without draws, too", async () => {
    const lines = ended("a".repeat(64));
    const { element, find, verdict } = await drawn({ lines, hasDraws: false });
    expect(find("proof-none")).not.toBeNull();
    expect(find("proof-verdict")).toBeNull();
    element.contradicted = lines;
    await verdict("wrong");
    expect(find("check-record")?.textContent).toContain("tells 2 events of this game otherwise");
  });

  it("is checked again where the record has other lines, were they as many", async () => {
    const { element, verdict } = await drawn({ lines: ended("a".repeat(64)) });
    await verdict("wrong");
    element.lines = ended(await commitmentOf(SEED));
    await verdict("right");
  });

  it("is not checked again for the same lines in another list", async () => {
    const { element, find, verdict } = await drawn({ lines: ended(await commitmentOf(SEED)) });
    await verdict("right");
    element.lines = [...element.lines];
    await element.updateComplete;
    expect(find("proof-verdict")).not.toBeNull();
  });
});
