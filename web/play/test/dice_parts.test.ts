import { type Frame, foldRoom, type RoomView } from "@blazing-sun/client";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Round, roundsOf } from "../src/elements/dice_rounds.js";
import "../src/elements/dice_tie.js";
import { Sound } from "../src/sound.js";

const PLAYERS = ["1", "2", "3"].map((user_id) => ({ user_id, username: `user${user_id}` }));

function room(...events: [name: string, fields: object][]): RoomView {
  const state: Frame = {
    type: "games.event.room_state",
    room: {
      room_id: "r",
      room_name: "Table",
      game_type: "bigger_dice",
      status: "in_progress",
      host_id: "1",
      players: PLAYERS,
      lobby: [],
      player_count: 3,
      room_seq: 0,
    },
  };
  let view = foldRoom(undefined, state, "1");
  for (const [index, [name, fields]] of events.entries()) {
    view = foldRoom(
      view,
      { type: `games.event.bigger_dice.${name}`, room_id: "r", room_seq: index + 1, ...fields },
      "1",
    );
  }
  if (!view) throw new Error("no room");
  return view;
}

const rolled = (player_id: string, roll: number): [string, object] => ["rolled", { player_id, roll }];
const won = (winner_id: string): [string, object] => ["round_result", { rolls: [], winner_id, is_tie: false }];
const tied: [string, object] = ["round_result", { rolls: [], winner_id: null, is_tie: true }];
const plain = (rounds: readonly Round[]) =>
  rounds.map(({ number, rolls, winnerId }) => [number, Object.fromEntries(rolls), winnerId]);

describe("the rounds of Bigger Dice", () => {
  const first = [rolled("1", 4), rolled("2", 4), rolled("3", 1), tied, rolled("1", 2), rolled("2", 6), won("2")];

  it("have all throws of each player, those of tie-breaks behind the first", () => {
    const rounds = roundsOf(room(...first, rolled("2", 3)), 2);
    expect(plain(rounds)).toEqual([
      [1, { 1: [4, 2], 2: [4, 6], 3: [1] }, "2"],
      [2, { 2: [3] }, null],
    ]);
  });

  it("are numbered backwards from the one that is known", () => {
    expect(roundsOf(room(...first), 8).map(({ number }) => number)).toEqual([7]);
    expect(roundsOf(room(...first, rolled("2", 1)), 8).map(({ number }) => number)).toEqual([7, 8]);
    const over: [string, object] = ["game_over", { winner_id: "2", winner_username: "b", final_scores: [["2", 10]] }];
    expect(roundsOf(room(...first, over), 8).map(({ number }) => number)).toEqual([8]);
    expect(roundsOf(room(), 3)).toEqual([]);
  });

  it("are taken from their result where the throws were not seen", () => {
    const rolls = ["1", "2", "3"].map((id, at) => [id, 5 - at]);
    const result: [string, object] = ["round_result", { rolls, winner_id: "1", is_tie: false }];
    expect(plain(roundsOf(room(result), 5))).toEqual([[4, { 1: [5], 2: [4], 3: [3] }, "1"]]);
  });

  it("leave out one that began unseen, once it is over", () => {
    expect(plain(roundsOf(room(rolled("3", 1)), 4))).toEqual([[4, { 3: [1] }, null]]);
    const rest = [rolled("3", 1), tied, rolled("1", 2), rolled("2", 6), won("2")];
    expect(plain(roundsOf(room(...rest, ...first), 6)).map(([number]) => number)).toEqual([5]);
  });

  describe("after a reload", () => {
    const state: Frame = { type: "games.event.room_state", room: { room_seq: 0 } };
    const lines = first.map(
      ([name, fields], index): Frame => ({
        type: `games.event.bigger_dice.${name}`,
        room_seq: index + 1,
        ...fields,
      }),
    );
    const reloaded = (...events: [name: string, fields: object][]): RoomView => {
      const view = room(...first, ...events);
      return { ...view, gameEvents: view.gameEvents.slice(first.length) };
    };

    it("go on with those that were recorded, each event counted once", () => {
      const rounds = [
        [1, { 1: [4, 2], 2: [4, 6], 3: [1] }, "2"],
        [2, { 2: [3] }, null],
      ];
      expect(plain(roundsOf(reloaded(), 2, [state, ...lines]))).toEqual(rounds.slice(0, 1));
      const seen = reloaded(rolled("2", 3));
      const line = seen.gameEvents[0] as Frame;
      expect(plain(roundsOf(seen, 2, [state, ...lines, line]))).toEqual(rounds);
      expect(plain(roundsOf(seen, 2, []))).toEqual(rounds.slice(1));
    });

    it("begin anew where events are missing in the record", () => {
      const gap: Frame = { type: "games.event.room_state", room: { room_seq: first.length } };
      expect(roundsOf(reloaded(), 2, [state, ...lines.slice(0, -1), gap])).toEqual([]);
      expect(roundsOf(reloaded(), 2, [state, ...lines.slice(0, -1)])).toEqual([]);
    });
  });
});

