import { expect } from "vitest";
import {
  balanceReaches,
  enterAsGuest,
  enterRoom,
  type Guest,
  guest,
  holdBack,
  openRoom,
  phoneShot,
  player,
  shot,
  startGame,
  winMatch,
} from "./browser.js";
import { browser, play, server, useProgram } from "./program.js";

useProgram();

/** A guest who hears of others' invitations only when they are let through. */
async function unaware(colorScheme: "dark" | "light"): Promise<Guest & { letThrough: () => void }> {
  const browsing = await player(browser, { colorScheme });
  let id = "";
  const letThrough = await holdBack(
    browsing.page,
    (frame) => frame.type === "games.event.room_invited" && frame.host_id !== id,
  );
  id = await enterAsGuest(browsing.page, server.origin);
  return { ...browsing, id, letThrough };
}

play("two who press Rematch at the same moment come into one room, and pay once", async () => {
  const ada = await unaware("dark");
  const bob = await unaware("light");
  const cyd = await guest(browser, server.origin);
  const address = await openRoom(ada.page, { name: "Again", gameType: "tic_tac_toe" });
  await enterRoom(bob.page, address);
  await startGame(ada, [bob]);
  await winMatch(ada, bob);
  await Promise.all([ada, bob].map(({ page }) => page.getByTestId("rematch").click()));
  // Each has opened a room and waits in it.
  for (const { page } of [ada, bob]) await page.getByTestId("room-title").waitFor();
  for (const { page } of [ada, bob]) await page.waitForURL((url) => url.href !== address);
  expect(ada.page.url()).not.toBe(bob.page.url());
  const listed = cyd.page.getByTestId("room-card").filter({ hasText: "Again" });
  await listed.nth(1).waitFor();

  for (const { letThrough } of [ada, bob]) letThrough();
  await ada.page.locator(`[data-testid="seat-${bob.id}"]`).waitFor();
  await bob.page.locator(`[data-testid="seat-${ada.id}"]`).waitFor();
  expect(ada.page.url()).toBe(bob.page.url());
  await balanceReaches(ada.page, 4_600);
  await balanceReaches(bob.page, 3_000);
  await listed.nth(1).waitFor({ state: "detached" });
  expect(await listed.count()).toBe(1);
  for (const { page } of [ada, bob]) {
    expect(await page.getByTestId("toast").count()).toBe(0);
    expect(await page.getByTestId("accept-invitation").count()).toBe(0);
  }
  await shot(bob.page, "rematch-both-light");
  expect(await phoneShot(ada.page, "rematch-both-phone-dark")).toBe(true);
  for (const { page } of [ada, bob]) await page.getByTestId("ready-button").click();
  for (const { page } of [ada, bob]) await page.getByTestId("board").waitFor();
  expect([ada, bob, cyd].flatMap(({ complaints }) => complaints)).toEqual([]);
  await server.stop();
  await server.audit();
});

play("a rematch of a room with a password asks its players for none", async () => {
  const ada = await guest(browser, server.origin, { colorScheme: "dark" });
  const bob = await guest(browser, server.origin, { colorScheme: "light" });
  const cyd = await guest(browser, server.origin);
  await openRoom(ada.page, { name: "Closed", gameType: "tic_tac_toe", password: "between us" });
  await bob.page.getByTestId("room-card").getByTestId("join-button").click();
  await bob.page.getByTestId("join-password").fill("between us");
  await bob.page.getByTestId("confirm-join").click();
  await startGame(ada, [bob]);
  await winMatch(bob, ada);
  await bob.page.getByTestId("back-to-lobby").click();
  await ada.page.getByTestId("rematch").click();
  // Wherever they are by then.
  await bob.page.getByTestId("accept-invitation").waitFor();
  await shot(bob.page, "invitation-light");
  expect(await phoneShot(bob.page, "invitation-phone-light")).toBe(true);
  await cyd.page
    .getByTestId("room-card")
    .filter({ hasText: "Closed" })
    .getByText("Password", { exact: true })
    .waitFor();
  expect(await cyd.page.getByTestId("accept-invitation").count()).toBe(0);
  await bob.page.reload();
  await bob.page.getByTestId("accept-invitation").click();
  await ada.page.locator(`[data-testid="seat-${bob.id}"]`).waitFor();
  expect([ada, bob, cyd].flatMap(({ complaints }) => complaints)).toEqual([]);
});
