import { createHash, createHmac, randomBytes } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import {
  ApiProblem,
  backoffMs,
  CommandIds,
  commitmentOf,
  Draws,
  ServerClock,
  Session,
  SignedOut,
} from "../src/index.js";

describe("command ids", () => {
  it("are version 7, carry the time and ascend within a millisecond", () => {
    const ids = new CommandIds(() => 0x0123456789ab);
    const made = Array.from({ length: 5_000 }, () => ids.next());
    expect(made[0]).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect([...made].sort()).toEqual(made);
    expect(new Set(made).size).toBe(made.length);
  });
});

describe("backoff", () => {
  it("is anything up to a step that doubles up to its bound", () => {
    const at = (attempt: number, random: number) =>
      backoffMs(attempt, { minMs: 100, maxMs: 1_000, random: () => random });
    expect([0, 1, 2, 3, 4, 99].map((attempt) => at(attempt, 1))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect([at(2, 0), at(2, 0.5)]).toEqual([0, 200]);
  });
});

describe("server clock", () => {
  it("prefers the quicker round trip and halves it", () => {
    let local = 1_000_000;
    const clock = new ServerClock(() => local);
    clock.sample(new Date(5_000_000).toISOString());
    expect(clock.now()).toBe(5_000_000);
    clock.sample(new Date(5_000_100).toISOString(), 40);
    expect(clock.now()).toBe(5_000_120);
    clock.sample(new Date(5_000_300).toISOString(), 900);
    local += 10;
    expect(clock.now()).toBe(5_000_130);
    clock.sample("nonsense", 1);
    expect(clock.now()).toBe(5_000_130);
  });

  it("notices that the machine's clock was set, though all later round trips are slower", () => {
    let local = 1_000_000;
    const clock = new ServerClock(() => local);
    clock.sample(new Date(5_000_000).toISOString(), 10);
    for (const step of [-3_600_000, 7_200_000]) {
      local += step;
      clock.sample(new Date(5_000_000).toISOString(), step);
      clock.sample(new Date(5_000_000).toISOString(), 12);
      expect(clock.now()).toBe(5_000_006);
    }
  });
});

describe("fairness", () => {
  it("commits to the raw bytes", async () => {
    const seed = randomBytes(32);
    expect(await commitmentOf(seed.toString("hex"))).toBe(createHash("sha256").update(seed).digest("hex"));
  });

  it("draws as the rules say", async () => {
    const server = randomBytes(32);
    const mine = randomBytes(32);
    const draws = await Draws.of(server.toString("hex"), "room-1", [mine.toString("hex"), null]);
    for (let nonce = 0; nonce < 20; nonce++) {
      const counter = Buffer.alloc(8);
      counter.writeBigUInt64BE(BigInt(nonce));
      const block = createHmac("sha256", server)
        .update("room-1")
        .update(Buffer.from([0, 0, 0, 32]))
        .update(mine)
        .update(Buffer.from([0, 0, 0, 0]))
        .update(counter)
        .digest();
      const byte = block.find((candidate) => candidate < 252) ?? 0;
      expect(await draws.at(nonce)).toBe(byte % 6);
    }
  });
});

describe("session", () => {
  const grant = (token: string) => ({
    access_token: token,
    expires_in: 900,
    user: { user_id: "1", username: "ada", roles: [], balance_cents: 5000, currency: "eur" },
  });
  type Reply = [status: number, body: unknown];

  function session(replies: Record<string, Reply[]>, now = () => 0) {
    const fetch = vi.fn(async (input: string | URL | Request, init?: RequestInit) => {
      const path = String(input).replace("/api/v1/", "");
      const reply = replies[path]?.shift();
      if (!reply) throw new TypeError(`unexpected ${init?.method} ${path}`);
      return new Response(JSON.stringify(reply[1]), { status: reply[0] });
    });
    return { fetch, session: new Session({ fetch, now }) };
  }

  it("gives the same token while it is good, and one renewal to all who ask together", async () => {
    let now = 0;
    const { fetch, session: made } = session(
      { "auth/guest": [[200, grant("one")]], "auth/refresh": [[200, grant("two")]] },
      () => now,
    );
    expect((await made.guest()).username).toBe("ada");
    expect(await made.token()).toBe("one");
    now = 14 * 60_000;
    expect(await Promise.all([made.token(), made.token()])).toEqual(["two", "two"]);
    expect(fetch).toHaveBeenCalledTimes(2);
  });

  it("knows nobody without a cookie, and says so apart from a failure", async () => {
    const { session: made } = session({
      "auth/refresh": [
        [401, { code: "unauthenticated" }],
        [503, {}],
      ],
    });
    expect(await made.restore()).toBeNull();
    await expect(made.restore()).rejects.toMatchObject({ status: 503, code: "http_503" });
    await expect(made.restore()).rejects.not.toBeInstanceOf(SignedOut);
  });

  it("renews a token that the server no longer takes, once", async () => {
    const { fetch, session: made } = session({
      "auth/guest": [[200, grant("one")]],
      "me/balance": [
        [401, { code: "token_expired" }],
        [200, { balance_cents: 4000, currency: "eur" }],
      ],
      "auth/refresh": [[200, grant("two")]],
    });
    await made.guest();
    expect(await made.balance()).toEqual({ balance_cents: 4000, currency: "eur" });
    const headers = fetch.mock.calls.at(-1)?.[1]?.headers as Record<string, string>;
    expect(headers.authorization).toBe("Bearer two");
  });

  it("stays signed out where a renewal ends during the logout", async () => {
    const { fetch, session: made } = session({
      "auth/guest": [[200, grant("one")]],
      "auth/refresh": [
        [200, grant("two")],
        [401, {}],
      ],
      "auth/logout": [[200, {}]],
    });
    await made.guest();
    const renewed = made.token({ refused: true });
    await made.logout();
    await renewed;
    expect(made.account).toBeUndefined();
    expect(fetch.mock.calls.map(([path]) => path).slice(-2)).toEqual(["/api/v1/auth/refresh", "/api/v1/auth/logout"]);
    await expect(made.token()).rejects.toBeInstanceOf(SignedOut);
  });

  it("turns a problem document into its code", async () => {
    const { session: made } = session({ "auth/login": [[401, { code: "wrong_credentials", detail: "No." }]] });
    const problem = await made.login("a@b.c", "x").then(null, (error: unknown) => error);
    expect(problem).toBeInstanceOf(ApiProblem);
    expect(problem).toMatchObject({ code: "wrong_credentials", message: "No.", status: 401 });
  });
});
