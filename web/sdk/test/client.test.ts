import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import {
  type Client,
  type ConnectionSettings,
  commitmentOf,
  connect,
  MemoryStorage,
  Refusal,
  SignedOut,
  type TokenSource,
} from "../src/index.js";
import { type Connection, ScriptedServer } from "./scripted_server.js";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ROLL = "games.command.bigger_dice.roll";

let server: ScriptedServer;
let client: Client | undefined;

beforeEach(async () => {
  server = await ScriptedServer.start();
});

afterEach(async () => {
  client?.close();
  client = undefined;
  await server.stop();
});

type Settings = ConnectionSettings & { token?: TokenSource };

function start(options: Settings = {}): Client {
  client = connect({
    url: server.url,
    token: async () => "token-1",
    WebSocket,
    storage: new MemoryStorage(),
    ...options,
    timing: { backoffMinMs: 1, backoffMaxMs: 20, gapMs: 50, ...options.timing },
  });
  return client;
}

async function online(options: Settings = {}): Promise<[Client, Connection]> {
  const started = start(options);
  const connection = await server.connection();
  await connection.signIn();
  await reached(started, "online");
  return [started, connection];
}

function reached(started: Client, state: string): Promise<void> {
  return vi.waitFor(() => expect(started.status.state).toBe(state), { timeout: 5_000, interval: 2 });
}

function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 5_000, interval: 2 });
}

