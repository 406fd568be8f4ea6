import { type Frame, foldRoom, type RoomView } from "@blazing-sun/client";
import { render } from "lit";
import { describe, expect, it } from "vitest";
import ticTacToe, { endOf, type LastBoard, TicTacToe, tableOf } from "../src/games/tic_tac_toe.js";

const ADA = { user_id: "1", username: "<i>ada</i>", joined_at: "1" };
const BOB = { user_id: "2", username: "bob", joined_at: "2" };
const EMPTY = Array.from({ length: 9 }, () => null);
const ROW = ["X", "X", "X", "O", "O", null, null, null, null];

function room(...events: [name: string, fields: object][]): RoomView {
  const start: [string, object][] = [
    ["game_started", { game_type: "tic_tac_toe", players: [ADA, BOB], first_turn: "1" }],
    ...events,
  ];
  const snapshot = {
    room_id: "r",
    room_name: "Table",
    game_type: "tic_tac_toe",
    status: "waiting",
    host_id: "1",
    players: [ADA, BOB],
    lobby: [],
    selected_players: ["1", "2"],
    room_seq: 1,
  };
  const first = foldRoom(undefined, { type: "games.event.room_state", room: snapshot }, "1");
  const folded = start.reduce((view: RoomView | undefined, [name, fields], at) => {
    const frame: Frame = { type: `games.event.${name}`, event_id: `e${at}`, room_id: "r", room_seq: at + 2, ...fields };
    return foldRoom(view, frame, "1");
  }, first);
  if (!folded) throw new Error("no room");
  return folded;
}

const state = (fields: object = {}): [string, object] => [
  "tic_tac_toe.state",
  {
    board: EMPTY,
    player_x_id: "1",
    player_o_id: "2",
    current_turn: "1",
    scores: [
      ["1", 0],
      ["2", 0],
    ],
    game_number: 1,
    is_paused: false,
    disconnected_player: null,
    ...fields,
  },
];
const won: [string, object][] = [
  ["tic_tac_toe.moved", { player_id: "1", position: 2, mark: "X", board: ROW }],
  [
    "tic_tac_toe.game_result",
    {
      winner_id: "1",
      winning_line: [0, 1, 2],
      is_draw: false,
      scores: [
        ["1", 1],
        ["2", 0],
      ],
      game_number: 1,
    },
  ],
  state({ player_x_id: "2", player_o_id: "1", current_turn: "2", game_number: 2, scores: [["1", 1]] }),
];

describe("the table", () => {
  it("is the state's, whatever was seen before", () => {
    const table = tableOf(room(state({ board: ["X", ...EMPTY.slice(1)] })));
    expect(table).toMatchObject({ xId: "1", oId: "2", gameNumber: 1, last: null });
    expect(table.board[0]).toBe("X");
  });

  it("keeps the last game with its line, and knows when the next has begun", () => {
    const over = tableOf(room(state(), ...won));
    expect(over).toMatchObject({ gameNumber: 2, xId: "2", isFresh: true });
    expect(over.last).toMatchObject({ board: ROW, line: [0, 1, 2], winnerId: "1", lateId: null });
    const next: [string, object] = ["tic_tac_toe.moved", { player_id: "2", position: 4, board: EMPTY }];
    expect(tableOf(room(state(), ...won, next))).toMatchObject({ isFresh: false, last: { winnerId: "1" } });
  });

  it("says who lost by time", () => {
    const late: [string, object][] = [
      ["tic_tac_toe.turn_timeout", { player_id: "1" }],
      ["tic_tac_toe.game_result", { winner_id: "2", winning_line: null, is_draw: false, scores: [] }],
    ];
    expect(tableOf(room(state(), ...late)).last).toMatchObject({ winnerId: "2", lateId: "1", line: [] });
  });

  it("takes a board of another shape for an empty one", () => {
    expect(tableOf(room(state({ board: ["X"] }))).board).toEqual(EMPTY);
  });
});

describe("the end", () => {
  it("is the last game's board, with its line and its last move, and not the next one's", () => {
    expect(endOf(room(state(), ...won))).toMatchObject({ board: ROW, line: [0, 1, 2], lastMove: 2, lateId: null });
  });

  it("is the game that was in play, where the match ended otherwise", () => {
    const board = ["X", ...EMPTY.slice(1)];
    const begun: [string, object] = ["tic_tac_toe.moved", { player_id: "2", position: 0, board }];
    expect(endOf(room(state(), ...won, begun))).toMatchObject({ board, line: [], lastMove: 0 });
    expect(endOf(room(state({ board })))).toMatchObject({ board, lastMove: null });
    expect(endOf(room(state()))).toBeNull();
  });

  it("is drawn with what each cell means", async () => {
    const late: [string, object] = ["tic_tac_toe.turn_timeout", { player_id: "1" }];
    document.body.replaceChildren();
    render(ticTacToe.renderEnd({ room: room(state(), late, ...won) } as never), document.body);
    const board = document.querySelector<LastBoard>("bs-tic-tac-toe-last-board");
    await board?.updateComplete;
    const cells = [...(board?.shadowRoot?.querySelectorAll("[role=listitem]") ?? [])];
    expect(cells.map((cell) => cell.getAttribute("aria-label")).slice(1, 4)).toEqual([
      "Row 1, column 2: X, in the winning line",
      "Row 1, column 3: X, in the winning line, the last move",
      "Row 2, column 1: O",
    ]);
    expect(board?.shadowRoot?.textContent).toContain("<i>ada</i> ran out of time");
  });
});

describe("its page", () => {
  async function drawn(view: RoomView, me = "1") {
    const moves: object[] = [];
    const element = new TicTacToe();
    element.context = {
      room: view,
      me,
      clock: { now: () => 0 } as never,
      act: async (_type, fields = {}) => moves.push(fields) > 0,
    };
    document.body.replaceChildren(element);
    await element.updateComplete;
    const find = (id: string) => element.shadowRoot?.querySelector<HTMLElement>(`[data-testid="${id}"]`);
    return { element, moves, find };
  }

  it("plays a free cell when it is one's turn, and no other", async () => {
    const mine = room(state({ board: ["O", ...EMPTY.slice(1)] }));
    const { find, moves } = await drawn(mine);
    find("cell-0")?.click();
    expect(moves).toEqual([]);
    find("cell-4")?.click();
    expect(moves).toEqual([{ position: 4 }]);
    const others = await drawn(mine, "2");
    others.find("cell-4")?.click();
    expect(others.moves).toEqual([]);
  });

  it("moves with the arrow keys and stays on the board", async () => {
    const { find, element } = await drawn(room(state()));
    find("cell-4")?.focus();
    const press = async (key: string) => {
      element.shadowRoot?.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      await element.updateComplete;
    };
    for (const key of ["ArrowUp", "ArrowRight", "ArrowRight", "ArrowUp"]) await press(key);
    expect(element.shadowRoot?.activeElement?.getAttribute("data-testid")).toBe("cell-2");
  });

  it("shows who is away, shows names as text, and lets nobody move meanwhile", async () => {
    const until = "2026-01-01T00:10:00Z";
    const paused = room(state(), ["tic_tac_toe.game_paused", { player_id: "1", timeout_at: until }]);
    const { find, moves } = await drawn(paused);
    expect(find("paused")?.textContent).toContain("<i>ada</i> is away");
    expect(find("pause-countdown")).toBeTruthy();
    find("cell-4")?.click();
    expect(moves).toEqual([]);
  });
});
