import type { Client } from "./client.js";
import { Signal, type Unsubscribe } from "./emitter.js";
import { userIdOf } from "./frames.js";
import type { CommandHandle } from "./pending.js";
import { Refusal } from "./refusal.js";
import { DerivedStore, type Store } from "./store.js";
import type { RoomId } from "./wire.js";

export interface QuickMatchStatus {
  readonly gameType: string;
  /** How many wait for this game, this user among them; 0 before the server has said. */
  readonly waiting: number;
}

/** What the user agrees to, as the command has it. */
export interface QuickMatchTerms {
  /** What a seat is to cost. */
  readonly entry_fee_cents?: number;
}

export type QuickMatchEnd = { readonly roomId: RoomId } | { readonly problem: unknown };

/** The search for whoever wants to play the same game now. */
export class QuickMatch {
  #current: QuickMatchStatus | null = null;
  /** What the search was last asked with; none once it is to be cancelled. */
  #asked: CommandHandle<unknown> | undefined;
  /** What is asked for, however often. */
  #fields!: { readonly game_type: string } & QuickMatchTerms;
  #knownRooms = new Set<RoomId>();
  readonly #status = new DerivedStore(() => this.#current);
  readonly store: Store<QuickMatchStatus | null> = this.#status;
  readonly #ended = new Signal<QuickMatchEnd>();

  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
    client.onStatus(({ state }) => {
      // The place went with the connection; what is not answered yet is sent again by itself.
      if (state === "online" && this.#asked && this.#current?.waiting) this.#ask();
      if (state === "closed") this.#set(null);
    });
    client.on("games.event.quick_match_waiting", (frame) => {
      const { game_type: gameType, waiting } = frame;
      if (this.#current?.gameType !== gameType) return;
      if (frame.is_waiting !== false) this.#set({ gameType, waiting });
      // Sent again under the same id, it was answered and not applied: the place went with the connection before.
      else if (this.#asked && frame.correlation_id === this.#asked.commandId) this.#ask();
      else this.#set(null);
    });
    client.on("games.event.error", (frame) => {
      // Only when others are found is it known who cannot pay.
      if (!this.#asked || frame.command_id !== this.#asked.commandId) return;
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

  /**
   * Looks for players of one game at a time. Where a fee is named the search ends as `fee_changed` once a seat costs
   * something else; otherwise what it costs whenever the place is asked for (again) is agreed to.
   */
  start(gameType: string, terms?: QuickMatchTerms): void {
    if (this.#current) return;
    this.#fields = { game_type: gameType, ...terms };
    this.#knownRooms = new Set(this.#client.rooms.all().map((room) => room.roomId));
    this.#ask();
  }

  /** Ends the search once the server has said so; where others were found before, it ends in their room. */
  async cancel(): Promise<void> {
    if (!this.#current) return;
    this.#asked = undefined;
    await this.#client.command("games.command.quick_match", { ...this.#fields, cancel: true });
  }

  #ask(): void {
    this.#set({ gameType: this.#fields.game_type, waiting: 0 });
    const command = this.#client.command("games.command.quick_match", this.#fields);
    this.#asked = command;
    command.catch((error) => command === this.#asked && this.#fail(error));
  }

  #fail(problem: unknown): void {
    this.#set(null);
    this.#ended.emit({ problem });
  }

  #set(status: QuickMatchStatus | null): void {
    this.#current = status;
    if (!status) this.#asked = undefined;
    this.#status.change();
  }
}
