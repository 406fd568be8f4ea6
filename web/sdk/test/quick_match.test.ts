import { describe, expect, it } from "vitest";
import { eventually, online, roomState, server, useScriptedServer } from "./client_harness.js";

useScriptedServer();

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
