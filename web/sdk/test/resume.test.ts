import { describe, expect, it } from "vitest";
import { eventually, joined, online, ROLL, roomState, server, useScriptedServer } from "./client_harness.js";
import type { Connection } from "./scripted_server.js";

useScriptedServer();

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

  it("leaves nobody gone for events that it has missed", async () => {
    const [started, first] = await online();
    first.send(roomState());
    first.send(joined(4, "8"));
    first.send({ type: "games.event.player_disconnected", event_id: "g5", room_id: "r1", room_seq: 5, user_id: "8" });
    const other = () => started.rooms.get("r1")?.members.find(({ userId }) => userId === "8");
    await eventually(() => expect(other()?.isGone).toBe(true));
    first.cut();
    const second = await server.connection();
    await second.signIn();
    const lobby = ["7", "8"].map((user_id) => ({ user_id, username: `user${user_id}` }));
    second.send(roomState({ room_seq: 30, recovered: false, lobby }, { recovered: false }));
    await eventually(() => expect(started.rooms.get("r1")?.roomSeq).toBe(30));
    expect(other()).toMatchObject({ isGone: false, goneUntil: null });
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

  it("asks over another connection, then for the room's state, where what is missing does not come", async () => {
    const [started, connection] = await online({ timing: { gapMs: 20 } });
    const heard: string[] = [];
    started.on("games.event.lobby_joined", (frame) => heard.push(frame.player.user_id));
    connection.send(roomState());
    connection.send(joined(6, "10"));
    const asksFor = async (on: Connection, room_seq: number) =>
      expect((await on.frame("system.resume")).rooms).toEqual([{ room_id: "r1", room_seq }]);
    await asksFor(connection, 3);
    await asksFor(connection, 3);
    const second = await server.connection();
    expect((await second.signIn()).resume).toEqual([{ room_id: "r1", room_seq: 3 }]);
    second.send(joined(6, "10"));
    await asksFor(second, 3);
    await asksFor(second, 3);
    await asksFor(second, 0);
    second.send(roomState({ room_seq: 5, recovered: false, room_name: "Renamed" }));
    await eventually(() => expect(started.rooms.get("r1")?.roomSeq).toBe(6));
    expect(started.rooms.get("r1")?.name).toBe("Renamed");
    expect(heard).toEqual(["10"]);
    expect(connection.untaken("system.resume")).toBe(0);
  });

  it("does not give up what is missing while it is away", async () => {
    const [started, first] = await online({
      timing: { gapMs: 30, backoffMinMs: 200, backoffMaxMs: 200 },
      random: () => 1,
    });
    const heard: string[] = [];
    started.on("games.event.lobby_joined", (frame) => heard.push(frame.player.user_id));
    first.send(roomState());
    first.send(joined(5, "9"));
    await first.frame("system.resume");
    first.cut();
    const second = await server.connection();
    expect((await second.signIn()).resume).toEqual([{ room_id: "r1", room_seq: 3 }]);
    second.send(joined(4, "8"));
    second.send(joined(5, "9"));
    await eventually(() => expect(heard).toEqual(["8", "9"]));
  });

  it("goes on when what is missing never comes", async () => {
    const [started, first] = await online({ timing: { gapMs: 5 } });
    first.send(roomState());
    first.send(joined(7, "8"));
    const second = await server.connection();
    await second.signIn();
    second.send(joined(7, "8"));
    await eventually(() => expect(started.rooms.get("r1")?.roomSeq).toBe(7));
  });

  it("takes the answer to a repeated command for no event of the room", async () => {
    const [started, connection] = await online();
    const heard: string[] = [];
    started.on("games.event.lobby_joined", (frame) => heard.push(frame.player.user_id));
    connection.send(roomState());
    const command = started.command(ROLL, { room_id: "r1" });
    const { command_id } = await connection.frame(ROLL);
    // It overtakes the event that it stands for.
    const applied = { type: "games.event.command_applied", event_id: "a", room_id: "r1", room_seq: 4 };
    connection.send({ ...applied, command_id });
    await command;
    expect(started.rooms.get("r1")?.roomSeq).toBe(3);
    connection.send(joined(4, "8"));
    await eventually(() => expect(heard).toEqual(["8"]));
    expect(started.transcripts.lines("r1").map(({ type }) => type)).toEqual([
      "games.event.room_state",
      "games.event.lobby_joined",
    ]);
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
    await expect(started.standing("r2")).rejects.toMatchObject({ name: "TimeoutError" });
  });
});
