import type { ErrorCode } from "./wire.js";

/** Whether the code says that the same command may succeed a little later. */
export function isBusy(code: unknown): boolean {
  return code === "unavailable" || code === "rate_limited";
}

/** Given by this client: its queue is full, or it was closed (by its user, by a lost sign-in) before an answer came. */
export type LocalRefusalCode = "queue_full" | "closed" | "signed_out" | "refused";

/** Every code that a command may be refused with. A newer server may have more. */
export type RefusalCode = ErrorCode | LocalRefusalCode;

/** The server (or this client, for its own bounds) said no to a command. */
export class Refusal extends Error {
  readonly code: RefusalCode;

  constructor(
    code: RefusalCode | (string & {}),
    message: string,
    readonly commandId?: string,
  ) {
    super(message);
    this.name = "Refusal";
    this.code = code as RefusalCode;
  }

  /** Whether the same command may succeed a little later. */
  get retryable(): boolean {
    return isBusy(this.code);
  }
}

/** Thrown by a token source when there is nobody to sign in any more; the client stops trying. */
export class SignedOut extends Error {
  constructor(message = "signed out") {
    super(message);
    this.name = "SignedOut";
  }
}
