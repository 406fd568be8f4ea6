import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "vitest";
import { balanceReaches, enterAsGuest, player, rollToTheEnd, shot } from "./browser.js";
import { OUTAGE } from "./harness.js";
import { Findings } from "./inspect.js";
import { browser, play, server, useProgram } from "./program.js";
import { BIN } from "./real_server.js";

useProgram();

type Player = Awaited<ReturnType<typeof player>> & { id: string };

/** Two guests in a room of two seats, up to the first throw. */
async function begin(): Promise<[host: Player, guest: Player]> {
  const host = await player(browser, { colorScheme: "dark" });
  const guest = await player(browser, { colorScheme: "light" });
  const hostId = await enterAsGuest(host.page, server.origin);
  const guestId = await enterAsGuest(guest.page, server.origin);
  expect(guestId).not.toBe(hostId);
  await balanceReaches(host.page, 5_000);
  await balanceReaches(guest.page, 5_000);

  await host.page.getByTestId("create-room").click();
  await host.page.getByTestId("room-name").fill("Evening table");
  await host.page.getByTestId("confirm-create").click();
  await host.page.getByTestId(`select-${hostId}`).waitFor();

  const card = guest.page.getByTestId("room-card").filter({ hasText: "Evening table" });
  await card.getByTestId("join-button").click();
  expect(await guest.page.getByTestId("join-fee").textContent()).toBe("10.00\u00a0€");
  expect(await guest.page.getByTestId("join-prize").textContent()).toBe("16.00\u00a0€");
  await guest.page.getByTestId("confirm-join").click();

  // The other one first: with all seats taken, whoever has none is out of the room.
  await host.page.getByTestId(`select-${guestId}`).click();
  await balanceReaches(guest.page, 4_000);
  await host.page.getByTestId(`select-${hostId}`).click();
  await balanceReaches(host.page, 4_000);
  await guest.page.getByTestId("ready-button").click();
  await host.page.locator(`[data-testid="seat-${guestId}"][data-ready]`).waitFor();
  await shot(host.page, "real-room");
  await host.page.getByTestId("ready-button").click();
  await host.page.getByTestId("die").waitFor();
  await guest.page.getByTestId("die").waitFor();
  return [
    { ...host, id: hostId },
    { ...guest, id: guestId },
  ];
}

/** What the page says of a whole game's draws, and that its record passes the program's own check. */
async function provenFair({ page }: Player): Promise<void> {
  const panel = page.getByTestId("fairness");
  const words = async (testId: string) => (await panel.getByTestId(testId).textContent())?.trim();
  await panel.locator('[data-testid="verdict"][data-right="true"]').waitFor();
  expect(await words("check-server")).toContain("The server could not choose the throws");
  expect(await words("check-own")).toContain("Your own seed was part of the draw");
  expect(await words("check-seats")).toContain("Gave a seed that matches");
  expect(await words("draws-checked")).toMatch(/^\d+ throws checked and correct\.$/);
  const downloading = page.waitForEvent("download");
  await panel.getByTestId("download-record").click();
  const file = await (await downloading).path();
  const { stdout } = await promisify(execFile)(BIN, ["verify", file, "--json"]);
  const found = JSON.parse(stdout) as { right: boolean; checked: string[]; wrong: string[] };
  expect(found.wrong).toEqual([]);
  expect(found.right).toBe(true);
  expect(found.checked.join("\n")).toContain("is what that user sent with ready");
  expect(found.checked.join("\n")).toMatch(/rounds, points and the winner \(.+\) follow from the rolls/);
}

/** Both pages show the same winner, and each the balance that follows. */
async function settled(players: readonly Player[]): Promise<void> {
  const winner = await players[0]?.page.getByTestId("result").getAttribute("data-winner");
  expect(players.map(({ id }) => id)).toContain(winner);
  for (const { page, id } of players) {
    expect(await page.getByTestId("result").getAttribute("data-winner")).toBe(winner);
    await balanceReaches(page, id === winner ? 5_600 : 4_000);
    expect(await page.getByTestId("balance").textContent()).toBe(id === winner ? "56.00\u00a0€" : "40.00\u00a0€");
    const score = Number(await page.getByTestId(`score-${id}`).getAttribute("data-score"));
    if (id === winner) expect(score).toBe(10);
    else expect(score).toBeLessThan(10);
    await page.locator('[data-testid="verdict"][data-right="true"]').waitFor();
    expect(await page.getByTestId("draws-checked").textContent()).toMatch(/\d+ throws checked and correct/);
  }
}

