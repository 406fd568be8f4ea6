import { describe, expect, it } from "vitest";
import { foldRoom, type RoomView, roleIn } from "../src/index.js";
import { isWritable, readableChannels } from "../src/room_chat.js";
import type { Frame } from "../src/wire.js";

const ADA = { user_id: "1", username: "ada", joined_at: "2026-01-01T00:00:01Z" };
const BOB = { user_id: "2", username: "bob", joined_at: "2026-01-01T00:00:02Z" };
const CYD = { user_id: 3, username: "cyd", joined_at: "2026-01-01T00:00:03Z" };

const STATE: Frame = {
  type: "games.event.room_state",
  room: {
    room_id: "r",
    room_name: "Table",
    game_type: "bigger_dice",
    status: "waiting",
    host_id: "1",
    players: [],
    lobby: [BOB, ADA],
    selected_players: [],
    player_count: 2,
    entry_fee_cents: 1000,
    prize_cents: 1600,
    seed_commitment: "c0",
    room_seq: 1,
  },
};

/** The room after these events, each written as its name and fields. */
function after(...events: [name: string, fields?: object][]): RoomView {
  let view = foldRoom(undefined, STATE, "1");
  let seq = 1;
  for (const [name, fields] of events) {
    seq += 1;
    view = foldRoom(view, { type: `games.event.${name}`, room_id: "r", room_seq: seq, ...fields }, "1");
  }
  if (!view) throw new Error("no room");
  return view;
}

const SELECTED: [string, object][] = [
  ["player_selected", { player: ADA }],
  ["player_selected", { player: BOB }],
];
const STARTED: [string, object][] = [
  ...SELECTED,
  [
    "game_started",
    {
      game_type: "bigger_dice",
      players: [BOB, ADA],
      first_turn: "2",
      seeds: [null, "a".repeat(64)],
    },
  ],
];

describe("before play", () => {
  it("lists members in order of arrival and the seats as wanted", () => {
    const room = after();
    expect(room.members.map((member) => member.username)).toEqual(["ada", "bob"]);
    expect(room).toMatchObject({ seats: 2, selected: [], phase: "waiting", entryFeeCents: 1000, prizeCents: 1600 });
  });

  it("adds whoever comes, also with an integer for an id", () => {
    expect(after(["lobby_joined", { player: CYD }]).members.at(-1)?.userId).toBe("3");
  });

  it("selects, and takes selection and readiness back", () => {
    const ready = after(...SELECTED, ["player_ready_changed", { user_id: "1", is_ready: true }]);
    expect(ready.selected).toEqual(["1", "2"]);
    expect(ready.members[0]?.isReady).toBe(true);
    const renewed = after(
      ...SELECTED,
      ["player_ready_changed", { user_id: "1", is_ready: true }],
      ["player_deselected", { user_id: "2", username: "bob" }],
      ["seed_renewed", { seed_commitment: "c1" }],
    );
    expect(renewed.selected).toEqual(["1"]);
    expect(renewed.members[0]?.isReady).toBe(false);
    expect(renewed.fairness.commitment).toBe("c1");
  });

  it("goes through starting and seeds, and back where a seed does not come", () => {
    const deadline = "2026-01-01T00:00:30Z";
    const starting = after(...SELECTED, ["game_starting", { players: [ADA, BOB], deadline }]);
    expect(starting).toMatchObject({ phase: "starting", phaseDeadline: Date.parse(deadline) });
    const seeds = after(...SELECTED, ["seeds_requested", { seed_commitment: "c0", commitments: [], deadline }]);
    expect(seeds.phase).toBe("seeds");
    const voided = after(
      ...SELECTED,
      ["seeds_requested", { seed_commitment: "c0", commitments: [], deadline }],
      ["seed_voided", { user_id: "2" }],
    );
    expect(voided).toMatchObject({ phase: "waiting", phaseDeadline: null, selected: ["1"] });
  });

  it("leaves those without a seat behind when the seats are full", () => {
    const others = after(["lobby_joined", { player: CYD }], ["game_starting", { players: [ADA, BOB] }]);
    expect(others.members.map((member) => member.userId)).toEqual(["1", "2"]);
    const mine = after(["removed_from_game", { user_id: "1", reason: "not_selected", message: "full" }]);
    expect(mine).toMatchObject({ phase: "over", removal: { reason: "not_selected", message: "full" } });
  });

  it("follows the host", () => {
    expect(after(["host_changed", { host_id: "2", host_username: "bob" }]).hostId).toBe("2");
  });

  it("hands a leaving host's room to the longest there", () => {
    expect(after(["lobby_joined", { player: CYD }], ["player_left", ADA]).hostId).toBe("2");
    expect(after(["lobby_joined", { player: CYD }], ["player_left", { ...ADA, host_id: "3" }]).hostId).toBe("3");
    const bobGone: [string, object] = ["player_disconnected", BOB];
    expect(after(["lobby_joined", { player: CYD }], bobGone, ["player_left", ADA]).hostId).toBe("3");
    expect(after(bobGone, ["player_left", ADA]).hostId).toBe("2");
  });

  it("shows who is gone and until when, and goes on without them and with the next host", () => {
    const gone: [string, object] = ["player_disconnected", { ...ADA, timeout_at: "2026-01-01T00:01:00Z" }];
    const away = after(...SELECTED, gone);
    expect(away).toMatchObject({ phase: "waiting", selected: ["1", "2"], hostId: "1" });
    expect(away.members[0]).toMatchObject({ isGone: true, goneUntil: Date.parse("2026-01-01T00:01:00Z") });
    const back = after(...SELECTED, gone, ["player_rejoined", ADA]);
    expect(back.members[0]).toMatchObject({ isGone: false, goneUntil: null });

    let room: RoomView | undefined = after(["lobby_joined", { player: CYD }], ...SELECTED, gone);
    for (const [name, fields] of [
      ["player_left", ADA],
      ["host_changed", { host_id: "3", host_username: "cyd" }],
    ] as const) {
      room = foldRoom(room, { type: `games.event.${name}`, room_id: "r", room_seq: 9, ...fields }, "2");
    }
    expect(room).toMatchObject({ phase: "waiting", selected: ["2"], hostId: "3", removal: null });
    expect(room?.members.map((member) => member.userId)).toEqual(["2", "3"]);
  });

  it("is over for whoever was away for too long, and says why", () => {
    expect(after(["player_disconnected", ADA], ["player_left", ADA])).toMatchObject({
      phase: "over",
      removal: { reason: "absent" },
    });
    expect(after(["player_left", ADA]).removal).toBeNull();
    expect(after(["not_in_room", { status: "waiting" }])).toMatchObject({
      phase: "over",
      removal: { reason: "not_in_room" },
    });
  });

  it("is over for whoever is kicked, and says why", () => {
    expect(after(["player_kicked", ADA])).toMatchObject({ phase: "over", removal: { reason: "kicked" } });
    expect(after(["player_kicked", BOB]).phase).toBe("waiting");
  });
});

