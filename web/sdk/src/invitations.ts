import type { Client } from "./client.js";
import type { Unsubscribe } from "./emitter.js";
import { userIdOf } from "./frames.js";
import { inOrder } from "./order.js";
import { type KeyValueStorage, LenientStorage } from "./storage.js";
import { DerivedStore, type Store } from "./store.js";
import type { EventFrame, RoomId, UserId } from "./wire.js";

export interface Invitation {
  readonly roomId: RoomId;
  readonly roomName: string;
  readonly gameType: string;
  readonly hostId: UserId;
  readonly hostName: string;
  readonly entryFeeCents: number;
  readonly prizeCents: number;
  /** The room that it opens anew. */
  readonly rematchOf: RoomId;
}

const ROOMS_KEPT = 16;
const INVITATIONS_KEPT = 8;

/**
 * Rematches that somebody asks for, each until its room is gone or entered, or it is dropped. One counts only where
 * its host shared the room that it opens anew with this user: whoever guesses ids gets nothing onto a stranger's page.
 * The server tells of each once, so that they are kept over a reload.
 */
export class Invitations {
  readonly #shared = new Map<RoomId, ReadonlySet<UserId>>();
  readonly #storage: LenientStorage;
  #invitations: readonly Invitation[] = [];
  readonly #all = new DerivedStore(() => this.#invitations);
  readonly store: Store<readonly Invitation[]> = this.#all;
  #isRestored = false;
  #stopWatching: Unsubscribe | undefined;
  readonly #client: Client;

  constructor(client: Client, storage: KeyValueStorage) {
    this.#client = client;
    this.#storage = new LenientStorage(storage);
    client.onStatus(({ state }) => {
      if (state === "online") this.#restore();
    });
    client.rooms.onChange((room) => {
      const isBegun = room.phase === "over" || room.phase === "playing";
      const members = new Set(room.members.map((member) => member.userId));
      if (!this.#shared.has(room.roomId) || isBegun) this.#meet(room.roomId, members);
      this.drop(room.roomId);
    });
    client.on("games.event.room_invited", (frame) => this.#add(frame));
    client.on("games.event.room_removed", (frame) => this.drop(frame.room_id));
  }

  all(): readonly Invitation[] {
    return this.#invitations;
  }

  /** The one to play this room anew. Of several it is the same for everyone who has them, whichever came first. */
  rematchOf(roomId: RoomId): Invitation | undefined {
    const those = this.#invitations.filter((each) => each.rematchOf === roomId);
    return inOrder(those, (each) => each.roomId)[0];
  }

  onChange(listener: () => void): Unsubscribe {
    return this.store.subscribe(listener);
  }

  drop(roomId: RoomId): void {
    const rest = this.#invitations.filter((each) => each.roomId !== roomId);
    if (rest.length < this.#invitations.length) this.#replace(rest);
  }

  #add(frame: EventFrame<"games.event.room_invited">): void {
    const hostId = userIdOf(frame.host_id);
    const met = frame.rematch_of ? this.#shared.get(frame.rematch_of) : undefined;
    // The host hears of it too.
    if (hostId === this.#client.me || !frame.rematch_of || !met?.has(hostId) || !met.has(this.#client.me)) return;
    const invitation = {
      roomId: frame.room_id,
      roomName: frame.room_name,
      gameType: frame.game_type,
      hostId,
      hostName: frame.host_username,
      entryFeeCents: frame.entry_fee_cents,
      prizeCents: frame.prize_cents,
      rematchOf: frame.rematch_of,
    };
    const others = this.#invitations.filter((each) => each.roomId !== invitation.roomId);
    this.#replace([...others, invitation].slice(-INVITATIONS_KEPT));
  }

  #replace(invitations: readonly Invitation[]): void {
    this.#invitations = invitations;
    this.#storage.setItem(invitationsKey(this.#client.me), JSON.stringify(invitations));
    this.#watchRooms();
    this.#all.change();
  }

  /** Only those who watch the lobby hear that a room is gone. */
  #watchRooms(): void {
    if (this.#invitations.length > 0) {
      this.#stopWatching ??= this.#client.lobby.watch(() => {});
    } else {
      this.#stopWatching?.();
      this.#stopWatching = undefined;
    }
  }

  #meet(roomId: RoomId, members: ReadonlySet<UserId>): void {
    const known = this.#shared.get(roomId);
    if (known && known.size === members.size && [...members].every((member) => known.has(member))) return;
    this.#shared.delete(roomId);
    this.#shared.set(roomId, members);
    const [oldest = ""] = this.#shared.keys();
    if (this.#shared.size > ROOMS_KEPT) this.#shared.delete(oldest);
    const kept = [...this.#shared].map(([room, users]) => [room, [...users]]);
    this.#storage.setItem(sharedKey(this.#client.me), JSON.stringify(kept));
  }

  /** What was known before a reload; after each sign-in, which of it still stands. */
  #restore(): void {
    if (!this.#isRestored) {
      this.#isRestored = true;
      for (const [room, users] of this.#storage.list(sharedKey(this.#client.me)).filter(isShared)) {
        this.#shared.set(room, new Set(users));
      }
      const kept = this.#storage.list(invitationsKey(this.#client.me)).filter(isInvitation).slice(-INVITATIONS_KEPT);
      if (kept.length > 0) this.#replace(kept);
    }
    for (const { roomId } of this.#invitations) void this.#ask(roomId);
  }

  async #ask(roomId: RoomId): Promise<void> {
    try {
      const room = await this.#client.standing(roomId);
      if ("status" in room && room.status !== "waiting") this.drop(roomId);
    } catch {
      // The next sign-in asks again.
    }
  }
}

function isShared(kept: unknown): kept is [RoomId, UserId[]] {
  return Array.isArray(kept) && typeof kept[0] === "string" && Array.isArray(kept[1]);
}

function isInvitation(kept: unknown): kept is Invitation {
  const { roomId, roomName, gameType, hostId, hostName, entryFeeCents, prizeCents, rematchOf } = (kept ??
    {}) as Partial<Invitation>;
  const texts = [roomId, roomName, gameType, hostId, hostName, rematchOf];
  // What is agreed to is what is shown: an amount that is none would be neither.
  return texts.every((text) => typeof text === "string") && [entryFeeCents, prizeCents].every(Number.isSafeInteger);
}

function invitationsKey(user: UserId): string {
  return `blazing-sun.invitations.${user}`;
}

function sharedKey(user: UserId): string {
  return `blazing-sun.shared.${user}`;
}
