import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { checkFairness, Draws, type Frame, isContradicted, type KeyValueStorage, Transcripts } from "../src/index.js";

const ROOM = "room-1";
const seed = (name: string) => createHash("sha256").update(name).digest("hex");
const commit = (hex: string) => createHash("sha256").update(Buffer.from(hex, "hex")).digest("hex");
const OTHER = seed("other");

/** Ann (1) and Bob (2) play, Bob without a seed: what Ann's page sees of it. */
async function wholeGame(): Promise<Frame[]> {
  const frames: Frame[] = [];
  let seq = 0;
  const tell = (name: string, fields: object) => {
    seq += 1;
    frames.push({ type: `games.event.${name}`, room_id: ROOM, room_seq: seq, ...fields });
  };
  const server = [seed("server 0"), seed("server 1"), seed("server 2")] as [string, string, string];
  const mine = seed("ann");
  frames.push({
    type: "games.event.room_created",
    room_id: ROOM,
    host_id: "1",
    seed_commitment: commit(server[0]),
  });
  for (const [index, user] of ["1", "2"].entries()) {
    tell("player_selected", { player: { user_id: user } });
    tell("seed_renewed", {
      previous_server_seed: server[index],
      seed_commitment: commit(server[index + 1] ?? ""),
    });
  }
  frames.push({ type: "games.command.ready", room_id: ROOM, user_id: "1", seed_commitment: commit(mine) });
  const commitments = [commit(mine), null];
  tell("seeds_requested", { seed_commitment: commit(server[2]), commitments });
  const names = new Map([
    ["1", "Ann"],
    ["2", "Bob"],
  ]);
  const players = [...names].map(([user_id, username]) => ({
    user_id,
    username,
    ...(user_id === "2" && { is_bot: true }),
  }));
  tell("game_started", { game_type: "bigger_dice", players, commitments, seeds: [mine, null] });
  const draws = await Draws.of(server[2], ROOM, [mine, null]);
  const points = new Map([...names.keys()].map((user) => [user, 0]));
  let nonce = 0;
  let winner = "";
  while (winner === "") {
    const rolled: [string, number][] = [];
    for (const user of names.keys()) {
      const roll = ((await draws.at(nonce)) ?? 0) + 1;
      tell("bigger_dice.rolled", { player_id: user, player_username: names.get(user), roll, proof: { nonce } });
      rolled.push([user, roll]);
      nonce += 1;
    }
    const highest = Math.max(...rolled.map(([, roll]) => roll));
    const best = rolled.filter(([, roll]) => roll === highest).map(([user]) => user);
    const taker = best[0] ?? "";
    if (best.length === 1) points.set(taker, (points.get(taker) ?? 0) + 1);
    if (points.get(taker) === 10) winner = taker;
  }
  tell("bigger_dice.game_over", {
    winner_id: winner,
    winner_username: names.get(winner),
    final_scores: [...points].map(([user, score]) => [user, names.get(user), score]),
  });
  tell("seed_revealed", { server_seed: server[2], seed_commitment: commit(server[2]) });
  return frames;
}

let honest: Frame[] = [];
beforeAll(async () => {
  honest = await wholeGame();
});

const is = (name: string) => (frame: Frame) => frame.type === `games.event.${name}`;

