import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { chromiumPath, Expected } from "./harness.js";
import { fits, shot } from "./inspect.js";
import { CONTENT_SECURITY_POLICY } from "./scripted_server.js";

export { fits, shot } from "./inspect.js";

const DEADLINE_MS = 20_000;
const FLAGS = ["gpu", "quic", "background-networking", "component-update", "sync"].map((what) => `--disable-${what}`);

/** Pages that come out of a folder have no address, and a browser keeps those off local servers. */
const LOCAL = process.env.E2E_PAGES || process.env.E2E_CONSOLE ? ["--disable-features=LocalNetworkAccessChecks"] : [];

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(process.env),
    args: ["--headless", "--no-sandbox", "--no-first-run", ...FLAGS, ...LOCAL],
  });
}

export interface Browsing {
  context: BrowserContext;
  page: Page;
  complaints: string[];
  expected: Expected;
  /** Every frame that the page's sockets received. */
  heard: string[];
}

/**
 * A browser of its own for one player: cookies and storage are not shared. The caller fails on `complaints`: every
 * error on the console but those that `expected` has been told of.
 */
export async function player(browser: Browser, options: BrowserContextOptions = {}): Promise<Browsing> {
  const context = await browser.newContext({ viewport: { width: 1180, height: 860 }, ...options });
  context.setDefaultTimeout(DEADLINE_MS);
  if (process.env.E2E_PAGES) await showPages(context, process.env.E2E_PAGES);
  if (process.env.E2E_CONSOLE) await showConsole(context, process.env.E2E_CONSOLE);
  // Also where the browser does not say so on the console.
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
      console.error(`The content policy keeps out ${blockedURI} (${effectiveDirective})`);
    });
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const expected = new Expected();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    const error = `${message.text()} (${message.location().url})`;
    if (!expected.includes(error)) complaints.push(error);
  });
  const heard: string[] = [];
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => heard.push(String(payload))));
  return { context, page, complaints, expected, heard };
}

/** Pages from a folder in place of those that are built into the program, which then needs no new build. */
async function showPages(context: BrowserContext, folder: string): Promise<void> {
  await context.route(
    /^http:\/\/127\.0\.0\.1:\d+\/(r\/[^/]*|wallet|history(\/[^/]*\/[^/]*)?|profile|reset-password|verify-email|assets\/.*|theme\.js|favicon\.svg)?(\?.*)?$/,
    (route) => {
      const path = new URL(route.request().url()).pathname;
      const name = /\.[a-z]+$/.test(path) ? path : "index.html";
      // A page that another site's redirect led to is the program's own, and so are its files.
      if (!existsSync(join(folder, name))) return route.continue();
      return route.fulfill({
        path: join(folder, name),
        headers: { "content-security-policy": CONTENT_SECURITY_POLICY },
      });
    },
  );
}

