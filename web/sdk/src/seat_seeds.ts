import type { Client } from "./client.js";
import { SeedVault } from "./fairness.js";
import type { KeyValueStorage } from "./storage.js";
import type { Frame, RoomId } from "./wire.js";

/** This user's share in the draws: a seed committed to with each ready, and revealed when the room asks for it. */
export class SeatSeeds {
  readonly #vault: SeedVault;
  readonly #revealedAfterReload = new Set<string>();

  constructor(
    private readonly client: Client,
    storage: KeyValueStorage,
  ) {
    this.#vault = new SeedVault(storage);
  }

  /** What every seat revealed, as kept from before a reload. */
  revealed(roomId: RoomId): (string | null)[] | null {
    return this.#vault.revealed(roomId);
  }

  async ready(roomId: RoomId, isReady: boolean): Promise<Frame> {
    const { client } = this;
    const user = client.user?.userId;
    const canHash = globalThis.crypto?.subtle !== undefined;
    if (!isReady || !user || !canHash) {
      return client.command("games.command.ready", { room_id: roomId, is_ready: isReady });
    }
    const { commitment } = await this.#vault.fresh(user, roomId);
    client.transcripts.addReady(roomId, user, commitment);
    return client.command("games.command.ready", { room_id: roomId, is_ready: true, seed_commitment: commitment });
  }

  /** Each event once, after its room has been folded. */
  take(frame: Frame): void {
    const roomId = String(frame.room_id);
    const user = this.client.user?.userId;
    if (frame.type === "games.event.seeds_requested" && user) {
      const own = this.#vault.find(user, roomId, frame.commitments);
      if (own) this.#reveal(roomId, own.seed);
    }
    if (frame.type === "games.event.game_started") {
      const seeds = this.client.rooms.get(roomId)?.fairness.playerSeeds;
      if (seeds) this.#vault.keepRevealed(roomId, seeds);
    }
    if (frame.type === "games.event.seed_revealed" && user) this.#vault.forget(user, roomId);
  }

  /**
   * A page that was reloaded between seeds_requested and its reveal gets the room's state and not that event.
   */
  revealAfterReload(roomId: RoomId): void {
    const { rooms, user } = this.client;
    const room = rooms.get(roomId);
    if (!user || room?.phase !== "seeds" || !rooms.isFreshSnapshot(roomId)) return;
    const own = this.#vault.latest(user.userId, roomId);
    if (!own || !room.selected.includes(user.userId)) return;
    if (this.#revealedAfterReload.has(own.commitment)) return;
    this.#revealedAfterReload.add(own.commitment);
    this.#reveal(roomId, own.seed);
  }

  #reveal(roomId: RoomId, client_seed: string): void {
    this.client.command("games.command.reveal_seed", { room_id: roomId, client_seed }).catch(() => {
      // Too late or no longer selected: the room's own events say what became of it.
    });
  }
}