function roomState(room: Record<string, unknown> = {}, frame: Record<string, unknown> = {}): Record<string, unknown> {
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

function joined(seq: number, userId: string): Record<string, unknown> {
  return {
    type: "games.event.lobby_joined",
    event_id: `joined-${userId}`,
    room_id: "r1",
    room_seq: seq,
    player: { user_id: userId, username: `user${userId}`, joined_at: `2026-01-01T00:00:0${seq}Z` },
  };
}

describe("signing in", () => {
  it("sends the token in the first frame and never in the address", async () => {
    const started = start({ token: async () => "very-secret" });
    const connection = await server.connection();
    const authenticate = await connection.signIn("42");
    await reached(started, "online");
    expect(authenticate.token).toBe("very-secret");
    expect(connection.url).not.toContain("very-secret");
    expect(started.user).toEqual({ userId: "42", username: "ada", roles: [] });
  });

  it("asks for another token when one is refused", async () => {
    const token = vi.fn(async ({ refused }: { refused: boolean }) => (refused ? "good" : "stale"));
    const started = start({ token });
    const first = await server.connection();
    first.welcome();
    await first.frame("system.authenticate");
    first.send({ type: "system.error", code: "auth_failed", message: "expired" });
    const second = await server.connection();
    expect((await second.signIn()).token).toBe("good");
    await reached(started, "online");
  });

  it.each(["auth_failed before the close", "the close reason alone"])(
    "stops when tokens are refused again and again, told by %s",
    async (how) => {
      const started = start();
      for (let i = 0; i < 3; i++) {
        const connection = await server.connection();
        connection.welcome();
        await connection.frame("system.authenticate");
        if (how.startsWith("auth_failed")) connection.send({ type: "system.error", code: "auth_failed" });
        connection.close(1008, "sign-in failed");
      }
      await reached(started, "closed");
      expect(started.status.reason).toBe("refused");
    },
  );

  it("comes back, with the same token and after a growing pause, when it is closed with a 1008 that blames none", async () => {
    const token = vi.fn(async () => "token-1");
    const started = start({ token, random: () => 1, timing: { backoffMinMs: 4, backoffMaxMs: 1_000 } });
    const pauses: number[] = [];
    started.onStatus(({ retryAt }) => {
      if (retryAt !== undefined) pauses.push(retryAt - Date.now());
    });
    for (let i = 0; i < 5; i++) {
      const connection = await server.connection();
      connection.welcome();
      await connection.frame("system.authenticate");
      connection.close(1008, "too many connections");
    }
    await (await server.connection()).signIn();
    await reached(started, "online");
    expect(token.mock.calls).toEqual(Array(6).fill([{ refused: false }]));
    expect(pauses).toHaveLength(5);
    expect(pauses[4]).toBeGreaterThan(50);
  });

  it("plays no command of one user as another's, and closes", async () => {
    const [started, first] = await online();
    first.send(roomState());
    const sent = started.command(ROLL, { room_id: "r1" });
    await first.frame(ROLL);
    first.cut();
    await eventually(() => expect(started.status.state).not.toBe("online"));
    const unsent = started.command("games.command.leave_room", { room_id: "r1" });
    const refusals = Promise.all(
      [sent, unsent].map((command) => command.then(null, (refusal: unknown) => refusal as Refusal)),
    );
    const second = await server.connection();
    await second.signIn("8");
    const codes = (await refusals).map((refusal) => refusal instanceof Refusal && refusal.code);
    expect(codes).toEqual(["signed_out", "signed_out"]);
    expect(started.status).toEqual({ state: "closed", reason: "signed_out" });
    expect(started.rooms.all()).toEqual([]);
    expect(await second.closed).toBe(1000);
    expect(second.untaken(ROLL) + second.untaken("games.command.leave_room")).toBe(0);
    await expect(started.command(ROLL, { room_id: "r1" })).rejects.toMatchObject({ code: "signed_out" });
  });

  it("stops when nobody is signed in any more", async () => {
    const started = start({
      token: async () => {
        throw new SignedOut();
      },
    });
    const command = started.command(ROLL, { room_id: "r1" });
    await expect(command).rejects.toMatchObject({ code: "signed_out" });
    expect(started.status).toEqual({ state: "closed", reason: "signed_out" });
  });

  it("tries again when the token cannot be had for another reason", async () => {
    let failures = 2;
    const started = start({
      token: async () => {
        if (failures-- > 0) throw new TypeError("network");
        return "late";
      },
    });
    expect((await (await server.connection()).signIn()).token).toBe("late");
    await reached(started, "online");
  });

  it("authenticates again on the same socket before the token expires", async () => {
    let made = 0;
    const token = async () => {
      made += 1;
      const exp = Math.floor(Date.now() / 1000) + (made === 1 ? 3 : 900);
      return `h.${btoa(JSON.stringify({ exp, n: made }))}.s`;
    };
    const [, connection] = await online({
      token,
      timing: { reauthenticateBeforeMs: 60_000, reauthenticateAfterMs: 10 },
    });
    const again = await connection.frame("system.authenticate");
    const claims = JSON.parse(atob(String(again.token).split(".")[1] ?? "")) as { n: number };
    expect(claims.n).toBe(2);
    connection.send({ type: "system.authenticated", user_id: "7", username: "ada", roles: [] });
  });
});

describe("staying connected", () => {
  it("comes back after the connection is cut", async () => {
    const [started, first] = await online();
    first.cut();
    await (await server.connection()).signIn();
    await reached(started, "online");
  });

  it("comes back from a server that falls silent", async () => {
    const started = start({ timing: { heartbeatMs: 10, silenceMs: 60 } });
    const silent = await server.connection();
    await silent.signIn();
    await silent.frame("system.heartbeat");
    await (await server.connection()).signIn();
    await reached(started, "online");
  });

  it("stays on a connection whose heartbeats are answered", async () => {
    const [started, connection] = await online({ timing: { heartbeatMs: 10, silenceMs: 400 } });
    for (let beats = 0; beats < 10; beats++) {
      await connection.frame("system.heartbeat");
      connection.send({ type: "system.heartbeat_ack", timestamp: new Date().toISOString() });
    }
    expect(started.status.state).toBe("online");
  });

  it("gives up a connection on which nothing happens at first", async () => {
    start({ timing: { connectMs: 30 } });
    await server.connection();
    await (await server.connection()).signIn();
  });

  it("closes with 1000 and does not come back", async () => {
    const [started, connection] = await online();
    started.close();
    expect(await connection.closed).toBe(1000);
    expect(started.status).toEqual({ state: "closed", reason: "closed" });
  });
});

describe("commands", () => {
  it("resolves on the acknowledgement and then on the answer", async () => {
    const [started, connection] = await online();
    const command = started.command(ROLL, { room_id: "r1" });
    const sent = await connection.frame(ROLL);
    expect(sent).toMatchObject({ room_id: "r1", command_id: command.commandId });
    expect(sent.command_id).toMatch(UUID_V7);
    connection.send({ type: "system.ack", command_id: sent.command_id });
    await command.acked;
    expect(started.pendingCount).toBe(1);
    connection.send({
      type: "games.event.bigger_dice.rolled",
      event_id: "e1",
      correlation_id: sent.command_id,
      room_id: "r1",
      roll: 6,
    });
    expect(await command).toMatchObject({ type: "games.event.bigger_dice.rolled", roll: 6 });
    expect(started.pendingCount).toBe(0);
  });

  it("makes ids from the server's time", async () => {
    const started = start();
    const connection = await server.connection();
    await connection.signIn("7", new Date("2031-05-06T07:08:09Z"));
    const command = started.command(ROLL, { room_id: "r1" });
    command.catch(() => {});
    await connection.frame(ROLL);
    const ms = Number.parseInt((command.commandId ?? "").replaceAll("-", "").slice(0, 12), 16);
    expect(Math.abs(ms - Date.parse("2031-05-06T07:08:09Z"))).toBeLessThan(30_000);
  });

  it("is answered by the room's state where that is the answer, not by what everyone hears", async () => {
    const [started, connection] = await online();
    const command = started.command("games.command.create_room", { game_type: "bigger_dice", room_name: "Table" });
    const id = (await connection.frame("games.command.create_room")).command_id;
    connection.send({ type: "games.event.room_created", event_id: "c", correlation_id: id, room_id: "r1" });
    connection.send(roomState({}, { correlation_id: id }));
    expect((await command).type).toBe("games.event.room_state");
    expect(started.rooms.get("r1")?.name).toBe("Table");
  });

  it("takes command_applied for an answer", async () => {
    const [started, connection] = await online();
    const command = started.command(ROLL, { room_id: "r1" });
    const id = (await connection.frame(ROLL)).command_id;
    connection.send({ type: "games.event.command_applied", command_id: id, room_seq: 9 });
    expect((await command).room_seq).toBe(9);
  });

  it("rejects with the refusal's code, from the game and from the gateway", async () => {
    const [started, connection] = await online();
    const early = started.command(ROLL, { room_id: "r1" });
    const earlyId = (await connection.frame(ROLL)).command_id;
    connection.send({ type: "games.event.error", command_id: earlyId, code: "not_your_turn", message: "wait" });
    const refusal = await early.then(null, (error: unknown) => error);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: "not_your_turn", message: "wait", retryable: false });

    const busy = started.command(ROLL, { room_id: "r1" });
    const busyId = (await connection.frame(ROLL)).command_id;
    connection.send({ type: "system.error", command_id: busyId, code: "command_expired", message: "too late" });
    await expect(busy).rejects.toMatchObject({ code: "command_expired", retryable: false });
    await expect(busy.acked).rejects.toBeInstanceOf(Refusal);
  });

  it.each([
    ["system.error", "rate_limited"],
    ["games.event.error", "unavailable"],
  ])("sends again after a pause, in order, what got a %s of %s", async (type, code) => {
    const [started, connection] = await online({ random: () => 1, timing: { busyPauseMs: 60, backoffMaxMs: 60 } });
    const commands = [1, 2, 3].map((n) => started.command(ROLL, { room_id: `r${n}` }));
    const sent = [await connection.frame(ROLL), await connection.frame(ROLL), await connection.frame(ROLL)];
    const refusedAt = Date.now();
    for (const { command_id } of sent) connection.send({ type, code, command_id, message: "later" });
    const again = [await connection.frame(ROLL), await connection.frame(ROLL), await connection.frame(ROLL)];
    expect(again).toEqual(sent);
    expect(Date.now() - refusedAt).toBeGreaterThan(50);
    for (const { command_id } of again) connection.send({ type: "games.event.command_applied", command_id });
    await Promise.all(commands);
    expect(connection.untaken(ROLL)).toBe(0);
  });

  it("gives up a command that the server is too busy for again and again", async () => {
    const [started, connection] = await online({ timing: { busyPauseMs: 1 } });
    const command = started.command(ROLL, { room_id: "r1" });
    const refusal = command.then(null, (error: unknown) => error);
    for (let sent = 0; sent < 6; sent++) {
      const { command_id } = await connection.frame(ROLL);
      connection.send({ type: "system.error", command_id, code: "rate_limited", message: "slow down" });
    }
    expect(await refusal).toMatchObject({ code: "rate_limited", retryable: true });
    await expect(command.acked).rejects.toBeInstanceOf(Refusal);
    expect(connection.untaken(ROLL)).toBe(0);
  });

  it("sends what is held for a pause once after a reconnect", async () => {
    const timing = { busyPauseMs: 30, backoffMaxMs: 30, heartbeatMs: 100 };
    const [started, first] = await online({ random: () => 1, timing });
    const command = started.command(ROLL, { room_id: "r1" });
    const { command_id } = await first.frame(ROLL);
    first.send({ type: "system.error", command_id, code: "rate_limited", message: "slow down" });
    first.cut();
    const second = await server.connection();
    await second.signIn();
    expect((await second.frame(ROLL)).command_id).toBe(command_id);
    // Comes after the pause is over.
    await second.frame("system.heartbeat");
    expect(second.untaken(ROLL)).toBe(0);
    second.send({ type: "games.event.command_applied", command_id });
    await command;
  });

  it("never lets so much wait that a reconnect would exceed a server's burst", async () => {
    const started = start({ maxPending: 1_000 });
    const waiting = Array.from({ length: 33 }, () => started.command(ROLL, { room_id: "r1" }));
    for (const command of waiting) command.catch(() => {});
    await expect(waiting[32]).rejects.toMatchObject({ code: "queue_full" });
    expect(started.pendingCount).toBe(32);
  });

  it("sends what has no answer again with the same id after a reconnect, in order", async () => {
    const [started, first] = await online();
    const roll = started.command(ROLL, { room_id: "r1" });
    const sent = await first.frame(ROLL);
    first.send({ type: "system.ack", command_id: sent.command_id });
    await roll.acked;
    const away = new Promise<void>((resolve) => {
      started.onStatus(({ state }) => {
        if (state === "waiting") resolve();
      });
    });
    first.cut();
    await away;
    const leave = started.command("games.command.leave_room", { room_id: "r1" });
    expect(leave.commandId).toBeUndefined();

    const second = await server.connection();
    await second.signIn();
    expect(await second.frame(ROLL)).toEqual(sent);
    const left = await second.frame("games.command.leave_room");
    expect(String(left.command_id) > String(sent.command_id)).toBe(true);
    second.send({ type: "games.event.command_applied", command_id: sent.command_id });
    second.send({ type: "games.event.player_left", event_id: "l", correlation_id: left.command_id, room_id: "r1" });
    await Promise.all([roll, leave]);
    expect(second.untaken(ROLL)).toBe(0);
  });

  it("asks again on a living connection when an answer does not come", async () => {
    const [started, connection] = await online({ timing: { resendMs: 20, heartbeatMs: 20 } });
    const command = started.command(ROLL, { room_id: "r1" });
    const first = await connection.frame(ROLL);
    const second = await connection.frame(ROLL);
    expect(second).toEqual(first);
    connection.send({ type: "games.event.command_applied", command_id: first.command_id });
    await command;
  });

  it("asks again at once when a room's state may hold the command's effect", async () => {
    const [started, connection] = await online();
    const command = started.command(ROLL, { room_id: "r1" });
    const first = await connection.frame(ROLL);
    connection.send({ type: "system.ack", command_id: first.command_id });
    connection.send(roomState());
    const second = await connection.frame(ROLL);
    expect(second).toEqual(first);
    connection.send({ type: "games.event.command_applied", command_id: first.command_id });
    await command;
  });

  it("asks again at once when the room has let the user go", async () => {
    const [started, connection] = await online();
    const command = started.command("games.command.leave_spectate", { room_id: "r1" });
    const first = await connection.frame("games.command.leave_spectate");
    connection.send({ type: "system.ack", command_id: first.command_id });
    connection.send({ type: "games.event.not_in_room", event_id: "e1", correlation_id: "resume", room_id: "r1" });
    const second = await connection.frame("games.command.leave_spectate");
    expect(second).toEqual(first);
    connection.send({ type: "games.event.command_applied", command_id: first.command_id });
    await command;
  });

  it("sends one given to an expired session again in the next", async () => {
    const [started, first] = await online();
    const command = started.command(ROLL, { room_id: "r1" });
    const sent = await first.frame(ROLL);
    first.send({ type: "system.error", code: "unauthenticated", command_id: sent.command_id, message: "expired" });
    const second = await server.connection();
    await second.signIn();
    expect((await second.frame(ROLL)).command_id).toBe(sent.command_id);
    second.send({ type: "games.event.command_applied", command_id: sent.command_id });
    await command;
  });

  it("bounds what waits", async () => {
    const started = start({ maxPending: 1 });
    const first = started.command(ROLL, { room_id: "r1" });
    await expect(started.command(ROLL, { room_id: "r1" })).rejects.toMatchObject({ code: "queue_full" });
    started.close();
    await expect(first).rejects.toMatchObject({ code: "closed" });
    await expect(started.command(ROLL, { room_id: "r1" })).rejects.toMatchObject({ code: "closed" });
  });
});

