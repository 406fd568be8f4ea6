import { expect } from "vitest";
import { Bot, begin } from "./bot.js";
import { guest, phoneShot, shot } from "./browser.js";
import { browser, play, server, useProgram } from "./program.js";

useProgram();

play("games in play are listed in the lobby, and watched from there where they may be", async () => {
  const eve = await guest(browser, server.origin, { colorScheme: "dark" });
  const [ada, bob, cyd, dee] = [
    await Bot.enter(server.origin),
    await Bot.enter(server.origin),
    await Bot.enter(server.origin),
    await Bot.enter(server.origin),
  ];
  const arena = await ada.openRoom({ name: "Arena", gameType: "tic_tac_toe" });
  const vault = await cyd.openRoom({ name: "Vault", gameType: "tic_tac_toe", allowSpectators: false });
  // It comes while the games still wait, and sees them begin.
  for (const name of ["Arena", "Vault"]) {
    await eve.page.getByTestId("room-card").filter({ hasText: name }).waitFor();
  }
  await begin(arena, ada, bob);
  await begin(vault, cyd, dee);

  const line = (name: string) => eve.page.getByTestId("running-room").filter({ hasText: name });
  await line("Arena").waitFor();
  await line("Vault").getByText("not open to watch").waitFor();
  expect(await eve.page.getByTestId("room-card").count()).toBe(0);
  expect(await line("Vault").getByTestId("watch-running").count()).toBe(0);
  await shot(eve.page, "lobby-running-dark");
  expect(await phoneShot(eve.page, "lobby-running-phone-dark")).toBe(true);

  await line("Arena").getByTestId("watch-running").click();
  await eve.page.getByTestId("you-watch").waitFor();
  await eve.page.getByTestId("board").waitFor();
  expect(await eve.page.locator('[data-testid^="cell-"][aria-disabled="false"]').count()).toBe(0);
  await ada.untilRoom(arena, ({ spectatorCount }) => spectatorCount === 1);
  await eve.page.getByTestId("leave-room").click();

  // Also for who comes later; and what has ended is not listed for long.
  await line("Arena").waitFor();
  await eve.page.reload();
  await line("Arena").waitFor();
  bob.marks(3, 7, 8);
  ada.marks(0, 1, 2);
  const { result } = await ada.over(arena);
  expect(result?.winnerId).toBe(ada.id);
  await line("Arena").waitFor({ state: "detached", timeout: 40_000 });
  await line("Vault").waitFor();
  for (const bot of [ada, bob, cyd, dee]) bot.close();
  expect([ada, bob].flatMap(({ refusals }) => refusals)).toEqual([]);
  expect(eve.complaints).toEqual([]);
});
