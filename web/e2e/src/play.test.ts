import { expect } from "vitest";
import {
  balanceReaches,
  enterRoom,
  fits,
  guest,
  openRoom,
  phoneShot,
  reads,
  say,
  shot,
  startGame,
  winMatch,
  winTicTacToe,
} from "./browser.js";
import { Findings } from "./inspect.js";
import { browser, play, server, useProgram } from "./program.js";

useProgram();

play("tic-tac-toe is played to a win before a spectator, with a pause, and then again", async () => {
  const ada = await guest(browser, server.origin, { colorScheme: "dark" });
  const bob = await guest(browser, server.origin, { colorScheme: "light" });
  const cyd = await guest(browser, server.origin, { viewport: { width: 360, height: 780 }, colorScheme: "dark" });
  const address = await openRoom(ada.page, { name: "Crosses", gameType: "tic_tac_toe" });
  await enterRoom(bob.page, address);
  await enterRoom(cyd.page, address, "spectator");
  await startGame(ada, [bob]);
  for (const { page } of [ada, bob, cyd]) await page.getByTestId("board").waitFor();
  for (const { page } of [ada, bob]) await balanceReaches(page, 4_000);

  await winTicTacToe(ada.page, bob.page);
  for (const { page } of [ada, bob, cyd]) {
    await page.locator(`[data-testid="score-${ada.id}"][data-score="1"]`).waitFor();
    expect(await page.locator('[data-testid^="cell-"][data-line]').count()).toBe(3);
  }
  await shot(ada.page, "tic-tac-toe-line-dark");
  await shot(bob.page, "tic-tac-toe-line-light");
  await shot(cyd.page, "tic-tac-toe-line-phone");
  await bob.page.getByTestId("last-game").waitFor();
  // Bob was X, and the marks are swapped with each game.
  expect(await bob.page.getByTestId(`mark-${bob.id}`).getAttribute("data-mark")).toBe("O");

  // By the keyboard alone.
  await ada.page.locator('[data-testid="cell-4"][aria-disabled="false"]').focus();
  await ada.page.keyboard.press("ArrowUp");
  await ada.page.keyboard.press("Enter");
  await bob.page.locator('[data-testid="cell-1"][data-mark="X"]').waitFor();
  await bob.page.locator('[data-testid="cell-7"][aria-disabled="false"]').click();
  await ada.page.locator('[data-testid="cell-7"][data-mark="O"]').waitFor();
  const found = new Findings();
  await found.at(ada.page, "tic-tac-toe-play");

  await bob.page.goto("about:blank");
  for (const { page } of [ada, cyd]) {
    await page.locator(`[data-testid="paused"][data-user-id="${bob.id}"]`).waitFor();
    await page.getByTestId("pause-countdown").waitFor();
  }
  await shot(ada.page, "tic-tac-toe-paused-dark");
  await shot(cyd.page, "tic-tac-toe-paused-phone");
  await bob.page.goto(address);
  for (const { page } of [ada, bob, cyd]) await page.getByTestId("board").waitFor();
  await ada.page.getByTestId("paused").waitFor({ state: "detached" });

  // Ada has cell 1, Bob cell 7: the second game goes on.
  const cell = (page: typeof ada.page, at: number) => page.locator(`[data-testid="cell-${at}"][aria-disabled="false"]`);
  for (const [page, at] of [
    [ada.page, 0],
    [bob.page, 3],
    [ada.page, 2],
  ] as const) {
    await cell(page, at).click();
  }
  await ada.page.locator(`[data-testid="score-${ada.id}"][data-score="2"]`).waitFor();
  await winMatch(ada, bob, 2);
  for (const { page } of [ada, bob, cyd]) {
    await page.getByTestId("result").waitFor();
    expect(await page.getByTestId("result").getAttribute("data-winner")).toBe(ada.id);
    // How it was won is there to see: the first row, its last cell last.
    await page.getByTestId("last-board").waitFor();
    expect(await page.locator('[data-testid^="last-cell-"][data-line]').count()).toBe(3);
    await page.locator('[data-testid="last-cell-2"][data-line][data-last]:not([data-mark=""])').waitFor();
  }
  await balanceReaches(ada.page, 5_600);
  await balanceReaches(bob.page, 4_000);
  await found.at(ada.page, "tic-tac-toe-won");
  found.none();
  await shot(cyd.page, "tic-tac-toe-won-phone");

  // Bob asks for a rematch from the result, Ada takes it with one press.
  expect(await cyd.page.getByTestId("rematch").count()).toBe(0);
  await bob.page.getByTestId("rematch").getByText("Rematch for 10.00\u00a0€").click();
  await ada.page.getByTestId("rematch-join").waitFor();
  await shot(ada.page, "rematch-asked-dark");
  expect(await phoneShot(ada.page, "rematch-asked-phone-dark")).toBe(true);
  await ada.page.getByTestId("rematch-join").click();
  await bob.page.locator(`[data-testid="seat-${ada.id}"]`).waitFor();
  expect(bob.page.url()).not.toBe(address);
  await ada.page.waitForURL(bob.page.url());
  expect(await ada.page.getByTestId("room-title").textContent()).toBe("Crosses");
  await balanceReaches(ada.page, 4_600);
  await balanceReaches(bob.page, 3_000);
  for (const { page } of [ada, bob]) await page.getByTestId("ready-button").click();
  for (const { page } of [ada, bob]) await page.getByTestId("board").waitFor();
  expect([ada, bob, cyd].flatMap(({ complaints }) => complaints)).toEqual([]);
  await server.stop();
  await server.audit();
});

