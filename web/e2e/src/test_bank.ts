import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";

/** What the bank's page offers. */
export type Way = "pay" | "decline" | "pay_later" | "pay_later_fails" | "abandon";

/** A page of the test bank on which a payment can be paid. */
export const BANK_PAGE = /^http:\/\/127\.0\.0\.1:\d+\/pay\/(cs_[A-Za-z0-9_]+)$/;

/** Presses a button of the bank's page. */
export async function pressAtBank(page: Page, way: Way): Promise<void> {
  await page.waitForURL(BANK_PAGE);
  await page.locator(`button[name="way"][value="${way}"]`).click();
}

/** The test bank that runs beside a server with this data directory. */
export class TestBank {
  constructor(
    private readonly dataDir: string,
    private readonly origin: string,
  ) {}

  /** Has the money of a payment by "pay later" arrive, or not. */
  async settle(sessionId: string, as: "paid" | "failed"): Promise<void> {
    const session = await this.ask(`/v1/checkout/sessions/${sessionId}`);
    const body = JSON.stringify({ payment_intent: session.payment_intent, as });
    await this.ask("/_bank/settle", { method: "POST", body });
  }

  /** Has a page expire on which nobody has paid. */
  async expire(sessionId: string): Promise<void> {
    await this.ask("/_bank/expire", { method: "POST", body: JSON.stringify({ session: sessionId }) });
  }

  private async ask(path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
    const key = (await readFile(join(this.dataDir, "test-bank-secret-key"), "utf8")).trim();
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const response = await fetch(`${this.origin}${path}`, { headers, ...init });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${answer}`);
    return JSON.parse(answer) as Record<string, unknown>;
  }
}
