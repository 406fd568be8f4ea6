import {
  ApiProblem,
  type Client,
  type DepositLimits,
  isOnItsWay,
  isOpen,
  type Payment,
  type PaymentTerms,
  type Period,
} from "@blazing-sun/client";
import { dayAndTime, money } from "./format.js";
import type { Play } from "./play.js";
import { text } from "./texts.js";
import { wordsFor } from "./words.js";

/**
 * The payment that this tab is about: its page is being opened, was slow to open, was left for, or was come back from
 * with or without having paid.
 */
export interface Followed {
  /** None where the tab no longer knows which one it was. */
  readonly requestId: string | undefined;
  readonly how: "opening" | "slow" | "left" | "paid" | "unpaid";
}

const KEPT_AS = "blazing-sun.payment";
/** What has become of it where nothing but the address was opened again. */
const AFTER_RELOAD: Partial<Record<string, Followed["how"]>> = { left: "unpaid", opening: "slow" };
const OPENED_WITHIN_MS = 15_000;
/** As many as the server lets be open at once. */
const OPEN_MAX = 32;
export const PERIODS = ["day", "week", "month"] as const;

/** A limit that leaves less than others do. */
export interface Narrowest {
  readonly period: Period;
  readonly limit: number;
  readonly left: number;
  readonly isOwn: boolean;
}

/** What the page of the wallet shows beside the balance and the statement, and how one gets to pay and back. */
export class Wallet {
  terms: PaymentTerms | undefined;
  followed: Followed | undefined;
  /** Why the last attempt to pay in came to nothing. */
  problem = "";
  /** A payment was asked for and not answered yet. */
  isAsking = false;
  isUnreachable = false;

  private isShown = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private limitsAsked = 0;
  /** The newest limits that were read, and as the how manieth they were asked for. */
  private limitsRead: { readonly nth: number; readonly limits: DepositLimits } | undefined;
  /** What this page was told to cancel. */
  private readonly cancelled = new Set<string>();

  constructor(private readonly play: Play) {
    // Also the browser's way back may show the page as it was left.
    addEventListener("pageshow", (event) => {
      if (event.persisted && this.followed?.how === "left") this.follow({ ...this.followed, how: "unpaid" });
    });
  }

  /** Hears of this user's payments. */
  attach(client: Client): void {
    client.wallet.onChange(() => {
      this.goIfReady();
      this.play.changed();
    });
    client.wallet.onPayment((payment) => {
      this.announce(payment);
      if (this.isShown) void this.rereadLimits(client);
    });
  }

  /** The page is shown, at this address: it says how one comes back from paying. */
  enter(search: string): void {
    this.isShown = true;
    const how = new URLSearchParams(search).get("checkout");
    const kept = keptPayment();
    if (how === "paid" || how === "unpaid") this.follow({ requestId: kept?.requestId, how });
    else if (kept) this.follow({ ...kept, how: AFTER_RELOAD[kept.how] ?? kept.how });
    this.online();
  }

  leave(): void {
    this.isShown = false;
    this.problem = "";
    clearTimeout(this.timer);
    if (this.followed?.how === "opening") this.follow({ ...this.followed, how: "slow" });
  }

  /** Events are not sent again, so what they tell of is read after each sign-in. */
  online(): void {
    if (this.isShown && this.play.client) void this.reread(this.play.client);
  }

  clear(): void {
    this.isAsking = false;
    this.problem = "";
    this.cancelled.clear();
    this.dismiss();
  }

  dismiss(): void {
    this.follow(undefined);
  }

  get payment(): Payment | undefined {
    const id = this.followed?.requestId;
    return id === undefined ? undefined : this.play.client?.wallet.payment(id);
  }

  /** Asks for a page to pay on, and goes there. */
  async topUp(amountCents: number): Promise<void> {
    const { client } = this.play;
    if (!client || this.isAsking) return;
    this.isAsking = true;
    this.problem = "";
    this.dismiss();
    const here = `${location.origin}/wallet?checkout=`;
    try {
      const answer = await client.wallet.topUp(amountCents, {
        success_url: `${here}paid`,
        cancel_url: `${here}unpaid`,
      });
      if ("request_id" in answer) this.open(answer.request_id);
    } catch (error) {
      if (this.play.client !== client) return;
      await this.rereadLimits(client);
      this.problem = this.wordsFor(error, amountCents);
    } finally {
      this.isAsking = false;
      this.play.changed();
    }
  }

