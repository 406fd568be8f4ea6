import type { SocketConstructor } from "./socket.js";
import type { KeyValueStorage } from "./storage.js";

export interface ConnectOptions {
  /** `ws://` or `wss://` address of the socket. */
  url: string;
  /**
   * An access token that is still good for a while. `refused` is true where the last one was not accepted.
   * Throw {@link SignedOut} where there is nobody to sign in; any other error is tried again.
   */
  token: (why: { refused: boolean }) => Promise<string>;
  WebSocket?: SocketConstructor;
  /** What outlives a reload, such as client seeds; sessionStorage where there is one. */
  storage?: KeyValueStorage;
  /** Commands that may wait for an answer at once, 32 at most. */
  maxPending?: number;
  timing?: Partial<Timing>;
  random?: () => number;
}

export interface Timing {
  /** How often a heartbeat is sent. */
  heartbeatMs: number;
  /** After so much silence the connection counts as dead. */
  silenceMs: number;
  /** Opening and signing in take no longer. */
  connectMs: number;
  backoffMinMs: number;
  backoffMaxMs: number;
  /** A command without an answer for so long is sent again on a living connection. */
  resendMs: number;
  /** After so long, or longer each time, a command is sent again that the server was too busy for. */
  busyPauseMs: number;
  /** Signs in again so long before the token expires. */
  reauthenticateBeforeMs: number;
  /** A token whose expiry cannot be read is renewed after so long. */
  reauthenticateAfterMs: number;
  /** A gap in a room that is not filled after so long is accepted. */
  gapMs: number;
}

export const TIMING: Timing = {
  heartbeatMs: 10_000,
  silenceMs: 20_000,
  connectMs: 10_000,
  backoffMinMs: 250,
  backoffMaxMs: 10_000,
  resendMs: 15_000,
  busyPauseMs: 1_000,
  reauthenticateBeforeMs: 60_000,
  reauthenticateAfterMs: 12 * 60_000,
  gapMs: 3_000,
};
