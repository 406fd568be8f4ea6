import { Refusal, type RoomId } from "@blazing-sun/client";
import type { Browser, Page } from "playwright-core";
import { expect } from "vitest";
import { Bot } from "./bot.js";
import { type Guest, guest, player } from "./browser.js";

/** What a deployment has to offer for the tour, in either mode. */
export interface Deployment {
  readonly origin: string;
  tool(args: readonly string[], input?: string): Promise<string>;
  /** Puts so many records on each of these topics. */
  fill(topics: Readonly<Record<string, number>>): Promise<void>;
}

const DEADLINE_MS = 60_000;
const RECORDS = 100_000;
/** The topic that has so many. */
const FULL = "chat.events";
const EMAIL = "ops@example.com";
const PASSWORD = "correct horse battery";

/** All that an operator does, on a deployment where players have played. */
export async function tour(browser: Browser, deployment: Deployment): Promise<void> {
  const played = await playSomething(deployment.origin);
  await makeOperator(deployment);
  const { page, complaints } = await signedIn(browser, deployment.origin);
  const carol = await guest(browser, deployment.origin);
  carol.expected.allow(/status of 401 /);
  await complaint(page, played);
  await everyPage(page, played);
  await messages(page, played);
  await settings(page, carol.page);
  await acts(page, played);
  await signsOut(page, carol);
  // Last, as no command was the cause of these records, and audits say so.
  await page.goto("about:blank");
  await carol.context.close();
  await deployment.fill({ [FULL]: RECORDS, "events.dead_letter": 2 });
  await page.goto(`${deployment.origin}/kafka`);
  await fullTopic(page);
  await deadLetters(page);
  expect([...complaints, ...carol.complaints]).toEqual([]);
}

/** What players did before anybody looked. */
interface Played {
  ada: Bot;
  bob: Bot;
  /** A game that is over. */
  over: string;
  /** One that waits for players, both of whom have paid. */
  open: string;
  /** Who rolled when it was the other's turn. */
  impatient: Bot;
  /** The command that was refused for it. */
  refused: string;
}

async function playSomething(origin: string): Promise<Played> {
  const [ada, bob] = await Promise.all([Bot.enter(origin), Bot.enter(origin)]);
  const begin = async () => {
    const room = await ada.openRoom();
    await bob.join(room);
    await ada.select(room, bob.id, ada.id);
    return room;
  };
  const over = await begin();
  await Promise.all([ada.ready(over), bob.ready(over)]);
  const { turn } = await ada.untilRoom(over, ({ turn }) => turn !== undefined && turn !== null);
  const impatient = turn?.userId === ada.id ? bob : ada;
  const refused = await isRefused(impatient, over);
  ada.rolls();
  bob.rolls();
  await Promise.all([ada.over(over), bob.over(over)]);
  return { ada, bob, over, open: await begin(), impatient, refused };
}

/** Rolls when it is another's turn; the command's id. */
async function isRefused({ client }: Bot, roomId: RoomId): Promise<string> {
  const handle = client.command("games.command.bigger_dice.roll", { room_id: roomId });
  const refusal = await handle.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(refusal instanceof Refusal) || !handle.commandId) throw new Error(`the roll was not refused: ${refusal}`);
  return handle.commandId;
}

async function makeOperator({ tool }: Deployment): Promise<void> {
  const roles = ["--role", "player", "--role", "admin"];
  await tool(["user", "create", "--username", "Ops", "--email", EMAIL, ...roles, "--password-stdin"], `${PASSWORD}\n`);
}

/** An operator before the overview. */
async function signedIn(browser: Browser, origin: string): Promise<{ page: Page; complaints: string[] }> {
  const { page, complaints, expected } = await player(browser, { viewport: { width: 1440, height: 900 } });
  // What is looked for by its id may be a room, and need not; a value may be refused.
  expected.allow(/status of 404 .*\/admin\/rooms\/[^/]*\)$/);
  expected.allow(/status of 400 .*\/admin\/settings\//);
  await page.goto(`${origin}/kafka`);
  await page.getByTestId("email").fill(EMAIL);
  await page.getByTestId("password").fill(PASSWORD);
  await page.getByTestId("submit").click();
  await page.getByTestId("tile-audit").waitFor();
  return { page, complaints };
}

/** The page whose first answers have come, none of them a failure. */
async function opened(page: Page, section: string): Promise<void> {
  await page.getByTestId(`nav-${section}`).click();
  await page.locator(`[data-testid="content"][data-page="${section}"]`).waitFor();
  await page.getByTestId("loading").first().waitFor({ state: "detached" });
  expect(await page.getByTestId("failure").allTextContents(), section).toEqual([]);
}

async function finds(page: Page, wanted: string): Promise<void> {
  await page.keyboard.press("/");
  await page.keyboard.type(wanted);
  await page.keyboard.press("Enter");
}

