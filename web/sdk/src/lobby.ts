import type { Client } from "./client.js";
import type { Unsubscribe } from "./emitter.js";
import { DerivedStore, type Store } from "./store.js";
import type { EventFrame, RoomId, RoomSummary } from "./wire.js";

/**
 * The rooms that wait for players, kept up to date while somebody watches, and those in play: the server tells when
 * one begins, but not when it ends, which only the next list shows.
 */
export class Lobby {
  readonly #rooms = new Map<RoomId, RoomSummary>();
  /** The list; watched while somebody is subscribed. */
  readonly store: Store<readonly RoomSummary[]>;
  readonly #list = new DerivedStore((): readonly RoomSummary[] => [...this.#rooms.values()]);
  #watchers = 0;
  #isLoaded = false;
  #asked: Promise<unknown> | undefined;
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
    this.store = { getSnapshot: this.#list.getSnapshot, subscribe: (onChange) => this.watch(onChange) };
    client.onStatus(({ state }) => {
      if (state === "online" && this.#watchers > 0) this.#start();
    });
    client.on("games.event.room_list", (frame) => this.#replace(frame.rooms));
    client.on("games.event.room_created", (frame) => this.#put(summaryOf(frame)));
    client.on("games.event.room_updated", (frame) => {
      const known = this.#rooms.get(frame.room_id);
      if (known || frame.room_name !== undefined) this.#put({ ...known, bot_count: 0, ...frame } as RoomSummary);
    });
    client.on("games.event.room_removed", (frame) => {
      const known = this.#rooms.get(frame.room_id);
      if (!known) return;
      if (frame.reason === "game_started") this.#rooms.set(frame.room_id, { ...known, status: "in_progress" });
      else this.#rooms.delete(frame.room_id);
      this.#list.change();
    });
    // Told to those who were in it.
    client.on("games.event.seed_revealed", (frame) => {
      if (this.#rooms.delete(frame.room_id)) this.#list.change();
    });
  }

  /** Whether a list has arrived since it is watched. */
  get loaded(): boolean {
    return this.#isLoaded;
  }

  list(): readonly RoomSummary[] {
    return this.#list.getSnapshot();
  }

  /** Watches until the returned function is called. */
  watch(listener: (rooms: readonly RoomSummary[]) => void): Unsubscribe {
    const off = this.#list.subscribe(() => listener(this.list()));
    this.#watchers += 1;
    if (this.#watchers === 1) this.#start();
    else listener(this.list());
    let active = true;
    return () => {
      if (!active) return;
      active = false;
      off();
      this.#watchers -= 1;
      if (this.#watchers > 0) return;
      this.#isLoaded = false;
      this.#client.send({ type: "system.lobby", watch: false });
    };
  }

  /** Asks for the list anew, unless an answer is still due. */
  refresh(): void {
    this.#asked ??= this.#client
      .command("games.command.list_rooms", {})
      .catch(() => {
        // The next connection asks again.
      })
      .then(() => {
        this.#asked = undefined;
      });
  }

  #start(): void {
    // Watching before listing: a change in between arrives twice rather than never.
    if (this.#client.send({ type: "system.lobby", watch: true })) this.refresh();
  }

  #replace(rooms: readonly RoomSummary[]): void {
    this.#rooms.clear();
    for (const room of rooms) this.#rooms.set(room.room_id, room);
    this.#isLoaded = true;
    this.#list.change();
  }

  #put(room: RoomSummary): void {
    this.#rooms.set(room.room_id, room);
    this.#list.change();
  }
}

function summaryOf(frame: EventFrame<"games.event.room_created">): RoomSummary {
  const { host_username: host_name, player_count: max_players } = frame;
  return {
    ...frame,
    player_count: 1,
    spectator_count: 0,
    host_name,
    max_players,
    status: "waiting",
    can_rejoin: false,
    rejoin_role: null,
  };
}