describe("resume", () => {
  it("names the last room_seq of each room, and drops events that it knows", async () => {
    const [started, first] = await online();
    const heard: unknown[] = [];
    started.on("games.event.lobby_joined", (frame) => heard.push(frame.player.user_id));
    first.send(roomState());
    first.send(joined(4, "8"));
    await eventually(() => expect(started.rooms.get("r1")?.roomSeq).toBe(4));
    first.cut();

    const second = await server.connection();
    const authenticate = await second.signIn();
    expect(authenticate.resume).toEqual([{ room_id: "r1", room_seq: 4 }]);
    second.send(joined(4, "8"));
    second.send(joined(5, "9"));
    await eventually(() => expect(started.rooms.get("r1")?.roomSeq).toBe(5));
    expect(heard).toEqual(["8", "9"]);
    expect(started.rooms.get("r1")?.members.map((member) => member.userId)).toEqual(["7", "8", "9"]);
  });

  it("hears an event without a room once, however often it arrives", async () => {
    const [started, connection] = await online();
    const heard: number[] = [];
    started.on("wallet.event.balance_changed", (frame) => heard.push(frame.balance_cents));
    const event = { type: "wallet.event.balance_changed", event_id: "w1", balance_cents: 4000 };
    connection.send(event);
    connection.send(event);
    connection.send({ ...event, event_id: "w2", balance_cents: 5600 });
    await eventually(() => expect(heard.at(-1)).toBe(5600));
    expect(heard).toEqual([4000, 5600]);
  });

  it("takes a state that was not recovered instead of what it had", async () => {
    const [started, first] = await online();
    first.send(roomState());
    first.send(joined(4, "8"));
    await eventually(() => expect(started.rooms.get("r1")?.members).toHaveLength(2));
    first.cut();
    const second = await server.connection();
    await second.signIn();
    second.send(roomState({ room_seq: 2, recovered: false, room_name: "Renamed" }, { recovered: false }));
    await eventually(() => expect(started.rooms.get("r1")?.name).toBe("Renamed"));
    expect(started.rooms.get("r1")).toMatchObject({ roomSeq: 2, members: [{ userId: "7" }] });
  });

  it("does not go back to an older state", async () => {
    const [started, connection] = await online();
    connection.send(roomState({ room_seq: 9, room_name: "Now" }));
    connection.send(roomState({ room_seq: 5, room_name: "Then" }));
    connection.send(joined(10, "8"));
    await eventually(() => expect(started.rooms.get("r1")?.roomSeq).toBe(10));
    expect(started.rooms.get("r1")?.name).toBe("Now");
  });

  it("drops what the state already contains", async () => {
    const [started, connection] = await online();
    const heard: string[] = [];
    started.on("games.event.lobby_joined", (frame) => heard.push(frame.player.user_id));
    connection.send(roomState({ room_seq: 5 }));
    connection.send(joined(5, "8"));
    connection.send(joined(6, "9"));
    await eventually(() => expect(started.rooms.get("r1")?.roomSeq).toBe(6));
    expect(heard).toEqual(["9"]);
    expect(started.rooms.get("r1")?.members.map((member) => member.userId)).toEqual(["7", "9"]);
  });

  it("asks for what is missing and keeps the order", async () => {
    const [started, connection] = await online({ timing: { gapMs: 60_000 } });
    const heard: string[] = [];
    started.on("games.event.lobby_joined", (frame) => heard.push(frame.player.user_id));
    connection.send(roomState());
    connection.send(joined(6, "10"));
    connection.send(joined(5, "9"));
    expect((await connection.frame("system.resume")).rooms).toEqual([{ room_id: "r1", room_seq: 3 }]);
    expect(heard).toEqual([]);
    connection.send(joined(4, "8"));
    connection.send(joined(5, "9"));
    connection.send(joined(6, "10"));
    await eventually(() => expect(started.rooms.get("r1")?.roomSeq).toBe(6));
    expect(heard).toEqual(["8", "9", "10"]);
    expect(connection.untaken("system.resume")).toBe(0);
  });

  it("goes on when what is missing never comes", async () => {
    const [started, connection] = await online({ timing: { gapMs: 10 } });
    connection.send(roomState());
    connection.send(joined(7, "8"));
    await eventually(() => expect(started.rooms.get("r1")?.roomSeq).toBe(7));
  });

  it("does not resume a room that has ended", async () => {
    const [started, first] = await online();
    first.send(roomState());
    first.send({
      type: "games.event.seed_revealed",
      event_id: "s",
      room_id: "r1",
      room_seq: 4,
      server_seed: "00",
      seed_commitment: "11",
    });
    await eventually(() => expect(started.rooms.get("r1")?.phase).toBe("over"));
    first.cut();
    expect((await (await server.connection()).signIn()).resume).toBeUndefined();
    expect(started.rooms.get("r1")?.fairness.serverSeed).toBe("00");
  });
});

