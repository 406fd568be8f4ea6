import { onAbort } from "./abort.js";
import type { Answer } from "./answers.js";
import { ServerClock } from "./clock.js";
import { CommandQueue } from "./command_queue.js";
import { Connection, type ConnectionStatus } from "./connection.js";
import type { Unsubscribe } from "./emitter.js";
import { EventHub } from "./event_hub.js";
import { roomIdOf } from "./frames.js";
import { Invitations } from "./invitations.js";
import { Lobby } from "./lobby.js";
import { Messages } from "./messages.js";
import { type ConnectOptions, TIMING, type Timing, type TokenSource } from "./options.js";
import type { CommandHandle } from "./pending.js";
import { QuickMatch } from "./quick_match.js";
import { Refusal } from "./refusal.js";
import { Rooms } from "./rooms.js";
import { SeatSeeds } from "./seat_seeds.js";
import type { SignedIn } from "./sign_in.js";
import { type SocketLike, socketMaker } from "./socket.js";
import { defaultStorage } from "./storage.js";
import type { Store } from "./store.js";
import { Transcripts } from "./transcripts.js";
import { Wallet } from "./wallet.js";
import type { Commands, CommandType, EventFrame, EventType, Frame, OpenType, RoomId, UserId } from "./wire.js";

/** What to wait for, and how long. */
export interface NextOptions<E> {
  where?: (event: E) => boolean;
  signal?: AbortSignal;
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
  /** Payments and limits. */
  readonly wallet: Wallet;
  readonly clock = new ServerClock();
  readonly statusStore: Store<ConnectionStatus> = {
    getSnapshot: () => this.status,
    subscribe: (onChange) => this.#connection.onStatus(onChange),
  };
  /** What this client has seen of its rooms, for checking them. */
  readonly transcripts: Transcripts;

  readonly #timing: Timing;
  readonly #connection: Connection;
  readonly #commands: CommandQueue;
  readonly #events = new EventHub();
  readonly #seeds: SeatSeeds;

  constructor(options: ConnectOptions) {
    this.#timing = { ...TIMING, ...options.timing };
    const makeSocket = socketMaker(options, options.WebSocket);
    const { session, storage = defaultStorage() } = options;
    this.transcripts = new Transcripts(storage);
    this.#seeds = new SeatSeeds(this, storage);
    this.#connection = this.#connect(makeSocket, session ? (why) => session.token(why) : options.token, options.random);
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
      reconnect: () => this.#connection.drop("Events of a room are missing"),
      me: () => this.me,
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
    this.#connection.open();
  }

