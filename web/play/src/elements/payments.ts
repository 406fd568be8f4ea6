import { isOnItsWay, isOpen, type Payment } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { dayAndTime, money } from "../format.js";
import type { Play } from "../play.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { PlayElement } from "./element.js";

/** Takes back a payment that nobody has paid yet. */
function cancelButton({ wallet }: Play, payment: Payment): TemplateResult | typeof nothing {
  if (!wallet.canCancel(payment)) return nothing;
  const words = wallet.isCancelling(payment) ? text.wallet.cancelling : text.wallet.cancel;
  const amount = money(payment.amount_cents, payment.currency);
  return html`<button class="small" data-testid="payment-cancel" aria-label="${words}: ${amount}"
    ?disabled=${wallet.isCancelling(payment)} aria-busy=${wallet.isCancelling(payment)} @click=${() => wallet.cancel(payment)}>${words}</button>`;
}

type Kind = "good" | "bad" | "warn" | "wait";

/** How the payment stands that this tab is about. */
export class FollowedPayment extends PlayElement {
  override render(): TemplateResult | typeof nothing {
    const { followed, payment } = this.play.wallet;
    if (!followed) return nothing;
    if (!payment) {
      return html`<section class="panel wait" role="status" data-testid="payment" data-state="looking">
        <i class="spinner" aria-hidden="true"></i><h2>${text.wallet.state.looking}</h2></section>`;
    }
    const [state, kind, title, lead] = this.words(payment);
    const canPay = this.play.wallet.canPay(payment) && (state === "unpaid" || state === "slow");
    return html`<section class="panel ${kind}" role="status" data-testid="payment" data-state=${state}
      data-request-id=${payment.request_id}>
      ${kind === "wait" ? html`<i class="spinner" aria-hidden="true"></i>` : html`<i class="mark" aria-hidden="true">${MARKS[kind]}</i>`}
      <div class="grow">
        <h2>${title}</h2>
        <p>${lead}</p>
        ${
          payment.status === "failed" && payment.error_message
            ? html`<p class="why" data-testid="payment-why">${text.wallet.state.failedWhy(payment.error_message)}</p>`
            : nothing
        }
      </div>
      <div class="row">
        ${
          canPay
            ? html`<button class="primary" data-testid="payment-go-on" @click=${() => this.play.wallet.pay(payment)}>${text.wallet.goOn}</button>`
            : nothing
        }
        ${state === "unpaid" || state === "slow" ? cancelButton(this.play, payment) : nothing}
        ${
          kind === "wait"
            ? nothing
            : html`<button data-testid="payment-dismiss" @click=${() => this.play.wallet.dismiss()}>${text.wallet.dismiss}</button>`
        }
      </div>
    </section>`;
  }

  private words(payment: Payment): [state: string, kind: Kind, title: string, lead: string] {
    const words = text.wallet.state;
    const amount = money(payment.amount_cents, payment.currency);
    switch (payment.status) {
      case "success":
        return ["success", "good", words.success(amount), words.successLead];
      case "failed":
        return ["failed", "bad", words.failed(amount), words.failedLead];
      case "expired":
        if (this.play.wallet.wasCancelled(payment)) {
          return ["cancelled", "good", words.cancelled(amount), words.cancelledLead];
        }
        return ["expired", "warn", words.expired(amount), words.expiredLead];
      case "refunded": {
        const back = money(payment.refunded_cents || payment.amount_cents, payment.currency);
        return ["refunded", "warn", words.refunded(back), words.refundedLead];
      }
      case "disputed":
        return ["disputed", "warn", words.disputed(amount), words.disputedLead];
      default:
        return this.openWords(payment, amount);
    }
  }

  private openWords(payment: Payment, amount: string): [state: string, kind: Kind, title: string, lead: string] {
    const words = text.wallet.state;
    // Wherever it was paid: what the server says of it goes before what this tab remembers.
    if (isOnItsWay(payment)) return ["on-its-way", "warn", words.onItsWay(amount), words.onItsWayLead];
    if (this.play.wallet.isCancelling(payment)) {
      return ["cancelling", "wait", words.cancelling(amount), words.cancellingLead];
    }
    switch (this.play.wallet.followed?.how) {
      case "paid":
        return ["confirming", "wait", words.confirming(amount), words.confirmingLead];
      case "slow":
        return ["slow", "warn", words.slow(amount), words.slowLead];
      case "unpaid":
        return ["unpaid", "warn", words.unpaid(amount), words.unpaidLead];
      default:
        return ["opening", "wait", words.opening(amount), words.openingLead];
    }
  }