describe("fairness", () => {
  const requested = (commitments: unknown) => ({
    type: "games.event.seeds_requested",
    event_id: crypto.randomUUID(),
    room_id: "r1",
    seed_commitment: "aa",
    commitments,
    deadline: "2026-01-01T00:00:00Z",
  });

  it("commits to a fresh seed with each ready and reveals the one that was frozen", async () => {
    const [started, connection] = await online();
    connection.send(roomState());
    void started.ready("r1").catch(() => {});
    const first = await connection.frame("games.command.ready");
    void started.ready("r1").catch(() => {});
    const second = await connection.frame("games.command.ready");
    expect(first.seed_commitment).toMatch(/^[0-9a-f]{64}$/);
    expect(second.seed_commitment).not.toBe(first.seed_commitment);

    connection.send(requested([{ user_id: "7", seed_commitment: first.seed_commitment }]));
    const reveal = await connection.frame("games.command.reveal_seed");
    expect(reveal.room_id).toBe("r1");
    expect(await commitmentOf(String(reveal.client_seed))).toBe(first.seed_commitment);
  });

  it("reveals again what the server was too busy for", async () => {
    const [started, connection] = await online({ timing: { busyPauseMs: 1 } });
    connection.send(roomState());
    void started.ready("r1").catch(() => {});
    const ready = await connection.frame("games.command.ready");
    connection.send(requested([ready.seed_commitment]));
    const reveal = await connection.frame("games.command.reveal_seed");
    connection.send({ type: "system.error", code: "rate_limited", command_id: reveal.command_id });
    expect(await connection.frame("games.command.reveal_seed")).toEqual(reveal);
  });

  it("reveals, and hears every event, where the storage takes nothing", async () => {
    class FullStorage extends MemoryStorage {
      override setItem(): void {
        throw new DOMException("full", "QuotaExceededError");
      }
      override removeItem(): void {
        throw new DOMException("blocked", "SecurityError");
      }
    }
    const [started, connection] = await online({ storage: new FullStorage() });
    const heard: string[] = [];
    started.onEvent(({ type }) => heard.push(type));
    connection.send(roomState());
    void started.ready("r1").catch(() => {});
    const ready = await connection.frame("games.command.ready");
    connection.send(requested([ready.seed_commitment]));
    const reveal = await connection.frame("games.command.reveal_seed");
    expect(await commitmentOf(String(reveal.client_seed))).toBe(ready.seed_commitment);
    const room = { room_id: "r1", seed_commitment: "aa" };
    const players = [{ user_id: "7", username: "ada" }];
    const seeds = [reveal.client_seed];
    connection.send({ ...room, type: "games.event.game_started", event_id: "g", room_seq: 4, players, seeds });
    connection.send({ ...room, type: "games.event.seed_revealed", event_id: "s", room_seq: 5, server_seed: "00" });
    await eventually(() => expect(started.rooms.get("r1")?.phase).toBe("over"));
    expect(heard.slice(-2)).toEqual(["games.event.game_started", "games.event.seed_revealed"]);
  });

  it("reveals after a reload of the page", async () => {
    const storage = new MemoryStorage();
    const [before, first] = await online({ storage });
    void before.ready("r1").catch(() => {});
    const ready = await first.frame("games.command.ready");
    before.close();

    const [, second] = await online({ storage });
    second.send(requested([ready.seed_commitment]));
    const reveal = await second.frame("games.command.reveal_seed");
    expect(await commitmentOf(String(reveal.client_seed))).toBe(ready.seed_commitment);
  });

  it("reveals after a reload that missed the request, once the seeds are asked for", async () => {
    const storage = new MemoryStorage();
    const [before, first] = await online({ storage });
    void before.ready("r1").catch(() => {});
    const ready = await first.frame("games.command.ready");
    before.close();

    const player = (id: string, isReady: boolean) => ({ user_id: id, username: id, is_ready: isReady });
    const [started, second] = await online({ storage });
    second.send(roomState({ players: [player("7", true), player("8", false)], selected_players: ["7", "8"] }));
    await eventually(() => expect(started.rooms.get("r1")).toBeDefined());
    expect(started.pendingCount).toBe(0);
    second.send(
      roomState({
        room_seq: 4,
        players: [player("7", true), player("8", true)],
        selected_players: ["7", "8"],
        seeds_deadline: "2024-01-20T10:30:06.000Z",
      }),
    );
    const reveal = await second.frame("games.command.reveal_seed");
    expect(await commitmentOf(String(reveal.client_seed))).toBe(ready.seed_commitment);
  });

  it("knows the seats' seeds after a reload, so that later draws can be checked", async () => {
    const storage = new MemoryStorage();
    const [before, first] = await online({ storage });
    first.send(roomState());
    first.send({
      type: "games.event.game_started",
      event_id: "g",
      room_id: "r1",
      room_seq: 4,
      game_type: "bigger_dice",
      players: [{ user_id: "7", username: "ada" }],
      first_turn: "7",
      seeds: ["ab".repeat(32)],
    });
    await eventually(() => expect(before.rooms.get("r1")?.phase).toBe("playing"));
    before.close();
    const [started, second] = await online({ storage });
    second.send(roomState({ status: "in_progress", room_seq: 9, players: [{ user_id: "7", username: "ada" }] }));
    await eventually(() => expect(started.rooms.get("r1")?.fairness.playerSeeds).toEqual(["ab".repeat(32)]));
  });

  it("takes readiness back without a seed", async () => {
    const [started, connection] = await online();
    void started.ready("r1", false).catch(() => {});
    expect(await connection.frame("games.command.ready")).toMatchObject({ is_ready: false });
  });
});

