import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { balanceReaches, enterAsGuest, launch, player, rollToTheEnd, shot } from "./browser.js";

const BIN = process.env.BLAZING_SUN_BIN ?? fileURLToPath(new URL("../../../target/debug/blazing-sun", import.meta.url));
const START_MS = 30_000;

let browser: Browser;
let dataDir: string;
let server: ChildProcess;
let origin: string;

beforeAll(async () => {
  browser = await launch();
  dataDir = await mkdtemp(join(tmpdir(), "blazing-sun-"));
  server = spawn(BIN, ["serve", "--data-dir", dataDir, "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  origin = await addressOf(server);
});

afterAll(async () => {
  await browser?.close();
  await stop();
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

/** The address that the server prints once it listens. */
function addressOf(started: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no address within ${START_MS} ms`)), START_MS);
    started.once("error", reject);
    started.once("exit", (code) => reject(new Error(`${BIN} serve ended with ${code} before it listened`)));
    if (!started.stdout) throw new Error("no stdout");
    createInterface(started.stdout).on("line", (line) => {
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (!address) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}

async function stop(): Promise<void> {
  if (!server || server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, "exit");
  server.kill("SIGTERM");
  await ended;
}

test("two guests play Bigger Dice to the end, one reloads, and every cent is accounted for", async () => {
  const host = await player(browser, { colorScheme: "dark" });
  const guest = await player(browser, { colorScheme: "light" });
  const hostId = await enterAsGuest(host.page, origin);
  const guestId = await enterAsGuest(guest.page, origin);
  expect(guestId).not.toBe(hostId);
  await balanceReaches(host.page, 5_000);
  await balanceReaches(guest.page, 5_000);

  await host.page.getByTestId("create-room").click();
  await host.page.getByTestId("room-name").fill("Evening table");
  await host.page.getByTestId("confirm-create").click();
  await host.page.getByTestId(`select-${hostId}`).waitFor();
  const roomUrl = host.page.url();

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

  await rollToTheEnd([host.page, guest.page], async (rolls) => {
    if (rolls !== 5) return;
    await shot(host.page, "real-game");
    await guest.page.reload();
    await guest.page.getByTestId("die").waitFor();
    expect(guest.page.url()).toBe(roomUrl);
    await guest.page.locator('[data-testid="connection"][data-state="online"]').waitFor();
  });

  const winner = await host.page.getByTestId("result").getAttribute("data-winner");
  expect([hostId, guestId]).toContain(winner);
  for (const [{ page }, id] of [
    [host, hostId],
    [guest, guestId],
  ] as const) {
    expect(await page.getByTestId("result").getAttribute("data-winner")).toBe(winner);
    await balanceReaches(page, id === winner ? 5_600 : 4_000);
    expect(await page.getByTestId("balance").textContent()).toBe(id === winner ? "56.00\u00a0€" : "40.00\u00a0€");
    const score = Number(await page.getByTestId(`score-${id}`).getAttribute("data-score"));
    if (id === winner) expect(score).toBe(10);
    else expect(score).toBeLessThan(10);
  }
  await host.page.locator('[data-testid="verdict"][data-right="true"]').waitFor();
  expect(await host.page.getByTestId("draws-checked").textContent()).toMatch(/\d+ throws checked and correct/);
  await shot(host.page, "real-result");
  expect([...host.complaints, ...guest.complaints]).toEqual([]);

  await stop();
  // Rejects, with what it printed, on any exit code but 0.
  await promisify(execFile)(BIN, ["audit", "--data-dir", dataDir]);
});
