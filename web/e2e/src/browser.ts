import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { chromiumPath, Expected } from "./harness.js";

const DEADLINE_MS = 20_000;
const FLAGS = ["gpu", "quic", "background-networking", "component-update", "sync"].map((what) => `--disable-${what}`);

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(process.env),
    args: ["--headless", "--no-sandbox", "--no-first-run", ...FLAGS],
  });
}

/**
 * A browser of its own for one player: cookies and storage are not shared. The caller fails on `complaints`: every
 * error on the console but those that `expected` has been told of.
 */
export async function player(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ context: BrowserContext; page: Page; complaints: string[]; expected: Expected }> {
  const context = await browser.newContext({ viewport: { width: 1180, height: 860 }, ...options });
  context.setDefaultTimeout(DEADLINE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  const expected = new Expected();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    const error = `${message.text()} (${message.location().url})`;
    if (!expected.includes(error)) complaints.push(error);
  });
  return { context, page, complaints, expected };
}

let shotsDir: string | undefined;

export async function shot(page: Page, name: string): Promise<void> {
  shotsDir ??= process.env.E2E_SCREENSHOTS ?? mkdtempSync(join(tmpdir(), "blazing-sun-e2e-"));
  mkdirSync(shotsDir, { recursive: true });
  await page.screenshot({ path: join(shotsDir, `${name}.png`), fullPage: true });
}

/** Enters as a guest and waits for the lobby; the user's id. */
export async function enterAsGuest(page: Page, origin: string): Promise<string> {
  await page.goto(origin);
  await page.getByTestId("guest-button").click();
  await page.locator('[data-testid="connection"][data-state="online"]').waitFor();
  const userId = await page.getByTestId("username").getAttribute("data-user-id");
  if (!userId) throw new Error("the page shows no user");
  return userId;
}

export async function balanceReaches(page: Page, cents: number): Promise<void> {
  await page.locator(`[data-testid="balance"][data-cents="${cents}"]`).waitFor();
}

/** Presses the roll button of whoever has the turn, until all pages show the result. */
export async function rollToTheEnd(pages: readonly Page[], during?: (rolls: number) => Promise<void>): Promise<number> {
  let rolls = 0;
  const roll = (page: Page) => page.locator('[data-testid="roll-button"]:not([disabled])');
  const done = (page: Page) => page.getByTestId("result");
  const deadline = Date.now() + 150_000;
  for (;;) {
    if (Date.now() > deadline) throw new Error(`no result after ${rolls} rolls`);
    // `first()`: a page that has ended shows its result beside another's button for a moment.
    const next = await Promise.any(
      pages.map(async (page) => {
        await roll(page).or(done(page)).first().waitFor();
        return page;
      }),
    );
    if (await done(next).isVisible()) break;
    try {
      await roll(next).click({ timeout: 2_000 });
      rolls += 1;
    } catch {
      // The turn has passed in the meantime: its time ran out.
      continue;
    }
    await during?.(rolls);
  }
  for (const page of pages) await done(page).waitFor();
  return rolls;
}
