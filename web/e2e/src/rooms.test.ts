import type { Page } from "playwright-core";
import { expect } from "vitest";
import {
  balanceReaches,
  enterRoom,
  type Guest,
  guest,
  openRoom,
  phoneShot,
  player,
  reads,
  rollToTheEnd,
  say,
  shot,
  startGame,
} from "./browser.js";
import { Findings } from "./inspect.js";
import { browser, play, server, useProgram } from "./program.js";

const HOSTILE = '<img src=x onerror="document.title=1">';

useProgram();

async function guests(): Promise<[Guest, Guest, Guest]> {
  return [
    await guest(browser, server.origin, { colorScheme: "dark" }),
    await guest(browser, server.origin, { colorScheme: "light" }),
    await guest(browser, server.origin, { colorScheme: "dark" }),
  ];
}

function unread(page: Page, channel: string, count: number): Promise<void> {
  return page.locator(`[data-testid="chat-tab-${channel}"][data-unread="${count}"]`).waitFor();
}

play("each chat channel reaches those who may read it, and nobody else", async () => {
  const [host, other, watcher] = await guests();
  const address = await openRoom(host.page, { name: "Talk" });
  await enterRoom(other.page, address);
  await enterRoom(watcher.page, address, "spectator");
  await watcher.page.getByTestId("you-watch").waitFor();
  for (const { page } of [host, other, watcher]) await page.getByTestId("watching").getByText("1 watching").waitFor();

  await say(host.page, HOSTILE);
  await say(other.page, "hello from the lobby");
  await say(watcher.page, "hello from the side");
  for (const { page } of [host, other, watcher]) {
    await reads(page, HOSTILE);
    await reads(page, "hello from the lobby");
    await reads(page, "hello from the side");
    expect(await page.locator("img[src=x]").count()).toBe(0);
  }

  await host.page.getByTestId(`select-${other.id}`).click();
  await other.page.getByTestId("chat-tab-players").click();
  await say(other.page, "canary-players-first");
  await unread(watcher.page, "players", 1);
  await watcher.page.getByTestId("chat-tab-players").click();
  await reads(watcher.page, "canary-players-first");
  expect(await watcher.page.getByTestId("chat-closed").textContent()).toBe("Only players write here.");
  // The host has no seat yet, and so no part in what players say.
  expect(await host.page.getByTestId("chat-tab-players").count()).toBe(0);
  expect(host.heard.join("\n")).not.toContain("canary-players-first");

  await watcher.page.getByTestId("chat-tab-spectators").click();
  await say(watcher.page, "canary-spectators");
  await reads(watcher.page, "canary-spectators");
  await shot(watcher.page, "room-chat-spectator-dark");
  expect(await phoneShot(host.page, "room-waiting-phone-dark")).toBe(true);

  await host.page.getByTestId(`select-${host.id}`).click();
  for (const { page } of [other, host]) await page.getByTestId("ready-button").click();
  for (const { page } of [host, other, watcher]) await page.getByTestId("die").waitFor();
  await host.page.getByTestId("chat-tab-players").click();
  // What was said among players before is the host's to read from here on.
  await reads(host.page, "canary-players-first");
  await host.page.getByTestId("chat-tab-lobby").click();
  await host.page.getByTestId("chat-closed").getByText("The game has begun: this chat is closed.").waitFor();
  await shot(host.page, "room-chat-play-dark");
  for (const { heard, page } of [host, other]) {
    expect(heard.join("\n")).not.toContain("canary-spectators");
    expect(await page.getByTestId("chat-tab-spectators").count()).toBe(0);
  }

  await watcher.page.reload();
  await watcher.page.getByTestId("chat-tab-spectators").click();
  await reads(watcher.page, "canary-spectators");
  await watcher.page.setViewportSize({ width: 360, height: 780 });
  await watcher.page.getByTestId("pane-chat").click();
  await shot(watcher.page, "room-chat-phone-dark");
  await watcher.page.getByTestId("pane-people").click();
  await watcher.page.getByTestId(`person-${watcher.id}`).waitFor();
  await shot(watcher.page, "room-people-phone-dark");
  await watcher.page.getByTestId("leave-room").click();
  await watcher.page.getByTestId("create-room").waitFor();
  await host.page.getByTestId("watching").waitFor({ state: "detached" });
  expect([host, other, watcher].flatMap(({ complaints }) => complaints)).toEqual([]);
});

