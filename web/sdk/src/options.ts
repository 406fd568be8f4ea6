import type { SocketConstructor } from "./socket.js";
import type { KeyValueStorage } from "./storage.js";

/**
 * An access token that is still good for a while. `refused` is true where the last one was not accepted.
 * Throws {@link SignedOut} where there is nobody to sign in; any other error is tried again.
 */
export type TokenSource = (why: { refused: boolean }) => Promise<string>;

/** What a {@link Session} is to a connection. */
export interface TokenHolder {
  /** Empty: the page's own. */
  readonly origin: string;
  token: TokenSource;
}

/** Who connects, and whereto: a session, or a token from elsewhere and an address. */
export type Identity =
  | { session: TokenHolder; token?: never; url?: string | URL }
  | { session?: never; token: TokenSource; url: string | URL };

/** `url` is the address of the socket; without one it is `/ws` of the session's origin. */
export type ConnectOptions = Identity & ConnectionSettings;

export interface ConnectionSettings {
  /** Where the platform has none of its own, as Node 20 has not: that of the package `ws`, for example. */
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
  /** After a page was away, or its network, the server has so long to show that it is still there. */
  probeMs: number;
  /** The token, opening and signing in take no longer together. */
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
  probeMs: 5_000,
  connectMs: 10_000,
  backoffMinMs: 250,
  backoffMaxMs: 10_000,
  resendMs: 15_000,
  busyPauseMs: 1_000,
  reauthenticateBeforeMs: 60_000,
  reauthenticateAfterMs: 12 * 60_000,
  gapMs: 3_000,
};
