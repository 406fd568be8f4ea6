/** Whether the code says that the same command may succeed a little later. */
export function isBusy(code: unknown): boolean {
  return code === "unavailable" || code === "rate_limited";
}

/** The server (or this client, for its own bounds) said no to a command. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly commandId?: string,
  ) {
    super(message);
    this.name = "Refusal";
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
