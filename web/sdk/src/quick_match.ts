import type { Client } from "./client.js";
import { Signal, type Unsubscribe } from "./emitter.js";
import { userIdOf } from "./frames.js";
import { Refusal } from "./refusal.js";
import { DerivedStore, type Store } from "./store.js";
import type { RoomId } from "./wire.js";

export interface QuickMatchStatus {
  readonly gameType: string;
  /** How many wait for this game, this user among them; 0 before the server has said. */
  readonly waiting: number;
}

export type QuickMatchEnd = { readonly roomId: RoomId } | { readonly problem: unknown };

/** The search for whoever wants to play the same game now. */
export class QuickMatch {
  #current: QuickMatchStatus | null = null;
  #commandId: string | undefined;
  #knownRooms = new Set<RoomId>();
  readonly #status = new DerivedStore(() => this.#current);
  readonly store: Store<QuickMatchStatus | null> = this.#status;
  readonly #ended = new Signal<QuickMatchEnd>();

  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
    client.onStatus(({ state }) => {
      // The place went with the connection; asking again while it is still there is one place.
      if (state === "online" && this.#current) this.#ask(this.#current.gameType);
      if (state === "closed") this.#set(null);
    });
    client.on("games.event.quick_match_waiting", (frame) => {
      if (this.#current?.gameType !== frame.game_type) return;
      this.#set(frame.is_waiting === false ? null : { gameType: frame.game_type, waiting: frame.waiting });
    });
    client.on("games.event.error", (frame) => {
      // Only when others are found is it known who cannot pay.
      if (this.#commandId === undefined || frame.command_id !== this.#commandId) return;
      this.#fail(new Refusal(frame.code, frame.message, frame.command_id));
    });
    client.on("games.event.room_state", (frame) => {
      const { room } = frame;
      if (this.#current?.gameType !== room.game_type || this.#knownRooms.has(room.room_id)) return;
      if (![...room.players, ...room.lobby].some((player) => userIdOf(player) === client.me)) return;
      this.#set(null);
      this.#ended.emit({ roomId: room.room_id });
    });
  }

  get status(): QuickMatchStatus | null {
    return this.#current;
  }

  onChange(listener: (status: QuickMatchStatus | null) => void): Unsubscribe {
    return this.store.subscribe(() => listener(this.#current));
  }

  /** Hears how each search ended but those that were cancelled. */
  onEnd(listener: (end: QuickMatchEnd) => void): Unsubscribe {
    return this.#ended.on(listener);
  }

  /** Looks for players of one game at a time. */
  start(gameType: string): void {
    if (this.#current) return;
    this.#knownRooms = new Set(this.#client.rooms.all().map((room) => room.roomId));
    this.#set({ gameType, waiting: 0 });
    this.#ask(gameType);
  }

  async cancel(): Promise<void> {
    const current = this.#current;
    if (!current) return;
    this.#set(null);
    await this.#client.command("games.command.quick_match", { game_type: current.gameType, cancel: true });
  }

  #ask(gameType: string): void {
    const command = this.#client.command("games.command.quick_match", { game_type: gameType });
    command.then(
      () => {
        this.#commandId = command.commandId;
      },
      (error) => this.#fail(error),
    );
  }

  #fail(problem: unknown): void {
    if (!this.#current) return;
    this.#set(null);
    this.#ended.emit({ problem });
  }

  #set(status: QuickMatchStatus | null): void {
    this.#current = status;
    if (!status) this.#commandId = undefined;
    this.#status.change();
  }
}
