import { afterEach, beforeEach, expect, vi } from "vitest";
import { WebSocket } from "ws";
import { type Client, type ConnectionSettings, connect, MemoryStorage, type TokenSource } from "../src/index.js";
import { type Connection, ScriptedServer } from "./scripted_server.js";

export const ROLL = "games.command.bigger_dice.roll";

/** The running test's own. */
export let server: ScriptedServer;
const clients: Client[] = [];

/** For the file that calls it: a scripted server for each test, and an end for its clients. */
export function useScriptedServer(): void {
  beforeEach(async () => {
    server = await ScriptedServer.start();
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await server.stop();
  });
}

export type Settings = ConnectionSettings & { token?: TokenSource };

export function start(options: Settings = {}): Client {
  const client = connect({
    url: server.url,
    token: async () => "token-1",
    WebSocket,
    storage: new MemoryStorage(),
    ...options,
    timing: { backoffMinMs: 1, backoffMaxMs: 20, gapMs: 50, ...options.timing },
  });
  clients.push(client);
  return client;
}

export async function online(options: Settings = {}): Promise<[Client, Connection]> {
  const started = start(options);
  const connection = await server.connection();
  await connection.signIn();
  await reached(started, "online");
  return [started, connection];
}

export function reached(started: Client, state: string): Promise<void> {
  return vi.waitFor(() => expect(started.status.state).toBe(state), { timeout: 5_000, interval: 2 });
}

export function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 5_000, interval: 2 });
}

export function roomState(
  room: Record<string, unknown> = {},
  frame: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    type: "games.event.room_state",
    event_id: crypto.randomUUID(),
    room: {
      room_id: "r1",
      room_name: "Table",
      game_type: "bigger_dice",
      status: "waiting",
      host_id: "7",
      players: [],
      lobby: [{ user_id: "7", username: "ada", joined_at: "2026-01-01T00:00:00Z" }],
      selected_players: [],
      player_count: 2,
      room_seq: 3,
      ...room,
    },
    ...frame,
  };
}

export function joined(seq: number, userId: string): Record<string, unknown> {
  return {
    type: "games.event.lobby_joined",
    event_id: `joined-${userId}`,
    room_id: "r1",
    room_seq: seq,
    player: { user_id: userId, username: `user${userId}`, joined_at: `2026-01-01T00:00:0${seq}Z` },
  };
}
