import type { Page } from "playwright-core";
import { expect } from "vitest";
import { balanceReaches, player } from "./browser.js";
import { browser, play, server, useProgram } from "./program.js";
import { SLOW } from "./table.js";

useProgram();

const TABS_MAX = 60;

/** What has the focus, whatever roots it is in: its test id, or its name. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return (element as HTMLElement | null)?.dataset.testid ?? element?.localName ?? "";
  });
}

/** Tabs on until it has the focus. */
async function tabTo(page: Page, testId: string): Promise<void> {
  await page.getByTestId(testId).waitFor();
  const passed: string[] = [];
  for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
    await page.keyboard.press("Tab");
    passed.push(await focused(page));
    if (passed.at(-1) === testId) return;
  }
  throw new Error(`Tab does not lead to ${testId}, but to ${passed.join(", ")}`);
}

async function press(page: Page, testId: string): Promise<void> {
  await tabTo(page, testId);
  await page.keyboard.press("Enter");
}

const hasFocus = (page: Page, testId: string) => expect.poll(() => focused(page), SLOW).toBe(testId);

/** How long what moves there moves, in all roots. */
function motionsMs(page: Page): Promise<number[]> {
  return page.evaluate(() => {
    const found: number[] = [];
    const look = (root: Document | ShadowRoot) => {
      for (const each of root.getAnimations()) found.push(Number(each.effect?.getComputedTiming().endTime));
      for (const element of root.querySelectorAll("*")) if (element.shadowRoot) look(element.shadowRoot);
    };
    look(document);
    return found;
  });
}

play("by the keyboard alone one comes in, opens a room, plays, and leaves, told of all that happens", async () => {
  await server.stop();
  await server.start({ hasBot: true });
  const { page, complaints } = await player(browser, { reducedMotion: "reduce" });
  const says = (pattern: RegExp) => page.getByTestId("announcer").getByText(pattern).waitFor();
  await page.goto(server.origin);
  await press(page, "guest-button");
  await page.locator('[data-testid="connection"][data-state="online"]').waitFor();
  expect(await page.title()).toBe("Lobby · Blazing Sun");

  // A dialog begins with its first field, keeps the focus, and gives it back.
  await press(page, "create-room");
  await hasFocus(page, "room-name");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Tab");
  await hasFocus(page, "room-name");
  await page.keyboard.press("Escape");
  await page.getByTestId("create-dialog").waitFor({ state: "detached" });
  await hasFocus(page, "create-room");
  await page.keyboard.press("Enter");
  await hasFocus(page, "room-name");
  await page.keyboard.type("Keys");
  await page.keyboard.press("Enter");
  await page.getByTestId("room-title").waitFor();
  // Another page begins at its beginning, and says which it is.
  await hasFocus(page, "content");
  expect(await page.locator("main").getAttribute("aria-label")).toContain("Keys");
  expect(await page.title()).toContain("Keys");

  await press(page, "play-bot-here");
  await page.getByTestId("die").waitFor();
  await balanceReaches(page, 4_000);
  const said = page.getByTestId("said");
  for (let rolls = 0; rolls < 2; rolls += 1) {
    // The button comes to who has the turn.
    await hasFocus(page, "roll-button");
    await page.keyboard.press("Enter");
    expect(Math.max(0, ...(await motionsMs(page)))).toBeLessThan(10);
    await said.getByText(/rolled [1-6]\./).waitFor();
    await said.getByText(/to roll\.|Your turn\.|point/).waitFor();
  }

  await press(page, "leave-room");
  await page.getByTestId("confirm-leave").waitFor();
  await page.keyboard.press("Escape");
  await page.getByTestId("confirm-leave").waitFor({ state: "detached" });
  await hasFocus(page, "leave-room");
  await page.keyboard.press("Enter");
  await press(page, "confirm-leave");
  await page.getByTestId("create-room").waitFor();
  await hasFocus(page, "content");

  // What a player is told in passing is also read out.
  await press(page, "create-room");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("Admin");
  await page.keyboard.press("Enter");
  await says(/name/);
  await page.getByTestId("toast").waitFor();
  await hasFocus(page, "room-name");
  expect(complaints).toEqual([]);
});
