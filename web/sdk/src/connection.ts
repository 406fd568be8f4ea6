import { backoffMs } from "./backoff.js";
import type { ServerClock } from "./clock.js";
import { Signal, type Unsubscribe } from "./emitter.js";
import type { Timing } from "./options.js";
import { SignedOut } from "./refusal.js";
import type { SignIn } from "./sign_in.js";
import type { SocketLike } from "./socket.js";
import type { Frame, RoomId } from "./wire.js";

/** The close reason of a refused token, whose `auth_failed` may not have been written before the close. */
const SIGN_IN_FAILED = "sign-in failed";

/**
 * - `connecting`: the first attempt, or the next one after a pause
 * - `online`: signed in
 * - `waiting`: pausing before the next attempt
 * - `closed`: will not try again
 */
export type ConnectionState = "connecting" | "online" | "waiting" | "closed";

export interface ConnectionStatus {
  state: ConnectionState;
  /** When the next attempt is due, in local milliseconds. */
  retryAt?: number;
  /** Why it is closed; `signed_out` also where another user has signed in instead. */
  reason?: "signed_out" | "refused" | "closed";
}

export interface ConnectionOptions {
  makeSocket: () => SocketLike;
  signIn: SignIn;
  clock: ServerClock;
  timing: Timing;
  random: () => number;
  resumePoints: () => { room_id: RoomId; room_seq: number }[];
  /** What is not about the connection itself. */
  onFrame: (frame: Frame) => void;
  /** Signed in on a new connection; its status has been told. */
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
  #attempt = 0;
  #lastHeardMs = 0;
  #heartbeatSentMs: number | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #connectTimer: ReturnType<typeof setTimeout> | undefined;
  #heartbeatTimer: ReturnType<typeof setInterval> | undefined;
  readonly #onNetwork = () => this.reconnectNow();

