import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { type Client, connect, MemoryStorage } from "../src/index.js";
import { type Connection, ScriptedServer } from "./scripted_server.js";

let server: ScriptedServer;
let clients: Client[];

beforeEach(async () => {
  server = await ScriptedServer.start();
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.close();
  await server.stop();
});

async function online(storage = new MemoryStorage(), userId = "7"): Promise<[Client, Connection]> {
  const client = connect({
    url: server.url,
    token: async () => `token-${userId}`,
    WebSocket: WebSocket,
    storage,
    timing: { backoffMinMs: 1, backoffMaxMs: 20 },
  });
  clients.push(client);
  const connection = await server.connection();
  await connection.signIn(userId);
  await vi.waitFor(() => expect(client.status.state).toBe("online"), { timeout: 5_000, interval: 2 });
  return [client, connection];
}

/** Whose invitations, by the room that each leads to. */
function invites(client: Client, ...roomIds: string[]): Promise<void> {
  const all = () => client.invitations.all().map(({ roomId }) => roomId);
  return vi.waitFor(() => expect(all()).toEqual(roomIds), { timeout: 5_000, interval: 2 });
}

const ADA = { user_id: "7", username: "ada", joined_at: "2026-01-01T00:00:00Z" };
const BOB = { user_id: "8", username: "bob", joined_at: "2026-01-01T00:00:01Z" };

const room = (room_id: string) => ({
  type: "games.event.room_state",
  event_id: crypto.randomUUID(),
  room: { room_id, room_name: "Table", status: "waiting", host_id: "7", players: [], lobby: [ADA, BOB], room_seq: 3 },
});

const invited = (fields: object = {}) => ({
  type: "games.event.room_invited",
  event_id: crypto.randomUUID(),
  room_id: "r2",
  room_name: "Table",
  game_type: "bigger_dice",
  host_id: "8",
  host_username: "bob",
  max_players: 2,
  entry_fee_cents: 1000,
  prize_cents: 1600,
  rematch_of: "r1",
  ...fields,
});

const standing = (room_id: string, status: string) => ({ type: "games.event.not_in_room", room_id, status });

it("counts from somebody who shared the room, until one is in the new one", async () => {
  const [client, connection] = await online();
  connection.send(invited());
  connection.send(room("r1"));
  connection.send(invited({ host_id: "9" }));
  connection.send(invited({ rematch_of: null }));
  connection.send(invited({ room_id: "r3" }));
  await invites(client, "r3");
  expect(client.invitations.rematchOf("r1")).toMatchObject({ hostName: "bob", entryFeeCents: 1000 });
  connection.send(room("r3"));
  await invites(client);
});

it("of several is the same for everyone, whichever came first", async () => {
  const [client, connection] = await online();
  connection.send(room("r1"));
  for (const room_id of ["r5", "r3", "r4"]) connection.send(invited({ room_id }));
  await invites(client, "r5", "r3", "r4");
  expect(client.invitations.rematchOf("r1")?.roomId).toBe("r3");
  expect(client.invitations.rematchOf("r0")).toBeUndefined();
});

it("ends with its room, for which the lobby is watched as long as there is one", async () => {
  const [client, connection] = await online();
  connection.send(room("r1"));
  connection.send(invited());
  expect(await connection.frame("system.lobby")).toMatchObject({ watch: true });
  await invites(client, "r2");
  connection.send({ type: "games.event.room_removed", room_id: "r2", reason: "abandoned" });
  expect(await connection.frame("system.lobby")).toMatchObject({ watch: false });
  await invites(client);
});

it("outlives a reload, if its room does, and is its user's alone", async () => {
  const storage = new MemoryStorage();
  const [before, first] = await online(storage);
  first.send(room("r1"));
  for (const room_id of ["r2", "r3", "r4"]) first.send(invited({ room_id }));
  await invites(before, "r2", "r3", "r4");
  before.invitations.drop("r4");
  before.close();

  const [other] = await online(storage, "9");
  expect(other.invitations.all()).toEqual([]);
  const [after, second] = await online(storage);
  await invites(after, "r2", "r3");
  expect(after.invitations.rematchOf("r1")).toMatchObject({ hostName: "bob", entryFeeCents: 1000 });
  for (const room_id of ["r2", "r3"]) {
    expect(await second.frame("system.resume")).toMatchObject({ rooms: [{ room_id, room_seq: 0 }] });
  }
  second.send(standing("r2", "finished"));
  second.send(standing("r3", "waiting"));
  await invites(after, "r3");
  // Who shared which room is known as before.
  second.send(invited({ room_id: "r5" }));
  second.send(invited({ room_id: "r6", host_id: "9" }));
  await invites(after, "r3", "r5");
});

it("that missed its room's end is looked for with the next connection", async () => {
  const [client, first] = await online();
  first.send(room("r1"));
  first.send(invited());
  await invites(client, "r2");
  first.cut();
  const second = await server.connection();
  await second.signIn();
  await second.frame("system.resume");
  second.send(standing("r2", "finished"));
  await invites(client);
});

it("is not read from what is none", async () => {
  const storage = new MemoryStorage();
  const names = {
    roomId: "r9",
    roomName: "Table",
    gameType: "bigger_dice",
    hostId: "8",
    hostName: "bob",
    rematchOf: "r1",
  };
  const foreign = [
    { ...names, prizeCents: 1600 },
    { ...names, entryFeeCents: "0", prizeCents: 1600 },
  ];
  const unnamed = { ...names, hostName: [{}], entryFeeCents: 1000, prizeCents: 1600 };
  const none = [null, 1, {}, { roomId: 1 }, ...foreign, unnamed];
  storage.setItem("blazing-sun.invitations.7", JSON.stringify(none));
  storage.setItem("blazing-sun.shared.7", JSON.stringify([null, ["r1"], ["r1", 2]]));
  const [client, connection] = await online(storage);
  connection.send(room("r1"));
  connection.send(invited());
  await invites(client, "r2");
});
