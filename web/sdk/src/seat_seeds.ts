import type { Client } from "./client.js";
import { commitmentOf } from "./fairness.js";
import { randomBytes, toHex } from "./ids.js";
import { type KeyValueStorage, LenientStorage } from "./storage.js";
import type { Frame, RoomId } from "./wire.js";

/** A client seed and what was published of it. */
interface CommittedSeed {
  seed: string;
  commitment: string;
}

const KEPT_PER_ROOM = 8;

/**
 * This user's share in the draws: a seed committed to with each ready, and revealed when the room asks for it. Seeds
 * outlive a reload of the page: one that cannot be revealed costs its player the seat. Several are kept, because only the
 * server knows which commitment arrived last.
 */
export class SeatSeeds {
  readonly #storage: LenientStorage;
  readonly #revealedAfterReload = new Set<string>();

  readonly #client: Client;

  constructor(client: Client, storage: KeyValueStorage) {
    this.#client = client;
    this.#storage = new LenientStorage(storage);
  }

  /** What every seat revealed, as kept from before a reload: only game_started names it. */
  revealed(roomId: RoomId): (string | null)[] | null {
    return (this.#storage.read(revealedKey(roomId)) as (string | null)[] | undefined) ?? null;
  }

  async ready(roomId: RoomId, isReady: boolean): Promise<Frame> {
    const client = this.#client;
    const canHash = globalThis.crypto?.subtle !== undefined;
    if (!isReady || !client.me || !canHash) {
      return client.command("games.command.ready", { room_id: roomId, is_ready: isReady });
    }
    const seed = toHex(randomBytes(32));
    const commitment = await commitmentOf(seed);
    const kept = [...this.#own(roomId), { seed, commitment }].slice(-KEPT_PER_ROOM);
    this.#storage.setItem(this.#key(roomId), JSON.stringify(kept));
    client.transcripts.addReady(roomId, client.me, commitment);
    return client.command("games.command.ready", { room_id: roomId, is_ready: true, seed_commitment: commitment });
  }

  /** Each event once, after its room has been folded. */
  take(frame: Frame): void {
    const roomId = String(frame.room_id);
    if (frame.type === "games.event.seeds_requested") {
      // Whatever shape the list's entries have.
      const listed = JSON.stringify(frame.commitments ?? []).toLowerCase();
      const own = this.#own(roomId).findLast(({ commitment }) => listed.includes(commitment));
      if (own) this.#reveal(roomId, own);
    }
    if (frame.type === "games.event.game_started") {
      const seeds = this.#client.rooms.get(roomId)?.fairness.playerSeeds;
      if (seeds) this.#storage.setItem(revealedKey(roomId), JSON.stringify(seeds));
    }
    if (frame.type === "games.event.seed_revealed") {
      this.#storage.removeItem(this.#key(roomId));
      this.#storage.removeItem(revealedKey(roomId));
    }
  }

  /**
   * A page that was reloaded between seeds_requested and its reveal gets the room's state and not that event.
   */
  revealAfterReload(roomId: RoomId): void {
    const { rooms, me } = this.#client;
    const room = rooms.get(roomId);
    if (room?.phase !== "seeds" || !rooms.isFreshSnapshot(roomId)) return;
    const own = this.#own(roomId).at(-1);
    if (!own || !room.selected.includes(me)) return;
    if (this.#revealedAfterReload.has(own.commitment)) return;
    this.#revealedAfterReload.add(own.commitment);
    this.#reveal(roomId, own);
  }

  #reveal(roomId: RoomId, { seed }: CommittedSeed): void {
    this.#client.command("games.command.reveal_seed", { room_id: roomId, client_seed: seed }).catch(() => {
      // Too late or no longer selected: the room's own events say what became of it.
    });
  }

  #own(roomId: RoomId): CommittedSeed[] {
    return this.#storage.list(this.#key(roomId)) as CommittedSeed[];
  }

  #key(roomId: RoomId): string {
    return `blazing-sun.seed.${this.#client.me}.${roomId}`;
  }
}

function revealedKey(roomId: RoomId): string {
  return `blazing-sun.revealed.${roomId}`;
}