  static override styles = [
    ui,
    css`
      .panel {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        align-items: center;
        gap: var(--space-3) var(--space-4);
        margin-bottom: var(--space-4);
        padding: var(--space-4) var(--space-5);
        border: 1px solid color-mix(in srgb, var(--tone) 35%, var(--line));
        border-radius: var(--radius-l);
        background: color-mix(in srgb, var(--tone) 9%, var(--surface));
        animation: rise 260ms var(--ease);
      }
      @media (max-width: 46rem) {
        .panel {
          grid-template-columns: auto minmax(0, 1fr);
          padding: var(--space-4);
        }
        .panel > .row {
          grid-column: 1 / -1;
        }
        .panel > .row button {
          flex: 1 1 auto;
        }
      }
      .good {
        --tone: var(--good);
      }
      .bad {
        --tone: var(--bad);
      }
      .warn {
        --tone: var(--warn);
      }
      .wait {
        --tone: var(--accent);
      }
      p {
        color: var(--text-2);
      }
      p.why {
        color: var(--text);
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      .mark,
      .spinner {
        flex: none;
        width: 40px;
        height: 40px;
        border-radius: 50%;
      }
      .mark {
        display: grid;
        place-items: center;
        background: color-mix(in srgb, var(--tone) 20%, transparent);
        color: var(--tone);
        font-size: var(--text-l);
        font-style: normal;
        font-weight: 800;
      }
      .spinner {
        border: 4px solid color-mix(in srgb, var(--tone) 22%, transparent);
        border-top-color: var(--tone);
        animation: turn 1s linear infinite;
      }
      @keyframes turn {
        to {
          transform: rotate(1turn);
        }
      }
    `,
  ];
}

const MARKS: Readonly<Record<Exclude<Kind, "wait">, string>> = { good: "✓", bad: "×", warn: "!" };

const CHIPS: Readonly<Record<Payment["status"], string>> = {
  requested: "",
  session_created: "",
  failed: "bad",
  expired: "warn",
  success: "good",
  refunded: "warn",
  disputed: "warn",
};

/** Payments beside that one: those that are open, and those that were when this page came. */
export class Payments extends PlayElement {
  override render(): TemplateResult | typeof nothing {
    const { followed } = this.play.wallet;
    const all = this.play.client?.wallet.payments() ?? [];
    const others = all.filter(({ request_id }) => request_id !== followed?.requestId);
    this.hidden = others.length === 0;
    if (others.length === 0) return nothing;
    return html`<section class="card" aria-labelledby="title" data-testid="open-payments">
      <h2 id="title">${text.wallet.others}</h2>
      ${others.some(isOpen) ? html`<p class="soft">${text.wallet.othersLead}</p>` : nothing}
      <ul>
        ${repeat(
          others,
          (payment) => payment.request_id,
          (payment) => this.line(payment),
        )}
      </ul>
    </section>`;
  }

  private line(payment: Payment): TemplateResult {
    const { status, requested_at, error_message } = payment;
    const amount = money(payment.amount_cents, payment.currency);
    return html`<li data-testid="open-payment" data-request-id=${payment.request_id} data-status=${status}>
      <div class="grow">
        <p class="row"><b class="number">${amount}</b><span class="chip ${CHIPS[status]}">${this.chip(
          payment,
        )}</span></p>
        ${requested_at ? html`<p class="soft">${text.wallet.askedAt(dayAndTime(requested_at))}</p>` : nothing}
        ${status === "failed" && error_message ? html`<p class="soft">${error_message}</p>` : nothing}
      </div>
      ${
        this.play.wallet.canPay(payment)
          ? html`<button class="small" aria-label="${text.wallet.goOn}: ${amount}"
              @click=${() => this.play.wallet.pay(payment)}>${text.wallet.goOn}</button>`
          : nothing
      }
      ${cancelButton(this.play, payment)}
    </li>`;
  }

  private chip(payment: Payment): string {
    if (isOnItsWay(payment)) return text.wallet.onItsWay;
    if (this.play.wallet.wasCancelled(payment)) return text.wallet.cancelled;
    return text.wallet.chips[payment.status];
  }

  static override styles = [
    ui,
    css`
      .soft {
        font-size: var(--text-s);
        overflow-wrap: anywhere;
      }
      ul {
        margin: var(--space-2) 0 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        padding: var(--space-3) 0;
      }
      li:last-child {
        padding-bottom: 0;
      }
      li + li {
        border-top: 1px solid var(--line);
      }
    `,
  ];
}

customElements.define("bs-followed-payment", FollowedPayment);
customElements.define("bs-payments", Payments);