  constructor(private readonly options: ConnectionOptions) {
    globalThis.addEventListener?.("online", this.#onNetwork);
  }

  get status(): ConnectionStatus {
    return this.#current;
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

  async open(): Promise<void> {
    clearTimeout(this.#retryTimer);
    if (this.isClosed) return;
    this.#setStatus({ state: "connecting" });
    const { signIn, clock, makeSocket, timing } = this.options;
    let token: string;
    try {
      token = await signIn.fetch();
    } catch (error) {
      if (error instanceof SignedOut) this.shut("signed_out");
      else this.#retry();
      return;
    }
    if (this.isClosed) return;

    let socket: SocketLike;
    try {
      socket = makeSocket();
    } catch {
      this.#retry();
      return;
    }
    this.#socket = socket;
    signIn.token = token;
    clock.restart();
    this.#connectTimer = setTimeout(() => this.#drop(socket), timing.connectMs);
    socket.onmessage = (event: never) => {
      if (socket === this.#socket) this.#receive((event as { data: unknown }).data);
    };
    socket.onclose = (event: never) => {
      if (socket !== this.#socket) return;
      const { code, reason } = event as { code?: number; reason?: string };
      this.#lost(code, reason);
    };
    socket.onerror = () => {};
    socket.onopen = () => {};
  }

  /** Drops a pause before the next attempt. */
  reconnectNow(): void {
    if (this.#current.state !== "waiting") return;
    this.#attempt = 0;
    void this.open();
  }

  shut(reason: NonNullable<ConnectionStatus["reason"]>): void {
    if (this.isClosed) return;
    const socket = this.#socket;
    this.#detach();
    clearTimeout(this.#retryTimer);
    globalThis.removeEventListener?.("online", this.#onNetwork);
    socket?.close(1000);
    this.#setStatus({ state: "closed", reason });
    this.options.onClosed();
  }

  #receive(data: unknown): void {
    this.#lastHeardMs = Date.now();
    const frame = parse(data);
    if (!frame) return;
    const { clock } = this.options;
    switch (frame.type) {
      case "system.welcome":
        clock.sample(frame.timestamp);
        this.#authenticate();
        return;
      case "system.authenticated":
        this.#authenticated(frame);
        return;
      case "system.heartbeat_ack":
        if (this.#heartbeatSentMs !== undefined) {
          clock.sample(frame.timestamp, Date.now() - this.#heartbeatSentMs);
          this.#heartbeatSentMs = undefined;
        }
        return;
      case "system.error":
        // Before the command's own refusal: one given to an expired session is sent again in the next.
        if (frame.code === "auth_failed" || frame.code === "unauthenticated") {
          this.#tokenRefused();
          if (this.#socket) this.#drop(this.#socket);
          return;
        }
    }
    this.options.onFrame(frame);
  }

  #authenticate(): void {
    const resume = this.options.resumePoints();
    const { token } = this.options.signIn;
    const frame = { type: "system.authenticate", token, ...(resume.length > 0 ? { resume } : {}) };
    this.#socket?.send(JSON.stringify(frame));
  }

  #authenticated(frame: Frame): void {
    const { signIn, clock } = this.options;
    clock.sample(frame.timestamp);
    if (!signIn.accept(frame)) {
      this.options.onReplaced();
      this.shut("signed_out");
      return;
    }
    this.#renewInTime();
    if (this.isOnline) return;
    clearTimeout(this.#connectTimer);
    this.#attempt = 0;
    this.#setStatus({ state: "online" });
    this.#startHeartbeat();
    this.options.onOnline();
  }

  #renewInTime(): void {
    const socket = this.#socket;
    const { signIn } = this.options;
    signIn.scheduleRenewal(
      (token) => {
        if (socket !== this.#socket || !this.isOnline) return;
        signIn.token = token;
        this.#authenticate();
      },
      (error) => {
        if (error instanceof SignedOut) this.shut("signed_out");
        else if (socket === this.#socket) this.#renewInTime();
      },
    );
  }

  #startHeartbeat(): void {
    clearInterval(this.#heartbeatTimer);
    const { heartbeatMs, silenceMs } = this.options.timing;
    let beatAtMs = Date.now();
    this.#heartbeatTimer = setInterval(() => {
      const now = Date.now();
      const socket = this.#socket;
      if (!socket) return;
      if (now - this.#lastHeardMs > silenceMs) {
        this.#drop(socket);
        return;
      }
      if (now - beatAtMs >= heartbeatMs) {
        beatAtMs = now;
        this.#heartbeatSentMs = now;
        if (this.isOnline) this.write(JSON.stringify({ type: "system.heartbeat" }));
      }
      this.options.onTick(now);
    }, Math.min(heartbeatMs, silenceMs) / 4);
  }

  #drop(socket: SocketLike): void {
    if (socket !== this.#socket) return;
    // The closing handshake of a dead connection may never end; it is given up here and now.
    this.#lost(undefined);
    socket.close();
  }

  #tokenRefused(): void {
    if (!this.options.signIn.refuse()) this.shut("refused");
  }

  #lost(code: number | undefined, reason?: string): void {
    // A 1008 has other causes too, such as too many connections, which no other token would help.
    if (code === 1008 && reason === SIGN_IN_FAILED) this.#tokenRefused();
    this.#detach();
    if (this.isClosed) return;
    // Draining: the service goes on elsewhere, at once.
    if (code === 1012) this.#attempt = 0;
    this.#retry();
  }

  #retry(): void {
    const { backoffMinMs: minMs, backoffMaxMs: maxMs } = this.options.timing;
    const delay = backoffMs(this.#attempt, { minMs, maxMs, random: this.options.random });
    this.#attempt += 1;
    this.#setStatus({ state: "waiting", retryAt: Date.now() + delay });
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => void this.open(), delay);
  }

  #detach(): void {
    clearTimeout(this.#connectTimer);
    clearInterval(this.#heartbeatTimer);
    this.options.signIn.stopRenewal();
    this.#heartbeatSentMs = undefined;
    this.#socket = undefined;
    this.options.onDetached();
  }

  #setStatus(status: ConnectionStatus): void {
    this.#current = status;
    this.#changed.emit(status);
  }
}

function parse(data: unknown): Frame | undefined {
  try {
    const frame: unknown = JSON.parse(String(data));
    return typeof frame === "object" && frame !== null && typeof (frame as Frame).type === "string"
      ? (frame as Frame)
      : undefined;
  } catch {
    return undefined;
  }
}
