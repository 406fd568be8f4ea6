import type { Answer } from "./answers.js";
import type { Client } from "./client.js";
import { Signal, type Unsubscribe } from "./emitter.js";
import { inOrder } from "./order.js";
import type { CommandHandle } from "./pending.js";
import type { Rest } from "./rest.js";
import { DerivedStore, type Store } from "./store.js";
import type { Cents, DepositLimits, EventFrame, PaymentChange, PaymentStatus, Period, Timestamp } from "./wire.js";

/** A payment that this user asked for, as far as it is known. */
export interface Payment extends Omit<Rest.Payment, "status" | "requested_at" | "finished_at"> {
  status: PaymentStatus;
  requested_at?: Timestamp | undefined;
  finished_at?: Timestamp | null;
}

/** Where the payer comes back to; addresses of the server's own pages. */
export interface ReturnAddresses {
  success_url?: string;
  cancel_url?: string;
}

/** How far a payment has come; what follows on being paid comes in any order. */
function stepOf(payment: Payment): number {
  const step = ["requested", "session_created", "", "failed", "expired"].indexOf(payment.status);
  return isOnItsWay(payment) ? 2 : step < 0 ? 5 : step;
}

/** Whether it may still be paid, or is on its way. */
export function isOpen({ status }: Pick<Payment, "status">): boolean {
  return status === "requested" || status === "session_created";
}

/** Whether the payer is done on the provider's page, and the money is on its way: that may take days. */
export function isOnItsWay({ status, session_url }: Payment): boolean {
  return status === "session_created" && !session_url;
}

/** This user's payments and limits, as far as this client has heard of them. */
export class Wallet {
  readonly #byId = new Map<string, Payment>();
  #told: DepositLimits | undefined;
  readonly #payments = new DerivedStore((): readonly Payment[] =>
    inOrder(this.#byId.values(), ({ requested_at = "" }) => requested_at).reverse(),
  );
  /** The payments, the newest first. */
  readonly store: Store<readonly Payment[]> = this.#payments;
  readonly #moved = new Signal<Payment>();

  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
    client.on("wallet.event.top_up", (frame) => {
      const payment = this.#put(paymentOf(frame));
      if (!payment) return;
      this.#moved.emit(payment);
      this.#payments.change();
    });
    client.on("wallet.event.limits", ({ limits, excluded_until = null }) => this.setLimits({ limits, excluded_until }));
  }

  /** Hears of whatever changes. */
  onChange(listener: () => void): Unsubscribe {
    return this.store.subscribe(listener);
  }

  /** Hears of each payment that moves on while this client listens. */
  onPayment(listener: (payment: Payment) => void): Unsubscribe {
    return this.#moved.on(listener);
  }

  /** The newest first. */
  payments(): readonly Payment[] {
    return this.store.getSnapshot();
  }

  payment(requestId: string): Payment | undefined {
    return this.#byId.get(requestId);
  }

  /** Known once they were set, asked for, or given by `setLimits`. */
  get limits(): DepositLimits | undefined {
    return this.#told;
  }

  /** Asks for a page to pay on; the answer is the payment, and `onChange` tells of its `session_url`. */
  topUp(amount_cents: Cents, addresses: ReturnAddresses = {}): CommandHandle<Answer<"wallet.command.top_up">> {
    return this.#client.command("wallet.command.top_up", { amount_cents, ...addresses });
  }

  /** Cancels a payment that is not paid yet; `onChange` tells when it is `expired`, until when it may still be paid. */
  cancelTopUp(request_id: string): CommandHandle<Answer<"wallet.command.cancel_top_up">> {
    return this.#client.command("wallet.command.cancel_top_up", { request_id });
  }

  setDepositLimit(
    period: Period,
    amount_cents: Cents | null,
  ): CommandHandle<Answer<"wallet.command.set_deposit_limit">> {
    return this.#client.command("wallet.command.set_deposit_limit", { period, amount_cents });
  }

  excludeSelf(days: number): CommandHandle<Answer<"wallet.command.exclude_self">> {
    return this.#client.command("wallet.command.exclude_self", { days });
  }

  /** Takes in what the API keeps, where it is not older than what was heard. */
  addPayments(payments: readonly Payment[]): void {
    for (const payment of payments) this.#put(payment);
    this.#payments.change();
  }

  setLimits(limits: DepositLimits): void {
    this.#told = limits;
    this.#payments.change();
  }

  /** The payment as it is then; undefined where more was known already. */
  #put(payment: Payment): Payment | undefined {
    const known = this.#byId.get(payment.request_id);
    if (known && stepOf(payment) < stepOf(known)) return undefined;
    const requested_at = known?.requested_at ?? payment.requested_at;
    const kept = { ...payment, requested_at };
    this.#byId.set(payment.request_id, kept);
    return kept;
  }
}

function paymentOf({ timestamp, ...told }: EventFrame<"wallet.event.top_up">): Payment {
  const change = told as PaymentChange;
  return { refunded_cents: 0, session_url: null, error_message: null, ...change, requested_at: timestamp };
}
