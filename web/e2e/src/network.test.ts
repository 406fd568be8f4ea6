import type { Page } from "playwright-core";
import { afterEach, expect } from "vitest";
import { enterRoom, type Guest, guest, openRoom, startGame } from "./browser.js";
import { Edge } from "./edge.js";
import { OUTAGE } from "./harness.js";
import { browser, play, server, useProgram } from "./program.js";
import { agree, connectionIs, isMarked, mark, roll, rolled, SLOW, untilTurn } from "./table.js";

const ROLL = "games.command.bigger_dice.roll";
/** Bigger Dice leaves a turn so long. */
const TURN_S = 5;
const ASLEEP_MS = 10 * 60_000;
/** How long the client waits for a sign of life, at most. */
const PROBE_MS = 10_000;

useProgram();

let edge: Edge;

afterEach(() => edge?.close());

/** Ada behind an edge of her own, Bob straight at the server, in a game; and what Ada's page sends. */
async function atTable(before?: (page: Page) => Promise<void>): Promise<{ ada: Guest; bob: Guest; sent: string[] }> {
  edge = await Edge.before(() => server.origin);
  const ada = await guest(browser, edge.origin, {}, before);
  const bob = await guest(browser, server.origin);
  const sent: string[] = [];
  const address = await openRoom(ada.page, { name: "Far away" });
  await enterRoom(bob.page, `${server.origin}${new URL(address).pathname}`);
  ada.page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => sent.push(String(payload))));
  // The socket that is open already was not heard of.
  await ada.page.reload();
  await ada.page.getByTestId("room-title").waitFor();
  await startGame(ada, [bob]);
  for (const { page } of [ada, bob]) await page.getByTestId("die").waitFor();
  await mark(ada.page);
  return { ada, bob, sent };
}

play("a roll that the network cuts off is made once, whether the server had it or not", async () => {
  const { ada, bob, sent } = await atTable();
  ada.expected.allow(OUTAGE);
  for (const lost of ["up", "down"] as const) {
    // Where its time ran out before the page was back, the server rolled, and the next turn shows it.
    for (let isMade = false; !isMade; ) {
      await expect.poll(() => ada.page.getByTestId("toast").count(), SLOW).toBe(0);
      await untilTurn(ada, bob);
      edge.freeze(lost);
      const turns = rolled(bob.heard, ada.id).length;
      const commands = () => sent.filter((frame) => frame.includes(`"${ROLL}"`)).map((frame) => JSON.parse(frame));
      const before = commands().length;
      await roll(ada.page).click();
      await expect.poll(() => commands().length, SLOW).toBeGreaterThan(before);
      const id = String(commands().at(-1).command_id);
      if (lost === "down") await expect.poll(() => rolled(bob.heard, ada.id).length, SLOW).toBe(turns + 1);
      edge.cut();
      await connectionIs(ada.page, "waiting");
      await ada.page.getByTestId("connection-lost").waitFor();
      edge.restore();
      await connectionIs(ada.page, "online");
      await expect.poll(() => rolled(bob.heard, ada.id).length, SLOW).toBe(turns + 1);
      const made = rolled(bob.heard, ada.id).at(-1);
      isMade = made?.correlation_id === id;
      if (!isMade) {
        // The page's own roll comes too late then. That it is refused is told, for a while.
        const isAnswer = (frame: string) => frame.includes(`"${id}"`) && !frame.includes('"system.ack"');
        await expect.poll(() => ada.heard.some(isAnswer), SLOW).toBe(true);
        continue;
      }
      // Under the same id each time; what came of it is the same event.
      await expect.poll(() => commands().filter(({ command_id }) => command_id === id).length, SLOW).toBeGreaterThan(1);
      await ada.page.locator('[data-testid="roll-button"]').getByText("Roll", { exact: true }).waitFor();
      await agree(ada.page, bob.page);
      expect(rolled(bob.heard, ada.id).filter(({ correlation_id }) => correlation_id === id).length).toBe(1);
      expect(await ada.page.getByTestId("toast").count()).toBe(0);
    }
  }
  expect(await isMarked(ada.page)).toBe(true);
  expect([...ada.complaints, ...bob.complaints]).toEqual([]);
});