play("a host mutes, moves, removes and bans, and takes it back", async () => {
  const [host, other, third] = await guests();
  const address = await openRoom(host.page, { name: "Order" });
  await enterRoom(other.page, address);
  await enterRoom(third.page, address, "spectator");
  const card = (id: string) => host.page.getByTestId(`name-${id}`).click();

  await card(other.id);
  await host.page.getByTestId("person-mute_user").waitFor();
  const found = new Findings();
  await found.at(host.page, "person-card");
  await host.page.getByTestId("person-mute_user").click();
  for (const { page } of [host, other]) await page.getByTestId(`muted-${other.id}`).waitFor();
  await other.page
    .getByTestId("chat-closed")
    .getByText("The host has muted you. You can read, but not write.")
    .waitFor();
  await shot(other.page, "muted-light");
  await card(other.id);
  await host.page.getByTestId("person-unmute_user").click();
  await say(other.page, "back again");
  await reads(host.page, "back again");

  await card(other.id);
  await host.page.getByTestId("person-select_spectator").click();
  await other.page.getByTestId("you-watch").waitFor();
  expect(await host.page.getByTestId("spectator-count").textContent()).toBe("2");
  await other.page.getByTestId("become-player").getByText("Play for 10.00\u00a0€").click();
  await host.page.getByTestId(`select-${other.id}`).waitFor();

  await card(third.id);
  await host.page.getByTestId("person-kick_spectator").click();
  await third.page.getByTestId("room-closed").getByText("The host removed you from this room.").waitFor();
  await host.page.getByTestId(`select-${other.id}`).click();
  await balanceReaches(other.page, 4_000);
  await card(other.id);
  await host.page.getByTestId("person-ban").click();
  await shot(host.page, "ban-dark");
  await host.page.getByTestId("ban-confirm").click();
  await other.page
    .getByTestId("room-closed")
    .getByText(/^The host banned you/)
    .waitFor();
  await balanceReaches(other.page, 5_000);
  expect(await phoneShot(other.page, "banned-phone-light")).toBe(true);

  await other.page.getByTestId("back-to-lobby").click();
  const line = other.page.getByTestId("room-card").filter({ hasText: "Order" });
  await line.getByTestId("join-button").click();
  await other.page.getByTestId("confirm-join").click();
  await other.page.getByTestId("join-problem").getByText("The host has banned you from this room.").waitFor();
  await other.page.goto(address);
  await other.page.getByTestId("not-in-room").getByText("The host has banned you from this room.").waitFor();
  expect(await other.page.getByTestId("join-button").count()).toBe(0);
  await other.page.getByTestId("back-to-lobby").click();

  await host.page.getByTestId("banned").waitFor();
  await found.at(host.page, "banned-list");
  found.none();
  await host.page.getByTestId(`unban-${other.id}`).click();
  await host.page.getByTestId("banned").waitFor({ state: "detached" });
  await line.getByTestId("join-button").click();
  await other.page.getByTestId("confirm-join").click();
  await card(other.id);
  await host.page.getByTestId("person-kick_player").click();
  await other.page.getByTestId("room-closed").waitFor();
  expect([host, other, third].flatMap(({ complaints }) => complaints)).toEqual([]);
  await server.stop();
  await server.audit();
});

