import type { Page } from "playwright-core";
import { expect } from "vitest";
import { balanceReaches, fits, type Guest, guest, phoneShot, shot } from "./browser.js";
import { browser, play, server, useProgram } from "./program.js";
import { BANK_PAGE, pressAtBank, TestBank } from "./test_bank.js";

useProgram();

/** From the wallet to the bank's page for 20 €; that page's session. */
async function goToPay(page: Page): Promise<string> {
  await page.getByTestId("offer-2000").click();
  await page.getByTestId("top-up-submit").click();
  await page.waitForURL(BANK_PAGE);
  return BANK_PAGE.exec(page.url())?.[1] ?? "";
}

async function inWallet(options: Parameters<typeof guest>[2]): Promise<Guest> {
  const entered = await guest(browser, server.origin, options);
  await balanceReaches(entered.page, 5_000);
  await entered.page.getByTestId("open-wallet").click();
  return entered;
}

/** Back in the wallet, whose address says no more than that. */
async function cameBack(page: Page, state: string): Promise<void> {
  await page.locator(`[data-testid="payment"][data-state="${state}"]`).waitFor();
  expect(page.url()).toBe(`${server.origin}/wallet`);
}

function bankOf(page: Page): TestBank {
  return new TestBank(server.dataDir, new URL(page.url()).origin);
}

/** Marks the document, so that a reload does not go unnoticed. */
const mark = (page: Page) => page.evaluate(() => Object.assign(window, { isSame: true }));
const isMarked = (page: Page) => page.evaluate(() => "isSame" in window);

play("a top-up at the test bank is in the balance of every page, without a reload", async () => {
  const { page, context, complaints } = await inWallet({ colorScheme: "light" });
  const lobby = await context.newPage();
  await lobby.goto(server.origin);
  await balanceReaches(lobby, 5_000);
  await mark(lobby);
  await goToPay(page);
  await shot(page, "bank-light");
  await pressAtBank(page, "pay");
  await cameBack(page, "success");
  await mark(page);
  await balanceReaches(page, 7_000);
  await balanceReaches(lobby, 7_000);
  await lobby.getByTestId("toast").getByText("20.00").waitFor();
  await page.locator('[data-testid="wallet-balance"][data-cents="7000"]').waitFor();
  await page.locator('[data-testid="statement-entry"][data-kind="top_up"][data-cents="2000"]').waitFor();
  await page.locator('[data-testid="limit-week"][data-used="2000"]').waitFor();
  expect(await page.getByTestId("open-payments").count()).toBe(0);
  await shot(page, "top-up-success-light");
  expect(await phoneShot(page, "top-up-success-phone-light")).toBe(true);

  await page.getByTestId("payment-dismiss").click();
  await page.getByTestId("payment").waitFor({ state: "detached" });
  expect([await isMarked(page), await isMarked(lobby)]).toEqual([true, true]);
  await page.reload();
  await balanceReaches(page, 7_000);
  expect(await page.getByTestId("payment").count()).toBe(0);
  expect(complaints).toEqual([]);
  await server.stop();
  await server.audit();
});

play(
  "a declined card, a change of mind and the way back leave the money where it is, and the payment open",
  async () => {
    const { page, complaints } = await inWallet({ colorScheme: "dark" });
    const session = await goToPay(page);
    await pressAtBank(page, "decline");
    await page.getByRole("alert").getByText("declined").waitFor();
    await shot(page, "bank-declined-dark");
    await pressAtBank(page, "abandon");
    await cameBack(page, "unpaid");
    await balanceReaches(page, 5_000);
    await shot(page, "top-up-unpaid-dark");
    expect(await phoneShot(page, "top-up-unpaid-phone-dark")).toBe(true);

    // The same payment, not another one.
    await page.getByTestId("payment-go-on").click();
    await page.waitForURL(BANK_PAGE);
    expect(BANK_PAGE.exec(page.url())?.[1]).toBe(session);
    await page.goBack();
    await cameBack(page, "unpaid");
    await page.getByTestId("payment-go-on").click();
    await pressAtBank(page, "pay");
    await cameBack(page, "success");
    await balanceReaches(page, 7_000);
    expect(complaints).toEqual([]);
  },
);