/** From what a player says to why: the id, the verdict, the record. */
async function complaint(page: Page, { refused, impatient }: Played): Promise<void> {
  await finds(page, `I rolled and nothing happened! id ${refused}`);
  const verdict = page.getByTestId("verdict");
  await verdict.waitFor();
  expect(await verdict.getAttribute("data-tone")).toBe("bad");
  expect(await verdict.textContent()).toContain("not_your_turn");
  expect(await verdict.textContent()).toContain("sent to 1 socket");
  await page.locator('[data-what="socket"]').getByText("1 event to 1 socket of").waitFor();
  const step = page.locator('[data-what="refusal"]').first();
  await step.click();
  await step.getByTestId("json").waitFor();
  await page.locator('[data-testid="step-place"] a[href*="games.commands"]').first().click();
  await page.getByTestId("message-type").getByText("games.command.bigger_dice.roll").waitFor();
  await page.getByTestId("message-card").getByRole("link", { name: impatient.id }).first().waitFor();
}

/** All pages on what there is. */
async function everyPage(page: Page, { ada, over }: Played): Promise<void> {
  await opened(page, "overview");
  for (const tile of ["groups", "outbox", "dead-letters", "members", "money"]) {
    await page.getByTestId(`tile-${tile}`).locator(".figure").waitFor();
  }
  await opened(page, "topics");
  await page.getByRole("link", { name: "games.events", exact: true }).click();
  await page.getByRole("region", { name: "Partitions" }).waitFor();
  await opened(page, "groups");
  await page.getByRole("link", { name: "blazing_sun", exact: true }).click();
  await page.getByRole("region", { name: "Partitions" }).waitFor();
  await opened(page, "dead-letters");
  await opened(page, "outbox");
  await opened(page, "members");
  await page.getByRole("region", { name: "Partition owners" }).waitFor();
  await opened(page, "rooms");
  await finds(page, over);
  await page.locator('[data-testid="content"][data-page="room"]').waitFor();
  await page.getByRole("region", { name: "Timeline" }).waitFor();
  await opened(page, "players");
  await page.getByTestId("player-query").fill(ada.id);
  await page.getByTestId("player-search").click();
  await page.getByRole("link", { name: ada.name, exact: true }).click();
  await page.getByRole("region", { name: "Statement" }).waitFor();
  await opened(page, "money");
  expect(await page.getByTestId("difference").getAttribute("data-cents")).toBe("0");
  await opened(page, "log");
}

/** Messages of a topic: those that match what is asked for, and each as it comes. */
async function messages(page: Page, { ada, over, refused }: Played): Promise<void> {
  await opened(page, "topics");
  await page.getByRole("link", { name: "games.events", exact: true }).click();
  await page.getByTestId("to-messages").click();
  const row = page.getByTestId("message");
  const rolled = "games.event.bigger_dice.rolled";
  const search = async (filters: Readonly<Record<string, string>>) => {
    await page.getByTestId("clear").click();
    await page.getByTestId("start").selectOption("oldest");
    for (const [name, value] of Object.entries(filters)) await page.getByTestId(`filter-${name}`).fill(value);
    await page.getByTestId("search").click();
    await page.locator('[data-testid="feed-status"][data-state="end"]').waitFor();
    return row.allTextContents();
  };
  const rolls = await search({ room: over, type: rolled });
  expect(rolls.length).toBeGreaterThan(1);
  expect(rolls.filter((words) => !words.includes(rolled))).toEqual([]);
  expect(await search({ correlation_id: refused })).toHaveLength(1);
  expect((await search({ user: ada.id })).length).toBeGreaterThan(0);
  expect(await search({ room: over, type: rolled, text: "nobody says this" })).toEqual([]);
  await page.getByTestId("clear").click();
  await page.getByTestId("start").selectOption("end");
  await page.getByTestId("filter-type").fill("games.event.room_*");
  await page.getByTestId("search").click();
  await page.getByText("Following: 0 so far.").waitFor();
  const room = await ada.openRoom({ name: "While one looks" });
  await row.first().click();
  await page.getByTestId("message-card").getByText(room).first().waitFor();
  await page.getByTestId("pause").click();
  await ada.client.command("games.command.leave_room", { room_id: room });
}

/** What could not be handled is tried again, or put aside for good. */
async function deadLetters(page: Page): Promise<void> {
  await opened(page, "dead-letters");
  const letter = (number: number) => page.getByTestId("dead-letter").filter({ hasText: `number ${number}` });
  for (const number of [0, 1]) await letter(number).locator("summary").click();
  await letter(0).getByTestId("retry").click();
  await page.getByTestId("ask-confirm").click();
  await letter(0).waitFor({ state: "detached" });
  await letter(1).getByTestId("discard").click();
  await page.getByTestId("ask-reason").fill("nobody sent it");
  await page.getByTestId("ask-confirm").click();
  await letter(1).waitFor({ state: "detached" });
  await page.getByTestId("state-retried").click();
  await letter(0).waitFor();
  await page.getByTestId("state-discarded").click();
  await letter(1).waitFor();
  expect(await letter(0).count()).toBe(0);
}

