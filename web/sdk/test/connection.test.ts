import { describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { connect, MemoryStorage } from "../src/index.js";
import { eventually, online, reached, server, start, useScriptedServer } from "./client_harness.js";

useScriptedServer();

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

  it("does not hurry back to a server that ends each connection soon", async () => {
    const started = start({ random: () => 1, timing: { backoffMinMs: 4, backoffMaxMs: 1_000 } });
    const pauses: number[] = [];
    started.onStatus(({ retryAt }) => {
      if (retryAt !== undefined) pauses.push(retryAt - Date.now());
    });
    for (let times = 0; times < 5; times++) {
      const connection = await server.connection();
      await connection.signIn();
      connection.cut();
    }
    await eventually(() => expect(pauses).toHaveLength(5));
    expect(pauses[4]).toBeGreaterThan(50);
  });

  it("tells while it waits why it has to", async () => {
    const started = start({ random: () => 1, timing: { backoffMinMs: 60_000, backoffMaxMs: 60_000 } });
    const connection = await server.connection();
    connection.close(1008, "too many connections");
    await reached(started, "waiting");
    expect(started.status.error?.message).toBe("The connection was closed: too many connections");
    expect(started.status.retryAt).toBeGreaterThan(Date.now());
  });

  it("gives up a token that does not come", async () => {
    const tokens = [new Promise<string>(() => {}), Promise.resolve("good")];
    start({ token: async () => (await tokens.shift()) ?? "", timing: { connectMs: 30 } });
    expect((await (await server.connection()).signIn()).token).toBe("good");
  });

  it("takes the origin, and its tokens, of a session", async () => {
    const { host } = new URL(server.url);
    const session = { origin: `http://${host}`, token: async () => "of the session" };
    const client = connect({ session, WebSocket, storage: new MemoryStorage() });
    const connection = await server.connection();
    expect(connection.url).toBe("/ws");
    expect((await connection.signIn()).token).toBe("of the session");
    await client.online();
    client.close();
  });
});

describe("what no later attempt would make better", () => {
  const token = async () => "token";

  it.each(["", "play.example", "ftp://play.example/ws", "http://"])("the address %j is refused at once", (url) => {
    expect(() => connect({ url, token, WebSocket })).toThrow(`Not the address of a socket: ${url}`);
  });

  it("a platform without a WebSocket is told at once, and what to do", () => {
    vi.stubGlobal("WebSocket", undefined);
    expect(() => connect({ url: server.url, token })).toThrow(/pass one, as of the package ws/);
    vi.unstubAllGlobals();
  });
});

describe("waiting", () => {
  it("for being online ends with it, with the signal, or with the client", async () => {
    const started = start({ random: () => 1, timing: { backoffMinMs: 60_000, backoffMaxMs: 60_000 } });
    await expect(started.online({ signal: AbortSignal.abort(new Error("no time")) })).rejects.toThrow("no time");
    const soon = started.online();
    const connection = await server.connection();
    await connection.signIn();
    await soon;
    await started.online();
    connection.cut();
    await reached(started, "waiting");
    const later = started.online();
    started.close();
    await expect(later).rejects.toMatchObject({ name: "Refusal", code: "closed" });
  });

  it("for an event takes the first that fits", async () => {
    const [started, connection] = await online();
    const rich = started.next("wallet.event.balance_changed", { where: (event) => event.balance_cents > 100 });
    const waiting = new AbortController();
    const never = started.next("wallet.event.balance_changed", { signal: waiting.signal, where: () => false });
    for (const [event_id, balance_cents] of [
      ["a", 50],
      ["b", 150],
      ["c", 250],
    ]) {
      connection.send({ type: "wallet.event.balance_changed", event_id, balance_cents });
    }
    expect((await rich).balance_cents).toBe(150);
    waiting.abort(new Error("enough"));
    await expect(never).rejects.toThrow("enough");
  });
});