play("an abandoned payment is listed until its page expires", async () => {
  const { page, complaints } = await inWallet({ viewport: { width: 390, height: 844 }, colorScheme: "light" });
  const session = await goToPay(page);
  const bank = bankOf(page);
  await pressAtBank(page, "abandon");
  await cameBack(page, "unpaid");
  await page.getByTestId("payment-dismiss").click();
  const open = page.getByTestId("open-payment");
  await open.getByTestId("payment-cancel").waitFor();
  // It may still be paid, so it counts.
  await page.locator('[data-testid="limit-month"][data-used="2000"]').waitFor();
  await shot(page, "top-up-open-phone-light");
  await bank.expire(session);
  await page.locator('[data-testid="open-payment"][data-status="expired"]').waitFor();
  await page.locator('[data-testid="limit-month"][data-used="0"]').waitFor();
  expect(await open.getByRole("button").count()).toBe(0);
  await balanceReaches(page, 5_000);
  expect(await fits(page)).toBe(true);
  expect(complaints).toEqual([]);
});

play("a payment that is cancelled is over at once, and counts no more", async () => {
  const { page, complaints } = await inWallet({ viewport: { width: 390, height: 844 }, colorScheme: "light" });
  for (const from of ["followed", "list"]) {
    await goToPay(page);
    await pressAtBank(page, "abandon");
    await cameBack(page, "unpaid");
    await page.locator('[data-testid="limit-month"][data-used="2000"]').waitFor();
    if (from === "list") await page.getByTestId("payment-dismiss").click();
    await page.getByTestId("payment-cancel").click();
    const over = from === "list" ? page.getByTestId("open-payment") : page.locator('[data-state="cancelled"]');
    await over
      .getByText(/cancelled/i)
      .first()
      .waitFor();
    await page.locator('[data-testid="limit-month"][data-used="0"]').waitFor();
    expect(await page.getByTestId("payment-cancel").count()).toBe(0);
    await shot(page, `top-up-cancelled-${from}-phone-light`);
  }
  await balanceReaches(page, 5_000);
  expect(await fits(page)).toBe(true);
  expect(complaints).toEqual([]);
});

play("money that arrives later is waited for in sight, and its failure is told with the reason", async () => {
  const { page, complaints } = await inWallet({ colorScheme: "dark" });
  let session = await goToPay(page);
  const bank = bankOf(page);
  await pressAtBank(page, "pay_later");
  await cameBack(page, "on-its-way");
  await mark(page);
  await balanceReaches(page, 5_000);
  await shot(page, "top-up-confirming-dark");
  await bank.settle(session, "paid");
  await cameBack(page, "success");
  await balanceReaches(page, 7_000);
  expect(await isMarked(page)).toBe(true);

  session = await goToPay(page);
  await pressAtBank(page, "pay_later_fails");
  await cameBack(page, "on-its-way");
  // It is not forgotten over a reload.
  await page.reload();
  await cameBack(page, "on-its-way");
  await page.getByTestId("back-to-lobby").click();
  await bank.settle(session, "failed");
  await page.getByTestId("toast").getByText("did not work").waitFor();
  await page.getByTestId("open-wallet").click();
  await cameBack(page, "failed");
  await page.getByTestId("payment-why").waitFor();
  await shot(page, "top-up-failed-dark");
  await balanceReaches(page, 7_000);
  expect(complaints).toEqual([]);
});

play("a limit is refused in words, and what an open payment takes up of it counts", async () => {
  const { page, complaints, heard } = await inWallet({ colorScheme: "light" });
  await page.getByTestId("limit-change-day").click();
  await page.getByTestId("limit-field").fill("30");
  await page.getByTestId("limit-save").click();
  await page.locator('[data-testid="limit-day"][data-cents="3000"]').waitFor();
  await goToPay(page);
  await pressAtBank(page, "abandon");
  await cameBack(page, "unpaid");
  await page.getByTestId("top-up-hint").getByText("Your limits leave 10.00").waitFor();
  await page.getByTestId("top-up-amount").fill("20");
  await page.getByTestId("top-up-submit").click();
  await page.getByTestId("top-up-fault").getByText("10.00 € of it are left").waitFor();
  await expect.poll(() => heard.some((frame) => frame.includes('"deposit_limit"'))).toBe(true);
  await shot(page, "top-up-refused-light");
  expect(complaints).toEqual([]);
});
