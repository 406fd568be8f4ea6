import type { Frame } from "@blazing-sun/client";
import { afterEach, expect, it, vi } from "vitest";
import "../src/elements/replay.js";
import { Play } from "../src/play.js";
import { stubServer, user } from "./fake_server.js";

const players = ["1", "2"].map((user_id) => ({ user_id, username: `user${user_id}` }));
const event = (type: string, room_seq: number, fields: object = {}): Frame => {
  const timestamp = new Date(Date.UTC(2026, 0, 1, 0, 0, room_seq)).toISOString();
  return { type: `games.event.${type}`, room_id: "r", room_seq, timestamp, ...fields };
};
const room = {
  room_id: "r",
  room_name: "Table",
  game_type: "bigger_dice",
  status: "waiting",
  host_id: "1",
  players: [],
  lobby: players,
  player_count: 2,
  room_seq: 0,
};
const frames = [
  { type: "games.event.room_state", timestamp: new Date(0).toISOString(), room },
  event("game_started", 1, { players, first_turn: "1" }),
  event("bigger_dice.rolled", 2, { player_id: "1", roll: 6 }),
  event("bigger_dice.rolled", 3, { player_id: "2", roll: 1 }),
];

afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

it("is read out step by step where it is gone through by hand, and no button loses the focus at an end", async () => {
  const ada = user("1", "ada");
  stubServer(() => ada, { "games/bigger_dice/history/r": { game: null, frames } });
  vi.stubGlobal("BroadcastChannel", undefined);
  const play = new Play();
  await play.restore();
  const page = Object.assign(document.createElement("bs-replay"), { play, gameType: "bigger_dice", roomId: "r" });
  document.body.replaceChildren(page);
  const find = (id: string) => page.shadowRoot?.querySelector<HTMLElement>(`[data-testid="${id}"]`);
  await vi.waitFor(() => expect(find("replay-step")?.dataset.steps).toBe("3"));
  const isOff = (id: string) => find(id)?.getAttribute("aria-disabled");
  expect(find("replay-step")?.getAttribute("aria-live")).toBe("polite");
  expect([isOff("replay-first"), isOff("replay-last")]).toEqual(["true", "false"]);
  find("replay-play")?.click();
  await vi.waitFor(() => expect(find("replay-step")?.getAttribute("aria-live")).toBe("off"));
  // One that is off does nothing.
  find("replay-first")?.click();
  expect(find("replay-step")?.getAttribute("aria-live")).toBe("off");
  find("replay-last")?.click();
  await vi.waitFor(() => expect(find("replay-step")?.dataset.step).toBe("2"));
  expect(find("replay-step")?.getAttribute("aria-live")).toBe("polite");
  expect([isOff("replay-first"), isOff("replay-last")]).toEqual(["false", "true"]);
  expect(find("replay-last")?.hasAttribute("disabled")).toBe(false);
  play.client?.close();
});
