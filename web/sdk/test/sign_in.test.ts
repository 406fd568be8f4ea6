import { describe, expect, it, vi } from "vitest";
import { Refusal, SignedOut } from "../src/index.js";
import { eventually, online, ROLL, reached, roomState, server, start, useScriptedServer } from "./client_harness.js";

useScriptedServer();

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

  it.each(["signed out", "banned"])(
    "asks for another token, and is signed out without one, once it is %s",
    async (why) => {
      const token = vi.fn(async ({ refused }: { refused: boolean }) => {
        if (refused) throw new SignedOut("the session is over");
        return "good for minutes yet";
      });
      const started = start({ token });
      const connection = await server.connection();
      await connection.signIn();
      connection.close(1008, why);
      await reached(started, "closed");
      expect(started.status.reason).toBe("signed_out");
      expect(token).toHaveBeenCalledTimes(2);
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