describe("lobby", () => {
  const listed = (id: string, name: string) => ({
    room_id: id,
    room_name: name,
    status: "waiting",
    player_count: 1,
    max_players: 2,
  });

  it("watches, lists and follows, also on the next connection", async () => {
    const [started, first] = await online();
    let names: string[] = [];
    const stop = started.lobby.watch((rooms) => {
      names = rooms.map((room) => `${room.room_name}:${room.player_count}`);
    });
    expect(await first.frame("system.lobby")).toMatchObject({ watch: true });
    const list = await first.frame("games.command.list_rooms");
    first.send({
      type: "games.event.room_list",
      event_id: "l1",
      correlation_id: list.command_id,
      rooms: [listed("a", "A"), listed("b", "B")],
    });
    first.send({ type: "games.event.room_updated", event_id: "u1", ...listed("a", "A"), player_count: 2 });
    first.send({ type: "games.event.room_removed", event_id: "d1", room_id: "b", reason: "abandoned" });
    first.send({ type: "games.event.room_created", event_id: "c1", room_id: "c", room_name: "C", player_count: 4 });
    await eventually(() => expect(names).toEqual(["A:2", "C:1"]));
    const statuses = () => started.lobby.list().map(({ room_id, status }) => `${room_id} ${status}`);
    first.send({ type: "games.event.room_removed", event_id: "d2", room_id: "c", reason: "game_started" });
    first.send({ type: "games.event.room_removed", event_id: "d3", room_id: "x", reason: "game_started" });
    await eventually(() => expect(statuses()).toEqual(["a waiting", "c in_progress"]));
    first.send({
      type: "games.event.seed_revealed",
      event_id: "d4",
      room_id: "c",
      server_seed: "",
      seed_commitment: "",
    });
    await eventually(() => expect(statuses()).toEqual(["a waiting"]));
    started.lobby.refresh();
    await first.frame("games.command.list_rooms");
    first.cut();
    const second = await server.connection();
    await second.signIn();
    expect(await second.frame("system.lobby")).toMatchObject({ watch: true });
    const again = await second.frame("games.command.list_rooms");
    second.send({ type: "games.event.room_list", event_id: "l2", correlation_id: again.command_id, rooms: [] });
    await eventually(() => expect(names).toEqual([]));
    stop();
    expect(await second.frame("system.lobby")).toMatchObject({ watch: false });
  });
});

