import { backoffMs } from "./backoff.js";
import type { ServerClock } from "./clock.js";
import { Signal, type Unsubscribe } from "./emitter.js";
import { isFrame, parseJson } from "./frames.js";
import type { Timing, TokenSource } from "./options.js";
import { watchPage } from "./page_events.js";
import { SignedOut } from "./refusal.js";
import { expiryOf, type SignedIn, signedIn } from "./sign_in.js";
import type { SocketLike } from "./socket.js";
import type { Frame, RoomId } from "./wire.js";

/** `sign-in failed`, whose `auth_failed` may not have been written; `signed out` and `banned`: the token is of no use. */
const NEEDS_TOKEN = /^(sign|ban)/;
const REFUSED_TOKENS_MAX = 3;
/** A longer timer fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * - `connecting`: the first attempt, or the next one after a pause
 * - `online`: signed in
 * - `waiting`: pausing before the next attempt
 * - `closed`: will not try again
 */
export type ConnectionState = "connecting" | "online" | "waiting" | "closed";

export interface ConnectionStatus {
  state: ConnectionState;
  /** While `waiting`: when the next attempt is due, in local milliseconds; none while the page is left. */
  retryAt?: number;
  /** While `waiting`: what ended the connection, or the attempt at one. Its `cause` is the close code, where there was one. */
  error?: Error;
  /** Why it is closed; `signed_out` also where another user has signed in instead. */
  reason?: "signed_out" | "refused" | "closed";
}

export interface ConnectionOptions {
  makeSocket: () => SocketLike;
  fetchToken: TokenSource;
  clock: ServerClock;
  timing: Timing;
  random: () => number;
  resumePoints: () => { room_id: RoomId; room_seq: number }[];
  /** What is not about the connection itself. */
  onFrame: (frame: Frame) => void;
  /** Signed in on a new connection; its status is told next, so that what listeners give comes after what waited. */
  onOnline: () => void;
  /** From time to time on a living connection. */
  onTick: (nowMs: number) => void;
  /** What was sent and not answered may be lost. */
  onDetached: () => void;
  /** Another user has signed in; it closes now. */
  onReplaced: () => void;
  /** For good; its status has been told. */
  onClosed: () => void;
}

