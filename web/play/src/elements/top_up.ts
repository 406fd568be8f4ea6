import type { PaymentTerms } from "@blazing-sun/client";
import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { centsOf, dayAndTime, money, plainAmount, symbolOf } from "../format.js";
import { OFFLINE, text } from "../texts.js";
import { ui } from "../ui.js";
import { rangeWords } from "../wallet.js";
import { PlayElement } from "./element.js";

const OFFERED = [500, 1_000, 2_000, 5_000, 10_000];

/** The balance, and the way to more of it. */
export class TopUp extends PlayElement {
  static override properties: PropertyDeclarations = { written: { state: true }, fault: { state: true } };
  declare private written: string;
  /** What is wrong with the amount, once it was sent. */
  declare private fault: string;

  constructor() {
    super();
    this.written = "";
    this.fault = "";
  }

  override render(): TemplateResult {
    const { account, wallet, currency } = this.play;
    return html`<section class="card stack" aria-labelledby="title">
      <div class="balance">
        <h2 id="title">${text.wallet.balance}</h2>
        ${
          wallet.terms?.is_test_money
            ? html`<span class="chip warn" title=${text.wallet.testMeans} data-testid="test-money">${text.wallet.test}</span>`
            : nothing
        }
        <p class="amount number" data-testid="wallet-balance" data-cents=${account?.balance_cents ?? 0} aria-live="polite">
          ${money(account?.balance_cents ?? 0, currency)}</p>
      </div>
      ${wallet.terms?.is_test_money ? html`<p class="soft">${text.wallet.testMeans}</p>` : nothing}
      ${this.way()}
    </section>`;
  }

  private way(): TemplateResult {
    const { terms, breakUntil: until } = this.play.wallet;
    if (until) {
      return html`<p class="notice" data-testid="top-up-excluded">${text.wallet.onBreak(dayAndTime(until))}</p>`;
    }
    if (!terms) return this.waiting();
    if (!terms.is_open) return html`<p class="notice" data-testid="top-up-closed">${text.wallet.closed}</p>`;
    return this.form(terms);
  }

  private waiting(): TemplateResult {
    if (!this.play.wallet.isUnreachable) return html`<p class="soft" role="status">${text.wallet.loading}</p>`;
    return html`<p class="fault" role="alert" data-testid="top-up-unreachable">${OFFLINE}</p>
      <button data-testid="top-up-again" @click=${() => this.play.wallet.online()}>${text.wallet.again}</button>`;
  }

  private form(terms: PaymentTerms): TemplateResult {
    const { currency, wallet } = this.play;
    const cents = centsOf(this.written, currency);
    const isOpening = wallet.isAsking || wallet.followed?.how === "opening";
    const narrowest = wallet.narrowest();
    const least = Math.min(terms.max_cents, narrowest?.left ?? Infinity);
    const warning = this.fault || (cents === undefined ? "" : wallet.exceeded(cents));
    return html`<form class="stack" data-testid="top-up-form" novalidate @submit=${this.submit}>
      <div class="offered" role="group" aria-label=${text.wallet.amount}>
        ${offers(terms).map(
          (
            offer,
          ) => html`<button type="button" class="number" data-testid="offer-${offer}" aria-pressed=${offer === cents}
            ?disabled=${offer > least} @click=${() => this.write(plainAmount(offer, currency))}>${money(offer, currency)}</button>`,
        )}
      </div>
      <div class="entry">
        <label class="grow">${text.wallet.amount}
          <span class="field"><input name="amount" inputmode="decimal" autocomplete="off" maxlength="13" class="number"
            .value=${this.written} aria-describedby="hint" aria-invalid=${warning !== ""} data-testid="top-up-amount"
            @input=${(event: InputEvent) => this.write((event.target as HTMLInputElement).value)} />
            <span aria-hidden="true">${symbolOf(currency)}</span></span></label>
        <button class="primary" data-testid="top-up-submit" ?disabled=${isOpening} aria-busy=${isOpening}>${
          isOpening ? text.wallet.opening : cents ? text.wallet.pay(money(cents, currency)) : text.wallet.payNothing
        }</button>
      </div>
      <p class="soft" id="hint" data-testid="top-up-hint">
        ${text.wallet.range(money(terms.min_cents, currency), money(terms.max_cents, currency))}
        ${narrowest ? text.wallet.left(money(narrowest.left, currency)) : nothing}
        ${terms.is_test_money ? text.wallet.payLeadTest : text.wallet.payLead}
      </p>
      ${warning ? html`<p class="fault" role="alert" data-testid="top-up-fault">${warning}</p>` : nothing}
      ${
        wallet.problem && !warning
          ? html`<p class="fault" role="alert" data-testid="top-up-problem">${wallet.problem}</p>`
          : nothing
      }
    </form>`;
  }

  private write(written: string): void {
    this.written = written;
    this.fault = "";
    this.play.wallet.problem = "";
  }

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    const { wallet, currency } = this.play;
    const cents = centsOf(this.written, currency);
    if (!wallet.terms) return;
    this.fault = cents === undefined ? text.wallet.notAmount : rangeWords(cents, wallet.terms, currency);
    if (cents !== undefined && !this.fault) void wallet.topUp(cents);
  };

  static override styles = [
    ui,
    css`
      .balance {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: center;
        column-gap: var(--space-3);
      }
      .balance h2 {
        color: var(--text-2);
        font-size: var(--text-m);
        font-weight: 600;
      }
      .amount {
        grid-column: 1 / -1;
        font-size: var(--text-xxl);
        font-weight: 800;
        line-height: 1.15;
        letter-spacing: -0.02em;
      }
      .soft {
        font-size: var(--text-s);
      }
      .offered {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(6.25rem, 1fr));
        gap: var(--space-2);
      }
      .offered button {
        padding: 0 var(--space-2);
        border-radius: var(--radius-m);
      }
      .offered button[aria-pressed="true"] {
        border-color: var(--accent);
        box-shadow: inset 0 0 0 1px var(--accent);
      }
      .entry {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: var(--space-3);
      }
      .entry label {
        flex: 1 1 10rem;
      }
      .entry button {
        flex: 1 1 12rem;
        min-height: 48px;
      }
      .field {
        position: relative;
        display: block;
      }
      .field input {
        min-height: 48px;
        padding-right: 3.5rem;
        font-size: var(--text-l);
        font-weight: 650;
      }
      .field span {
        position: absolute;
        inset: 0 var(--space-3) 0 auto;
        display: grid;
        place-items: center;
        color: var(--text-2);
        font-size: var(--text-l);
        pointer-events: none;
      }
      input[aria-invalid="true"] {
        border-color: var(--bad);
      }
      .fault,
      .notice {
        padding: var(--space-3);
        border-radius: var(--radius-s);
        background: var(--bad-soft);
        color: var(--bad);
        font-weight: 600;
      }
      .notice {
        background: var(--surface-2);
        color: var(--text);
      }
    `,
  ];
}

/** What is offered to press: round amounts within the bounds, or the bounds themselves. */
function offers({ min_cents, max_cents }: PaymentTerms): number[] {
  const within = OFFERED.filter((offer) => offer >= min_cents && offer <= max_cents);
  return within.length > 1 ? within : [...new Set([min_cents, ...within, max_cents])];
}

customElements.define("bs-top-up", TopUp);