  #connect(makeSocket: () => SocketLike, fetchToken: TokenSource, random = Math.random): Connection {
    return new Connection({
      makeSocket,
      fetchToken,
      clock: this.clock,
      timing: this.#timing,
      random,
      resumePoints: () => this.rooms.resumePoints(),
      onFrame: (frame) => this.#receive(frame),
      onOnline: () => this.#commands.sendAll(),
      onTick: (nowMs) => this.#commands.resendOverdue(nowMs),
      onDetached: () => {
        this.#commands.detach();
        this.rooms.detach();
      },
      // What waits was given by the other user and must not be played as this one's.
      onReplaced: () => this.rooms.clear(),
      onClosed: () => this.#refuseAll(),
    });
  }

  get status(): ConnectionStatus {
    return this.#connection.status;
  }

  /** Who is signed in; known from the first `online` on. */
  get user(): SignedIn | undefined {
    return this.#connection.user;
  }

  /** The id of who is signed in; "" before. */
  get me(): UserId {
    return this.user?.userId ?? "";
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
  on<T extends string>(type: OpenType<T, "event">, listener: (frame: Frame) => void): Unsubscribe;
  on(type: string, listener: (frame: never) => void): Unsubscribe {
    return this.#events.on(type, listener as (frame: Frame) => void);
  }

  /** Hears every event, each once. */
  onEvent(listener: (frame: Frame) => void): Unsubscribe {
    return this.#events.onAny(listener);
  }

  /** The next event of this type that `where` takes. Rejects with the signal's reason, or where the client closes. */
  next<T extends EventType>(
    type: T,
    { where = () => true, signal }: NextOptions<EventFrame<T>> = {},
  ): Promise<EventFrame<T>> {
    return this.#first([type], where as unknown as (frame: Frame) => boolean, signal) as Promise<never>;
  }

  /** Resolves once it is online; rejects with the signal's reason, or where the client closes. */
  online({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    return this.#until((resolve) => this.onStatus(({ state }) => state === "online" && resolve()), signal);
  }

  /**
   * Gives a command. It is sent at once or when the connection is back, and again with the same command_id until
   * it is answered. The promise rejects with a Refusal; where `signal` aborts, with its reason: what was sent by then may
   * still happen.
   */
  command<C extends CommandType>(
    type: C,
    fields: Commands[C],
    options?: { signal?: AbortSignal },
  ): CommandHandle<Answer<C>>;
  command<T extends string>(
    type: OpenType<T, "command">,
    fields: object,
    options?: { signal?: AbortSignal },
  ): CommandHandle<Frame>;
  command(type: string, fields: object, options?: { signal?: AbortSignal }): CommandHandle<never> {
    const handle = this.#commands.give(type, fields, options?.signal);
    if (this.#connection.isClosed) this.#refuseAll();
    return handle as unknown as CommandHandle<never>;
  }

  /** Sends a frame that is no command, if there is a connection; nothing repeats it. */
  send(frame: object): boolean {
    return this.#connection.isOnline && this.#connection.write(JSON.stringify(frame));
  }

  /**
   * What a room says of itself to a user who is not in it, who can then join or watch; the room's state, which
   * `rooms` has taken in by then, where the user is in it after all. Rejects with a TimeoutError where nothing comes.
   */
  standing(roomId: RoomId): Promise<EventFrame<"games.event.not_in_room" | "games.event.room_state">> {
    const told = this.#first(
      ["games.event.not_in_room", "games.event.room_state"],
      (frame) => roomIdOf(frame) === roomId,
      AbortSignal.timeout(this.#timing.resendMs),
    );
    this.send({ type: "system.resume", rooms: [{ room_id: roomId, room_seq: 0 }] });
    return told as Promise<never>;
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

  #first(types: string[], fits: (frame: Frame) => boolean, signal?: AbortSignal): Promise<Frame> {
    return this.#until((resolve) => {
      return this.onEvent((frame) => types.includes(frame.type) && fits(frame) && resolve(frame));
    }, signal);
  }

  /** What `listen` hears first; not beyond the client's end, nor the signal's. */
  #until<T>(listen: (resolve: (heard: T) => void) => Unsubscribe, signal?: AbortSignal): Promise<T> {
    const offs: Unsubscribe[] = [];
    const heard = new Promise<T>((resolve, reject) => {
      offs.push(
        onAbort(signal, reject),
        this.onStatus(({ reason }) => reason && reject(closing(reason))),
        listen(resolve),
      );
    });
    return heard.finally(() => {
      for (const off of offs) off();
    });
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
    const isKnown = this.#events.has(frame);
    // It names the number of the event that it stands for, and is not that event, which may still be on its way.
    const isApplied = frame.type.endsWith(".command_applied");
    // The room first, so that whoever waits for the answer finds the room as it is after it.
    if (!isKnown && !isApplied) this.rooms.take(frame);
    this.#commands.answer(isApplied ? frame.command_id : frame.correlation_id, frame);
    if (isKnown) return;
    if (isApplied) this.#hear(frame);
    if (frame.type === "games.event.room_state" || frame.type === "games.event.not_in_room") {
      this.#commands.resendOf(roomIdOf(frame));
    }
  }

  /** What `rooms` lets through, in each room's order. */
  #deliver(frame: Frame): void {
    this.transcripts.add(frame, this.me);
    this.#seeds.take(frame);
    this.#hear(frame);
  }

  #hear(frame: Frame): void {
    this.#events.note(frame);
    this.#events.emit(frame);
  }

  #refuseAll(): void {
    const { reason = "closed" } = this.status;
    this.#commands.refuseAll(closing(reason));
  }
}

function closing(reason: NonNullable<ConnectionStatus["reason"]>): Refusal {
  return new Refusal(reason, `The client is closed: ${reason}`);
}
