/** The server's time, estimated from the timestamps it sends. */
export class ServerClock {
  #offsetMs = 0;
  #bestRoundTripMs = Number.POSITIVE_INFINITY;
  readonly #localNow: () => number;

  constructor(localNow: () => number = Date.now) {
    this.#localNow = localNow;
  }

  now(): number {
    return this.#localNow() + this.#offsetMs;
  }

  /** A new connection may lead to another server. */
  restart(): void {
    this.#bestRoundTripMs = Number.POSITIVE_INFINITY;
  }

  /**
   * Takes a timestamp that arrived now in answer to something sent `roundTripMs` ago. Samples from a
   * quicker round trip are better; an unknown one counts as a slow one.
   */
  sample(timestamp: unknown, roundTripMs = 2_000): void {
    const server = typeof timestamp === "string" ? Date.parse(timestamp) : Number.NaN;
    if (Number.isNaN(server) || roundTripMs > this.#bestRoundTripMs) return;
    const known = roundTripMs === 2_000 ? 0 : roundTripMs / 2;
    this.#bestRoundTripMs = roundTripMs;
    this.#offsetMs = server + known - this.#localNow();
  }
}
