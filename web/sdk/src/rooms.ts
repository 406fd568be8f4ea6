import { Signal, type Unsubscribe } from "./emitter.js";
import { roomIdOf } from "./frames.js";
import { inOrder } from "./order.js";
import type { RoomView } from "./room.js";
import { foldRoom } from "./room_fold.js";
import { DerivedStore, type Store } from "./store.js";
import type { Frame, RoomId, UserId } from "./wire.js";

interface Tracked {
  view: RoomView;
  /** Later events that wait for the missing ones, by room_seq. */
  held: Map<number, Frame>;
  gapTimer: ReturnType<typeof setTimeout> | undefined;
  /** How often what is missing was asked for. */
  asked: number;
  freshSnapshot: boolean;
}

export interface RoomsOptions {
  resume: (rooms: { room_id: RoomId; room_seq: number }[]) => void;
  /** Over a new connection, where the present one does not bring what is asked for. */
  reconnect: () => void;
  me: () => UserId;
  gapMs: number;
  /** The seats' seeds of a game in play, where they were seen before a reload. */
  revealedSeeds: (roomId: RoomId) => (string | null)[] | null;
  /** Called for each event that counts, in order, after its room has been folded. */
  deliver: (frame: Frame) => void;
}

const RESUMED_MAX = 16;
/** The steps at a gap that does not close. */
const RECONNECT_AT = 3;
const SNAPSHOT_AT = 6;

/**
 * Every room of which a state has arrived. Events of a room are taken in the order of their room_seq: one that was
 * seen is dropped, and at a gap the missing ones are asked for while the later ones wait.
 */
export class Rooms {
  readonly #tracked = new Map<RoomId, Tracked>();
  readonly #changed = new Signal<RoomView>();
  readonly #all = new DerivedStore((): readonly RoomView[] => [...this.#tracked.values()].map(({ view }) => view));
  /** All rooms. */
  readonly store: Store<readonly RoomView[]> = this.#all;

  readonly #options: RoomsOptions;

  constructor(options: RoomsOptions) {
    this.#options = options;
  }

  get(roomId: RoomId): RoomView | undefined {
    return this.#tracked.get(roomId)?.view;
  }

  all(): readonly RoomView[] {
    return this.#all.getSnapshot();
  }

  /** One room, which need not be there yet. */
  storeOf(roomId: RoomId): Store<RoomView | undefined> {
    return { getSnapshot: () => this.get(roomId), subscribe: this.#all.subscribe };
  }

  onChange(listener: (room: RoomView) => void): Unsubscribe {
    return this.#changed.on(listener);
  }

  /** Hears one room, its present state first where there is one. */
  subscribe(roomId: RoomId, listener: (room: RoomView) => void): Unsubscribe {
    const present = this.get(roomId);
    if (present) listener(present);
    return this.#changed.on((room) => {
      if (room.roomId === roomId) listener(room);
    });
  }

  /** Where each living room is to be resumed from; a server reads no more than so many. */
  resumePoints(): { room_id: RoomId; room_seq: number }[] {
    return this.all()
      .filter((room) => room.phase !== "over")
      .slice(-RESUMED_MAX)
      .map((room) => ({ room_id: room.roomId, room_seq: room.roomSeq }));
  }

  forget(roomId: RoomId): void {
    clearTimeout(this.#tracked.get(roomId)?.gapTimer);
    if (this.#tracked.delete(roomId)) this.#all.change();
  }

  clear(): void {
    for (const roomId of [...this.#tracked.keys()]) this.forget(roomId);
  }

  /** What waits for missing events comes again with them, from where the room is resumed. */
  detach(): void {
    for (const room of this.#tracked.values()) {
      room.held.clear();
      clearTimeout(room.gapTimer);
      room.gapTimer = undefined;
    }
  }

  /** Whether the room's present view is a snapshot that nothing has been folded into yet. */
  isFreshSnapshot(roomId: RoomId): boolean {
    return this.#tracked.get(roomId)?.freshSnapshot ?? false;
  }

  take(frame: Frame): void {
    if (frame.type === "games.event.room_state") {
      this.#takeState(frame);
      return;
    }
    const room = typeof frame.room_id === "string" ? this.#tracked.get(frame.room_id) : undefined;
    const seq = frame.room_seq;
    if (!room || typeof seq !== "number") {
      this.#apply(room, frame);
      return;
    }
    if (seq <= room.view.roomSeq) return;
    if (seq > room.view.roomSeq + 1) {
      this.#hold(room, seq, frame);
      return;
    }
    this.#apply(room, frame);
    this.#release(room);
  }

  #takeState(frame: Frame): void {
    let view = foldRoom(this.get(roomIdOf(frame)), frame, this.#options.me());
    if (!view) return;
    if (view.phase === "playing" && view.fairness.playerSeeds === null) {
      view = { ...view, fairness: { ...view.fairness, playerSeeds: this.#options.revealedSeeds(view.roomId) } };
    }
    const before = this.#tracked.get(view.roomId);
    const recovered = frame.recovered !== false && (frame.room as { recovered?: unknown }).recovered !== false;
    if (before && view.roomSeq < before.view.roomSeq && recovered) {
      this.#options.deliver(frame);
      return;
    }
    const room: Tracked = before ?? {
      view,
      held: new Map(),
      gapTimer: undefined,
      asked: 0,
      freshSnapshot: true,
    };
    room.view = view;
    room.freshSnapshot = true;
    this.#tracked.set(view.roomId, room);
    this.#tell(view);
    this.#options.deliver(frame);
    this.#release(room);
  }

  #apply(room: Tracked | undefined, frame: Frame): void {
    if (room) {
      const view = foldRoom(room.view, frame, this.#options.me());
      if (view && view !== room.view) {
        room.view = view;
        room.freshSnapshot = false;
        this.#tell(view);
      }
    }
    this.#options.deliver(frame);
  }

  #tell(view: RoomView): void {
    this.#all.change();
    this.#changed.emit(view);
  }

  #hold(room: Tracked, seq: number, frame: Frame): void {
    room.held.set(seq, frame);
    if (room.gapTimer === undefined) this.#ask(room);
  }

  /** For what is missing, over another connection too; then for the state in its place; then for nothing any more. */
  #ask(room: Tracked): void {
    const { gapMs, resume, reconnect } = this.#options;
    room.asked += 1;
    if (room.asked === RECONNECT_AT) reconnect();
    else if (room.asked > SNAPSHOT_AT) this.#release(room, true);
    else {
      // Nobody has it all from the beginning, so that the answer is the room's state.
      const room_seq = room.asked === SNAPSHOT_AT ? 0 : room.view.roomSeq;
      resume([{ room_id: room.view.roomId, room_seq }]);
      room.gapTimer = setTimeout(() => this.#ask(room), gapMs);
    }
  }

  /** Applies what has waited and follows without a gap, or with those that are given up. */
  #release(room: Tracked, isGivenUp = false): void {
    for (const seq of inOrder(room.held.keys(), (seq) => seq)) {
      const frame = room.held.get(seq);
      if (!frame || (seq > room.view.roomSeq + 1 && !isGivenUp)) break;
      room.held.delete(seq);
      if (seq > room.view.roomSeq) this.#apply(room, frame);
    }
    if (room.held.size > 0) return;
    clearTimeout(room.gapTimer);
    room.gapTimer = undefined;
    room.asked = 0;
  }
}