describe("the page's check of a game", () => {
  it("finds everything right in a game that was played by the rules", async () => {
    const report = await checkFairness(honest, "1");
    expect(report && isContradicted(report)).toBe(false);
    expect(report).toMatchObject({
      server: "right",
      replaced: 2,
      replacedWrong: 0,
      own: "right",
      wrongRolls: [],
      missedRolls: 0,
      result: "right",
      seats: [
        { username: "Ann", seed: "right", isBot: false },
        { username: "Bob", seed: "none", isBot: true },
      ],
    });
    expect(report?.rolls).toBeGreaterThan(19);
    expect(await checkFairness([], "1")).toBeUndefined();
  });

  it("takes no other commitment for the one that was seen, unless the seed was renewed", async () => {
    const state = (seq: number, seed_commitment: string): Frame => ({
      type: "games.event.room_state",
      room: { room_id: ROOM, room_seq: seq, seed_commitment },
    });
    // The seed that is in force as of room_seq 4, and one that it took the place of.
    const inForce = commit(seed("server 2"));
    const late = honest.filter(({ room_seq }) => Number(room_seq) > 4);
    const verdict = async (frames: Frame[]) => (await checkFairness(frames, "1"))?.server;
    expect(await verdict([state(4, inForce), ...late])).toBe("right");
    expect(await verdict([...honest, state(4, inForce)])).toBe("right");
    // The record of the server has the seed renewed, to what it reveals, before the player saw another.
    expect(await verdict([...honest, state(4, commit(OTHER))])).toBe("wrong");
    expect(await verdict(change(honest, "seeds_requested", 0, { seed_commitment: commit(OTHER) }))).toBe("wrong");
    expect(await verdict([...honest.slice(0, 5), state(4, commit(OTHER))])).toBe("wrong");
    // Renewed unseen, before and after what was seen: nothing contradicts.
    expect(await verdict([state(0, commit(OTHER)), state(4, inForce), ...late])).toBe("right");
    expect(await verdict([state(1, commit(OTHER)), ...late])).toBe("right");
  });

  it("says what can not be told yet", async () => {
    const report = await checkFairness(honest.slice(0, 12), "1");
    expect(report).toMatchObject({ server: "hidden", serverSeed: null, result: "unknown", missedRolls: 0 });
  });

  it.each<[string, (frames: Frame[]) => Frame[], object]>([
    [
      "another server seed",
      (frames) => change(frames, "seed_revealed", 0, { server_seed: OTHER }),
      { server: "wrong" },
    ],
    [
      "a commitment that was changed at the end, with its seed",
      (frames) => change(frames, "seed_revealed", 0, { server_seed: OTHER, seed_commitment: commit(OTHER) }),
      { server: "wrong" },
    ],
    [
      "another replaced seed",
      (frames) => change(frames, "seed_renewed", 0, { previous_server_seed: OTHER }),
      { replacedWrong: 1 },
    ],
    [
      "a seat's seed that was changed after its commitment",
      (frames) => change(frames, "game_started", 0, { seeds: [OTHER, null] }),
      { seats: [{ seed: "wrong" }, { seed: "none" }] },
    ],
    [
      "a seat's commitment and seed that were changed together",
      (frames) => change(frames, "game_started", 0, { seeds: [OTHER, null], commitments: [commit(OTHER), null] }),
      { seats: [{ seed: "wrong" }, { seed: "none" }], own: "wrong" },
    ],
    [
      "a player's seed that was left out",
      (frames) => change(frames, "game_started", 0, { seeds: [null, null], commitments: [null, null] }),
      { seats: [{ seed: "wrong" }, { seed: "none" }], own: "wrong" },
    ],
    [
      "a better roll",
      (frames) => change(frames, "bigger_dice.rolled", 4, { roll: 7 }),
      { wrongRolls: [{ number: 5, value: 7, username: "Ann" }] },
    ],
    [
      "a roll given twice",
      (frames) => change(frames, "bigger_dice.rolled", 4, { proof: { nonce: 3 } }),
      { wrongRolls: [{ number: 5, drawn: null }] },
    ],
    [
      "a roll without a place",
      (frames) => change(frames, "bigger_dice.rolled", 0, { proof: null }),
      { wrongRolls: [{ number: 1, drawn: null }] },
    ],
    [
      "another winner",
      (frames) => {
        const over = frames.find(is("bigger_dice.game_over"));
        return change(frames, "bigger_dice.game_over", 0, { winner_id: over?.winner_id === "1" ? "2" : "1" });
      },
      { result: "wrong" },
    ],
    [
      "other points",
      (frames) => {
        const over = frames.find(is("bigger_dice.game_over"));
        const rows = over?.final_scores as [string, string, number][];
        const scores = rows.map(([user, name, points]) => [user, name, points === 10 ? 10 : points + 1]);
        return change(frames, "bigger_dice.game_over", 0, { final_scores: scores });
      },
      { result: "wrong" },
    ],
  ])("names %s", async (_, forge, found) => {
    const report = await checkFairness(forge(honest), "1");
    expect(report).toMatchObject(found);
    expect(report && isContradicted(report)).toBe(true);
  });

  it("holds a page that was away for some of it to what it saw", async () => {
    const rolled = honest.filter(is("bigger_dice.rolled"));
    const missed = new Set(rolled.slice(6, 9));
    const report = await checkFairness(
      honest.filter((frame) => !missed.has(frame)),
      "1",
    );
    expect(report).toMatchObject({ server: "right", wrongRolls: [], missedRolls: 3, result: "unknown" });
    expect(report && isContradicted(report)).toBe(false);
  });

  it("does not hold a seed to a commitment that may have been replaced unseen", async () => {
    const unseen = honest.filter((frame) => frame.room_seq !== 3 && frame.room_seq !== 4);
    const report = await checkFairness(unseen, "1");
    expect(report).toMatchObject({ server: "right", replaced: 1, replacedWrong: 0 });
    const late = await checkFairness(honest.slice(-1), "1");
    expect(late).toMatchObject({ server: "unknown", seats: [] });
  });
});