describe("limits of a room and of the gateway", () => {
  it("tells of the one at once, and waits for the other", async () => {
    const [started, connection] = await online({ timing: { busyPauseMs: 1 } });
    const fields = { room_id: "r1", password: "guess" };
    const join = started.command("games.command.join_room", fields);
    const refused = expect(join).rejects.toMatchObject({ code: "rate_limited", message: "Try again in 60 s" });
    const asked = await connection.frame("games.command.join_room");
    connection.send({
      type: "games.event.error",
      code: "rate_limited",
      message: "Try again in 60 s",
      command_id: asked.command_id,
    });
    await refused;
    const again = started.command("games.command.join_room", fields);
    const first = await connection.frame("games.command.join_room");
    connection.send({ type: "system.error", code: "rate_limited", message: "slow", command_id: first.command_id });
    const second = await connection.frame("games.command.join_room");
    expect(second.command_id).toBe(first.command_id);
    connection.send(roomState({}, { correlation_id: second.command_id }));
    await again;
  });
});

describe("the standing of a room", () => {
  it("is what the room says to somebody who is not in it, or its state", async () => {
    const [started, connection] = await online();
    const asked = started.standing("r2");
    expect(await connection.frame("system.resume")).toMatchObject({ rooms: [{ room_id: "r2", room_seq: 0 }] });
    connection.send({ type: "games.event.not_in_room", room_id: "r1", status: "waiting" });
    connection.send({ type: "games.event.not_in_room", room_id: "r2", status: "in_progress", allow_spectators: true });
    expect(await asked).toMatchObject({ status: "in_progress", allow_spectators: true });
    const again = started.standing("r1");
    await connection.frame("system.resume");
    connection.send(roomState());
    expect((await again).type).toBe("games.event.room_state");
  });

  it("is given up where nothing is said", async () => {
    const [started] = await online({ timing: { resendMs: 5 } });
    await expect(started.standing("r2")).rejects.toMatchObject({ code: "timeout" });
  });
});

