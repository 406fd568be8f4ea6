import { expect } from "vitest";
import { enterAsGuest, enterRoom, guest, openRoom, startGame } from "./browser.js";
import { browser, play, server, useProgram } from "./program.js";
import { agree, roll, rolled, rollsOfATurn, SLOW, untilTurn } from "./table.js";

useProgram();

play("two tabs of one player show one game, roll once between them, and sign out and in together", async () => {
  const ada = await guest(browser, server.origin);
  const bob = await guest(browser, server.origin);
  const address = await openRoom(ada.page, { name: "Twice" });
  await enterRoom(bob.page, address);
  const second = await ada.context.newPage();
  await second.goto(address);
  await second.getByTestId("room-title").waitFor();
  await startGame(ada, [bob]);
  for (const page of [ada.page, second, bob.page]) await page.getByTestId("die").waitFor();

  await untilTurn(ada, bob);
  const turns = rolled(bob.heard, ada.id).length;
  await roll(second).click();
  await expect.poll(() => rolled(bob.heard, ada.id).length, SLOW).toBeGreaterThan(turns);
  await agree(ada.page, second, bob.page);

  // Both at once: one of them is too late, and its command changes nothing.
  for (const rolls of [1, 2]) {
    await untilTurn(ada, bob);
    await roll(second).waitFor();
    const before = rolled(bob.heard, ada.id).length;
    await Promise.all(
      [ada.page, second].map((page) =>
        roll(page)
          .click({ timeout: 2_000 })
          .catch(() => {}),
      ),
    );
    await expect.poll(() => rolled(bob.heard, ada.id).length, SLOW).toBeGreaterThan(before);
    expect(rollsOfATurn(bob.heard), `after ${rolls}`).toBe(1);
  }
  await agree(ada.page, second, bob.page);

  await ada.page.getByTestId("logout").click();
  await second.getByTestId("guest-button").waitFor();
  await second.reload();
  await second.getByTestId("guest-button").waitFor();
  const id = await enterAsGuest(ada.page, server.origin);
  expect(id).not.toBe(ada.id);
  await second.locator(`[data-testid="username"][data-user-id="${id}"]`).waitFor();
  await second.locator('[data-testid="connection"][data-state="online"]').waitFor();
  expect([...ada.complaints, ...bob.complaints]).toEqual([]);
});
