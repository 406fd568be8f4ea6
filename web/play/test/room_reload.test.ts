import { type Frame, Transcripts } from "@blazing-sun/client";
import { afterEach, expect, it, vi } from "vitest";
import "../src/elements/room.js";
import { Play } from "../src/play.js";
import { FakeSocket, stubServer, user } from "./fake_server.js";

const players = ["1", "2"].map((user_id) => ({ user_id, username: `user${user_id}` }));
const state = (room_seq: number): Frame => ({
  type: "games.event.room_state",
  room_id: "r",
  room: {
    room_id: "r",
    room_name: "Table",
    game_type: "bigger_dice",
    status: "in_progress",
    host_id: "1",
    players,
    lobby: [],
    player_count: 2,
    current_turn: "1",
    turn_number: 3,
    recovered: false,
    room_seq,
  },
});
const event = (name: string, room_seq: number, fields: object): Frame => ({
  type: `games.event.bigger_dice.${name}`,
  event_id: `${room_seq}`,
  room_id: "r",
  room_seq,
  ...fields,
});

afterEach(() => {
  document.body.replaceChildren();
  sessionStorage.clear();
  vi.unstubAllGlobals();
});

it("shows the rounds that were played before the page was reloaded", async () => {
  const ada = user("1", "ada");
  stubServer(() => ada);
  vi.stubGlobal("BroadcastChannel", undefined);
  const recorded = new Transcripts(sessionStorage);
  for (const frame of [
    state(0),
    event("rolled", 1, { player_id: "1", roll: 6 }),
    event("rolled", 2, { player_id: "2", roll: 3 }),
    event("round_result", 3, { rolls: [], winner_id: "1", is_tie: false }),
  ])
    recorded.add(frame, "1");

  const play = new Play();
  await play.restore();
  const socket = await FakeSocket.opened(1);
  socket.signIn(ada);
  socket.says(state(3));
  socket.says({ type: "games.event.bigger_dice.state", room_id: "r", round_number: 2, current_rolls: [] });
  const page = Object.assign(document.createElement("bs-room"), { play, roomId: "r" });
  document.body.replaceChildren(page);
  const find = (root: Element | ShadowRoot, id: string): HTMLElement[] =>
    [...root.querySelectorAll<HTMLElement>("*")].flatMap((element) => [
      ...(element.dataset.testid === id ? [element] : []),
      ...(element.shadowRoot ? find(element.shadowRoot, id) : []),
    ]);
  await vi.waitFor(() => {
    const lines = find(document.body, "round-line").map(({ dataset }) => [dataset.round, dataset.winner]);
    expect(lines).toEqual([["1", "1"]]);
  });
  play.client?.close();
});