/** The same for the console, whose addresses all begin alike. */
async function showConsole(context: BrowserContext, folder: string): Promise<void> {
  await context.route(/^http:\/\/127\.0\.0\.1:\d+\/kafka(\/.*)?(\?.*)?$/, (route) => {
    const name = new URL(route.request().url()).pathname.replace(/^\/kafka\/?/, "");
    const path = join(folder, name !== "" && existsSync(join(folder, name)) ? name : "index.html");
    return route.fulfill({ path, headers: { "content-security-policy": CONTENT_SECURITY_POLICY } });
  });
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

/** A player who is in the lobby as a guest. */
export interface Guest extends Browsing {
  id: string;
}

export async function guest(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
  before: (page: Page) => Promise<void> = async () => {},
): Promise<Guest> {
  const browsing = await player(browser, options);
  await before(browsing.page);
  return { ...browsing, id: await enterAsGuest(browsing.page, origin) };
}

export interface RoomOptions {
  name?: string;
  gameType?: string;
  password?: string;
  /** Left out, others may watch. */
  allowSpectators?: false;
}

/** Opens a room of two seats; its address. */
export async function openRoom(page: Page, options: RoomOptions = {}): Promise<string> {
  const { name, gameType, password, allowSpectators } = options;
  await page.getByTestId("create-room").click();
  if (name) await page.getByTestId("room-name").fill(name);
  if (gameType) await page.getByTestId("game-type").selectOption(gameType);
  if (password) await page.getByTestId("room-password").fill(password);
  if (allowSpectators === false) await page.getByTestId("allow-spectators").uncheck();
  await page.getByTestId("confirm-create").click();
  await page.getByTestId("room-title").waitFor();
  return page.url();
}

/** Takes a seat, or a place among the spectators, from a room's address. */
export async function enterRoom(page: Page, address: string, as: "player" | "spectator" = "player"): Promise<void> {
  await page.goto(address);
  await page.getByTestId(as === "player" ? "join-button" : "watch-button").click();
  if (as === "player") await page.getByTestId("confirm-join").click();
  await page.getByTestId("room-title").waitFor();
}

/** The host seats all, the others first, and everybody says to be ready. */
export async function startGame(host: Guest, others: readonly Guest[]): Promise<void> {
  for (const { id } of [...others, host]) await host.page.getByTestId(`select-${id}`).click();
  for (const { page } of [...others, host]) await page.getByTestId("ready-button").click();
}

/** Plays one game of tic-tac-toe, which `winner` wins by the first row. */
export async function winTicTacToe(winner: Page, loser: Page): Promise<void> {
  const row = [0, 1, 2];
  const elsewhere = [3, 7, 8];
  const free = (page: Page, cell: number) => page.locator(`[data-testid="cell-${cell}"][aria-disabled="false"]`);
  while (row.length > 0) {
    const isWinners = await Promise.any([
      free(winner, row[0] ?? 0)
        .waitFor()
        .then(() => true),
      free(loser, elsewhere[0] ?? 0)
        .waitFor()
        .then(() => false),
    ]);
    const cell = (isWinners ? row : elsewhere).shift() ?? 0;
    await free(isWinners ? winner : loser, cell).click();
    const page = isWinners ? winner : loser;
    if (row.length > 0) await page.locator(`[data-testid="cell-${cell}"]:not([data-mark=""])`).waitFor();
  }
}

/** Five games, and so the match, up to its result on both pages. */
export async function winMatch(winner: Guest, loser: Guest, won = 0): Promise<void> {
  for (let games = won + 1; games <= 5; games++) {
    await winTicTacToe(winner.page, loser.page);
    if (games < 5) await winner.page.locator(`[data-testid="score-${winner.id}"][data-score="${games}"]`).waitFor();
  }
  for (const { page } of [winner, loser]) await page.getByTestId("result").waitFor();
}

/** Keeps what the server sends from the page, until it is let through; for a page that has no socket yet. */
export async function holdBack(page: Page, isHeld: (frame: Record<string, unknown>) => boolean): Promise<() => void> {
  let isHolding = true;
  const held: (() => void)[] = [];
  await page.routeWebSocket(/\/ws$/, (socket) => {
    socket.connectToServer().onMessage((message) => {
      if (isHolding && isHeld(JSON.parse(String(message)))) held.push(() => socket.send(message));
      else socket.send(message);
    });
  });
  return () => {
    isHolding = false;
    for (const release of held.splice(0)) release();
  };
}

export async function say(page: Page, content: string): Promise<void> {
  await page.getByTestId("chat-input").fill(content);
  await page.getByTestId("chat-input").press("Enter");
}

/** Waits until the message stands in the chat that is open there. */
export async function reads(page: Page, content: string): Promise<void> {
  await page.getByTestId("chat-message").getByText(content, { exact: true }).waitFor();
}

/** At a phone's size and back. */
export async function phoneShot(page: Page, name: string): Promise<boolean> {
  const size = page.viewportSize() ?? { width: 1180, height: 860 };
  await page.setViewportSize({ width: 360, height: 780 });
  await page.evaluate(() => scrollTo(0, 0));
  await shot(page, name);
  const isNarrow = await fits(page);
  await page.setViewportSize(size);
  return isNarrow;
}
