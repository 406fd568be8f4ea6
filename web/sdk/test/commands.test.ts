import { describe, expect, it, vi } from "vitest";
import { Refusal } from "../src/index.js";
import { online, ROLL, reached, roomState, server, start, useScriptedServer } from "./client_harness.js";

useScriptedServer();

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

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

  it("is sent once where it is given as the connection comes, and after what waited", async () => {
    const started = start();
    const connection = await server.connection();
    const give = (room_id: string) => started.command(ROLL, { room_id }).catch(() => {});
    void give("waited");
    started.onStatus(({ state }) => state === "online" && give("given then"));
    await connection.signIn();
    await reached(started, "online");
    void give("last");
    const rooms = [await connection.frame(ROLL), await connection.frame(ROLL), await connection.frame(ROLL)];
    expect(rooms.map(({ room_id }) => room_id)).toEqual(["waited", "given then", "last"]);
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

  it("is not sent where its signal has aborted by then, and makes room for another", async () => {
    const started = start({ maxPending: 1 });
    const waiting = new AbortController();
    const command = started.command(ROLL, { room_id: "r1" }, { signal: waiting.signal });
    waiting.abort(new Error("too late"));
    await expect(command).rejects.toThrow("too late");
    await expect(command.acked).rejects.toThrow("too late");
    await expect(started.command(ROLL, { room_id: "r1" }, { signal: waiting.signal })).rejects.toThrow("too late");
    const left = started.command("games.command.leave_room", { room_id: "r1" });
    const connection = await server.connection();
    await connection.signIn();
    const { command_id } = await connection.frame("games.command.leave_room");
    connection.send({ type: "games.event.command_applied", command_id });
    await left;
    expect(connection.untaken(ROLL)).toBe(0);
  });

  it("is let go by its signal once it was sent, and its answer disturbs nobody", async () => {
    const [started, connection] = await online();
    const command = started.command(ROLL, { room_id: "r1" }, { signal: AbortSignal.timeout(20) });
    const { command_id } = await connection.frame(ROLL);
    connection.send({ type: "system.ack", command_id });
    await expect(command).rejects.toMatchObject({ name: "TimeoutError" });
    await command.acked;
    expect(started.pendingCount).toBe(0);
    connection.send({ type: "games.event.error", command_id, code: "not_your_turn", message: "wait" });
    const next = started.command(ROLL, { room_id: "r1" }, { signal: new AbortController().signal });
    const sent = await connection.frame(ROLL);
    expect(sent.command_id).not.toBe(command_id);
    connection.send({ type: "games.event.command_applied", command_id: sent.command_id });
    await next;
  });

  it("that nobody waits for ends no program when the client is closed", async () => {
    const [started, connection] = await online();
    const ended = vi.fn();
    process.on("unhandledRejection", ended);
    void started.command(ROLL, { room_id: "r1" });
    await connection.frame(ROLL);
    started.close();
    await connection.closed;
    process.off("unhandledRejection", ended);
    expect(ended).not.toHaveBeenCalled();
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
