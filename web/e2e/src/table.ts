import type { Page } from "playwright-core";
import { expect } from "vitest";
import type { Guest } from "./browser.js";

/** How long what has to happen is waited for. */
export const SLOW = { timeout: 20_000 };

const ROLLED = "games.event.bigger_dice.rolled";
const TURN = "games.event.turn_changed";

export interface Rolled {
  type: string;
  player_id: string;
  correlation_id?: string;
}

function events(heard: readonly string[], ...types: string[]): Rolled[] {
  const frames = heard.filter((frame) => types.some((type) => frame.includes(`"${type}"`)));
  return frames.map((frame) => JSON.parse(frame) as Rolled).filter(({ type }) => types.includes(type));
}

/** Somebody's throws, as a page heard of them. */
export function rolled(heard: readonly string[], by: string): Rolled[] {
  return events(heard, ROLLED).filter(({ player_id }) => String(player_id) === by);
}

/** The most throws that one turn had. */
export function rollsOfATurn(heard: readonly string[]): number {
  let most = 0;
  let rolls = 0;
  for (const { type } of events(heard, ROLLED, TURN)) {
    rolls = type === TURN ? 0 : rolls + 1;
    most = Math.max(most, rolls);
  }
  return most;
}

export const roll = (page: Page) => page.locator('[data-testid="roll-button"]:not([disabled])');

export function connectionIs(page: Page, state: string): Promise<void> {
  return page.locator(`[data-testid="connection"][data-state="${state}"]`).waitFor();
}

/** Marks the document, so that a reload does not go unnoticed. */
export const mark = (page: Page) => page.evaluate(() => Object.assign(window, { isSame: true }));
export const isMarked = (page: Page) => page.evaluate(() => "isSame" in window);

/** Has the other one roll until the turn is `whose`. */
export async function untilTurn(whose: Guest, other: Guest): Promise<void> {
  const [own, others] = [roll(whose.page), roll(other.page)];
  for (;;) {
    const isOwn = await Promise.any([own.waitFor().then(() => true), others.waitFor().then(() => false)]);
    if (isOwn) return;
    const turns = rolled(whose.heard, other.id).length;
    // Its time may run out meanwhile, which rolls too.
    await others.click({ timeout: 2_000 }).catch(() => {});
    await expect.poll(() => rolled(whose.heard, other.id).length, SLOW).toBeGreaterThan(turns);
  }
}

/** Waits until all pages show the same table. */
export async function agree(...pages: readonly Page[]): Promise<void> {
  const shown = (page: Page) =>
    page.evaluate(() => {
      const found: string[] = [];
      const look = (root: Document | ShadowRoot) => {
        for (const element of root.querySelectorAll<HTMLElement>("*")) {
          const { testid = "", round, score, userId } = element.dataset;
          if (/^(round|score-.*|turn)$/.test(testid)) found.push(`${testid}=${round ?? score ?? userId}`);
          if (element.shadowRoot) look(element.shadowRoot);
        }
      };
      look(document);
      return found.sort().join();
    });
  const tables = async () => new Set(await Promise.all(pages.map(shown))).size;
  await expect.poll(tables, SLOW).toBe(1);
  for (const page of pages) expect(await shown(page)).toContain("score-");
}
