import type { Frame } from "@blazing-sun/client";
import { describe, expect, it } from "vitest";
import { clockAt, recordOf, seedsOf, stepsOf } from "../src/replay.js";

const HEX = (digit: string) => digit.repeat(64);
const players = ["1", "2"].map((user_id) => ({ user_id, username: `user${user_id}` }));
const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

function event(type: string, room_seq: number, fields: object = {}): Frame {
  return { type: `games.event.${type}`, room_id: "r", room_seq, timestamp: at(room_seq), ...fields };
}

const STATE: Frame = {
  type: "games.event.room_state",
  timestamp: at(0),
  room: {
    room_id: "r",
    room_name: "Table",
    game_type: "bigger_dice",
    status: "waiting",
    host_id: "1",
    players: [],
    lobby: players,
    player_count: 2,
    room_seq: 0,
    seed_commitment: HEX("a"),
  },
};
const FRAMES: Frame[] = [
  STATE,
  event("game_started", 1, { players, first_turn: "1", commitments: [HEX("b"), null], seeds: [HEX("c"), null] }),
  event("turn_changed", 2, { current_turn: "1", turn_number: 1, deadline: at(9) }),
  event("bigger_dice.rolled", 3, { player_id: "1", roll: 6, new_score: 0 }),
  event("turn_changed", 4, { current_turn: "2", turn_number: 2, deadline: at(9) }),
  event("bigger_dice.rolled", 5, { player_id: "2", roll: 1, new_score: 0 }),
  event("bigger_dice.round_result", 6, { rolls: [["1", 6]], winner_id: "1", scores: [["1", 1]] }),
  event("bigger_dice.state", 7, { round_number: 2 }),
  event("seed_revealed", 8, { server_seed: HEX("d"), seed_commitment: HEX("a") }),
];

describe("a replay", () => {
  const steps = stepsOf(FRAMES, "1");

  it("has a step for the beginning and for each of the game's own events, with what followed from it", () => {
    expect(steps.map(({ name, userId }) => [name, userId])).toEqual([
      ["started", null],
      ["rolled", "1"],
      ["rolled", "2"],
      ["round_result", null],
    ]);
    expect(steps[1]?.view.turn?.userId).toBe("2");
    expect(steps[2]?.view.members.find(({ userId }) => userId === "1")?.score).toBe(0);
    expect(steps[3]?.view.members.find(({ userId }) => userId === "1")?.score).toBe(1);
    expect(steps[3]?.view.gameState).toMatchObject({ round_number: 2 });
  });

  it("stands still: no time runs out in it", () => {
    expect(steps.every(({ view }) => !view.turn || view.turn.deadline === null)).toBe(true);
    expect(steps.map((step) => clockAt(step).now())).toEqual([1, 3, 5, 6].map((second) => Date.parse(at(second))));
  });

  it("has no step of a room that ended before it began", () => {
    expect(
      stepsOf([STATE, event("seed_revealed", 1, { server_seed: HEX("d"), seed_commitment: HEX("a") })], "1"),
    ).toEqual([]);
    expect(stepsOf([], "1")).toEqual([]);
  });
});

describe("what is checked", () => {
  it("is what this browser recorded itself, where it did, and the server's word for the rest", () => {
    const own = { ...STATE, room: { ...(STATE.room as object), seed_commitment: HEX("e") } };
    const ready = { type: "games.command.ready", room_id: "r", user_id: "1", seed_commitment: HEX("b") };
    const roll = event("bigger_dice.rolled", 3, { player_id: "1", roll: 2, new_score: 0 });
    const { lines, hasOwn, contradicted } = recordOf(FRAMES, [own, ready, roll]);
    expect(contradicted).toEqual([roll]);
    expect(hasOwn).toBe(true);
    expect(lines.filter(({ type }) => type === "games.event.room_state")).toEqual([own]);
    expect(lines).toContain(ready);
    expect(lines.filter(({ room_seq }) => room_seq === 3)).toEqual([roll]);
    expect(lines).toContain(FRAMES[5]);
    expect(recordOf(FRAMES, [])).toEqual({ lines: FRAMES, hasOwn: false, contradicted: [] });
  });

  it("has what the server's record leaves out, in its place, and takes no ids for a difference", () => {
    const [, , , roll, turn] = FRAMES as [Frame, Frame, Frame, Frame, Frame];
    const { type, ...fields } = roll;
    const seen: Frame = { event_id: "e", correlation_id: "c", ...fields, type, timestamp: at(50) };
    const { lines, contradicted } = recordOf(
      FRAMES.filter((line) => line !== turn),
      [STATE, seen, turn],
    );
    expect(contradicted).toEqual([]);
    expect(lines).toEqual(FRAMES.map((line) => (line === roll ? seen : line)));
    // Neither an event of another kind nor one that says less is the same.
    for (const other of [
      { ...roll, type: "games.event.bigger_dice.state" },
      { ...roll, new_score: undefined },
    ]) {
      expect(recordOf([other], [seen])).toMatchObject({ lines: [seen], contradicted: [seen] });
    }
  });

  it("rests on seeds that can be read off", () => {
    expect(seedsOf(FRAMES)).toEqual({
      commitment: HEX("a"),
      serverSeed: HEX("d"),
      seats: [
        { userId: "1", username: "user1", commitment: HEX("b"), seed: HEX("c") },
        { userId: "2", username: "user2", commitment: null, seed: null },
      ],
    });
    expect(seedsOf([])).toEqual({ commitment: null, serverSeed: null, seats: [] });
  });
});
