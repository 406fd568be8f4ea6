import { fromHex, toHex } from "./ids.js";
import { type KeyValueStorage, LenientStorage } from "./storage.js";
import type { RoomId, UserId } from "./wire.js";

/** Hex SHA-256 of the raw bytes that `hex` spells. */
export async function commitmentOf(hex: string): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", fromHex(hex))));
}

/** A client seed and what was published of it. */
export interface CommittedSeed {
  seed: string;
  commitment: string;
}

const KEPT_PER_ROOM = 8;

/**
 * The client's own seeds, by user and room. They outlive a reload of the page: a seed that cannot be revealed
 * costs its player the seat. Several are kept, because only the server knows which commitment arrived last.
 */
export class SeedVault {
  readonly #storage: LenientStorage;

  constructor(storage: KeyValueStorage) {
    this.#storage = new LenientStorage(storage);
  }

  async fresh(user: UserId, room: RoomId): Promise<CommittedSeed> {
    const seed = toHex(crypto.getRandomValues(new Uint8Array(32)));
    const made = { seed, commitment: await commitmentOf(seed) };
    const kept = [...this.#all(user, room), made].slice(-KEPT_PER_ROOM);
    this.#storage.setItem(key(user, room), JSON.stringify(kept));
    return made;
  }

  /** The seed behind one of the listed commitments, whatever shape the list's entries have. */
  find(user: UserId, room: RoomId, commitments: unknown): CommittedSeed | undefined {
    const listed = JSON.stringify(commitments ?? []).toLowerCase();
    const all = this.#all(user, room);
    return all.findLast((kept) => listed.includes(kept.commitment));
  }

  latest(user: UserId, room: RoomId): CommittedSeed | undefined {
    return this.#all(user, room).at(-1);
  }

  /** Keeps what every seat revealed: only game_started names it, and checking draws needs it to the end. */
  keepRevealed(room: RoomId, seeds: readonly (string | null)[]): void {
    this.#storage.setItem(revealedKey(room), JSON.stringify(seeds));
  }

  revealed(room: RoomId): (string | null)[] | null {
    return (this.#storage.list(revealedKey(room)) as (string | null)[] | undefined) ?? null;
  }

  forget(user: UserId, room: RoomId): void {
    this.#storage.removeItem(key(user, room));
    this.#storage.removeItem(revealedKey(room));
  }

  #all(user: UserId, room: RoomId): CommittedSeed[] {
    return (this.#storage.list(key(user, room)) as CommittedSeed[] | undefined) ?? [];
  }
}

function key(user: UserId, room: RoomId): string {
  return `blazing-sun.seed.${user}.${room}`;
}

function revealedKey(room: RoomId): string {
  return `blazing-sun.revealed.${room}`;
}

/**
 * The draws of one game. Draw n is HMAC-SHA256(server_seed, room_id ‖ for each seat in order the length of its seed
 * as u32 big-endian and the seed ‖ n as u64 big-endian), of whose bytes the first below the largest multiple of
 * `sides` counts, modulo `sides`.
 */
export class Draws {
  private constructor(
    private readonly key: CryptoKey,
    /** The last 8 bytes are the counter's. */
    private readonly message: Uint8Array<ArrayBuffer>,
  ) {}

  static async of(serverSeed: string, roomId: RoomId, seedsInSeatOrder: readonly (string | null)[]): Promise<Draws> {
    const parts: Uint8Array[] = [new TextEncoder().encode(roomId)];
    for (const seed of seedsInSeatOrder) {
      const bytes = seed ? fromHex(seed) : new Uint8Array(0);
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, bytes.length);
      parts.push(length, bytes);
    }
    const message = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0) + 8);
    let at = 0;
    for (const part of parts) {
      message.set(part, at);
      at += part.length;
    }
    const hmac = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", fromHex(serverSeed), hmac, false, ["sign"]);
    return new Draws(key, message);
  }

  /** Null where this nonce yields no byte and the next one is taken. */
  async at(nonce: number, sides = 6): Promise<number | null> {
    const message = this.message.slice();
    new DataView(message.buffer).setBigUint64(message.length - 8, BigInt(nonce));
    const block = new Uint8Array(await crypto.subtle.sign("HMAC", this.key, message));
    const limit = 256 - (256 % sides);
    const byte = block.find((candidate) => candidate < limit);
    return byte === undefined ? null : byte % sides;
  }
}

/** One draw of {@link Draws}. */
export async function draw(
  serverSeed: string,
  roomId: RoomId,
  seedsInSeatOrder: readonly (string | null)[],
  nonce: number,
  sides = 6,
): Promise<number | null> {
  return (await Draws.of(serverSeed, roomId, seedsInSeatOrder)).at(nonce, sides);
}
