import { foldRoom, type GameInfo, type RoomView } from "@blazing-sun/client";
import { render } from "lit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GenericTable } from "../src/elements/generic_table.js";
import type { MountedGamePage } from "../src/elements/mounted_game.js";
import { drawGame, type GameContext, GameModules } from "../src/games.js";
import { seatsToGive } from "../src/rematch.js";

const ADA = { user_id: "1", username: "ada", joined_at: "1" };
const BOB = { user_id: "2", username: "<b>bob</b>", joined_at: "2" };

function room(state: object = {}, selected = ["1", "2"]): RoomView {
  const snapshot = {
    room_id: "r",
    room_name: "Table",
    game_type: "my_game",
    status: "waiting",
    host_id: "1",
    players: selected.length > 0 ? [ADA, BOB] : [],
    lobby: selected.length > 0 ? [] : [ADA, BOB],
    selected_players: selected,
    player_count: 2,
    room_seq: 1,
  };
  const waiting = foldRoom(undefined, { type: "games.event.room_state", room: snapshot }, "1");
  const view = foldRoom(waiting, { type: "games.event.my_game.state", room_id: "r", ...state }, "1");
  if (!view) throw new Error("no room");
  return view;
}

function contextOf(view: RoomView): { context: GameContext; acts: [string, object][] } {
  const acts: [string, object][] = [];
  const act = async (type: string, fields: object = {}) => acts.push([type, fields]) > 0;
  return { context: { room: view, me: "1", clock: { now: () => 0 } as never, act }, acts };
}

const info = (page?: string) => ({ game_type: "my_game", moves: {}, ...(page ? { page } : {}) }) as GameInfo;

let root: HTMLElement;

beforeEach(() => {
  root = document.createElement("div");
  document.body.replaceChildren(root);
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a game without a page", () => {
  async function drawn(view: RoomView, moves: Record<string, unknown>) {
    const { context, acts } = contextOf(view);
    const table = Object.assign(new GenericTable(), { context, moves });
    document.body.replaceChildren(table);
    await table.updateComplete;
    const find = <T extends HTMLElement>(id: string) => table.shadowRoot?.querySelector<T>(`[data-testid="${id}"]`);
    return { table, acts, find };
  }

  it("is played by forms made of its schemas", async () => {
    const choose = {
      type: "object",
      required: ["hand"],
      properties: { hand: { enum: ["rock", "paper"] }, note: { type: "string" } },
    };
    const { find, acts, table } = await drawn(room(), { choose, pass: { type: "object" } });
    const hand = find<HTMLSelectElement>("choose-hand");
    if (hand) hand.value = "1";
    find("move-choose")?.dispatchEvent(new SubmitEvent("submit", { cancelable: true }));
    await vi.waitFor(() => expect(acts).toEqual([["games.command.my_game.choose", { hand: "paper" }]]));
    await table.updateComplete;
    find("move-pass")?.dispatchEvent(new SubmitEvent("submit", { cancelable: true }));
    await vi.waitFor(() => expect(acts.at(-1)).toEqual(["games.command.my_game.pass", {}]));
  });

  it("shows the state that this viewer got and nothing of the frame, with names as text", async () => {
    const { find } = await drawn(
      room({
        event_id: "e",
        current_turn: "2",
        scores: [
          ["1", 0],
          ["2", 3],
        ],
        board: ["X", null],
        is_open: true,
      }),
      {},
    );
    const shown = find("game-state");
    expect(shown?.textContent?.replace(/\s+/g, " ")).toContain("Current turn <b>bob</b>");
    expect(shown?.querySelector("b")).toBeNull();
    expect(shown?.textContent).not.toContain("Event id");
    expect([...(shown?.querySelectorAll("tr") ?? [])].map((row) => row.textContent?.replace(/\s+/g, ""))).toEqual([
      "ada0",
      "<b>bob</b>3",
    ]);
  });

  it("offers no move to who only watches", async () => {
    const { context } = contextOf(room());
    const table = Object.assign(new GenericTable(), { context: { ...context, me: "9" }, moves: { pass: {} } });
    document.body.replaceChildren(table);
    await table.updateComplete;
    expect(table.shadowRoot?.querySelector("form")).toBeNull();
  });
});

describe("a page that ships with its game", () => {
  function modules(exported: unknown) {
    const load = vi.fn(async () => ({ default: exported }));
    return { load, all: new GameModules(() => draw(), load) };
  }
  let draw: () => void = () => {};

  it("is loaded once, mounted once, updated with what it is promised, and unmounted", async () => {
    const calls: unknown[] = [];
    const game = { update: (context: GameContext) => calls.push(context.me), unmount: () => calls.push("gone") };
    const mount = vi.fn((element: HTMLElement) => {
      expect(element.childNodes).toHaveLength(0);
      return game;
    });
    const { load, all } = modules({ title: "Mine", mount });
    const { context } = contextOf(room());
    draw = () => render(drawGame(context, info("/games/my_game/index.js"), all), root);
    draw();
    expect(document.body.querySelector("[role=status]")).toBeTruthy();
    await vi.waitFor(() => expect(calls).toEqual(["1"]));
    draw();
    expect(all.titleOf("/games/my_game/index.js")).toBe("Mine");
    const page = document.body.querySelector<MountedGamePage>("bs-mounted-game");
    if (page) page.context = { ...context, me: "2" };
    await page?.updateComplete;
    expect(calls).toEqual(["1", "2"]);
    render(null, root);
    expect(calls).toEqual(["1", "2", "gone"]);
    expect(mount).toHaveBeenCalledTimes(1);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it.each([
    [
      "throws",
      {
        mount: () => ({
          update: () => {
            throw new Error("broken");
          },
        }),
      },
    ],
    ["is none", { title: "no mount" }],
  ])("is replaced by the plain table where it %s", async (_, exported) => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const { all } = modules(exported);
    const { context } = contextOf(room());
    draw = () => render(drawGame(context, info("/games/my_game/index.js"), all), root);
    draw();
    const plain = () =>
      document.querySelector("bs-generic-table") ??
      document.querySelector("bs-mounted-game")?.shadowRoot?.querySelector("bs-generic-table");
    await vi.waitFor(() => expect(plain()).toBeTruthy());
  });

  it("is not loaded from another server", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const { load, all } = modules({ mount: () => ({ update: () => {} }) });
    const { context } = contextOf(room());
    const address = "https://elsewhere.example/index.js";
    draw = () => {};
    expect(all.get(address)).toBe("loading");
    await vi.waitFor(() => expect(all.get(address)).toBe("failed"));
    expect(load).not.toHaveBeenCalled();
    render(drawGame(context, info(address), all), root);
    expect(document.querySelector("bs-generic-table")).toBeTruthy();
  });
});

describe("in a rematch the host", () => {
  it("gives seats to the invited who have come, and takes one with the first of them", () => {
    const nobody = new Set<string>();
    expect(seatsToGive(room({}, []), "1", new Set(["2"]))).toEqual(["2", "1"]);
    expect(seatsToGive(room({}, []), "1", new Set(["3"]))).toEqual([]);
    expect(seatsToGive(room({}, []), "1", nobody)).toEqual([]);
    expect(seatsToGive(room({}, []), "1", undefined)).toEqual([]);
    expect(seatsToGive(room({}, []), "2", new Set(["1"]))).toEqual([]);
    expect(seatsToGive(room(), "1", new Set(["2"]))).toEqual([]);
  });
});
