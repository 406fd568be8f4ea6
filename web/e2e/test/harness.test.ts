import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { chromiumPath, Expected, OUTAGE, Tail } from "../src/harness.js";

const LOST = "WebSocket connection to 'ws://127.0.0.1:1/ws' failed: net::ERR_CONNECTION_REFUSED (http://127.0.0.1:1/)";
const failed = (why: string, path: string) => `Failed to load resource: ${why} (http://127.0.0.1:1/${path})`;
const answered = (status: string, path: string) => failed(`the server responded with a status of ${status}`, path);
const REFUSED = failed("net::ERR_CONNECTION_REFUSED", "api/v1/me");
const BUSY = answered("503 (Service Unavailable)", "api/v1/auth/refresh");

describe("the browser", () => {
  it("is the one that CHROMIUM_BIN names, as in dev/README.md", async () => {
    expect(chromiumPath({ CHROMIUM_BIN: "/opt/chromium", CHROMIUM: "/wrong" })).toBe("/opt/chromium");
    expect(chromiumPath({ CHROMIUM: "/wrong" })).toBe("/usr/bin/chromium");
    expect(await readFile(new URL("../../../dev/README.md", import.meta.url), "utf8")).toContain("CHROMIUM_BIN");
  });
});

describe("errors on a page's console", () => {
  it("are all unexpected but the answer that nobody is signed in", () => {
    const expected = new Expected();
    expect(expected.includes(answered("401 (Unauthorized)", "api/v1/auth/refresh"))).toBe(true);
    for (const error of [LOST, REFUSED, BUSY, answered("401 (Unauthorized)", "api/v1/me"), "TypeError: 401"]) {
      expect(expected.includes(error), error).toBe(false);
    }
  });

  it("are those of an outage while there is one", () => {
    const expected = new Expected();
    const end = expected.allow(OUTAGE);
    for (const error of [LOST, REFUSED, BUSY]) expect(expected.includes(error), error).toBe(true);
    for (const error of [
      answered("401 (Unauthorized)", "api/v1/me"),
      failed("net::ERR_BLOCKED_BY_CSP", "x.js"),
      "Error: WebSocket",
    ]) {
      expect(expected.includes(error), error).toBe(false);
    }
    end();
    for (const error of [LOST, REFUSED, BUSY]) expect(expected.includes(error), error).toBe(false);
    expect(expected.includes(answered("401 (Unauthorized)", "api/v1/auth/refresh"))).toBe(true);
  });
});

describe("a failure", () => {
  it("tells the end of what the server printed", () => {
    const tail = new Tail(20);
    tail.add("forgotten long ago, ");
    tail.add("thread panicked at 7");
    const failure = new Error("no result");
    expect(tail.explain(failure)).toBe(failure);
    expect(failure.message).toBe("no result\n\nThe end of the server's stderr:\nthread panicked at 7");
    expect(tail.explain("odd").message).toContain("panicked");
    tail.clear();
    expect(tail.explain(new Error("x")).message).toContain("(nothing)");
  });

  it("tells it in every test against the program", async () => {
    const read = (name: string) => readFile(new URL(`../src/${name}`, import.meta.url), "utf8");
    for (const name of ["game.test.ts", "play.test.ts", "rooms.test.ts"]) {
      const source = await read(name);
      expect(source, name).not.toMatch(/^test\(/m);
      expect(source, name).toContain('play, server, useProgram } from "./program.js"');
    }
    expect(await read("program.ts")).toContain("throw server.explain(error)");
    expect(await read("real_server.ts")).toContain('stdio: ["ignore", "pipe", "pipe"]');
  });
});
