import { describe, expect, it } from "vitest";
import { commitmentOf, MemoryStorage } from "../src/index.js";
import { eventually, online, roomState, useScriptedServer } from "./client_harness.js";

useScriptedServer();

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