play("two guests play Bigger Dice to the end, one reloads, and every cent is accounted for", async () => {
  const [host, guest] = await begin();
  const found = new Findings();
  const roomUrl = host.page.url();
  await rollToTheEnd([host.page, guest.page], async (rolls) => {
    if (rolls !== 5) return;
    await found.at(host.page, "real-game");
    await guest.page.reload();
    await guest.page.getByTestId("die").waitFor();
    expect(guest.page.url()).toBe(roomUrl);
    await guest.page.locator('[data-testid="connection"][data-state="online"]').waitFor();
  });
  await settled([host, guest]);
  await found.at(host.page, "real-result");
  expect(await host.page.getByTestId("check-result").textContent()).toContain("The points add up");
  await provenFair(host);
  await provenFair(guest);
  // Shown once more it is held to what this browser saw, its own seed included.
  await guest.page.getByTestId("watch-again").click();
  const verdict = guest.page.locator('[data-testid="proof-verdict"][data-verdict="right"]');
  await verdict.getByText("what this browser itself saw").waitFor();
  await guest.page.locator('[data-testid="check-own"].good').waitFor();
  // The room is gone, and the page's record of it is not.
  await host.page.reload();
  await host.page.getByTestId("not-in-room").waitFor();
  await provenFair(host);
  expect([...host.complaints, ...guest.complaints]).toEqual([]);
  found.none();
  await server.stop();
  await server.audit();
});

play("a game goes on where it was after the server is killed, without a touch of the pages", async () => {
  const [host, guest] = await begin();
  await rollToTheEnd([host.page, guest.page], async (rolls) => {
    if (rolls !== 6) return;
    const over = [host, guest].map(({ expected }) => expected.allow(OUTAGE));
    await server.stop("SIGKILL");
    for (const { page } of [host, guest]) await page.getByTestId("connection-lost").waitFor();
    await shot(host.page, "real-lost");
    await server.start({ listen: new URL(server.origin).host });
    for (const { page } of [host, guest]) {
      await page.locator('[data-testid="connection"][data-state="online"]').waitFor();
    }
    for (const end of over) end();
  });
  await settled([host, guest]);
  expect([...host.complaints, ...guest.complaints]).toEqual([]);
  await server.stop();
  await server.audit();
});

play("one page alone plays a whole game against the house bot, and it is plain that it is a bot", async () => {
  await server.stop();
  await server.start({ hasBot: true });
  const { page, complaints } = await player(browser, { colorScheme: "dark" });
  const me = await enterAsGuest(page, server.origin);
  await balanceReaches(page, 5_000);
  const button = page.getByTestId("play-bot");
  expect(await button.textContent()).toBe("Play the bot for 10.00\u00a0€");
  await shot(page, "bot-lobby-dark");
  await button.click();
  await page.getByTestId("die").waitFor();
  await balanceReaches(page, 4_000);
  const mark = page.locator('[data-testid^="player-"]').getByTestId("bot-mark");
  expect(await mark.count()).toBe(1);
  expect(await mark.textContent()).toBe("Bot, a computer player of the house");
  await rollToTheEnd([page], async (rolls) => {
    if (rolls === 4) await shot(page, "bot-game-dark");
  });
  const winner = await page.getByTestId("result").getAttribute("data-winner");
  await balanceReaches(page, winner === me ? 5_600 : 4_000);
  expect(await page.getByTestId("result").getByTestId("bot-mark").count()).toBe(1);
  await page.locator('[data-testid="verdict"][data-right="true"]').waitFor();
  expect(await page.getByTestId("draws-checked").textContent()).toMatch(/\d+ throws checked and correct/);
  expect(await page.getByTestId("bot-seed").isVisible()).toBe(true);
  await shot(page, "bot-result-dark");
  expect(complaints).toEqual([]);
  await server.stop();
  await server.audit();
});

play("the bot comes by itself to who waits alone, and goes when somebody joins", async () => {
  await server.stop();
  await server.start({ hasBot: true });
  const narrow = { width: 360, height: 740 };
  const host = await player(browser, { colorScheme: "light", viewport: narrow });
  await enterAsGuest(host.page, server.origin);
  await shot(host.page, "bot-lobby-light-360");
  await host.page.getByTestId("create-room").click();
  await host.page.getByTestId("confirm-create").click();
  const playBot = host.page.getByTestId("play-bot-here");
  await playBot.waitFor();
  expect(await host.page.getByTestId("lobby").getByTestId("bot-mark").count()).toBe(1);
  await shot(host.page, "bot-room-light-360");

  const guest = await player(browser, { colorScheme: "dark" });
  const guestId = await enterAsGuest(guest.page, server.origin);
  const card = guest.page.getByTestId("room-card");
  await card.getByText("1 here · 2 seats").waitFor();
  await shot(guest.page, "bot-waits-dark");
  await card.getByTestId("join-button").click();
  await guest.page.getByTestId("confirm-join").click();
  await host.page.getByTestId(`select-${guestId}`).waitFor();
  await host.page.getByTestId("bot-mark").waitFor({ state: "detached" });
  expect(await playBot.count()).toBe(0);

  await guest.page.getByTestId("leave-room").click();
  await playBot.click();
  await host.page.getByTestId("die").waitFor();
  await host.page.locator('[data-testid^="player-"]').getByTestId("bot-mark").waitFor();
  await shot(host.page, "bot-game-light-360");
  const width = await host.page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(narrow.width);
  expect([...host.complaints, ...guest.complaints]).toEqual([]);
});