describe("who watches, and what a host may do", () => {
  const watching: [string, object] = ["spectator_joined", { user_id: 3, username: "cyd", spectator_count: 1 }];

  it("lists spectators by name, and follows them between lobby and spectators", () => {
    const room = after(watching);
    expect(room.spectators).toEqual([{ userId: "3", username: "cyd" }]);
    expect(room.spectatorCount).toBe(1);
    const playing = after(watching, ["lobby_joined", { player: CYD }]);
    expect(playing.spectators).toEqual([]);
    expect(playing.spectatorCount).toBe(0);
    expect(playing.members.map((member) => member.userId)).toContain("3");
    const moved = after(["spectator_joined", { user_id: "2", username: "bob", spectator_count: 1 }]);
    expect(moved.members.map((member) => member.userId)).toEqual(["1"]);
    expect(roleIn(moved, "2")).toBe("spectator");
  });

  it("counts where many watch, and names them again when they are few", () => {
    const many = after(watching, ["spectators_updated", { spectator_count: 80 }]);
    expect(many.spectatorCount).toBe(80);
    const few = after(watching, ["spectators_updated", { spectator_count: 1, spectators_data: [BOB] }]);
    expect(few.spectators).toEqual([{ userId: "2", username: "bob" }]);
  });

  it("knows that this user watches where the list is cut before them", () => {
    const room = { ...(STATE.room as object), spectator_count: 60, spectators_data: [CYD], lobby: [] };
    const view = foldRoom(undefined, { ...STATE, room }, "99");
    expect(view && roleIn(view, "99")).toBe("spectator");
    expect(view && roleIn(view, "98")).toBe("none");
  });

  it("is over for a spectator who is sent out, and for one who is banned", () => {
    const out = foldRoom(
      after(["spectator_joined", { user_id: "1", username: "ada" }]),
      { type: "games.event.spectator_kicked", room_id: "r", room_seq: 3, user_id: "1", username: "ada" },
      "1",
    );
    expect(out).toMatchObject({ phase: "over", removal: { reason: "kicked" } });
    const banned = after(["player_banned", ADA]);
    expect(banned).toMatchObject({ phase: "over", removal: { reason: "banned" } });
    // In play too, where a seat would stay its player's.
    const room = {
      ...(STATE.room as object),
      status: "in_progress",
      lobby: [],
      spectator_count: 1,
      spectators_data: [ADA],
    };
    const watching = foldRoom(
      undefined,
      { ...STATE, room: { ...room, players: [BOB, CYD], selected_players: ["2", "3"] } },
      "1",
    );
    expect(watching && roleIn(watching, "1")).toBe("spectator");
    const ban = { type: "games.event.player_banned", room_id: "r", room_seq: 2, ...ADA };
    expect(foldRoom(watching, ban, "1")).toMatchObject({ phase: "over", removal: { reason: "banned" } });
    expect(foldRoom(watching, { ...ban, user_id: "9", username: "eve" }, "1")?.phase).not.toBe("over");
  });

  it("keeps who is banned and who is muted", () => {
    const muted: [string, object] = ["user_muted", { target_user_id: 2, target_username: "bob" }];
    expect(after(muted, muted).muted).toEqual(["2"]);
    expect(after(muted, ["user_unmuted", { target_user_id: "2", target_username: "bob" }]).muted).toEqual([]);
    const banned = after(["player_banned", BOB]);
    expect(banned.banned).toEqual([{ userId: "2", username: "bob" }]);
    expect(banned.members.map((member) => member.userId)).toEqual(["1"]);
    expect(after(["player_banned", BOB], ["player_unbanned", BOB]).banned).toEqual([]);
    // A state that lists ids alone does not take the names away that were seen.
    const again = foldRoom(banned, { ...STATE, room: { ...(STATE.room as object), banned_users: ["2", "9"] } }, "1");
    expect(again?.banned).toEqual([
      { userId: "2", username: "bob" },
      { userId: "9", username: null },
    ]);
  });
});

