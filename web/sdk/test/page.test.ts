import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { eventually, online, reached, server, start, useScriptedServer } from "./client_harness.js";

useScriptedServer();

let page: EventTarget;

beforeEach(() => {
  page = new EventTarget();
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
});

afterEach(() => vi.unstubAllGlobals());

const FOR_EVER = { heartbeatMs: 60_000, silenceMs: 120_000 };
const shown = (persisted: boolean) => Object.assign(new Event("pageshow"), { persisted });

describe("a page", () => {
  it.each(["online", "offline", "visibilitychange", "pageshow"])(
    "asks on %s whether its connection still lives, and opens another where it does not",
    async (type) => {
      vi.stubGlobal("document", { visibilityState: "visible" });
      const [started, first] = await online({ timing: { ...FOR_EVER, probeMs: 60 } });
      const errors: string[] = [];
      started.onStatus(({ error }) => {
        if (error) errors.push(error.message);
      });
      page.dispatchEvent(type === "pageshow" ? shown(true) : new Event(type));
      await first.frame("system.heartbeat");
      await eventually(() => expect(errors).toEqual(["No answer within 60 ms"]));
      await (await server.connection()).signIn();
      await reached(started, "online");
    },
  );

  it("keeps a connection that answers", async () => {
    const [started, connection] = await online({ timing: { ...FOR_EVER, probeMs: 100 } });
    const states: string[] = [];
    started.onStatus(({ state }) => states.push(state));
    page.dispatchEvent(new Event("online"));
    await connection.frame("system.heartbeat");
    connection.send({ type: "system.heartbeat_ack", timestamp: new Date().toISOString() });
    for (const until = Date.now() + 250; Date.now() < until; ) {
      const command = started.command("games.command.list_rooms", {});
      const { command_id } = await connection.frame("games.command.list_rooms");
      connection.send({ type: "games.event.room_list", correlation_id: command_id, rooms: [] });
      await command;
    }
    expect(states).toEqual(["online"]);
  });

  it("does not go on waiting once its network is back", async () => {
    const started = start({ timing: { backoffMinMs: 60_000, backoffMaxMs: 60_000 }, random: () => 1 });
    (await server.connection()).cut();
    await reached(started, "waiting");
    page.dispatchEvent(new Event("online"));
    await (await server.connection()).signIn();
    await reached(started, "online");
  });

  it("has no socket while it is left, and is back at once when it is shown again", async () => {
    const [started, first] = await online();
    page.dispatchEvent(new Event("pagehide"));
    expect(await first.closed).toBe(1000);
    expect(started.status).toEqual({ state: "waiting" });
    const command = started.command("games.command.list_rooms", {});
    page.dispatchEvent(shown(false));
    expect(started.status).toEqual({ state: "waiting" });
    page.dispatchEvent(shown(true));
    const second = await server.connection();
    await second.signIn();
    const { command_id } = await second.frame("games.command.list_rooms");
    second.send({ type: "games.event.room_list", correlation_id: command_id, rooms: [] });
    await command;
  });

  it("that is left while it connects does not go on connecting", async () => {
    let give = (_token: string) => {};
    const started = start({
      token: () =>
        new Promise((resolve) => {
          give = resolve;
        }),
    });
    page.dispatchEvent(new Event("pagehide"));
    give("late");
    await new Promise((resolve) => setTimeout(resolve));
    expect(started.status).toEqual({ state: "waiting" });
  });

  it("is listened to no longer once the client is closed", async () => {
    const [started, connection] = await online();
    started.close();
    await connection.closed;
    for (const type of ["online", "pagehide"]) page.dispatchEvent(new Event(type));
    page.dispatchEvent(shown(true));
    expect(started.status).toEqual({ state: "closed", reason: "closed" });
  });
});

it("a program that stood still takes its own silence for no one else's", async () => {
  const [started, connection] = await online({ timing: { heartbeatMs: 40, silenceMs: 80, probeMs: 5_000 } });
  const states: string[] = [];
  started.onStatus(({ state }) => states.push(state));
  for (const until = Date.now() + 300; Date.now() < until; );
  await connection.frame("system.heartbeat");
  connection.send({ type: "system.heartbeat_ack", timestamp: new Date().toISOString() });
  await eventually(() => expect(states).toEqual(["online"]));
});
