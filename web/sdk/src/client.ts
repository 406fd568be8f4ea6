import { ServerClock } from "./clock.js";
import { CommandQueue } from "./command_queue.js";
import { Connection, type ConnectionStatus } from "./connection.js";
import type { Unsubscribe } from "./emitter.js";
import { EventHub } from "./event_hub.js";
import { Invitations } from "./invitations.js";
import { Lobby } from "./lobby.js";
import { Messages } from "./messages.js";
import { type ConnectOptions, TIMING, type Timing } from "./options.js";
import type { CommandHandle } from "./pending.js";
import { QuickMatch } from "./quick_match.js";
import { Refusal } from "./refusal.js";
import { Rooms } from "./rooms.js";
import { SeatSeeds } from "./seat_seeds.js";
import { type SignedIn, SignIn } from "./sign_in.js";
import type { SocketConstructor } from "./socket.js";
import { defaultStorage } from "./storage.js";
import { Transcripts } from "./transcripts.js";
import { Wallet } from "./wallet.js";
import type { Answer, Commands, CommandType, EventFrame, EventType, Frame, RoomId } from "./wire.js";

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
  /** Payments and limits. */
  readonly wallet: Wallet;
  readonly clock = new ServerClock();
  /** What this client has seen of its rooms, for checking them. */
  readonly transcripts: Transcripts;

  readonly #timing: Timing;
  readonly #signIn: SignIn;
  readonly #connection: Connection;
  readonly #commands: CommandQueue;
  readonly #events = new EventHub();
  readonly #seeds: SeatSeeds;

  constructor(options: ConnectOptions) {
    this.#timing = { ...TIMING, ...options.timing };
    const storage = options.storage ?? defaultStorage();
    this.transcripts = new Transcripts(storage);
    this.#seeds = new SeatSeeds(this, storage);
    this.#signIn = new SignIn(options.token, this.#timing, this.clock);
    this.#connection = this.#connectionTo(options);
    this.#commands = new CommandQueue({
      now: () => this.clock.now(),
      timing: this.#timing,
      random: options.random ?? Math.random,
      maxPending: options.maxPending,
      isOnline: () => this.#connection.isOnline,
      write: (frame) => this.#connection.write(frame),
    });
    this.rooms = new Rooms({
      resume: (rooms) => this.send({ type: "system.resume", rooms }),
      me: () => this.user?.userId ?? "",
      gapMs: this.#timing.gapMs,
      revealedSeeds: (roomId) => this.#seeds.revealed(roomId),
      deliver: (frame) => this.#deliver(frame),
    });
    this.lobby = new Lobby(this);
    this.messages = new Messages(this);
    this.quickMatch = new QuickMatch(this);
    this.invitations = new Invitations(this, storage);
    this.wallet = new Wallet(this);
    this.rooms.onChange((room) => this.#seeds.revealAfterReload(room.roomId));
    void this.#connection.open();
  }

  #connectionTo({ url, WebSocket, random }: ConnectOptions): Connection {
    const Socket = WebSocket ?? (globalThis.WebSocket as unknown as SocketConstructor);
    return new Connection({
      makeSocket: () => new Socket(url),
      signIn: this.#signIn,
      clock: this.clock,
      timing: this.#timing,
      random: random ?? Math.random,
      resumePoints: () => this.rooms.resumePoints(),
      onFrame: (frame) => this.#receive(frame),
      onOnline: () => this.#commands.sendAll(),
      onTick: (nowMs) => this.#commands.resendOverdue(nowMs),
      onDetached: () => this.#commands.detach(),
      // What waits was given by the other user and must not be played as this one's.
      onReplaced: () => this.rooms.clear(),
      onClosed: () => {
        this.rooms.stop();
        this.#refuseAll();
      },
    });
  }

  get status(): ConnectionStatus {
    return this.#connection.status;
  }

  /** Who is signed in; known from the first `online` on. */
  get user(): SignedIn | undefined {
    return this.#signIn.user;
  }

  get pendingCount(): number {
    return this.#commands.size;
  }

  /** Hears of the connection, the present state first. */
  onStatus(listener: (status: ConnectionStatus) => void): Unsubscribe {
    listener(this.status);
    return this.#connection.onStatus(listener);
  }

  /** Hears one type of event, each event once. */
  on<T extends EventType>(type: T, listener: (frame: EventFrame<T>) => void): Unsubscribe;
  on(type: string, listener: (frame: Frame) => void): Unsubscribe;
  on(type: string, listener: (frame: never) => void): Unsubscribe {
    return this.#events.on(type, listener as (frame: Frame) => void);
  }

  /** Hears every event, each once. */
  onEvent(listener: (frame: Frame) => void): Unsubscribe {
    return this.#events.onAny(listener);
  }

  /**
   * Gives a command. It is sent at once or when the connection is back, and again with the same command_id until
   * it is answered. The promise rejects with a Refusal.
   */
  command<C extends CommandType>(type: C, fields: Commands[C]): CommandHandle<Answer<C>>;
  command(type: string, fields: object): CommandHandle<Frame>;
  command(type: string, fields: object): CommandHandle<never> {
    const handle = this.#commands.give(type, fields);
    if (this.#connection.isClosed) this.#refuseAll();
    return handle as unknown as CommandHandle<never>;
  }

  /** Sends a frame that is no command, if there is a connection; nothing repeats it. */
  send(frame: object): boolean {
    return this.#connection.isOnline && this.#connection.write(JSON.stringify(frame));
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
      }, this.#timing.resendMs);
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
  ready(roomId: RoomId, isReady = true): Promise<Frame> {
    return this.#seeds.ready(roomId, isReady);
  }

  /** Drops a pause before the next attempt. */
  reconnectNow(): void {
    this.#connection.reconnectNow();
  }

  close(): void {
    this.#connection.shut("closed");
  }

  #receive(frame: Frame): void {
    if (frame.type === "system.ack") this.#commands.ack(frame.command_id);
    else if (frame.type !== "system.error") this.#take(frame);
    else if (!this.#commands.refuse(frame.command_id, frame)) this.#events.emit(frame);
  }

  #take(frame: Frame): void {
    if (frame.type === "games.event.error" || frame.type === "chat.event.error") {
      if (this.#commands.refuse(frame.command_id ?? frame.correlation_id, frame)) return;
    }
    const answers = frame.type.endsWith(".command_applied") ? frame.command_id : frame.correlation_id;
    if (this.#events.has(frame)) {
      this.#commands.answer(answers, frame);
      return;
    }
    // The room first, so that whoever waits for the answer finds the room as it is after it.
    this.rooms.take(frame);
    this.#commands.answer(answers, frame);
    if (frame.type === "games.event.room_state" || frame.type === "games.event.not_in_room") {
      const room = frame.room as { room_id?: unknown } | undefined;
      const roomId = room?.room_id ?? frame.room_id;
      if (typeof roomId === "string") this.#commands.resendOf(roomId);
    }
  }

  /** What `rooms` lets through, in each room's order. */
  #deliver(frame: Frame): void {
    this.#events.note(frame);
    this.transcripts.add(frame, this.user?.userId ?? "");
    this.#seeds.take(frame);
    this.#events.emit(frame);
  }

  #refuseAll(): void {
    if (this.status.reason === "signed_out") this.#commands.refuseAll("signed_out", "The user is no longer signed in");
    else this.#commands.refuseAll("closed", "The connection has been closed");
  }
}
