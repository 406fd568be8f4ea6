import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, test } from "vitest";
import { launch } from "./browser.js";
import { RealServer } from "./real_server.js";

export let browser: Browser;
/** The running test's own. */
export let server: RealServer;

/** For the file that calls it: one browser for all tests, and for each a server with a data directory of its own. */
export function useProgram(): void {
  beforeAll(async () => {
    browser = await launch();
  });

  afterAll(() => browser?.close());

  beforeEach(async () => {
    server = await RealServer.create();
    await server.start();
  });

  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await server.remove();
  });
}

/** A test whose failure also tells what the server said. */
export function play(name: string, scene: () => Promise<void>): void {
  test(name, async () => {
    try {
      await scene();
    } catch (error) {
      throw server.explain(error);
    }
  });
}