function change(frames: Frame[], name: string, nth: number, fields: object): Frame[] {
  const target = frames.filter(is(name))[nth];
  expect(target).toBeDefined();
  return frames.map((frame) => (frame === target ? { ...frame, ...fields } : frame));
}

class Storage implements KeyValueStorage {
  readonly items = new Map<string, string>();
  isFull = false;
  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    if (this.isFull) throw new Error("QuotaExceededError");
    this.items.set(key, value);
  }
  removeItem(key: string): void {
    this.items.delete(key);
  }
}

describe("the record of a room", () => {
  const fill = (transcripts: Transcripts, frames: readonly Frame[]) => {
    for (const frame of frames) {
      if (frame.type === "games.command.ready") transcripts.addReady(ROOM, "1", String(frame.seed_commitment));
      else transcripts.add(frame, "1");
    }
  };

  it("keeps each room-wide event once, also over a reload", () => {
    const storage = new Storage();
    fill(new Transcripts(storage), honest.slice(0, 40));
    const reloaded = new Transcripts(storage);
    fill(reloaded, honest.slice(30));
    expect(reloaded.lines(ROOM)).toEqual(honest);
    const lines = reloaded.file(ROOM).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(honest);
  });

  it("takes what its storage refuses, and reads no rubbish", () => {
    const storage = new Storage();
    storage.isFull = true;
    const transcripts = new Transcripts(storage);
    fill(transcripts, honest);
    expect(transcripts.lines(ROOM)).toEqual(honest);
    for (const rubbish of ["", "{", "7", '{"a":1}']) {
      storage.items.set(`blazing-sun.transcript.${ROOM}.0`, rubbish);
      storage.items.set("blazing-sun.transcripts", rubbish);
      expect(new Transcripts(storage).lines(ROOM)).toEqual([]);
    }
  });

  it("forgets old rooms, and never begins with strangers' ones", () => {
    const storage = new Storage();
    const transcripts = new Transcripts(storage);
    transcripts.add({ type: "games.event.room_created", room_id: "foreign", host_id: "9" }, "1");
    expect(transcripts.lines("foreign")).toEqual([]);
    for (let room = 0; room < 6; room++) {
      transcripts.add({ type: "games.event.lobby_joined", room_id: `r${room}`, room_seq: 1 }, "1");
    }
    const reloaded = new Transcripts(storage);
    const kept = [0, 1, 2, 3, 4, 5].filter((room) => reloaded.lines(`r${room}`).length > 0);
    expect(kept).toEqual([2, 3, 4, 5]);
  });

  it("takes a room's state where events are missing, and only there", () => {
    const transcripts = new Transcripts(new Storage());
    const state = (seq: number): Frame => ({
      type: "games.event.room_state",
      room: { room_id: ROOM, room_seq: seq, seed_commitment: commit(OTHER) },
    });
    const event = (seq: number): Frame => ({ type: "games.event.turn_changed", room_id: ROOM, room_seq: seq });
    for (const frame of [state(3), event(4), state(4), event(5), state(9), event(10)]) transcripts.add(frame, "1");
    expect(transcripts.lines(ROOM)).toEqual([state(3), event(4), event(5), state(9), event(10)]);
  });
});
