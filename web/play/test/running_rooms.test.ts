import type { RoomSummary } from "@blazing-sun/client";
import { afterEach, expect, it, vi } from "vitest";
import { RunningRooms } from "../src/elements/running_rooms.js";

const room = (room_id: string, fields: Partial<RoomSummary> = {}): RoomSummary => ({
  room_id,
  room_name: `<b>${room_id}</b>`,
  game_type: "bigger_dice",
  host_id: "1",
  host_name: "ada",
  status: "in_progress",
  player_count: 2,
  spectator_count: 0,
  max_players: 2,
  is_password_protected: false,
  allow_spectators: true,
  entry_fee_cents: 1_000,
  prize_cents: 1_600,
  can_rejoin: false,
  rejoin_role: null,
  ...fields,
});

async function drawn(rooms: RoomSummary[]) {
  const refresh = vi.fn();
  const play = {
    client: { lobby: { refresh } },
    connection: { state: "online" },
    currency: "eur",
    titleOf: () => "Dice",
    subscribe: () => () => {},
  };
  const element = Object.assign(new RunningRooms(), { play: play as never, rooms });
  document.body.replaceChildren(element);
  await element.updateComplete;
  const find = (id: string) => [...(element.shadowRoot?.querySelectorAll<HTMLElement>(`[data-testid="${id}"]`) ?? [])];
  return { element, play, refresh, find };
}

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
});

it("offers to watch where that is allowed, those rooms first", async () => {
  const { element, find } = await drawn([room("closed", { allow_spectators: false }), room("open")]);
  expect(find("running-room").map((line) => line.dataset.roomId)).toEqual(["open", "closed"]);
  expect(find("running-room")[0]?.textContent).toContain("<b>open</b>");
  expect(find("running-room")[1]?.textContent).toContain("not open to watch");
  expect(find("watch-running")).toHaveLength(1);
  const watched = new Promise<RoomSummary>((resolve) => {
    element.addEventListener("watch", (event) => resolve((event as CustomEvent<RoomSummary>).detail));
  });
  find("watch-running")[0]?.click();
  expect((await watched).room_id).toBe("open");
});

it("shows a few at first, and nothing where nobody plays", async () => {
  const { element, find } = await drawn(Array.from({ length: 9 }, (_, at) => room(`r${at}`)));
  expect(find("running-room")).toHaveLength(6);
  find("running-all")[0]?.click();
  await element.updateComplete;
  expect(find("running-room")).toHaveLength(9);
  element.rooms = [];
  await element.updateComplete;
  expect(find("running-rooms")).toEqual([]);
});

it("asks for the list again while games are shown, for their ends are not told", async () => {
  vi.useFakeTimers();
  const { element, play, refresh } = await drawn([room("r1")]);
  play.connection.state = "waiting";
  vi.advanceTimersByTime(60_000);
  expect(refresh).not.toHaveBeenCalled();
  play.connection.state = "online";
  vi.advanceTimersByTime(20_000);
  expect(refresh).toHaveBeenCalledTimes(1);
  element.rooms = [];
  vi.advanceTimersByTime(60_000);
  expect(refresh).toHaveBeenCalledTimes(1);
  element.rooms = [room("r2")];
  element.remove();
  vi.advanceTimersByTime(60_000);
  expect(refresh).toHaveBeenCalledTimes(1);
});