describe("messages", () => {
  const direct = (id: string, from: string, to: string, fields: object = {}) => ({
    type: "chat.event.message_received",
    event_id: `e-${id}`,
    message_id: id,
    sender_id: from,
    sender_username: `user ${from}`,
    recipient_id: to,
    recipient_username: `user ${to}`,
    content: `<i>${id}</i>`,
    timestamp: `2026-01-01T00:00:0${id}Z`,
    ...fields,
  });

  it("are sorted into conversations, unread until they are marked, and sent like any command", async () => {
    const [started, connection] = await online();
    const { messages } = started;
    const sent = messages.send("9", "hello");
    const command = await connection.frame("chat.command.send_message");
    expect(command).toMatchObject({ recipient_id: "9", content: "hello" });
    connection.send(direct("2", "7", "9", { correlation_id: command.command_id }));
    await sent;
    connection.send(direct("3", "9", "7"));
    connection.send(direct("4", "8", "7"));
    await eventually(() => expect(messages.unread).toBe(2));
    messages.addHistory([
      { ...direct("1", "9", "7", { is_read: true }) } as never,
      { ...direct("3", "9", "7") } as never,
    ]);
    expect(messages.conversations().map(({ userId }) => userId)).toEqual(["8", "9"]);
    const nine = messages.conversation("9");
    expect(nine).toMatchObject({ username: "user 9", unread: 1 });
    expect(nine?.messages.map(({ message_id }) => message_id)).toEqual(["1", "2", "3"]);
    messages.markRead("9");
    expect(messages.conversation("9")?.unread).toBe(0);
    expect(await connection.frame("chat.command.mark_read")).toMatchObject({ message_ids: ["3"] });
    messages.markRead("9");
    expect(connection.untaken("chat.command.mark_read")).toBe(0);
  });

  it("show who is typing until they have written, and tell it no more often than is of use", async () => {
    const [started, connection] = await online();
    const { messages } = started;
    connection.send({ type: "chat.event.typing", user_id: "9", username: "nina" });
    await eventually(() => expect(messages.conversation("9")?.typingUntil).toBeGreaterThan(started.clock.now()));
    connection.send(direct("1", "9", "7"));
    await eventually(() => expect(messages.conversation("9")?.typingUntil).toBe(0));
    for (let key = 0; key < 5; key++) messages.typing("9");
    await connection.frame("chat.command.typing");
    messages.sendToLobby("all").catch(() => {});
    await connection.frame("chat.command.send_lobby_message");
    expect(connection.untaken("chat.command.typing")).toBe(0);
  });

  it("of the lobby are kept once each, in the order of time", async () => {
    const [started, connection] = await online();
    const said = (id: string) => ({
      lobby_id: "main",
      message_id: id,
      user_id: "9",
      username: "nina",
      content: id,
      timestamp: `2026-01-01T00:00:0${id}Z`,
    });
    connection.send({ type: "chat.event.lobby_message", event_id: "l2", ...said("2") });
    await eventually(() => expect(started.messages.lobby()).toHaveLength(1));
    started.messages.addLobbyMessages([said("1"), said("2")]);
    expect(started.messages.lobby().map(({ content }) => content)).toEqual(["1", "2"]);
  });

  it("that are refused reject with the code and the words", async () => {
    const [started, connection] = await online();
    const sent = started.messages.send("9", "x");
    const refused = expect(sent).rejects.toMatchObject({ code: "too_long", message: "The text is too long" });
    const { command_id } = await connection.frame("chat.command.send_message");
    connection.send({ type: "chat.event.error", code: "too_long", message: "The text is too long", command_id });
    await refused;
  });
});