/** Who is signed out has to sign in anew, and the page says so at once. */
async function signsOut(page: Page, carol: Guest): Promise<void> {
  await finds(page, carol.id);
  await page.getByTestId("sign-out-player").click();
  await page.getByTestId("ask-confirm").click();
  await page.getByTestId("ask").waitFor({ state: "hidden" });
  await carol.page.getByTestId("guest-button").waitFor();
}

/** A topic with a hundred thousand records is looked through, from either end and for one of them. */
async function fullTopic(page: Page): Promise<void> {
  await opened(page, "topics");
  await page.getByRole("link", { name: FULL, exact: true }).click();
  await page.getByTestId("to-messages").click();
  const list = page.getByTestId("message-list");
  await page.getByTestId("message").first().waitFor();
  for (let rows = 500; rows < 2_500; rows += 500) {
    await list.press("End");
    const loaded = async () => Number(await list.getAttribute("data-rows"));
    await expect.poll(loaded, { timeout: DEADLINE_MS }).toBeGreaterThan(rows);
  }
  expect(await page.getByTestId("message").count()).toBeLessThan(80);
  await page.getByTestId("start").selectOption("oldest");
  await page.getByTestId("filter-text").fill("number 77777 of many");
  await page.getByTestId("search").click();
  await page.locator('[data-testid="feed-status"][data-state="end"]').waitFor({ timeout: DEADLINE_MS });
  expect(await page.getByTestId("message").count()).toBe(1);
  await page.getByTestId("message").getByText("chat.event.message_received").click();
  await page.getByTestId("message-card").getByTestId("json").getByText("message number 77777 of many").waitFor();
}

/** A setting is changed and put back, and maintenance comes and goes, for players too. */
async function settings(page: Page, players: Page): Promise<void> {
  await opened(page, "settings");
  const fee = "games.bigger_dice.entry_fee_cents";
  const value = page.getByTestId(`value-${fee}`);
  const configured = await value.textContent();
  await page.getByTestId(`set-${fee}`).click();
  await page.getByTestId("ask-value").fill("much");
  await page.getByTestId("ask-confirm").click();
  await page.getByTestId("ask-problem").waitFor();
  await page.getByTestId("ask-value").fill("900");
  await page.getByTestId("ask-confirm").click();
  await value.getByText("900").waitFor();
  await page.getByTestId(`reset-${fee}`).click();
  await page.getByTestId("ask-confirm").click();
  await value.getByText(configured ?? "", { exact: true }).waitFor();
  await page.getByTestId("maintenance").click();
  await page.getByTestId("ask-message").fill("Back in a minute");
  await page.getByTestId("ask-confirm").click();
  await page.getByTestId("announced").getByText("Back in a minute").waitFor();
  await players.locator('[data-testid="maintenance"][data-state="now"]').getByText("Back in a minute").waitFor();
  await page.getByTestId("maintenance-end").click();
  await page.getByTestId("ask-confirm").click();
  await page.getByTestId("announced").waitFor({ state: "detached" });
  await players.getByTestId("maintenance").waitFor({ state: "detached" });
}

/** What operators do, and that it is done and noted. */
async function acts(page: Page, { bob, open }: Played): Promise<void> {
  await finds(page, open);
  await page.getByTestId("close-room").click();
  await page.getByTestId("ask-reason").fill("nobody comes");
  await page.getByTestId("ask-confirm").click();
  await page.getByTestId("ask").waitFor({ state: "hidden" });
  await finds(page, bob.id);
  await page.getByTestId("credit").click();
  await page.getByTestId("ask-amount").fill("12.50");
  await page.getByTestId("ask-reason").fill("lost a bet");
  await page.getByTestId("ask-confirm").click();
  await page.getByTestId("ask").waitFor({ state: "hidden" });
  await page.getByTestId("ban").click();
  await page.getByTestId("ask-reason").fill("two accounts");
  await page.getByTestId("ask-confirm").click();
  await page.getByTestId("banned").getByText("two accounts").waitFor();
  await page.getByTestId("unban").click();
  await page.getByTestId("ask-confirm").click();
  await page.getByTestId("banned").waitFor({ state: "detached" });
  // The button that was pressed is gone, and who goes on by keyboard is still on the page.
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).not.toBe("BODY");
  await opened(page, "money");
  await page.getByTestId("start-audit").click();
  await page.locator('[data-testid="audit"][data-state="done"][data-tone="good"]').waitFor({ timeout: DEADLINE_MS });
  await opened(page, "log");
  const entries = await page.getByTestId("log-entry").allTextContents();
  for (const action of ["room.close", "user.credit", "user.ban", "user.unban"]) expect(entries).toContain(action);
}
