import type { PlayedGame } from "@blazing-sun/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import "../src/elements/history.js";
import { Play } from "../src/play.js";
import { FakeSocket, stubServer, user } from "./fake_server.js";

const ADA = user("1", "Ada");

function game(room_id: string, more: Partial<PlayedGame> = {}): PlayedGame {
  return {
    room_id,
    room_name: "<b>Table</b>",
    game_type: "bigger_dice",
    seated_at: "2026-01-01T10:00:00Z",
    ended_at: "2026-01-01T10:05:00Z",
    result: "lost",
    fee_cents: 1_000,
    returned_cents: 0,
    prize_cents: 0,
    currency: "eur",
    players: [
      { user_id: "1", username: "Ada", has_won: false },
      { user_id: "2", username: null, has_won: true },
    ],
    ...more,
  };
}

const STATISTICS = {
  currency: "eur",
  games: [
    { game_type: "bigger_dice", played: 3, won: 1, returned: 0, fees_cents: 3_000, prizes_cents: 1_600 },
    { game_type: "tic_tac_toe", played: 1, won: 1, returned: 1, fees_cents: 1_000, prizes_cents: 1_600 },
  ],
};

async function shown(answers: Record<string, unknown>) {
  answers["me/statistics"] = STATISTICS;
  stubServer(() => ADA, answers);
  const play = new Play();
  await play.restore();
  const page = Object.assign(document.createElement("bs-history"), { play });
  document.body.replaceChildren(page);
  const root = page.shadowRoot as ShadowRoot;
  const all = (id: string) => [...root.querySelectorAll<HTMLElement>(`[data-testid="${id}"]`)];
  return { play, root, all };
}

describe("the page of played games", () => {
  beforeEach(() => {
    history.replaceState(null, "", "/history");
    vi.stubGlobal("BroadcastChannel", undefined);
  });
  afterEach(() => {
    document.body.replaceChildren();
    vi.unstubAllGlobals();
    FakeSocket.all.length = 0;
  });

  it("tells each game's money, result and people, with names as text", async () => {
    const won = game("b", { result: "won", prize_cents: 1_600 });
    const drawn = game("c", { result: "returned", returned_cents: 1_000 });
    const { all } = await shown({ "me/games": { games: [game("a"), won, drawn], next_cursor: null } });
    await vi.waitFor(() => expect(all("played")).toHaveLength(3));
    expect(all("played").map(({ dataset }) => [dataset.roomId, dataset.result, dataset.net])).toEqual([
      ["a", "lost", "-1000"],
      ["b", "won", "600"],
      ["c", "returned", "0"],
    ]);
    expect(all("played")[0]?.textContent).toContain("<b>Table</b>");
    expect(all("played")[0]?.textContent).toContain("with Player 2");
    expect(all("played")[1]?.querySelector("a")?.getAttribute("href")).toBe("/history/bigger_dice/b");
    expect(all("history-older")).toHaveLength(0);
  });

  it("reads on where the cursor leads, and keeps what it has", async () => {
    const { all } = await shown({
      "me/games": { games: [game("a")], next_cursor: "next" },
      "me/games?cursor=next": { games: [game("b")], next_cursor: null },
    });
    await vi.waitFor(() => expect(all("history-older")).toHaveLength(1));
    all("history-older")[0]?.click();
    await vi.waitFor(() => expect(all("played").map(({ dataset }) => dataset.roomId)).toEqual(["a", "b"]));
    expect(all("history-older")).toHaveLength(0);
  });

  it("keeps what it has where an older page fails, and asks for that page again", async () => {
    const answers: Record<string, unknown> = {
      "me/games": { games: [game("a")], next_cursor: "next" },
      "me/games?cursor=next": null,
    };
    const { all } = await shown(answers);
    await vi.waitFor(() => expect(all("history-older")).toHaveLength(1));
    const [older] = all("history-older");
    const states: unknown[] = [];
    const watch = new MutationObserver(() =>
      states.push([older?.getAttribute("aria-disabled"), older?.hasAttribute("disabled")]),
    );
    if (older) watch.observe(older, { attributes: true });
    older?.click();
    await vi.waitFor(() => expect(all("history-again")).toHaveLength(1));
    watch.disconnect();
    // Off while it reads, and yet not without the focus.
    expect(states).toContainEqual(["true", false]);
    answers["me/games?cursor=next"] = { games: [game("b")], next_cursor: null };
    all("history-again")[0]?.click();
    expect(all("played")).toHaveLength(1);
    await vi.waitFor(() => expect(all("played").map(({ dataset }) => dataset.roomId)).toEqual(["a", "b"]));
  });

  it("shows one game's alone, as the address says, with its figures", async () => {
    history.replaceState(null, "", "/history?game=tic_tac_toe");
    const { all } = await shown({
      "me/games": { games: [game("a")], next_cursor: null },
      "games/tic_tac_toe/history": { games: [], next_cursor: null },
    });
    await vi.waitFor(() => expect(all("history-empty")).toHaveLength(1));
    all("history-of-all")[0]?.click();
    await vi.waitFor(() => expect(all("played")).toHaveLength(1));
    expect(location.search).toBe("");
    const figures = document.querySelector("bs-history")?.shadowRoot?.querySelector("bs-figures")?.shadowRoot;
    const figure = (of: string) => figures?.querySelector(`[data-testid="figure-${of}"]`)?.textContent;
    expect([figure("played"), figure("won"), figure("net")]).toEqual(["4", "2 · 50 %", "−8.00\u00a0€"]);
  });

  it("says what is wrong and asks again", async () => {
    const answers: Record<string, unknown> = { "me/games": null };
    const { all } = await shown(answers);
    await vi.waitFor(() => expect(all("history-again")).toHaveLength(1));
    expect(all("played")).toHaveLength(0);
    answers["me/games"] = { games: [game("a")], next_cursor: null };
    all("history-again")[0]?.click();
    await vi.waitFor(() => expect(all("played")).toHaveLength(1));
    expect(all("history-again")).toHaveLength(0);
  });
});