describe("quick match", () => {
  const WAITING = "games.event.quick_match_waiting";

  it("waits, asks again after a lost connection, and ends in the room that was opened", async () => {
    const [started, first] = await online();
    const ends: unknown[] = [];
    started.quickMatch.onEnd((end) => ends.push(end));
    started.quickMatch.start("bigger_dice");
    started.quickMatch.start("bigger_dice");
    const asked = await first.frame("games.command.quick_match");
    expect(first.untaken("games.command.quick_match")).toBe(0);
    first.send({ type: WAITING, game_type: "bigger_dice", waiting: 1, correlation_id: asked.command_id });
    await eventually(() => expect(started.quickMatch.status).toEqual({ gameType: "bigger_dice", waiting: 1 }));
    first.cut();
    const second = await server.connection();
    await second.signIn();
    await second.frame("games.command.quick_match");
    second.send(roomState({ room_id: "other", lobby: [] }));
    second.send(roomState({ room_id: "r9", players: [{ user_id: "7", username: "ada" }], lobby: [] }));
    await eventually(() => expect(ends).toEqual([{ roomId: "r9" }]));
    expect(started.quickMatch.status).toBeNull();
  });

  it("is cancelled, and tells who could not pay once others were found", async () => {
    const [started, connection] = await online();
    const ends: unknown[] = [];
    started.quickMatch.onEnd((end) => ends.push(end));
    started.quickMatch.start("bigger_dice");
    await connection.frame("games.command.quick_match");
    const cancelled = started.quickMatch.cancel();
    const cancel = await connection.frame("games.command.quick_match");
    expect(cancel).toMatchObject({ cancel: true });
    const none = { type: WAITING, game_type: "bigger_dice", waiting: 0, is_waiting: false };
    connection.send({ ...none, correlation_id: cancel.command_id });
    await cancelled;
    expect(ends).toEqual([]);
    started.quickMatch.start("bigger_dice");
    const { command_id } = await connection.frame("games.command.quick_match");
    connection.send({ type: WAITING, game_type: "bigger_dice", waiting: 1, correlation_id: command_id });
    await eventually(() => expect(started.quickMatch.status?.waiting).toBe(1));
    connection.send({ type: "games.event.error", code: "insufficient_balance", message: "No", command_id });
    await eventually(() => expect(ends).toMatchObject([{ problem: { code: "insufficient_balance" } }]));
    expect(started.quickMatch.status).toBeNull();
  });
});