describe("a tie-break", () => {
  afterEach(() => document.body.replaceChildren());

  it("says who is still in, and who is out with what", async () => {
    const view = room();
    const rolls = new Map([
      ["1", [4]],
      ["2", [4]],
      ["3", [1]],
    ]);
    const element = Object.assign(document.createElement("bs-dice-tie"), {
      userIds: ["1", "2"],
      value: 4,
      rolls,
      players: view.members,
      me: "2",
    });
    document.body.append(element);
    await (element as unknown as { updateComplete: Promise<boolean> }).updateComplete;
    const find = (id: string) => element.shadowRoot?.querySelector(`[data-testid="${id}"]`)?.textContent?.trim();
    expect(find("tie")).toContain("Tie: 2 threw a 4.");
    expect([find("tie-in-1"), find("tie-in-2")]).toEqual(["user1", "You"]);
    expect(find("tie-in-3")).toBeUndefined();
    expect(find("tie-out")).toBe("Out of this round: user3 (1)");
  });
});

describe("the sound", () => {
  function heard(stored: string | null = null) {
    const kept = new Map(stored === null ? [] : [["blazing-sun.sound", stored]]);
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
    };
    const node: Record<string, unknown> = { connect: () => node, start: vi.fn(), stop: vi.fn(), frequency: {}, Q: {} };
    node.gain = { setValueAtTime: vi.fn(), exponentialRampToValueAtTime: vi.fn() };
    const context = {
      currentTime: 0,
      sampleRate: 8_000,
      state: "running",
      createBuffer: () => ({ getChannelData: () => new Float32Array(400) }),
      createBufferSource: () => node,
      createOscillator: () => node,
      createGain: () => node,
      createBiquadFilter: () => node,
    };
    const make = vi.fn(() => context as unknown as AudioContext);
    return { sound: new Sound(storage as never, make), make, kept, started: node.start as ReturnType<typeof vi.fn> };
  }

  it("waits for the player's first touch", () => {
    const { sound, make, started } = heard();
    sound.play("land");
    expect(make).not.toHaveBeenCalled();
    dispatchEvent(new Event("pointerdown"));
    for (const cue of ["roll", "land", "point", "tie", "win"] as const) sound.play(cue);
    expect(make).toHaveBeenCalledTimes(1);
    expect(started.mock.calls.length).toBeGreaterThan(5);
  });

  it("is turned off for good", () => {
    const { sound, make, kept } = heard();
    dispatchEvent(new Event("keydown"));
    sound.turn(false);
    sound.play("point");
    expect(make).not.toHaveBeenCalled();
    expect(kept.get("blazing-sun.sound")).toBe("off");
    expect(heard("off").sound.isOn).toBe(false);
    expect(heard("on").sound.isOn).toBe(true);
    expect(heard().sound.isOn).toBe(true);
  });
});
