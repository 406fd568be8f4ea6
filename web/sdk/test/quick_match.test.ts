import { describe, expect, it } from "vitest";
import { eventually, online, ROLL, roomState, server, start, useScriptedServer } from "./client_harness.js";

useScriptedServer();

describe("quick match", () => {
  const WAITING = "games.event.quick_match_waiting";

  it("waits, asks again after a lost connection, and ends in the room that was opened", async () => {
    const [started, first] = await online();
    const ends: unknown[] = [];
    started.quickMatch.onEnd((end) => ends.push(end));
    started.quickMatch.start("bigger_dice", { entry_fee_cents: 250 });
    started.quickMatch.start("bigger_dice");
    const asked = await first.frame("games.command.quick_match");
    expect(asked.entry_fee_cents).toBe(250);
    expect(first.untaken("games.command.quick_match")).toBe(0);
    first.send({ type: WAITING, game_type: "bigger_dice", waiting: 1, correlation_id: asked.command_id });
    await eventually(() => expect(started.quickMatch.status).toEqual({ gameType: "bigger_dice", waiting: 1 }));
    first.cut();
    const second = await server.connection();
    await second.signIn();
    expect((await second.frame("games.command.quick_match")).entry_fee_cents).toBe(250);
    second.send(roomState({ room_id: "other", lobby: [] }));
    second.send(roomState({ room_id: "r9", players: [{ user_id: "7", username: "ada" }], lobby: [] }));
    await eventually(() => expect(ends).toEqual([{ roomId: "r9" }]));
    expect(started.quickMatch.status).toBeNull();
  });

  it("is asked for once where it begins without a connection", async () => {
    const started = start();
    const connection = await server.connection();
    started.quickMatch.start("bigger_dice");
    await connection.signIn();
    await connection.frame("games.command.quick_match");
    started.command(ROLL, { room_id: "r1" }).catch(() => {});
    await connection.frame(ROLL);
    expect(connection.untaken("games.command.quick_match")).toBe(0);
  });

  it("is asked for anew where the first was answered on a connection that was lost", async () => {
    const [started, first] = await online();
    started.quickMatch.start("bigger_dice");
    const asked = await first.frame("games.command.quick_match");
    first.cut();
    const second = await server.connection();
    await second.signIn();
    const { command_id } = await second.frame("games.command.quick_match");
    expect(command_id).toBe(asked.command_id);
    const none = { type: WAITING, game_type: "bigger_dice", waiting: 0, is_waiting: false };
    second.send({ ...none, correlation_id: command_id });
    expect((await second.frame("games.command.quick_match")).command_id).not.toBe(command_id);
    expect(started.quickMatch.status).toEqual({ gameType: "bigger_dice", waiting: 0 });
  });

  it("ends in the room where it is cancelled too late", async () => {
    const [started, connection] = await online();
    const ends: unknown[] = [];
    started.quickMatch.onEnd((end) => ends.push(end));
    started.quickMatch.start("bigger_dice");
    const { command_id } = await connection.frame("games.command.quick_match");
    connection.send({ type: WAITING, game_type: "bigger_dice", waiting: 1, correlation_id: command_id });
    await eventually(() => expect(started.quickMatch.status?.waiting).toBe(1));
    const cancelled = started.quickMatch.cancel();
    const cancel = await connection.frame("games.command.quick_match");
    expect(started.quickMatch.status?.waiting).toBe(1);
    connection.send(roomState({ room_id: "r9", players: [{ user_id: "7", username: "ada" }], lobby: [] }));
    const none = { type: WAITING, game_type: "bigger_dice", waiting: 0, is_waiting: false };
    connection.send({ ...none, correlation_id: cancel.command_id });
    await cancelled;
    expect(ends).toEqual([{ roomId: "r9" }]);
    expect(started.quickMatch.status).toBeNull();
  });

  it("does not go on where the cancelling outlives the connection", async () => {
    const [started, first] = await online();
    started.quickMatch.start("bigger_dice");
    const { command_id } = await first.frame("games.command.quick_match");
    first.send({ type: WAITING, game_type: "bigger_dice", waiting: 1, correlation_id: command_id });
    await eventually(() => expect(started.quickMatch.status?.waiting).toBe(1));
    const cancelled = started.quickMatch.cancel();
    await first.frame("games.command.quick_match");
    first.cut();
    const second = await server.connection();
    await second.signIn();
    const cancel = await second.frame("games.command.quick_match");
    const none = { type: WAITING, game_type: "bigger_dice", waiting: 0, is_waiting: false };
    second.send({ ...none, correlation_id: cancel.command_id });
    await cancelled;
    expect(cancel).toMatchObject({ cancel: true });
    expect(second.untaken("games.command.quick_match")).toBe(0);
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