describe("chat", () => {
  const message = (id: string, channel = "lobby") => ({
    message_id: id,
    channel,
    user_id: "2",
    username: "bob",
    content: id,
  });

  it("keeps each channel's messages once, history before what was seen", () => {
    const room = after(
      ["chat_message", message("m3")],
      ["chat_message", message("p1", "players")],
      ["chat_history", { channel: "lobby", messages: [message("m1"), message("m2"), message("m3"), { content: 1 }] }],
      ["chat_message", message("m4")],
      ["chat_message", message("m5", "elsewhere")],
    );
    expect(room.chat.lobby.map(({ content }) => content)).toEqual(["m1", "m2", "m3", "m4"]);
    expect(room.chat.players.map(({ content }) => content)).toEqual(["p1"]);
    expect(room.chat.spectators).toEqual([]);
    const reloaded = foldRoom(room, STATE, "1");
    expect(reloaded?.chat).toBe(room.chat);
  });

  it("says who reads and writes which channel", () => {
    const room = after(...SELECTED.slice(1), ["spectator_joined", { user_id: "3", username: "cyd" }]);
    expect(readableChannels(room, "1")).toEqual(["lobby"]);
    expect(readableChannels(room, "2")).toEqual(["lobby", "players"]);
    expect(readableChannels(room, "3")).toEqual(["lobby", "players", "spectators"]);
    expect(readableChannels(room, "4")).toEqual([]);
    expect(["1", "2", "3"].map((user) => isWritable(room, user, "lobby"))).toEqual([true, true, true]);
    expect(["1", "2", "3"].map((user) => isWritable(room, user, "players"))).toEqual([false, true, false]);
    expect(["1", "2", "3"].map((user) => isWritable(room, user, "spectators"))).toEqual([false, false, true]);
    const playing = after(...STARTED);
    expect(isWritable(playing, "1", "lobby")).toBe(false);
  });
});

