import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { balanceReaches, enterRoom, guest, launch, openRoom, rollToTheEnd, startGame } from "./browser.js";
import { Cluster } from "./cluster.js";
import { tour } from "./console_tour.js";

let browser: Browser;
let cluster: Cluster;

beforeAll(async () => {
  [browser, cluster] = await Promise.all([launch(), Cluster.start(2)]);
}, 300_000);

afterAll(async () => {
  await browser?.close();
  await cluster?.stop();
});

test("two players on two gateways play a game over Kafka and PostgreSQL, and every cent is right after it", async () => {
  try {
    const ada = await guest(browser, cluster.origin(0));
    const bob = await guest(browser, cluster.origin(1));
    for (const { page } of [ada, bob]) await balanceReaches(page, 5_000);
    const address = await openRoom(ada.page, { name: "Two doors" });
    await enterRoom(bob.page, `${cluster.origin(1)}${new URL(address).pathname}`);
    await startGame(ada, [bob]);
    await rollToTheEnd([ada.page, bob.page]);

    const winner = await ada.page.getByTestId("result").getAttribute("data-winner");
    expect(await bob.page.getByTestId("result").getAttribute("data-winner")).toBe(winner);
    expect([ada.id, bob.id]).toContain(winner);
    for (const { page, id } of [ada, bob]) {
      await balanceReaches(page, id === winner ? 5_600 : 4_000);
      await page.locator('[data-testid="verdict"][data-right="true"]').waitFor();
      // As the other process tells it, not only as this page heard it.
      await page.reload();
      await balanceReaches(page, id === winner ? 5_600 : 4_000);
    }
    expect([...ada.complaints, ...bob.complaints]).toEqual([]);
    await cluster.audit();
  } catch (error) {
    throw cluster.explain(error);
  }
});

test("an operator of the cluster gets from a complaint to its cause, sees all there is, and acts", async () => {
  try {
    await tour(browser, {
      origin: cluster.origin(0),
      tool: (args, input) => cluster.tool(args, input),
      fill: async (topics) => {
        for (const [topic, records] of Object.entries(topics)) await cluster.fill(topic, records);
      },
    });
  } catch (error) {
    throw cluster.explain(error);
  }
});
