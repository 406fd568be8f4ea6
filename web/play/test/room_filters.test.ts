import type { RoomSummary } from "@blazing-sun/client";
import { afterEach, describe, expect, it } from "vitest";
import "../src/elements/room_filters.js";
import { filtersOf, isFiltered, passes, type RoomFilters, searchOf } from "../src/room_filters.js";

const room = (more: Partial<RoomSummary> = {}): RoomSummary => ({
  room_id: "r",
  room_name: "Table",
  game_type: "bigger_dice",
  host_id: "1",
  host_name: "Ada",
  status: "waiting",
  player_count: 1,
  spectator_count: 0,
  max_players: 2,
  is_password_protected: false,
  allow_spectators: true,
  entry_fee_cents: 1_000,
  prize_cents: 1_600,
  can_rejoin: false,
  rejoin_role: null,
  ...more,
});

describe("the lobby's filters", () => {
  it("stand in the address and come back from it", () => {
    const all: RoomFilters[] = [
      {},
      { game: "tic_tac_toe" },
      { feeMax: 0, hasSeat: true },
      { password: "with", state: "playing" },
      { game: "a_b", feeMax: 500, hasSeat: true, password: "without", state: "waiting" },
    ];
    for (const filters of all) expect(filtersOf(searchOf(filters))).toEqual(filters);
    expect(searchOf({})).toBe("");
    expect(isFiltered({})).toBe(false);
  });

  it("leave out what an address has wrong", () => {
    expect(filtersOf("?game=<b>&fee=-1&seat=1&password=x&state=over")).toEqual({});
    expect(filtersOf("?fee=1e9&state=waiting")).toEqual({ state: "waiting" });
  });

  it.each<[RoomFilters, Partial<RoomSummary>, boolean]>([
    [{}, {}, true],
    [{ game: "bigger_dice" }, {}, true],
    [{ game: "tic_tac_toe" }, {}, false],
    [{ feeMax: 1_000 }, {}, true],
    [{ feeMax: 999 }, {}, false],
    [{ hasSeat: true }, {}, true],
    [{ hasSeat: true }, { player_count: 2 }, false],
    [{ hasSeat: true }, { player_count: 2, bot_count: 1 }, true],
    [{ hasSeat: true }, { status: "in_progress" }, false],
    [{ password: "with" }, {}, false],
    [{ password: "with" }, { is_password_protected: true }, true],
    [{ password: "without" }, { is_password_protected: true }, false],
    [{ state: "waiting" }, { status: "in_progress" }, false],
    [{ state: "playing" }, { status: "in_progress" }, true],
    [{ state: "playing" }, {}, false],
  ])("%j on %j: %s", (filters, more, isShown) => {
    expect(passes(room(more), filters)).toBe(isShown);
  });
});

describe("the bar of filters", () => {
  afterEach(() => document.body.replaceChildren());

  async function bar(filters: RoomFilters) {
    const announced: string[] = [];
    const announce = (words: string) => announced.push(words);
    const play = { announce, games: [], currency: "eur", subscribe: () => () => {}, titleOf: (game: string) => game };
    const rooms = [room(), room({ game_type: "tic_tac_toe", entry_fee_cents: 500 })];
    const element = Object.assign(document.createElement("bs-room-filters"), { play, rooms, filters, shown: 2 });
    const told: RoomFilters[] = [];
    element.addEventListener("filters", (event) => told.push((event as CustomEvent<RoomFilters>).detail));
    document.body.append(element);
    await (element as unknown as { updateComplete: Promise<boolean> }).updateComplete;
    const find = (id: string) => element.shadowRoot?.querySelector<HTMLInputElement>(`[data-testid="${id}"]`);
    return { element, find, told, announced };
  }

  it("offers the games and fees that there are, and tells the whole choice", async () => {
    const { find, told } = await bar({ state: "waiting" });
    const values = (id: string) => [...(find(id)?.querySelectorAll("option") ?? [])].map(({ value }) => value);
    expect(values("filter-game")).toEqual(["", "bigger_dice", "tic_tac_toe"]);
    expect(values("filter-fee")).toEqual(["", "500", "1000"]);
    const game = find("filter-game");
    if (game) game.value = "tic_tac_toe";
    game?.dispatchEvent(new Event("change", { bubbles: true }));
    expect(told).toEqual([{ game: "tic_tac_toe", state: "waiting" }]);
    find("filter-clear")?.click();
    expect(told.at(-1)).toEqual({});
  });

  it("has what a choice leaves read out, and not the rooms that come and go", async () => {
    const { element, find, announced } = await bar({});
    const drawn = async (news: object) => {
      Object.assign(element, news);
      await (element as unknown as { updateComplete: Promise<boolean> }).updateComplete;
    };
    await drawn({ rooms: [room()], shown: 1 });
    expect(find("filter-count")?.textContent).toBe("1 room");
    expect(find("filter-count")?.closest("[role=status], [aria-live]")).toBeFalsy();
    expect(announced).toEqual([]);
    await drawn({ filters: { hasSeat: true }, shown: 0 });
    expect(announced).toEqual(["0 rooms"]);
  });

  it("has nothing to clear where all is shown", async () => {
    const { find } = await bar({});
    expect(find("filter-clear")).toBeFalsy();
    expect(find("filter-count")?.textContent).toBe("2 rooms");
  });
});