/** One socket after the other: opened, signed in, kept alive, and opened anew until it is closed for good. */
export class Connection {
  #current: ConnectionStatus = { state: "connecting" };
  readonly #changed = new Signal<ConnectionStatus>();
  #socket: SocketLike | undefined;
  /** What is left of an earlier round comes too late. */
  #round = 0;
  #attempt = 0;
  #onlineSinceMs = Number.POSITIVE_INFINITY;
  #lastHeardMs = 0;
  #heartbeatSentMs: number | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  /** Runs out where nothing is heard that is due. */
  #patience: ReturnType<typeof setTimeout> | undefined;
  #heartbeatTimer: ReturnType<typeof setInterval> | undefined;
  readonly #leavePage: Unsubscribe;
  readonly #options: ConnectionOptions;
  #token = "";
  #user: SignedIn | undefined;
  /** Tokens that were not taken, since the last one that was. */
  #refusals = 0;
  #renewal: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#leavePage = watchPage({
      onWake: () => this.#wake(),
      onLeave: () => {
        if (this.isClosed) return;
        const socket = this.#socket;
        this.#detach();
        socket?.close(1000);
        this.#setStatus({ state: "waiting" });
      },
    });
  }

  get status(): ConnectionStatus {
    return this.#current;
  }

  /** Known from the first sign-in on. */
  get user(): SignedIn | undefined {
    return this.#user;
  }

  get isOnline(): boolean {
    return this.#current.state === "online";
  }

  get isClosed(): boolean {
    return this.#current.state === "closed";
  }

  onStatus(listener: (status: ConnectionStatus) => void): Unsubscribe {
    return this.#changed.on(listener);
  }

  /** Whether it was handed to an open socket. */
  write(frame: string): boolean {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(frame);
    return true;
  }

  open(): void {
    clearTimeout(this.#retryTimer);
    const round = ++this.#round;
    this.#setStatus({ state: "connecting" });
    this.#expect(this.#options.timing.connectMs);
    this.#fetchToken(this.#refusals > 0).then(
      (token) => {
        if (round === this.#round) this.#openSocket(token);
      },
      (error) => {
        if (round !== this.#round) return;
        if (error instanceof SignedOut) this.shut("signed_out");
        else this.#lost(error);
      },
    );
  }

  /** Drops a pause before the next attempt. */
  reconnectNow(): void {
    if (this.#current.state !== "waiting") return;
    this.#attempt = 0;
    this.open();
  }

  shut(reason: NonNullable<ConnectionStatus["reason"]>): void {
    if (this.isClosed) return;
    const socket = this.#socket;
    this.#detach();
    this.#leavePage();
    socket?.close(1000);
    this.#setStatus({ state: "closed", reason });
    this.#options.onClosed();
  }

  #openSocket(token: string): void {
    let socket: SocketLike;
    try {
      socket = this.#options.makeSocket();
    } catch (error) {
      this.#lost(error);
      return;
    }
    this.#socket = socket;
    this.#token = token;
    this.#options.clock.restart();
    socket.onmessage = (event: never) => {
      if (socket === this.#socket) this.#receive((event as { data: unknown }).data);
    };
    socket.onclose = (event: never) => {
      const { code, reason } = event as { code?: number; reason?: string };
      if (socket !== this.#socket) return;
      // There are other causes, such as too many connections, which no other token would help.
      if (NEEDS_TOKEN.test(`${reason}`)) this.#tokenRefused();
      this.#lost(new Error(`The connection was closed: ${reason || code}`, { cause: code }), code);
    };
    // It closes then, too; without a listener some libraries end the program.
    socket.onerror = () => {};
  }

  #receive(data: unknown): void {
    this.#lastHeardMs = Date.now();
    if (this.isOnline) this.#calm();
    const frame = parseJson(String(data));
    if (!isFrame(frame)) return;
    switch (frame.type) {
      case "system.welcome":
        this.#options.clock.sample(frame.timestamp);
        this.#authenticate();
        return;
      case "system.authenticated":
        this.#authenticated(frame);
        return;
      case "system.heartbeat_ack":
        if (this.#heartbeatSentMs !== undefined) {
          this.#options.clock.sample(frame.timestamp, Date.now() - this.#heartbeatSentMs);
          this.#heartbeatSentMs = undefined;
        }
        return;
      case "system.error":
        // Before the command's own refusal: one given to an expired session is sent again in the next.
        if (frame.code === "auth_failed" || frame.code === "unauthenticated") {
          this.#tokenRefused();
          this.drop(String(frame.message ?? frame.code));
          return;
        }
    }
    this.#options.onFrame(frame);
  }

  #authenticate(): void {
    const resume = this.#options.resumePoints();
    const token = this.#token;
    this.write(JSON.stringify({ type: "system.authenticate", token, ...(resume.length > 0 ? { resume } : {}) }));
  }

  #authenticated(frame: Frame): void {
    this.#options.clock.sample(frame.timestamp);
    const user = signedIn(frame);
    if (this.#user && this.#user.userId !== user.userId) {
      this.#options.onReplaced();
      this.shut("signed_out");
      return;
    }
    this.#user = user;
    this.#refusals = 0;
    this.#renewInTime();
    if (this.isOnline) return;
    this.#calm();
    this.#onlineSinceMs = Date.now();
    this.#startHeartbeat();
    this.#options.onOnline();
    this.#setStatus({ state: "online" });
  }

  /** Hands over another token before the present one expires. */
  #renewInTime(): void {
    const round = this.#round;
    const { reauthenticateAfterMs, reauthenticateBeforeMs } = this.#options.timing;
    const expiry = expiryOf(this.#token);
    const dueMs =
      expiry === undefined ? reauthenticateAfterMs : expiry - this.#options.clock.now() - reauthenticateBeforeMs;
    const renew = async () => {
      try {
        const token = await this.#fetchToken(false);
        if (round !== this.#round) return;
        this.#token = token;
        this.#authenticate();
      } catch (error) {
        if (error instanceof SignedOut) this.shut("signed_out");
        else if (round === this.#round) this.#renewInTime();
      }
    };
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(renew, Math.max(Math.min(dueMs, TIMER_MAX_MS), Math.min(5_000, reauthenticateAfterMs)));
  }

  async #fetchToken(refused: boolean): Promise<string> {
    return this.#options.fetchToken({ refused });
  }

  #startHeartbeat(): void {
    const { heartbeatMs, silenceMs } = this.#options.timing;
    const everyMs = Math.min(heartbeatMs, silenceMs) / 4;
    let tickAtMs = Date.now();
    let beatAtMs = tickAtMs;
    this.#heartbeatTimer = setInterval(() => {
      const now = Date.now();
      // Where timers are held up, in a page that nobody sees or a machine that slept, the silence is one's own.
      const isLate = now - tickAtMs > 2 * everyMs;
      tickAtMs = now;
      if (isLate) this.#wake();
      else if (now - this.#lastHeardMs > silenceMs) this.drop(silent(silenceMs));
      else if (now - beatAtMs >= heartbeatMs) {
        beatAtMs = now;
        this.#beat();
      }
      if (this.isOnline) this.#options.onTick(now);
    }, everyMs);
  }

  #beat(): void {
    this.#heartbeatSentMs ??= Date.now();
    this.write(JSON.stringify({ type: "system.heartbeat" }));
  }

  /** Sees to it that it is soon known whether the connection lives. */
  #wake(): void {
    if (!this.isOnline) {
      this.reconnectNow();
      return;
    }
    this.#beat();
    this.#expect(this.#options.timing.probeMs);
  }

  #expect(withinMs: number): void {
    this.#patience ??= setTimeout(() => this.drop(silent(withinMs)), withinMs);
  }

  #calm(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  /** Gives the connection up for another. */
  drop(complaint: string): void {
    const socket = this.#socket;
    // The closing handshake of a dead connection may never end; it is given up here and now.
    this.#lost(new Error(complaint));
    socket?.close();
  }

  #tokenRefused(): void {
    if (++this.#refusals >= REFUSED_TOKENS_MAX) this.shut("refused");
  }

  #lost(error: unknown, code?: number): void {
    if (this.isClosed) return;
    const { backoffMinMs: minMs, backoffMaxMs: maxMs } = this.#options.timing;
    // What holds for a moment only, again and again, is no reason for hurry; a draining gateway says that others serve.
    if (code === 1012 || Date.now() - this.#onlineSinceMs > maxMs) this.#attempt = 0;
    this.#detach();
    const delayMs = backoffMs(this.#attempt++, { minMs, maxMs, random: this.#options.random });
    this.#retryTimer = setTimeout(() => this.open(), delayMs);
    const why = error instanceof Error ? error : new Error(String(error));
    this.#setStatus({ state: "waiting", retryAt: Date.now() + delayMs, error: why });
  }

  #detach(): void {
    this.#round += 1;
    this.#onlineSinceMs = Number.POSITIVE_INFINITY;
    clearTimeout(this.#retryTimer);
    this.#calm();
    clearInterval(this.#heartbeatTimer);
    clearTimeout(this.#renewal);
    this.#heartbeatSentMs = undefined;
    this.#socket = undefined;
    this.#options.onDetached();
  }

  #setStatus(status: ConnectionStatus): void {
    this.#current = status;
    this.#changed.emit(status);
  }
}

function silent(forMs: number): string {
  return `No answer within ${forMs} ms`;
}