play("a page says why it is cut off, when it tries again, and what it waits for", async () => {
  edge = await Edge.before(() => server.origin);
  const ada = await guest(browser, edge.origin);
  const { page } = ada;
  ada.expected.allow(OUTAGE);
  const bar = page.getByTestId("connection-lost");
  const why = (reason: string) => page.locator(`[data-testid="connection-lost"][data-why="${reason}"]`).waitFor();
  const back = async () => {
    await connectionIs(page, "online");
    await bar.waitFor({ state: "detached" });
  };

  // What was pressed shows that it waits, and is given once however often it is pressed.
  await page.getByTestId("create-room").click();
  edge.freeze("up");
  const confirm = page.getByTestId("confirm-create");
  await confirm.click();
  await page.locator('[data-testid="confirm-create"][aria-busy="true"][aria-disabled="true"]').waitFor();
  await confirm.click({ force: true });
  await page.keyboard.press("Enter");
  edge.cut();
  await why("lost");
  await page
    .getByTestId("retry")
    .getByText(/^Next try in [0-9]+ s$/)
    .waitFor();
  edge.restore();
  await page.getByTestId("room-title").waitFor();
  await back();
  await page.getByTestId("home").click();
  await page.locator('[data-testid^="return-"]').first().waitFor();
  expect(await page.locator('[data-testid^="return-"]').count()).toBe(1);

  const { host } = new URL(server.origin);
  await server.stop("SIGTERM");
  await why("restarting");
  await page.getByTestId("connection").getByText("Restarting…").waitFor();
  await server.start({ listen: host });
  // By hand, where somebody does not want to wait; else by itself.
  await page
    .getByTestId("retry-now")
    .click({ timeout: 2_000 })
    .catch(() => {});
  await back();

  await ada.context.setOffline(true);
  edge.cut();
  await why("offline");
  await page.getByTestId("connection").getByText("Offline").waitFor();
  edge.restore();
  await ada.context.setOffline(false);
  await back();
  expect(ada.complaints).toEqual([]);
});

play("a page that slept for ten minutes while its connection died silently goes on by itself", async () => {
  const { ada, bob } = await atTable((page) => page.clock.install());
  ada.expected.allow(OUTAGE);
  await untilTurn(bob, ada);
  edge.freeze("up", "down");
  const unseen = rolled(bob.heard, bob.id).length;
  await roll(bob.page).click();
  await expect.poll(() => rolled(bob.heard, bob.id).length, SLOW).toBeGreaterThan(unseen);

  await ada.page.clock.fastForward(ASLEEP_MS);
  // It asks first whether the connection lives, and for so long nobody has to wait here.
  await ada.page.clock.fastForward(PROBE_MS);
  await connectionIs(ada.page, "online");
  await agree(ada.page, bob.page);
  // Its clock is ten minutes ahead of the server's, and what is left of a turn is right all the same.
  const left = ada.page.getByTestId("turn-countdown").getByRole("timer");
  await expect
    .poll(async () => Number.parseInt((await left.textContent()) ?? "", 10), SLOW)
    .toSatisfy((seconds: number) => seconds > 0 && seconds <= TURN_S);
  await untilTurn(ada, bob);
  const turns = rolled(bob.heard, ada.id).length;
  await roll(ada.page).click();
  await expect.poll(() => rolled(bob.heard, ada.id).length, SLOW).toBeGreaterThan(turns);
  await agree(ada.page, bob.page);
  expect(await isMarked(ada.page)).toBe(true);
  expect([...ada.complaints, ...bob.complaints]).toEqual([]);
});
