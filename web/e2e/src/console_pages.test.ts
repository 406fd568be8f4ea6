import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { launch, player } from "./browser.js";
import { ConsoleServer, HOSTILE, ROOM, TRACED } from "./console_server.js";
import { Findings, PHONE, VARIANTS } from "./inspect.js";

let browser: Browser;
let server: ConsoleServer;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  server = await ConsoleServer.start();
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await server.stop();
});

async function signIn(page: Page): Promise<void> {
  await page.goto(`${server.origin}/kafka`);
  await page.getByTestId("email").fill("ops@example.com");
  await page.getByTestId("password").fill("correct horse");
  await page.getByTestId("submit").click();
}

/** The page whose first answers have come. */
async function opened(page: Page, path: string): Promise<void> {
  await page.evaluate((address) => {
    history.pushState(null, "", address);
    dispatchEvent(new PopStateEvent("popstate"));
  }, `/kafka${path}`);
  await page.getByTestId("content").waitFor();
  await page.getByTestId("loading").first().waitFor({ state: "detached" });
}

test("every page is in order, in both themes, on a phone and on a desk", async () => {
  const found = new Findings();
  const { page, complaints } = await player(browser, { viewport: { width: 1280, height: 800 } });
  await page.goto(`${server.origin}/kafka`);
  await page.getByTestId("sign-in").waitFor();
  await found.at(page, "console-sign-in");
  await signIn(page);
  await page.getByTestId("tile-audit").waitFor();
  const paths = [
    "",
    "/topics",
    "/topics/games.events",
    "/topics/games.events/messages?open=0-99999",
    "/groups",
    "/groups/blazing_sun",
    "/dead-letters?id=0-17",
    "/trace",
    `/trace/${TRACED}`,
    "/rooms",
    `/rooms/${ROOM}`,
    "/players",
    "/players/8",
    "/money",
    "/members",
    "/outbox",
    "/settings",
    "/log",
    "/nowhere",
  ];
  for (const [at, path] of paths.entries()) {
    await opened(page, path);
    // Each page in one theme and at one size; those before and after it in the others.
    await found.at(page, `console${path.split("?")[0]?.replaceAll("/", "-")}`, VARIANTS.slice(at % 4, (at % 4) + 1));
  }
  await opened(page, "/players/8");
  await page.getByTestId("credit").click();
  await page.getByTestId("ask-reason").waitFor();
  await found.at(page, "console-ask", VARIANTS.slice(1, 2));
  await page.keyboard.press("Escape");
  await page.locator('[data-testid="credit"]:focus').waitFor();
  await page.setViewportSize(PHONE);
  await page.getByTestId("menu").click();
  await found.at(page, "console-menu", VARIANTS.slice(3));
  expect(await page.title()).not.toBe("1");
  expect(complaints).toEqual([]);
  found.none();
});

test("whoever is a player is told so and sees nothing", async () => {
  server.roles = ["player"];
  const { page, complaints, expected } = await player(browser);
  expected.allow(/status of 403 /);
  expected.allow(/status of 401 .*login\)$/);
  await page.goto(`${server.origin}/kafka/money`);
  await page.getByTestId("email").fill("ada@example.com");
  await page.getByTestId("password").fill("wrong");
  await page.getByTestId("submit").click();
  await page.getByTestId("problem").waitFor();
  await page.getByTestId("password").fill("correct horse");
  await page.getByTestId("submit").click();
  await page.getByTestId("stranger").getByText("who is a player and not an operator").waitFor();
  expect(await page.getByTestId("content").count()).toBe(0);
  await page.reload();
  await page.getByTestId("stranger").waitFor();
  await page.getByTestId("sign-out").click();
  await page.getByTestId("sign-in").waitFor();
  expect(complaints).toEqual([]);
});

test("a page whose endpoint fails says so, and is there at the next try", async () => {
  const { page, complaints, expected } = await player(browser);
  expected.allow(/status of 50[03] /);
  await signIn(page);
  await page.getByTestId("tile-audit").waitFor();
  for (const [path, answer, here] of [
    ["/topics", "topics", "games.events"],
    ["/topics/games.events/messages", "topics/games.events/messages", "games.event.bigger_dice.rolled"],
    ["/rooms", "rooms", "bigger_dice"],
    ["/settings", "settings", "log.level"],
    [`/trace/${TRACED}`, `trace/${TRACED}`, "not_your_turn"],
  ]) {
    server.answers.set(answer ?? "", 503);
    await page.goto(`${server.origin}/kafka${path}`);
    await page.getByTestId("failure").getByText("The server cannot answer this now.").waitFor();
    server.answers.clear();
    await page.getByTestId("again").click();
    await page
      .getByText(here ?? "")
      .first()
      .waitFor();
  }
  expect(complaints).toEqual([]);
});

