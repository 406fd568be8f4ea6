import type { DepositLimit, Period } from "@blazing-sun/client";
import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { centsOf, dayAndTime, money, plainAmount, symbolOf } from "../format.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { PERIODS } from "../wallet.js";
import { wordsFor } from "../words.js";
import { PlayElement } from "./element.js";

/** How much the player wants to pay in at most, and what of it is used. */
export class DepositLimitsCard extends PlayElement {
  static override properties: PropertyDeclarations = {
    edited: { state: true },
    problem: { state: true },
    isBusy: { state: true },
  };
  declare private edited: Period | undefined;
  declare private problem: string;
  declare private isBusy: boolean;

  constructor() {
    super();
    this.problem = "";
    this.isBusy = false;
  }

  override render(): TemplateResult {
    const limits = this.play.client?.wallet.limits?.limits;
    return html`<section class="card stack" aria-labelledby="title" data-testid="deposit-limits">
      <div>
        <h2 id="title">${text.limits.title}</h2>
        <p class="soft">${text.limits.lead}</p>
      </div>
      ${
        limits
          ? html`<ul>${PERIODS.map((period) =>
              this.line(
                period,
                limits.find((limit) => limit.period === period),
              ),
            )}</ul>`
          : html`<p class="soft" role="status">${text.wallet.loading}</p>`
      }
    </section>`;
  }

  private line(period: Period, limit: DepositLimit | undefined): TemplateResult | typeof nothing {
    if (!limit) return nothing;
    const { currency, wallet } = this.play;
    const own = limit.amount_cents ?? undefined;
    const site = wallet.siteLimit(period);
    const used = money(limit.used_cents, currency);
    return html`<li data-testid="limit-${period}" data-cents=${own ?? ""} data-used=${limit.used_cents}>
      <div class="row top">
        <p class="grow">${text.limits.periods[period]}</p>
        <b class="number" data-testid="limit-amount">${own === undefined ? text.limits.none : money(own, currency)}</b>
        <button class="small" aria-label=${text.limits.changeOf(text.limits.periods[period])} aria-expanded=${this.edited === period}
          data-testid="limit-change-${period}" @click=${() => this.edit(this.edited === period ? undefined : period)}>${text.limits.change}</button>
      </div>
      ${own === undefined ? nothing : html`<progress max=${Math.max(own, 1)} value=${own === 0 ? 1 : Math.min(limit.used_cents, own)} aria-hidden="true"></progress>`}
      <p class="soft number">${own === undefined ? text.limits.usedNoLimit(used) : text.limits.used(used, money(own, currency))}${
        site === undefined ? nothing : html` · ${text.limits.site(money(site, currency))}`
      }</p>
      ${this.pending(period, limit)}
      ${this.edited === period ? this.form(period, own) : nothing}
    </li>`;
  }

  private pending(period: Period, { amount_cents, pending }: DepositLimit): TemplateResult | typeof nothing {
    if (!pending) return nothing;
    const { currency } = this.play;
    const from = dayAndTime(pending.from);
    const next = pending.amount_cents ?? undefined;
    const words = next === undefined ? text.limits.pendingNone(from) : text.limits.pending(money(next, currency), from);
    return html`<div class="row pending" data-testid="limit-pending-${period}" data-cents=${next ?? ""}>
      <p class="grow">${words}</p>
      ${
        amount_cents === undefined || amount_cents === null
          ? nothing
          : html`<button class="small" aria-disabled=${this.isBusy} data-testid="limit-keep-${period}"
              @click=${() => void this.set(period, amount_cents)}>${text.limits.keep(money(amount_cents, currency))}</button>`
      }
    </div>`;
  }

  private form(period: Period, own: number | undefined): TemplateResult {
    const { currency } = this.play;
    return html`<form class="stack" novalidate data-testid="limit-form" @submit=${(event: SubmitEvent) => this.submit(event, period)}>
      <label>${text.limits.field(text.limits.periods[period])} (${symbolOf(currency)})
        <input name="amount" inputmode="decimal" autocomplete="off" maxlength="13" class="number" autofocus
          value=${own === undefined ? "" : plainAmount(own, currency)} data-testid="limit-field" /></label>
      ${this.problem ? html`<p class="problem" role="alert" data-testid="limit-problem">${this.problem}</p>` : nothing}
      <div class="row">
        <button class="small primary" aria-disabled=${this.isBusy} data-testid="limit-save">${text.limits.save}</button>
        ${
          own === undefined
            ? nothing
            : html`<button class="small" type="button" aria-disabled=${this.isBusy} data-testid="limit-lift"
                @click=${() => void this.set(period, null)}>${text.limits.lift}</button>`
        }
        <button class="small plain" type="button" @click=${() => this.edit(undefined)}>${text.limits.cancel}</button>
      </div>
    </form>`;
  }

  private edit(period: Period | undefined): void {
    this.edited = period;
    this.problem = "";
  }

  private submit(event: SubmitEvent, period: Period): void {
    event.preventDefault();
    const written = String(new FormData(event.target as HTMLFormElement).get("amount") ?? "");
    const cents = centsOf(written, this.play.currency);
    if (cents === undefined) this.problem = text.wallet.notAmount;
    else void this.set(period, cents);
  }

  private async set(period: Period, cents: number | null): Promise<void> {
    const { client } = this.play;
    if (!client || this.isBusy) return;
    this.isBusy = true;
    this.problem = "";
    try {
      await client.wallet.setDepositLimit(period, cents);
      this.edited = undefined;
      this.play.tell(wordsOf(client.wallet.limits?.limits.find((limit) => limit.period === period)));
    } catch (error) {
      this.problem = wordsFor(error);
      if (this.edited !== period) this.play.complain(error);
    } finally {
      this.isBusy = false;
    }
  }

  static override styles = [
    ui,
    css`
      .soft {
        font-size: var(--text-s);
      }
      ul {
        display: grid;
        gap: var(--space-4);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-1);
      }
      li + li {
        padding-top: var(--space-4);
        border-top: 1px solid var(--line);
      }
      .top {
        flex-wrap: nowrap;
      }
      progress {
        appearance: none;
        display: block;
        width: 100%;
        height: 8px;
        overflow: hidden;
        border: 0;
        border-radius: var(--radius-pill);
        background: var(--surface-3);
      }
      progress::-webkit-progress-bar {
        background: var(--surface-3);
      }
      progress::-webkit-progress-value {
        border-radius: var(--radius-pill);
        background: var(--sun);
      }
      progress::-moz-progress-bar {
        border-radius: var(--radius-pill);
        background: var(--sun);
      }
      .pending {
        padding: var(--space-2) var(--space-3);
        border-radius: var(--radius-s);
        background: var(--warn-soft);
        color: var(--warn);
        font-size: var(--text-s);
        font-weight: 600;
      }
      form {
        gap: var(--space-3);
        padding-top: var(--space-2);
      }
      .problem {
        color: var(--bad);
        font-size: var(--text-s);
        font-weight: 600;
      }
    `,
  ];
}

/** What has become of a limit that was just set. */
function wordsOf(limit: DepositLimit | undefined): string {
  const pending = limit?.pending;
  if (!pending) return text.limits.lowered;
  const from = dayAndTime(pending.from);
  return pending.amount_cents === undefined || pending.amount_cents === null
    ? text.limits.lifted(from)
    : text.limits.later(from);
}

customElements.define("bs-deposit-limits", DepositLimitsCard);