play("quick match waits, is cancelled, and brings two into a room", async () => {
  const ada = await guest(browser, server.origin, { colorScheme: "dark" });
  const bob = await guest(browser, server.origin, { colorScheme: "light" });
  const start = (page: typeof ada.page) => page.locator('[data-testid="quick-bigger_dice"]:not([disabled])').click();
  await start(ada.page);
  await ada.page.getByTestId("quick-waiting").getByText("1 looks for a match").waitFor();
  await shot(ada.page, "quick-waiting-dark");
  expect(await phoneShot(ada.page, "quick-waiting-phone-dark")).toBe(true);
  await ada.page.getByTestId("quick-cancel").click();
  await ada.page.getByTestId("quick-waiting").waitFor({ state: "detached" });
  await start(bob.page);
  await bob.page.getByTestId("quick-waiting").getByText("1 looks for a match").waitFor();
  await start(ada.page);
  for (const { page } of [ada, bob]) {
    await page.getByTestId("ready-button").waitFor();
    await balanceReaches(page, 4_000);
    await page.getByTestId("quick-waiting").waitFor({ state: "detached" });
  }
  await ada.page.waitForURL(bob.page.url());
  await shot(ada.page, "quick-room-dark");
  for (const { page } of [ada, bob]) await page.getByTestId("ready-button").click();
  for (const { page } of [ada, bob]) await page.getByTestId("die").waitFor();
  expect([ada, bob].flatMap(({ complaints }) => complaints)).toEqual([]);
});

play("the lobby's chat is everybody's, and a message to one is that one's alone", async () => {
  const ada = await guest(browser, server.origin, { colorScheme: "dark" });
  const bob = await guest(browser, server.origin, { colorScheme: "light" });
  const cyd = await guest(browser, server.origin, { viewport: { width: 360, height: 780 } });
  await say(ada.page, "who plays?");
  for (const { page } of [ada, bob, cyd]) await reads(page, "who plays?");
  await shot(bob.page, "lobby-chat-light");
  await shot(cyd.page, "lobby-chat-phone");
  expect(await fits(cyd.page)).toBe(true);

  await bob.page.getByTestId("chat-author").click();
  await bob.page.getByTestId("person-message").click();
  const bobs = bob.page.getByTestId("messages");
  await bobs.getByTestId("chat-input").fill("canary-direct <b>");
  await bobs.getByTestId("chat-input").press("Enter");
  await bobs.getByTestId("chat-message").getByText("canary-direct <b>").waitFor();
  await shot(bob.page, "messages-light");
  await ada.page.locator('[data-testid="open-messages"][data-unread="1"]').waitFor();
  await shot(ada.page, "messages-unread-dark");
  await ada.page.getByTestId("open-messages").click();
  await shot(ada.page, "messages-list-dark");
  await ada.page.getByTestId(`conversation-${bob.id}`).click();
  await ada.page.getByTestId("messages").getByTestId("chat-message").getByText("canary-direct <b>").waitFor();
  await ada.page.locator('[data-testid="open-messages"][data-unread="0"]').waitFor();
  const adas = ada.page.getByTestId("messages");
  await adas.getByTestId("chat-input").pressSequentially("yes");
  await bobs.getByText(/is typing…$/).waitFor();
  expect(await phoneShot(bob.page, "messages-typing-phone-light")).toBe(true);
  await adas.getByTestId("chat-input").press("Enter");
  await bobs.getByTestId("chat-message").getByText("yes", { exact: true }).waitFor();
  // Nothing of it is lost by a reload, and what was read stays so.
  await ada.page.reload();
  await ada.page.locator('[data-testid="open-messages"][data-unread="0"]').waitFor();
  await ada.page.getByTestId("open-messages").click();
  await ada.page.getByTestId(`conversation-${bob.id}`).click();
  await ada.page.getByTestId("messages").getByTestId("chat-message").getByText("canary-direct <b>").waitFor();
  await reads(ada.page, "who plays?");
  expect(cyd.heard.join("\n")).not.toContain("canary-direct");
  expect([ada, bob, cyd].flatMap(({ complaints }) => complaints)).toEqual([]);
});