play("a room with a password lets in who knows it, and says clearly what is wrong", async () => {
  const [host, other, third] = await guests();
  await openRoom(host.page, { name: "Secret", password: "open sesame" });
  const join = async (page: Page, password: string) => {
    await page.getByTestId("join-password").fill(password);
    await page.getByTestId("confirm-join").click();
  };
  await other.page.getByTestId("room-card").getByTestId("join-button").click();
  await join(other.page, "guess 1");
  await other.page
    .getByTestId("join-problem")
    .getByText(/^That is not the room’s password/)
    .waitFor();
  await shot(other.page, "wrong-password-light");
  await join(other.page, "open sesame");
  await other.page.getByTestId("room-title").waitFor();
  await host.page.getByTestId(`select-${other.id}`).waitFor();

  await third.page.getByTestId("room-card").getByTestId("watch-button").click();
  const limited = third.page.getByTestId("join-problem").getByText(/^Too many wrong passwords/);
  for (let guess = 0; guess < 20 && !(await limited.isVisible()); guess++) {
    await join(third.page, `guess ${guess}`);
    await third.page.locator('[data-testid="confirm-join"]:not([disabled])').waitFor();
    await third.page.getByTestId("join-problem").waitFor();
  }
  await limited.waitFor();
  expect(await phoneShot(third.page, "password-limited-phone-dark")).toBe(true);
  // Also the right one, until the limit is over.
  await join(third.page, "open sesame");
  await limited.waitFor();
  expect(await third.page.getByTestId("room-title").count()).toBe(0);
  expect([host, other, third].flatMap(({ complaints }) => complaints)).toEqual([]);
  for (const { heard } of [host, other, third]) expect(heard.join("\n")).not.toContain("sesame");
});

play("a room's address leads a newcomer into it, to watch it, and to hear that it has ended", async () => {
  const [host, other] = [await guest(browser, server.origin), await player(browser, { colorScheme: "light" })];
  await host.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await openRoom(host.page, { name: "Come & see" });
  await host.page.getByTestId("copy-link").click();
  await host.page
    .getByTestId("toast")
    .getByText(/^Link copied/)
    .waitFor();
  const address = await host.page.evaluate(() => navigator.clipboard.readText());
  expect(address).toBe(host.page.url());

  await other.page.goto(address);
  await other.page.getByTestId("invited").waitFor();
  await shot(other.page, "link-welcome-light");
  await other.page.getByTestId("guest-button").click();
  await other.page.getByTestId("not-in-room").getByTestId("join-button").waitFor();
  await shot(other.page, "link-join-light");
  expect(await phoneShot(other.page, "link-join-phone-light")).toBe(true);
  await other.page.getByTestId("join-button").click();
  await other.page.getByTestId("confirm-join").click();
  const id = await other.page.getByTestId("username").getAttribute("data-user-id");
  const second: Guest = { ...other, id: id ?? "" };
  await startGame(host, [second]);
  await host.page.getByTestId("die").waitFor();

  const late = await player(browser);
  await late.page.goto(address);
  await late.page.getByTestId("guest-button").click();
  await late.page.locator('[data-testid="not-in-room"][data-status="in_progress"]').waitFor();
  expect(await late.page.getByTestId("join-button").count()).toBe(0);
  await late.page.getByTestId("watch-button").click();
  await late.page.getByTestId("die").waitFor();
  expect(await late.page.locator('[data-testid="roll-button"]:not([disabled])').count()).toBe(0);
  await shot(late.page, "watching-dice");

  // One lets the server play for them.
  await second.page.getByTestId("auto-on").click();
  await rollToTheEnd([host.page]);
  for (const { page } of [second, late]) await page.getByTestId("result").waitFor();
  expect(await late.page.getByTestId("rematch").count()).toBe(0);
  const after = await player(browser);
  await after.page.goto(address);
  await after.page.getByTestId("guest-button").click();
  await after.page.getByText("This room has ended").waitFor();
  await shot(after.page, "link-ended");
  await after.page.goto(`${server.origin}/r/0190b1f0-1111-7222-8333-444455556666`);
  await after.page.getByText("This room has ended").waitFor();
  expect([host, second, late, after].flatMap(({ complaints }) => complaints)).toEqual([]);
});