  /** Until when the player is excluded by their own wish. */
  get breakUntil(): string | undefined {
    const { client } = this.play;
    const until = client?.wallet.limits?.excluded_until;
    return client && until && Date.parse(until) > client.clock.now() ? until : undefined;
  }

  canPay(payment: Payment): boolean {
    const hasPage = isOpen(payment) && Boolean(payment.session_url);
    return hasPage && this.breakUntil === undefined && !this.isCancelling(payment);
  }

  canCancel(payment: Payment): boolean {
    return isOpen(payment) && !isOnItsWay(payment);
  }

  /** It is to be cancelled, and not over yet. */
  isCancelling(payment: Payment): boolean {
    return this.canCancel(payment) && this.cancelled.has(payment.request_id);
  }

  wasCancelled({ request_id, status }: Payment): boolean {
    return status === "expired" && this.cancelled.has(request_id);
  }

  /** Until it is told to be over it may still be paid. */
  async cancel({ request_id }: Payment): Promise<void> {
    const { client } = this.play;
    if (!client || this.cancelled.has(request_id)) return;
    this.cancelled.add(request_id);
    this.play.changed();
    try {
      await client.wallet.cancelTopUp(request_id);
    } catch (error) {
      if (this.play.client !== client) return;
      this.cancelled.delete(request_id);
      this.play.complain(wordsFor(error));
      this.play.changed();
    }
  }