test("a hundred thousand messages scroll, are searched and followed, and few of them are drawn", async () => {
  const { page, complaints } = await player(browser, { viewport: { width: 1600, height: 900 } });
  await signIn(page);
  await page.getByTestId("nav-topics").click();
  await page.getByRole("link", { name: "Messages" }).first().click();
  await page.getByTestId("load-all").click();
  await page.locator('[data-testid="feed-status"][data-state="end"]').waitFor();
  const list = page.getByTestId("message-list");
  expect(await list.getAttribute("data-rows")).toBe("100000");
  const drawn = () => page.getByTestId("message").count();
  expect(await drawn()).toBeLessThan(80);
  await list.press("End");
  await page.locator('[data-testid="message"][data-id="0-0"]').waitFor();
  await list.press("k");
  await list.press("Enter");
  await page.getByTestId("message-card").getByText("0:1", { exact: true }).waitFor();
  expect(await page.getByTestId("json").textContent()).toContain("\\u202e");
  await list.evaluate((element) => {
    element.scrollTop = element.scrollHeight / 2;
  });
  await page.locator('[data-testid="message"][data-id="0-50000"]').waitFor();
  expect(await drawn()).toBeLessThan(80);

  await page.getByTestId("filter-text").fill('"offset":4242,');
  await page.getByTestId("search").click();
  await page.locator('[data-testid="feed-status"][data-state="end"]').waitFor();
  expect(await page.getByTestId("message").count()).toBe(1);
  await page.getByTestId("clear").click();
  await page.getByTestId("start").selectOption("end");
  await page.getByTestId("search").click();
  await page.getByText("Following: 0 so far.").waitFor();
  server.records += 3;
  await page.locator('[data-testid="message"][data-id="0-100002"]').waitFor();
  expect(complaints).toEqual([]);
});

test("rows are reached, opened and acted on by keyboard alone", async () => {
  const { page, complaints } = await player(browser);
  await signIn(page);
  await page.getByTestId("tile-audit").waitFor();
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await opened(page, "/topics");
  await press("j", "j", "k", "Enter");
  await page.getByRole("region", { name: "Partitions" }).waitFor();
  await opened(page, `/trace/${TRACED}`);
  await press("j", "j", "j", "j", "Enter");
  const refused = page.locator('[data-what="refusal"]');
  await refused.getByTestId("json").waitFor();
  await press("Enter");
  await refused.getByTestId("json").waitFor({ state: "hidden" });
  await opened(page, "/dead-letters?state=all");
  await press("j", "Enter");
  await page.getByTestId("retry").waitFor();
  await page.getByTestId("retry").focus();
  await press("Tab", "Enter");
  await page.locator('[data-testid="ask-reason"]:focus').waitFor();
  // The page's own keys are not those of a dialog.
  await press("Tab", "j", "/");
  await page.locator('[data-testid="ask-cancel"]:focus').waitFor();
  await press("Enter");
  await page.locator('[data-testid="discard"]:focus').waitFor();
  expect(server.posted).toEqual([]);
  expect(complaints).toEqual([]);
});

test("what players wrote is text, and what changes something asks for a reason first", async () => {
  const { page, complaints } = await player(browser);
  await signIn(page);
  await page.getByTestId("tile-audit").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("I rolled and nothing happened! id 8");
  await page.keyboard.press("Enter");
  await page.getByTestId("find-said").getByText("Nothing has").waitFor();
  await page.getByTestId("find").fill("8");
  await page.keyboard.press("Enter");
  await page.getByTestId("player-name").getByText(HOSTILE).waitFor();
  await page.getByTestId("ban").click();
  await page.getByTestId("ask-confirm").click();
  expect(server.posted).toEqual([]);
  await page.getByTestId("ask-reason").fill("took part with two accounts");
  await page.getByTestId("ask-confirm").click();
  await page.getByTestId("toast").waitFor();
  await page.getByTestId("credit").click();
  await page.getByTestId("ask-amount").fill("lots");
  await page.getByTestId("ask-reason").fill("lost a bet");
  await page.getByTestId("ask-confirm").click();
  await page.getByTestId("ask-problem").waitFor();
  await page.getByTestId("ask-amount").fill("12.50");
  await page.getByTestId("ask-confirm").click();
  await page.getByTestId("ask").waitFor({ state: "hidden" });
  await page.goto(`${server.origin}/kafka/rooms/${ROOM}`);
  await page.getByTestId("close-room").click();
  await page.keyboard.press("Escape");
  await page.getByTestId("close-room").click();
  await page.getByTestId("ask-reason").fill("stuck");
  await page.getByTestId("ask-confirm").click();
  await page.getByTestId("ask").waitFor({ state: "hidden" });
  expect(server.posted).toEqual([
    { path: "players/8/ban", body: { reason: "took part with two accounts" } },
    {
      path: "players/8/credit",
      body: { amount_cents: 1_250, reason: "lost a bet", command_id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    },
    { path: `rooms/${ROOM}/close`, body: { reason: "stuck" } },
  ]);
  expect(await page.locator('img[src="x"]').count()).toBe(0);
  expect(complaints).toEqual([]);
});