describe("a game that waits for who is gone", () => {
  const state = (fields: object): [string, object] => ["bigger_dice.state", fields];

  it("is paused until they are back", () => {
    const paused: [string, object] = [
      "bigger_dice.game_paused",
      { player_id: "2", player_username: "bob", timeout_at: "2026-01-01T00:10:00Z" },
    ];
    const until = Date.parse("2026-01-01T00:10:00Z");
    expect(after(...STARTED, paused).pause).toEqual({ userId: "2", until });
    expect(after(...STARTED, paused, state({ is_paused: true, disconnected_player: "2" })).pause?.until).toBe(until);
    expect(after(...STARTED, paused, ["bigger_dice.game_resumed", { player_id: "2" }]).pause).toBeNull();
    expect(after(...STARTED, paused, state({ is_paused: false, disconnected_player: null })).pause).toBeNull();
  });

  it("is known from the state alone after a reload", () => {
    const room = after(...STARTED, state({ is_paused: true, disconnected_player: "2" }));
    expect(room.pause).toEqual({ userId: "2", until: null });
  });

  it("may be cancelled, which nobody wins", () => {
    const room = after(...STARTED, ["bigger_dice.match_cancelled", { reason: "all_players_gone", refunds: [] }]);
    expect(room.result).toMatchObject({ winnerId: null, isCancelled: true });
  });
});

describe("in play", () => {
  it("takes seats in the order of the game", () => {
    const room = after(...STARTED);
    expect(room).toMatchObject({ phase: "playing", status: "in_progress", selected: ["2", "1"] });
    expect(room.turn).toEqual({ userId: "2", number: 1, deadline: null });
    expect(room.fairness.playerSeeds).toEqual([null, "a".repeat(64)]);
  });

  it("follows turns, rolls and scores", () => {
    const room = after(
      ...STARTED,
      ["turn_changed", { current_turn: "1", turn_number: 4, deadline: "2026-01-01T00:01:00Z" }],
      ["bigger_dice.rolled", { player_id: "1", roll: 5, new_score: 0, proof: { nonce: 9 } }],
      ["bigger_dice.round_result", { rolls: [["1", 5]], winner_id: "1", scores: [["1", 1]] }],
      ["bigger_dice.state", { round_number: 2, current_rolls: [], pending_rollers: ["2"], is_tiebreaker: false }],
    );
    expect(room.turn).toEqual({ userId: "1", number: 4, deadline: Date.parse("2026-01-01T00:01:00Z") });
    expect(room.members[0]?.score).toBe(1);
    expect(room.fairness.draws).toEqual([{ userId: "1", value: 5, nonce: 9 }]);
    expect(room.gameState?.round_number).toBe(2);
    expect(room.gameEvents.map((event) => event.type.split(".").at(-1))).toEqual(["rolled", "round_result"]);
  });

  it("keeps a seat whose player is gone, and shows who plays it", () => {
    const gone = after(...STARTED, ["player_left", BOB], ["player_auto_enabled", BOB]);
    expect(gone.members[1]).toMatchObject({ userId: "2", isGone: true, isAuto: true });
    const before = after(["player_disconnected", { ...BOB, timeout_at: "2026-01-01T00:01:00Z" }], ...STARTED);
    expect(before.members[1]).toMatchObject({ isGone: true, goneUntil: null });
    expect(after(...STARTED, ["player_disconnected", BOB], ["player_rejoined", BOB]).members[1]?.isGone).toBe(false);
  });

  it("ends with the winner, the prize and the seed", () => {
    const room = after(
      ...STARTED,
      [
        "bigger_dice.game_over",
        {
          winner_id: "2",
          winner_username: "bob",
          final_scores: [
            ["2", "bob", 10],
            ["1", "ada", 7],
          ],
          prize_cents: 1600,
        },
      ],
      ["seed_revealed", { server_seed: "5e", seed_commitment: "c0" }],
    );
    expect(room).toMatchObject({ phase: "over", status: "finished", turn: null });
    expect(room.result).toMatchObject({ winnerId: "2", winnerName: "bob", prizeCents: 1600 });
    expect(room.result?.finalScores[1]).toEqual({ userId: "1", username: "ada", score: 7 });
    expect(room.fairness.serverSeed).toBe("5e");
  });

  it("learns that it ended while this client was away", () => {
    expect(after(...STARTED, ["not_in_room", { status: "finished" }])).toMatchObject({
      phase: "over",
      status: "finished",
      result: null,
    });
  });

  it("is not ended by the listing's end at the start of play, but by being abandoned", () => {
    expect(after(...STARTED, ["room_removed", { reason: "game_started" }]).phase).toBe("playing");
    expect(after(["room_removed", { reason: "abandoned" }])).toMatchObject({ phase: "over", status: "abandoned" });
  });
});

it("never changes a view in place", () => {
  const before = foldRoom(undefined, STATE, "1");
  const kept = structuredClone(before);
  foldRoom(before, { type: "games.event.player_selected", room_id: "r", room_seq: 2, player: ADA }, "1");
  expect(before).toEqual(kept);
});
