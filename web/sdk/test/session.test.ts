import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Session, SignedOut } from "../src/index.js";

let http: Server;
let origin: string;
/** The path and the cookie of each request. */
let asked: [path: string | undefined, cookie: string | undefined][];
/** The refresh token that the server takes next. */
let refresh = 0;

beforeEach(async () => {
  asked = [];
  refresh = 0;
  http = createServer((request, answer) => {
    const { cookie } = request.headers;
    asked.push([request.url, cookie]);
    // Never answered.
    if (request.url?.endsWith("/games")) return;
    answer.setHeader("content-type", "application/json");
    const isRefused = request.url?.endsWith("/refresh") && cookie !== `blazing_sun_refresh=token-${refresh}`;
    if (isRefused) {
      answer.writeHead(401).end(JSON.stringify({ code: "signed_out" }));
      return;
    }
    if (request.url?.includes("/auth/")) {
      refresh += 1;
      const cookies = ["other=1", `blazing_sun_refresh=token-${refresh}; HttpOnly; SameSite=Strict; Path=/api/v1/auth`];
      answer.setHeader("set-cookie", cookies);
    }
    const user = { user_id: "1", username: "ada", roles: [], balance_cents: 5_000, currency: "eur" };
    answer.end(JSON.stringify({ access_token: `access-${refresh}`, expires_in: 900, user }));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});

afterEach(() => new Promise((resolve) => http.close(resolve)));

it("outside of browsers keeps the refresh token itself, and sends it nowhere else", async () => {
  let now = 0;
  const session = new Session({ origin: `${origin}/`, now: () => now });
  await session.guest();
  expect(await session.token()).toBe("access-1");
  for (const token of ["access-2", "access-3"]) {
    now += 14 * 60_000;
    expect(await session.token()).toBe(token);
  }
  await session.me();
  expect(asked).toEqual([
    ["/api/v1/auth/guest", undefined],
    ["/api/v1/auth/refresh", "blazing_sun_refresh=token-1"],
    ["/api/v1/auth/refresh", "blazing_sun_refresh=token-2"],
    ["/api/v1/me", undefined],
  ]);
});

it("gives up what is not answered in time, or not wanted any more", async () => {
  await expect(new Session({ origin, timeoutMs: 20 }).games()).rejects.toMatchObject({ name: "TimeoutError" });
  const page = new AbortController();
  const session = new Session({ origin, signal: page.signal });
  const games = session.games();
  page.abort(new Error("left"));
  await expect(games).rejects.toThrow("left");
  await expect(session.guest()).rejects.toThrow("left");
  http.closeAllConnections();
});

it("is signed out where nobody was signed in", async () => {
  const session = new Session({ origin });
  expect(await session.restore()).toBeNull();
  await expect(session.token()).rejects.toBeInstanceOf(SignedOut);
});
