import { dirname, join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { balanceReaches, enterRoom, guest, launch, openRoom, shot, startGame } from "./browser.js";
import { BIN, RealServer } from "./real_server.js";

/** The example of a game in a crate of its own, which brings its page along. */
const PROGRAM = join(dirname(BIN), "rock-paper-scissors");

let browser: Browser;
let server: RealServer;

beforeAll(async () => {
  browser = await launch();
  server = await RealServer.create();
  await server.start({ program: PROGRAM });
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

function says(page: Page, text: string): Promise<void> {
  return page.getByTestId("rps-line").getByText(text).waitFor();
}

test("a game from a crate of its own is played on the page that it brings, for money", async () => {
  try {
    const host = await guest(browser, server.origin, { colorScheme: "dark" });
    const other = await guest(browser, server.origin, { colorScheme: "light" });
    const address = await openRoom(host.page, { name: "Hands", gameType: "rock_paper_scissors" });
    await enterRoom(other.page, address);
    await startGame(host, [other]);
    await says(host.page, "Choose a hand.");
    for (let round = 1; round <= 3; round += 1) {
      await host.page.getByTestId("rps-paper").click();
      await host.page.locator('[data-testid="rps-paper"][aria-pressed="true"]').waitFor();
      await says(host.page, "Waiting for the other hand.");
      if (round === 1) {
        await shot(host.page, "own-game-chosen-dark");
        await shot(other.page, "own-game-choosing-light");
      }
      const hidden = other.heard.filter((frame) => frame.includes('"paper"') && !frame.includes("round_result"));
      expect(hidden).toEqual([]);
      await other.page.getByTestId("rps-rock").click();
      if (round < 3) await says(host.page, "You take the round.");
    }
    for (const { page } of [host, other]) await page.getByTestId("result").waitFor();
    await balanceReaches(host.page, 5_600);
    await balanceReaches(other.page, 4_000);
    await shot(host.page, "own-game-won-dark");

    // An invitation is there over a reload, for as long as there is a room to come into.
    await other.page.getByTestId("back-to-lobby").click();
    await host.page.getByTestId("rematch").click();
    const invitation = other.page.getByTestId("accept-invitation");
    await invitation.waitFor();
    await other.page.reload();
    await invitation.waitFor();
    await host.page.getByTestId("leave-room").click();
    await invitation.waitFor({ state: "detached" });
    await other.page.reload();
    await other.page.getByTestId("create-room").waitFor();
    expect(await invitation.count()).toBe(0);
    expect([...host.complaints, ...other.complaints]).toEqual([]);
  } catch (error) {
    throw server.explain(error);
  }
});
