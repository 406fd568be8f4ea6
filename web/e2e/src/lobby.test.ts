import { expect } from "vitest";
import { enterRoom, guest, openRoom, phoneShot, shot, startGame, winMatch } from "./browser.js";
import { browser, play, server, useProgram } from "./program.js";

useProgram();

play("games in play are listed in the lobby, and watched from there where they may be", async () => {
  const [ada, bob, cyd, dee, eve] = [
    await guest(browser, server.origin),
    await guest(browser, server.origin),
    await guest(browser, server.origin),
    await guest(browser, server.origin),
    await guest(browser, server.origin, { colorScheme: "dark" }),
  ];
  const begin = async (host: typeof ada, other: typeof ada, options: Parameters<typeof openRoom>[1]) => {
    const address = await openRoom(host.page, { gameType: "tic_tac_toe", ...options });
    await enterRoom(other.page, address);
    await startGame(host, [other]);
    await other.page.getByTestId("board").waitFor();
  };
  await begin(ada, bob, { name: "Arena" });
  await begin(cyd, dee, { name: "Vault", allowSpectators: false });

  // It came while the games still waited, and sees them begin.
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
  await ada.page.getByTestId("watching").getByText("1 watching").waitFor();
  await eve.page.getByTestId("leave-room").click();

  // Also for who comes later; and what has ended is not listed for long.
  await line("Arena").waitFor();
  await eve.page.reload();
  await line("Arena").waitFor();
  await winMatch(ada, bob);
  await line("Arena").waitFor({ state: "detached", timeout: 40_000 });
  await line("Vault").waitFor();
  expect([ada, bob, cyd, dee, eve].flatMap(({ complaints }) => complaints)).toEqual([]);
});