  /** Goes to where a payment is paid. */
  pay({ request_id, session_url }: Payment): void {
    if (!session_url || !/^https?:\/\//.test(session_url)) return;
    this.follow({ requestId: request_id, how: "left" });
    this.play.leaveFor(session_url);
  }

  /** The limit that leaves the least; undefined where there is none, or nothing is known of it. */
  narrowest(): Narrowest | undefined {
    const found = this.leftovers();
    return found.reduce<Narrowest | undefined>(
      (least, each) => (least && least.left <= each.left ? least : each),
      undefined,
    );
  }

  /** Which limit an amount is above, in the order in which the server looks at them. */
  exceeded(amountCents: number): string {
    const found = this.leftovers().find(({ left }) => amountCents > left);
    if (!found) return "";
    const { currency } = this.play;
    const words = found.isOwn ? text.wallet.overLimit : text.wallet.overSiteLimit;
    return words(money(found.limit, currency), text.limits.within[found.period], money(found.left, currency));
  }

  private leftovers(): Narrowest[] {
    const told = this.play.client?.wallet.limits;
    return PERIODS.flatMap((period) => {
      const own = told?.limits.find((each) => each.period === period);
      const site = this.siteLimit(period);
      const limit = Math.min(own?.amount_cents ?? Infinity, site ?? Infinity);
      if (!own || limit === Infinity) return [];
      return [{ period, limit, left: Math.max(0, limit - own.used_cents), isOwn: limit === own.amount_cents }];
    });
  }

  siteLimit(period: Period): number | undefined {
    return this.terms?.[`${period}_cents`] ?? undefined;
  }

  private open(requestId: string): void {
    // Whoever has gone on to another page is not taken away from that.
    this.follow({ requestId, how: this.isShown ? "opening" : "slow" });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.followed?.how === "opening") this.follow({ requestId, how: "slow" });
    }, OPENED_WITHIN_MS);
    this.goIfReady();
  }

  private goIfReady(): void {
    const { followed, payment } = this;
    if (followed?.how !== "opening" || !payment?.session_url || !isOpen(payment)) return;
    if (!this.isCancelling(payment)) this.pay(payment);
  }

  private announce({ status, amount_cents, currency }: Payment): void {
    if (this.isShown) return;
    if (status === "success") this.play.tell(text.wallet.arrived(money(amount_cents, currency)));
    if (status === "failed") this.play.tell(text.wallet.didNotArrive(money(amount_cents, currency)));
  }

  private follow(followed: Followed | undefined): void {
    this.followed = followed;
    keep(followed);
    this.play.changed();
  }

  private async reread(client: Client): Promise<void> {
    const { session } = this.play;
    const [terms, payments] = await Promise.allSettled([
      session.paymentTerms(),
      this.rereadPayments(client),
      this.rereadLimits(client),
    ]);
    if (this.play.client !== client) return;
    if (terms.status === "fulfilled") this.terms = terms.value;
    this.isUnreachable = terms.status === "rejected" || payments.status === "rejected";
    this.play.changed();
  }

  private async rereadPayments(client: Client): Promise<void> {
    const { session } = this.play;
    const open = await session.openPayments();
    if (this.play.client !== client) return;
    client.wallet.addPayments(open);
    if (this.followed && this.followed.requestId === undefined) {
      const newest = open[0]?.request_id;
      this.follow(newest === undefined ? undefined : { ...this.followed, requestId: newest });
    }
    const listed = new Set(open.map((payment) => payment.request_id));
    const ended = new Set(
      client.wallet
        .payments()
        .filter(isOpen)
        .map((payment) => payment.request_id),
    );
    if (this.followed?.requestId && !this.payment) ended.add(this.followed.requestId);
    for (const id of listed) ended.delete(id);
    await Promise.all([...ended].map((id) => this.rereadPayment(client, id)));
  }

  /** What became of a payment that is open no more. */
  private async rereadPayment(client: Client, requestId: string): Promise<void> {
    try {
      const payment = await this.play.session.payment(requestId);
      if (this.play.client === client) client.wallet.addPayments([payment]);
    } catch (error) {
      if (!(error instanceof ApiProblem && error.status === 404)) throw error;
      // Another user's, who was signed in here before.
      if (this.followed?.requestId === requestId) this.dismiss();
    }
  }

  private async rereadLimits(client: Client): Promise<void> {
    const before = client.wallet.limits;
    const nth = ++this.limitsAsked;
    try {
      const limits = await this.play.session.limits();
      const known = client.wallet.limits;
      // What was told in the meantime, or asked for later, is newer than what was read.
      const wasTold = known !== before && known !== this.limitsRead?.limits;
      if (wasTold || nth < (this.limitsRead?.nth ?? 0)) return;
      this.limitsRead = { nth, limits };
      client.wallet.setLimits(limits);
    } catch {
      // They are read again at the next sign-in.
    }
  }

  private wordsFor(error: unknown, amountCents: number): string {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const { currency } = this.play;
    const until = this.breakUntil;
    if (code === "deposit_limit") return this.exceeded(amountCents) || wordsFor(error);
    if (code === "self_excluded" && until) return text.wallet.onBreak(dayAndTime(until));
    if (code === "invalid_amount" && this.terms)
      return rangeWords(amountCents, this.terms, currency) || wordsFor(error);
    if (code === "banned") return text.wallet.shutOut;
    const openCount = this.play.client?.wallet.payments().filter(isOpen).length ?? 0;
    if (code === "rate_limited" && openCount >= OPEN_MAX) return text.wallet.tooManyOpen;
    return wordsFor(error);
  }
}

/** What is wrong with an amount, as far as it has to lie within bounds. */
export function rangeWords(amountCents: number, terms: PaymentTerms, currency: string): string {
  if (amountCents < terms.min_cents) return text.wallet.tooLittle(money(terms.min_cents, currency));
  if (amountCents > terms.max_cents) return text.wallet.tooMuch(money(terms.max_cents, currency));
  return "";
}

function keptPayment(): Followed | undefined {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "null");
    if (typeof kept !== "object" || kept === null || !("requestId" in kept) || !("how" in kept)) return undefined;
    return kept as Followed;
  } catch {
    return undefined;
  }
}

function keep(followed: Followed | undefined): void {
  try {
    if (followed) sessionStorage.setItem(KEPT_AS, JSON.stringify(followed));
    else sessionStorage.removeItem(KEPT_AS);
  } catch {
    // Storage is blocked: the newest open payment stands for it when one comes back.
  }
}
