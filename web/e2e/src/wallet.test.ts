import { expect } from "vitest";
import { guest, openRoom, phoneShot, shot } from "./browser.js";
import { browser, play, server, useProgram } from "./program.js";

useProgram();

play("a player limits what is paid in, takes a break, and is told so where it matters", async () => {
  await server.stop();
  await server.start({ env: { BLAZING_SUN_DEPOSITS__ENABLED: "true", BLAZING_SUN_DEPOSITS__MONTH_CENTS: "50000" } });
  const ada = await guest(browser, server.origin, { colorScheme: "light" });
  const { page } = ada;
  await page.getByTestId("open-wallet").click();
  await page.getByTestId("test-money").waitFor();
  expect(new URL(page.url()).pathname).toBe("/wallet");
  await page.getByTestId("top-up-hint").getByText("Your limits leave 500.00").waitFor();

  const set = async (period: string, amount: string) => {
    await page.getByTestId(`limit-change-${period}`).click();
    await page.getByTestId("limit-field").fill(amount);
    await page.getByTestId("limit-save").click();
    await page.getByTestId("limit-form").waitFor({ state: "detached" });
  };
  await set("week", "30");
  await page.locator('[data-testid="limit-week"][data-cents="3000"]').waitFor();
  await page.getByTestId("top-up-hint").getByText("Your limits leave 30.00").waitFor();
  expect(await page.getByTestId("offer-5000").isDisabled()).toBe(true);
  // The page only warns: it is the server that refuses.
  await page.getByTestId("top-up-amount").fill("30.01");
  await page.getByTestId("top-up-submit").click();
  await page.getByTestId("top-up-fault").getByText("Your limit is 30.00").waitFor();
  await expect.poll(() => ada.heard.some((frame) => frame.includes('"deposit_limit"'))).toBe(true);
  await shot(page, "wallet-limit-light");

  await set("week", "100");
  await page.locator('[data-testid="limit-pending-week"][data-cents="10000"]').waitFor();
  await set("day", "20.50");
  await page.locator('[data-testid="limit-day"][data-cents="2050"]').waitFor();
  await page.reload();
  await page.locator('[data-testid="limit-day"][data-cents="2050"]').waitFor();
  await page.locator('[data-testid="limit-week"][data-cents="3000"]').waitFor();
  expect(await phoneShot(page, "wallet-limits-phone-light")).toBe(true);
  await page.getByTestId("limit-keep-week").click();
  await page.getByTestId("limit-pending-week").waitFor({ state: "detached" });

  await page.getByTestId("break-days").selectOption("30");
  await page.getByTestId("break-begin").click();
  await page.getByTestId("break-dialog").getByText("Take a break for 30 days?").waitFor();
  await shot(page, "wallet-break-light");
  await page.getByTestId("break-cancel").click();
  await page.getByTestId("top-up-form").waitFor();
  await page.getByTestId("break-begin").click();
  await page.getByTestId("break-confirm").click();
  await page.getByTestId("top-up-excluded").waitFor();
  await page.reload();
  await page.getByTestId("top-up-excluded").waitFor();
  await page.getByTestId("back-to-lobby").click();
  await page.getByTestId("create-room").click();
  await page.getByTestId("confirm-create").click();
  await page.getByTestId("toast").getByText("Play is paused").waitFor();
  expect(ada.complaints).toEqual([]);
});

play("the statement says what each change of the balance was, as it happens", async () => {
  const ada = await guest(browser, server.origin, { colorScheme: "dark" });
  const reader = await ada.context.newPage();
  await reader.goto(`${server.origin}/wallet`);
  await reader.locator('[data-testid="statement-entry"][data-kind="demo_grant"][data-cents="5000"]').waitFor();
  await openRoom(ada.page, { name: "Duel" });
  await ada.page.getByTestId(`select-${ada.id}`).click();
  const fee = reader.locator('[data-testid="statement-entry"][data-kind="fee"][data-cents="-1000"]');
  await fee.getByText("Bigger Dice · “Duel”").waitFor();
  await reader.locator('[data-testid="wallet-balance"][data-cents="4000"]').waitFor();
  await ada.page.getByTestId("leave-room").click();
  await reader.locator('[data-testid="statement-entry"][data-kind="refund"][data-cents="1000"]').waitFor();
  expect(await reader.getByTestId("statement-entry").count()).toBe(3);
  await shot(reader, "wallet-statement-dark");
  expect(ada.complaints).toEqual([]);
});
