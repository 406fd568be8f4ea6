import { backoffMs } from "./backoff.js";
import { ServerClock } from "./clock.js";
import { Signal, type Unsubscribe } from "./emitter.js";
import { SeedVault } from "./fairness.js";
import { CommandIds } from "./ids.js";
import { Invitations } from "./invitations.js";
import { Lobby } from "./lobby.js";
import { Messages } from "./messages.js";
import { type CommandHandle, PendingCommand, PendingCommands } from "./pending.js";
import { QuickMatch } from "./quick_match.js";
import { isBusy, Refusal, SignedOut } from "./refusal.js";
import { Rooms } from "./rooms.js";
import type { SocketConstructor, SocketLike } from "./socket.js";
import { defaultStorage, type KeyValueStorage } from "./storage.js";
import { Transcripts } from "./transcripts.js";
import type { Answer, Commands, CommandType, EventFrame, EventType, Frame, RoomId } from "./wire.js";
import { userIdOf } from "./wire.js";

export interface ConnectOptions {
  /** `ws://` or `wss://` address of the socket. */
  url: string;
  /**
   * An access token that is still good for a while. `refused` is true where the last one was not accepted.
   * Throw {@link SignedOut} where there is nobody to sign in; any other error is tried again.
   */
  token: (why: { refused: boolean }) => Promise<string>;
  WebSocket?: SocketConstructor;
  /** Where client seeds outlive a reload; sessionStorage where there is one. */
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

const TIMING: Timing = {
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

const REFUSED_TOKENS_MAX = 3;
/** With signing in and what follows it well below the burst that a server takes, so that a reconnect fits in. */
const PENDING_MAX = 32;
/** A command that the server was too busy for is sent again so often. */
const BUSY_RESENDS_MAX = 5;
/** The close reason of a refused token, whose `auth_failed` may not have been written before the close. */
const SIGN_IN_FAILED = "sign-in failed";
const KNOWN_EVENTS_MAX = 4_096;

/**
 * - `connecting`: the first attempt, or the next one after a pause
 * - `online`: signed in
 * - `waiting`: pausing before the next attempt
 * - `closed`: will not try again
 */
export type ConnectionState = "connecting" | "online" | "waiting" | "closed";

export interface SignedIn {
  userId: string;
  username: string;
  roles: string[];
}

export interface ConnectionStatus {
  state: ConnectionState;
  /** When the next attempt is due, in local milliseconds. */
  retryAt?: number;
  /** Why it is closed; `signed_out` also where another user has signed in instead. */
  reason?: "signed_out" | "refused" | "closed";
}

/** Connects and stays connected until `close`. */
export function connect(options: ConnectOptions): Client {
  return new Client(options);
}

export class Client {
  /** Rooms that this user is in, kept up to date. */
  readonly rooms: Rooms;
  /** The list of open rooms, while it is watched. */
  readonly lobby: Lobby;
  /** What users write to each other, and in the lobby. */
  readonly messages: Messages;
  readonly quickMatch: QuickMatch;
  readonly invitations: Invitations;
  readonly clock = new ServerClock();

  private readonly timing: Timing;
  private readonly makeSocket: SocketConstructor;
  private readonly random: () => number;
  private readonly pending: PendingCommands;
  private readonly ids = new CommandIds(() => this.clock.now());
  /** What this client has seen of its rooms, for checking them. */
  readonly transcripts: Transcripts;
  private readonly seeds: SeedVault;
  private readonly knownEvents = new Set<string>();

  private readonly statusChanged = new Signal<ConnectionStatus>();
  private readonly frameArrived = new Signal<Frame>();
  private readonly byType = new Map<string, Signal<Frame>>();

  private current: ConnectionStatus = { state: "connecting" };
  private signedIn: SignedIn | undefined;
  private token = "";
  private socket: SocketLike | undefined;
  private attempt = 0;
  private refusedTokens = 0;
  private lastHeardMs = 0;
  private heartbeatSentMs: number | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private connectTimer: ReturnType<typeof setTimeout> | undefined;
  private busyTimer: ReturnType<typeof setTimeout> | undefined;
  private heartbeatTimer: ReturnType<typeof setInterval> | undefined;
  private reauthenticateTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly onNetwork = () => this.reconnectNow();

  constructor(private readonly options: ConnectOptions) {
    this.timing = { ...TIMING, ...options.timing };
    this.makeSocket = options.WebSocket ?? (globalThis.WebSocket as unknown as SocketConstructor);
    this.random = options.random ?? Math.random;
    this.pending = new PendingCommands(Math.min(options.maxPending ?? PENDING_MAX, PENDING_MAX));
    const storage = options.storage ?? defaultStorage();
    this.seeds = new SeedVault(storage);
    this.transcripts = new Transcripts(storage);
    this.rooms = new Rooms({
      resume: (rooms) => this.send({ type: "system.resume", rooms }),
      me: () => this.signedIn?.userId ?? "",
      gapMs: this.timing.gapMs,
      revealedSeeds: (roomId) => this.seeds.revealed(roomId),
      deliver: (frame) => this.deliver(frame),
    });
    this.lobby = new Lobby(this);
    this.messages = new Messages(this);
    this.quickMatch = new QuickMatch(this);
    this.invitations = new Invitations(this);
    this.rooms.onChange((room) => this.revealAfterReload(room.roomId));
    globalThis.addEventListener?.("online", this.onNetwork);
    void this.open();
  }

  get status(): ConnectionStatus {
    return this.current;
  }

  /** Who is signed in; known from the first `online` on. */
  get user(): SignedIn | undefined {
    return this.signedIn;
  }

  get pendingCount(): number {
    return this.pending.size;
  }

  /** Hears of the connection, the present state first. */
  onStatus(listener: (status: ConnectionStatus) => void): Unsubscribe {
    listener(this.current);
    return this.statusChanged.on(listener);
  }

  /** Hears one type of event, each event once. */
  on<T extends EventType>(type: T, listener: (frame: EventFrame<T>) => void): Unsubscribe;
  on(type: string, listener: (frame: Frame) => void): Unsubscribe;
  on(type: string, listener: (frame: never) => void): Unsubscribe {
    let signal = this.byType.get(type);
    if (!signal) {
      signal = new Signal();
      this.byType.set(type, signal);
    }
    return signal.on(listener as (frame: Frame) => void);
  }

  /** Hears every event, each once. */
  onEvent(listener: (frame: Frame) => void): Unsubscribe {
    return this.frameArrived.on(listener);
  }

  /**
   * Gives a command. It is sent at once or when the connection is back, and again with the same command_id until
   * it is answered. The promise rejects with a Refusal.
   */
  command<C extends CommandType>(type: C, fields: Commands[C]): CommandHandle<Answer<C>>;
  command(type: string, fields: object): CommandHandle<Frame>;
  command(type: string, fields: object): CommandHandle<never> {
    const command = new PendingCommand(type, fields);
    this.pending.add(command);
    if (this.current.state === "closed") this.refuseAll();
    else if (this.current.state === "online" && this.pending.has(command)) this.sendCommand(command);
    return command.handle as unknown as CommandHandle<never>;
  }

  /** Sends a frame that is no command, if there is a connection; nothing repeats it. */
  send(frame: object): boolean {
    if (this.socket?.readyState !== 1 || this.current.state !== "online") return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /**
   * What a room says of itself to a user who is not in it, who can then join or watch; the room's state, which
   * `rooms` has taken in by then, where the user is in it after all. Rejects where nothing comes.
   */
  standing(roomId: RoomId): Promise<EventFrame<"games.event.not_in_room" | "games.event.room_state">> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        off();
        reject(new Refusal("timeout", "The server did not say how the room stands"));
      }, this.timing.resendMs);
      const hear = (frame: Frame) => {
        const room = frame.room as { room_id?: unknown } | undefined;
        if ((room?.room_id ?? frame.room_id) !== roomId) return;
        off();
        clearTimeout(timer);
        resolve(frame as unknown as EventFrame<"games.event.not_in_room" | "games.event.room_state">);
      };
      const offs = (["games.event.not_in_room", "games.event.room_state"] as string[]).map((type) =>
        this.on(type, hear),
      );
      const off = () => {
        for (const each of offs) each();
      };
      this.send({ type: "system.resume", rooms: [{ room_id: roomId, room_seq: 0 }] });
    });
  }

  /** Says ready with a fresh seed behind it, or takes readiness back. */
  async ready(roomId: RoomId, isReady = true): Promise<Frame> {
    const user = this.signedIn?.userId;
    const canHash = globalThis.crypto?.subtle !== undefined;
    if (!isReady || !user || !canHash) {
      return this.command("games.command.ready", { room_id: roomId, is_ready: isReady });
    }
    const { commitment } = await this.seeds.fresh(user, roomId);
    this.transcripts.addReady(roomId, user, commitment);
    return this.command("games.command.ready", { room_id: roomId, is_ready: true, seed_commitment: commitment });
  }

  /** Drops a pause before the next attempt. */
  reconnectNow(): void {
    if (this.current.state !== "waiting") return;
    this.attempt = 0;
    void this.open();
  }

  close(): void {
    this.shut("closed");
  }

  private async open(): Promise<void> {
    clearTimeout(this.retryTimer);
    if (this.current.state === "closed") return;
    this.setStatus({ state: "connecting" });
    let token: string;
    try {
      token = await this.options.token({ refused: this.refusedTokens > 0 });
    } catch (error) {
      if (error instanceof SignedOut) this.shut("signed_out");
      else this.retry();
      return;
    }
    if (this.isClosed()) return;

    let socket: SocketLike;
    try {
      socket = new this.makeSocket(this.options.url);
    } catch {
      this.retry();
      return;
    }
    this.socket = socket;
    this.token = token;
    this.clock.restart();
    this.connectTimer = setTimeout(() => this.drop(socket), this.timing.connectMs);
    socket.onmessage = (event: never) => {
      if (socket === this.socket) this.receive((event as { data: unknown }).data);
    };
    socket.onclose = (event: never) => {
      if (socket !== this.socket) return;
      const { code, reason } = event as { code?: number; reason?: string };
      this.lost(code, reason);
    };
    socket.onerror = () => {};
    socket.onopen = () => {};
  }

  private receive(data: unknown): void {
    this.lastHeardMs = Date.now();
    const frame = parse(data);
    if (!frame) return;
    switch (frame.type) {
      case "system.welcome":
        this.clock.sample(frame.timestamp);
        this.authenticate(this.token);
        return;
      case "system.authenticated":
        this.authenticated(frame);
        return;
      case "system.heartbeat_ack":
        if (this.heartbeatSentMs !== undefined) {
          this.clock.sample(frame.timestamp, Date.now() - this.heartbeatSentMs);
          this.heartbeatSentMs = undefined;
        }
        return;
      case "system.ack":
        this.pending.ack(frame.command_id);
        return;
      case "system.error":
        this.systemError(frame);
        return;
    }
    this.event(frame);
  }

  private authenticate(token: string): void {
    this.token = token;
    const resume = this.rooms.resumePoints();
    const frame = { type: "system.authenticate", token, ...(resume.length > 0 ? { resume } : {}) };
    this.socket?.send(JSON.stringify(frame));
  }

  private authenticated(frame: Frame): void {
    this.clock.sample(frame.timestamp);
    const user: SignedIn = {
      userId: userIdOf(frame.user_id),
      username: String(frame.username ?? ""),
      roles: Array.isArray(frame.roles) ? frame.roles.map(String) : [],
    };
    if (this.signedIn !== undefined && this.signedIn.userId !== user.userId) {
      // What waits was given by the other user and must not be played as this one's.
      this.rooms.clear();
      this.shut("signed_out");
      return;
    }
    this.signedIn = user;
    this.refusedTokens = 0;
    this.scheduleReauthentication();
    if (this.current.state === "online") return;
    clearTimeout(this.connectTimer);
    this.attempt = 0;
    this.setStatus({ state: "online" });
    this.startHeartbeat();
    for (const command of this.pending.all()) this.sendCommand(command);
  }

  private systemError(frame: Frame): void {
    // Before the command's own refusal: one given to an expired session is sent again in the next.
    if (frame.code === "auth_failed" || frame.code === "unauthenticated") {
      this.tokenRefused();
      if (this.socket) this.drop(this.socket);
      return;
    }
    if (this.refused(frame.command_id, frame)) return;
    this.emit(frame);
  }

  /** Whether the refusal was one of a command that waits. */
  private refused(commandId: unknown, { type, code, message }: Frame): boolean {
    const command = this.pending.get(commandId);
    if (!command) return false;
    // The gateway's limit is over in a moment. A room's (passwords, chat) is meant: it is for the user to know.
    const isMeant = code === "rate_limited" && type !== "system.error";
    if (isMeant || !isBusy(code) || command.busyCount >= BUSY_RESENDS_MAX)
      return this.pending.refuse(commandId, code, message);
    command.busyCount += 1;
    command.isHeld = true;
    command.sentAtMs = undefined;
    // One pause for all that were refused together, so that they are sent again in their order.
    this.busyTimer ??= setTimeout(
      () => {
        this.busyTimer = undefined;
        for (const held of this.pending.all()) if (held.isHeld) this.sendCommand(held);
      },
      backoffMs(command.busyCount - 1, {
        minMs: this.timing.busyPauseMs,
        maxMs: this.timing.backoffMaxMs,
        random: this.random,
      }),
    );
    return true;
  }

  private event(frame: Frame): void {
    if (frame.type === "games.event.error" || frame.type === "chat.event.error") {
      if (this.refused(frame.command_id ?? frame.correlation_id, frame)) return;
    }
    const answers = frame.type.endsWith(".command_applied") ? frame.command_id : frame.correlation_id;
    if (frame.event_id !== undefined && this.knownEvents.has(frame.event_id)) {
      this.pending.answer(answers, frame);
      return;
    }
    // The room first, so that whoever waits for the answer finds the room as it is after it.
    this.rooms.take(frame);
    this.pending.answer(answers, frame);
    if (frame.type === "games.event.room_state") {
      const room = frame.room as { room_id?: unknown } | undefined;
      if (room?.room_id !== undefined) this.askAgain(room.room_id);
    }
  }

  /**
   * A room's state after a reconnect may contain the effect of a command whose own event came before it and so
   * not to this connection. Sent again, the command is answered and not applied.
   */
  private askAgain(roomId: unknown): void {
    for (const command of this.pending.all()) {
      if (command.sentAtMs !== undefined && command.roomId === roomId) this.sendCommand(command);
    }
  }

  /** What `rooms` lets through, in each room's order. */
  private deliver(frame: Frame): void {
    if (frame.event_id !== undefined) {
      this.knownEvents.add(frame.event_id);
      if (this.knownEvents.size > KNOWN_EVENTS_MAX) {
        for (const oldest of this.knownEvents) {
          this.knownEvents.delete(oldest);
          break;
        }
      }
    }
    this.transcripts.add(frame, this.signedIn?.userId ?? "");
    if (frame.type === "games.event.seeds_requested") this.reveal(String(frame.room_id), frame.commitments);
    if (frame.type === "games.event.game_started") {
      const roomId = String(frame.room_id);
      const seeds = this.rooms.get(roomId)?.fairness.playerSeeds;
      if (seeds) this.seeds.keepRevealed(roomId, seeds);
    }
    if (frame.type === "games.event.seed_revealed" && this.signedIn) {
      this.seeds.forget(this.signedIn.userId, String(frame.room_id));
    }
    this.emit(frame);
  }

  private reveal(roomId: RoomId, commitments: unknown): void {
    const user = this.signedIn?.userId;
    if (!user) return;
    const own = this.seeds.find(user, roomId, commitments);
    if (!own) return;
    this.command("games.command.reveal_seed", { room_id: roomId, client_seed: own.seed }).catch(() => {
      // Too late or no longer selected: the room's own events say what became of it.
    });
  }

  private readonly revealedAfterReload = new Set<string>();

  /**
   * A page that was reloaded between seeds_requested and its reveal gets the room's state and not that event.
   */
  private revealAfterReload(roomId: RoomId): void {
    const room = this.rooms.get(roomId);
    const user = this.signedIn?.userId;
    if (!user || room?.phase !== "seeds" || !this.rooms.isFreshSnapshot(roomId)) return;
    const own = this.seeds.latest(user, roomId);
    if (!own || !room.selected.includes(user)) return;
    if (this.revealedAfterReload.has(own.commitment)) return;
    this.revealedAfterReload.add(own.commitment);
    this.command("games.command.reveal_seed", { room_id: roomId, client_seed: own.seed }).catch(() => {});
  }

  private emit(frame: Frame): void {
    this.byType.get(frame.type)?.emit(frame);
    this.frameArrived.emit(frame);
  }

  private sendCommand(command: PendingCommand): void {
    command.commandId ??= this.ids.next();
    if (this.socket?.readyState !== 1) return;
    command.sentAtMs = Date.now();
    command.isHeld = false;
    this.socket.send(command.frame());
  }

  private startHeartbeat(): void {
    clearInterval(this.heartbeatTimer);
    let beatAtMs = Date.now();
    const tick = Math.min(this.timing.heartbeatMs, this.timing.silenceMs) / 4;
    this.heartbeatTimer = setInterval(() => {
      const now = Date.now();
      const socket = this.socket;
      if (!socket) return;
      if (now - this.lastHeardMs > this.timing.silenceMs) {
        this.drop(socket);
        return;
      }
      if (now - beatAtMs >= this.timing.heartbeatMs) {
        beatAtMs = now;
        this.heartbeatSentMs = now;
        this.send({ type: "system.heartbeat" });
      }
      for (const command of this.pending.all()) {
        if (now - (command.sentAtMs ?? now) > this.timing.resendMs) this.sendCommand(command);
      }
    }, tick);
  }

  private scheduleReauthentication(): void {
    clearTimeout(this.reauthenticateTimer);
    const expiry = expiryOf(this.token);
    const due =
      expiry === undefined
        ? this.timing.reauthenticateAfterMs
        : expiry - this.clock.now() - this.timing.reauthenticateBeforeMs;
    const socket = this.socket;
    this.reauthenticateTimer = setTimeout(
      async () => {
        let next: string;
        try {
          next = await this.options.token({ refused: false });
        } catch (error) {
          if (error instanceof SignedOut) this.shut("signed_out");
          else if (socket === this.socket) this.scheduleReauthentication();
          return;
        }
        if (socket === this.socket && this.current.state === "online") this.authenticate(next);
      },
      Math.max(due, Math.min(5_000, this.timing.reauthenticateAfterMs)),
    );
  }

  private drop(socket: SocketLike): void {
    if (socket !== this.socket) return;
    // The closing handshake of a dead connection may never end; it is given up here and now.
    this.lost(undefined);
    socket.close();
  }

  private tokenRefused(): void {
    this.refusedTokens += 1;
    if (this.refusedTokens >= REFUSED_TOKENS_MAX) this.shut("refused");
  }

  private lost(code: number | undefined, reason?: string): void {
    // A 1008 has other causes too, such as too many connections, which no other token would help.
    if (code === 1008 && reason === SIGN_IN_FAILED) this.tokenRefused();
    this.detach();
    if (this.isClosed()) return;
    // Draining: the service goes on elsewhere, at once.
    if (code === 1012) this.attempt = 0;
    this.retry();
  }

  private retry(): void {
    const delay = backoffMs(this.attempt, {
      minMs: this.timing.backoffMinMs,
      maxMs: this.timing.backoffMaxMs,
      random: this.random,
    });
    this.attempt += 1;
    this.setStatus({ state: "waiting", retryAt: Date.now() + delay });
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => void this.open(), delay);
  }

  private detach(): void {
    clearTimeout(this.connectTimer);
    clearTimeout(this.reauthenticateTimer);
    clearTimeout(this.busyTimer);
    this.busyTimer = undefined;
    clearInterval(this.heartbeatTimer);
    this.heartbeatSentMs = undefined;
    this.socket = undefined;
    for (const command of this.pending.all()) {
      command.sentAtMs = undefined;
      command.isHeld = false;
    }
  }

  private shut(reason: NonNullable<ConnectionStatus["reason"]>): void {
    if (this.isClosed()) return;
    const socket = this.socket;
    this.detach();
    clearTimeout(this.retryTimer);
    globalThis.removeEventListener?.("online", this.onNetwork);
    this.rooms.stop();
    socket?.close(1000);
    this.setStatus({ state: "closed", reason });
    this.refuseAll();
  }

  private refuseAll(): void {
    if (this.current.reason === "signed_out") this.pending.refuseAll("signed_out", "The user is no longer signed in");
    else this.pending.refuseAll("closed", "The connection has been closed");
  }

  private isClosed(): boolean {
    return this.current.state === "closed";
  }

  private setStatus(status: ConnectionStatus): void {
    this.current = status;
    this.statusChanged.emit(status);
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

/** The `exp` of a JWT in milliseconds; nothing here trusts it beyond a timer. */
function expiryOf(token: string): number | undefined {
  try {
    const body = token.split(".")[1] ?? "";
    const claims: unknown = JSON.parse(atob(body.replaceAll("-", "+").replaceAll("_", "/")));
    const exp = (claims as { exp?: unknown }).exp;
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
