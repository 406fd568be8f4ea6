import { type Frame, foldRoom, type RoomView, ServerClock } from "@blazing-sun/client";
import { render } from "lit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { tableOf } from "../src/games/bigger_dice.js";
import { gamePage } from "../src/games.js";

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
      current_turn: "1",
      player_count: 3,
      room_seq: 0,
    },
  };
  let view = foldRoom(undefined, state, "1");
  for (const [index, [name, fields]] of events.entries()) {
    const type = `games.event.${name.includes("_changed") ? name : `bigger_dice.${name}`}`;
    view = foldRoom(view, { type, room_id: "r", room_seq: index + 1, event_id: `e${index}`, ...fields }, "1");
  }
  if (!view) throw new Error("no room");
  return view;
}

const rolled = (player_id: string, roll: number): [string, object] => ["rolled", { player_id, roll, new_score: 0 }];
const result = (rolls: [string, number][], winner_id?: string): [string, object] => [
  "round_result",
  { rolls, winner_id, is_tie: !winner_id, scores: [] },
];

describe("the table", () => {
  it("shows the throws of the running round", () => {
    const table = tableOf(room(rolled("1", 4), rolled("2", 2)));
    expect([...table.rolls]).toEqual([
      ["1", 4],
      ["2", 2],
    ]);
    expect(table).toMatchObject({ last: { userId: "2", value: 2 }, outcome: null, tie: null });
  });

  it("keeps a finished round until the next throw", () => {
    const round: [string, object][] = [
      rolled("1", 4),
      rolled("2", 2),
      rolled("3", 1),
      result(
        [
          ["1", 4],
          ["2", 2],
          ["3", 1],
        ],
        "1",
      ),
      ["state", { round_number: 2, current_rolls: [], pending_rollers: ["2", "3", "1"], is_tiebreaker: false }],
    ];
    expect(tableOf(room(...round))).toMatchObject({ round: 2, outcome: { winnerId: "1", value: 4 } });
    expect(tableOf(room(...round)).rolls.size).toBe(3);
    const next = tableOf(room(...round, rolled("2", 6)));
    expect([...next.rolls]).toEqual([["2", 6]]);
    expect(next.outcome).toBeNull();
  });

  it("names who breaks a tie until somebody wins it", () => {
    const tie: [string, object][] = [
      result([
        ["1", 5],
        ["2", 5],
        ["3", 1],
      ]),
      ["tiebreaker_started", { tied_players: ["1", "2"], tied_roll: 5 }],
    ];
    expect(tableOf(room(...tie)).tie).toEqual({ userIds: ["1", "2"], value: 5 });
    expect(tableOf(room(...tie, rolled("1", 3))).tie).toEqual({ userIds: ["1", "2"], value: 5 });
    const over = result(
      [
        ["1", 3],
        ["2", 6],
      ],
      "2",
    );
    expect(tableOf(room(...tie, rolled("1", 3), rolled("2", 6), over))).toMatchObject({
      tie: null,
      outcome: { winnerId: "2", value: 6 },
    });
  });

  it("is read from the state after a reload, in a tie-break too", () => {
    const table = tableOf(
      room(["state", { round_number: 7, current_rolls: [["1", 3]], pending_rollers: ["2"], is_tiebreaker: true }]),
    );
    expect(table).toMatchObject({ round: 7, last: { userId: "1", value: 3 } });
    expect(table.tie).toEqual({ userIds: ["1", "2"], value: null });
  });

  it("tells two equal throws apart", () => {
    const first = tableOf(room(rolled("1", 4))).last?.key;
    expect(tableOf(room(rolled("1", 4), rolled("2", 4))).last?.key).not.toBe(first);
  });
});

describe("the page", () => {
  const host = document.createElement("div");
  document.body.append(host);
  afterEach(() => render(null, host));

  async function show(view: RoomView, me: string, act = vi.fn(async () => true)) {
    render(gamePage("bigger_dice")?.render({ room: view, me, clock: new ServerClock(), act }), host);
    const element = host.querySelector("bs-bigger-dice");
    await (element as unknown as { updateComplete: Promise<boolean> }).updateComplete;
    const find = (id: string) => element?.shadowRoot?.querySelector<HTMLButtonElement>(`[data-testid="${id}"]`);
    return { find, act };
  }

  it("lets only the one whose turn it is roll", async () => {
    const mine = await show(room(["turn_changed", { current_turn: "1", turn_number: 2 }]), "1");
    mine.find("roll-button")?.click();
    expect(mine.act).toHaveBeenCalledWith("games.command.bigger_dice.roll");
    const other = await show(room(["turn_changed", { current_turn: "1", turn_number: 2 }]), "2");
    expect(other.find("roll-button")?.disabled).toBe(true);
  });

  it("says who takes the point, and who is tied", async () => {
    const point = await show(room(result([["1", 4]], "1")), "1");
    expect(point.find("banner")?.textContent).toContain("Your point with a 4!");
    const tie = await show(room(["tiebreaker_started", { tied_players: ["1", "3"], tied_roll: 6 }]), "1");
    expect(tie.find("banner")?.textContent).toContain("Tie at 6: You and user3 roll again");
    expect(tie.find("tied-3")).toBeTruthy();
    expect(tie.find("player-2")?.hasAttribute("data-out")).toBe(true);
  });
});
