import { describe, expect, it } from "vitest";
import { eventually, online, server, useScriptedServer } from "./client_harness.js";

useScriptedServer();

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

  it("asks once, however often it is asked before an answer", async () => {
    const [started, first] = await online();
    first.cut();
    await eventually(() => expect(started.status.state).not.toBe("online"));
    for (let times = 0; times < 40; times++) started.lobby.refresh();
    expect(started.pendingCount).toBe(1);
    const second = await server.connection();
    await second.signIn();
    const list = await second.frame("games.command.list_rooms");
    second.send({ type: "games.event.room_list", event_id: "l1", correlation_id: list.command_id, rooms: [] });
    await eventually(() => expect(started.pendingCount).toBe(0));
    started.lobby.refresh();
    expect(started.pendingCount).toBe(1);
  });
});
