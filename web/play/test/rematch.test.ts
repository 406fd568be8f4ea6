import type { RoomView } from "@blazing-sun/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Play } from "../src/play.js";
import { FakeSocket, type Frame, stubServer, user } from "./fake_server.js";

const [ADA, BOB, CYD] = [user("1", "ada"), user("2", "bob"), user("3", "cyd")];
let play: Play;
let server: FakeSocket;

beforeEach(async () => {
  sessionStorage.clear();
  history.replaceState(null, "", "/");
  stubServer(() => CYD);
  play = new Play();
  await play.restore();
  server = await FakeSocket.opened(1);
  server.signIn(CYD);
});

afterEach(() => {
  play.client?.close();
  vi.unstubAllGlobals();
});

const member = ({ user_id, username }: typeof ADA) => ({ user_id, username, joined_at: user_id });

/** Cyd is in it with those, and it waits, or is over. */
function state(room_id: string, members: (typeof ADA)[], fields: object = {}, correlation_id?: unknown): void {
  const lobby = members.map(member);
  const room = { room_id, room_name: "Trio", status: "waiting", host_id: members[0]?.user_id, players: [], lobby };
  const more = { game_type: "bigger_dice", selected_players: [], player_count: 3, entry_fee_cents: 1_000, room_seq: 1 };
  server.says({ type: "games.event.room_state", correlation_id, room: { ...room, ...more, ...fields } });
}

function invited(by: typeof ADA, room_id: string, fields: object = {}): void {
  const terms = { game_type: "bigger_dice", max_players: 3, entry_fee_cents: 1_000, prize_cents: 2_400 };
  const host = { host_id: by.user_id, host_username: by.username };
  server.says({
    type: "games.event.room_invited",
    room_id,
    room_name: "Trio",
    rematch_of: "old",
    ...terms,
    ...host,
    ...fields,
  });
}

function done(command: Frame): void {
  server.says({ type: "games.event.command_applied", command_id: command.command_id });
}

/** Cyd presses Rematch after a game of three, which opens a room. */
async function press(opened: string): Promise<Promise<boolean>> {
  const players = [ADA, BOB, CYD].map(member);
  state("old", [], { players, status: "in_progress" });
  const pressed = play.rematches.open(play.client?.rooms.get("old") as RoomView);
  const create = await server.command("create_room");
  expect(create.entry_fee_cents).toBe(1_000);
  state(opened, [CYD], {}, create.command_id);
  const invite = await server.command("invite_players");
  expect(invite).toMatchObject({ room_id: opened, target_user_ids: ["1", "2"], rematch_of: "old" });
  done(invite);
  return pressed;
}

async function joins(room_id: string, host: typeof ADA): Promise<void> {
  const join = await server.command("join_room");
  expect(join.room_id).toBe(room_id);
  state(room_id, [host, CYD], {}, join.command_id);
}

async function leaves(room_id: string): Promise<void> {
  const leave = await server.command("leave_room");
  expect(leave.room_id).toBe(room_id);
  done(leave);
}

it("of three who ask at once all come into one room, whichever they hear of first", async () => {
  await press("c");
  expect(location.pathname).toBe("/r/c");
  invited(BOB, "b");
  await joins("b", BOB);
  await leaves("c");
  invited(ADA, "a");
  await joins("a", ADA);
  await leaves("b");
  await vi.waitFor(() => expect(play.client?.rooms.get("b")).toBeUndefined());
  expect(location.pathname).toBe("/r/a");
  expect(play.client?.invitations.all()).toEqual([]);
  // Should Ada go, Cyd hosts it and gives the same people their seats.
  expect(play.rematches.playersOf("a")).toEqual(new Set(["1", "2"]));
});

it("goes on to the one room when it is told of on the way to another", async () => {
  await press("c");
  invited(BOB, "b");
  const join = await server.command("join_room");
  invited(ADA, "a");
  state("b", [BOB, CYD], {}, join.command_id);
  await leaves("c");
  await joins("a", ADA);
  await leaves("b");
  expect(location.pathname).toBe("/r/a");
});

it("stays where it is if the others come, and hears nothing more of theirs", async () => {
  await press("a");
  invited(BOB, "c");
  invited(ADA, "b");
  expect(play.client?.invitations.all()).toEqual([]);
  expect(location.pathname).toBe("/r/a");
  expect(play.rematches.playersOf("a")).toEqual(new Set(["1", "2"]));
});

it.each([{ entry_fee_cents: 1_001 }, { game_type: "other" }])(
  "follows nobody into what was not agreed to: %o",
  async (terms) => {
    await press("c");
    invited(BOB, "b", terms);
    expect(play.client?.invitations.all()).toHaveLength(1);
    expect(play.rematches.playersOf("c")).toBeDefined();
  },
);

it("stays host of its own room, or goes to the next, where another can not be entered", async () => {
  await press("c");
  for (const [by, room_id, code] of [
    [BOB, "b", "room_not_found"],
    [BOB, "b2", "room_full"],
  ] as const) {
    invited(by, room_id);
    const { command_id } = await server.command("join_room");
    server.says({ type: "games.event.error", code, message: "no", command_id });
    await vi.waitFor(() => expect(play.rematches.playersOf("c")).toBeDefined());
  }
  invited(ADA, "a");
  await joins("a", ADA);
  await leaves("c");
});

it("shows what others ask for after one's own room was left", async () => {
  await press("a");
  play.client?.rooms.forget("a");
  invited(BOB, "b");
  expect(play.client?.invitations.all()).toHaveLength(1);
  expect(play.rematches.playersOf("a")).toBeUndefined();
});

it("drops an invitation that leads nowhere any more, and says why", async () => {
  state("old", [ADA, CYD]);
  invited(ADA, "a");
  const invitation = play.client?.invitations.rematchOf("old");
  if (!invitation) throw new Error("no invitation");
  const accepted = play.acceptInvitation(invitation);
  const { command_id } = await server.command("join_room");
  server.says({ type: "games.event.error", code: "room_not_found", message: "gone", command_id });
  expect(await accepted).toBe(false);
  expect(play.client?.invitations.all()).toEqual([]);
  expect(play.toasts).toHaveLength(1);
});
