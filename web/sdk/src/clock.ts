import { time } from "./frames.js";

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
   * quicker round trip are better, unless one is further off than its round trip explains: then a clock was set. An unknown
   * one counts as a slow one.
   */
  sample(timestamp: unknown, roundTripMs = 2_000): void {
    const server = time(timestamp);
    // Below 0 the clock was set while the answer was under way.
    if (server === null || roundTripMs < 0) return;
    const known = roundTripMs === 2_000 ? 0 : roundTripMs / 2;
    const offsetMs = server + known - this.#localNow();
    if (roundTripMs > this.#bestRoundTripMs && Math.abs(offsetMs - this.#offsetMs) <= roundTripMs) return;
    this.#bestRoundTripMs = roundTripMs;
    this.#offsetMs = offsetMs;
  }
}
