import { fromHex, toHex } from "./ids.js";
import type { RoomId } from "./wire.js";

/** Hex SHA-256 of the raw bytes that `hex` spells. */
export async function commitmentOf(hex: string): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", fromHex(hex))));
}

/**
 * The draws of one game. Draw n is HMAC-SHA256(server_seed, room_id ‖ for each seat in order the length of its seed
 * as u32 big-endian and the seed ‖ n as u64 big-endian), of whose bytes the first below the largest multiple of
 * `sides` counts, modulo `sides`.
 */
export class Draws {
  readonly #key: CryptoKey;
  /** All but the counter. */
  readonly #message: readonly number[];

  private constructor(key: CryptoKey, message: readonly number[]) {
    this.#key = key;
    this.#message = message;
  }

  static async of(serverSeed: string, roomId: RoomId, seedsInSeatOrder: readonly (string | null)[]): Promise<Draws> {
    const seeds = seedsInSeatOrder.map((seed) => fromHex(seed ?? ""));
    const message = [
      ...new TextEncoder().encode(roomId),
      ...seeds.flatMap((seed) => [...bigEndian(seed.length, 4), ...seed]),
    ];
    const hmac = { name: "HMAC", hash: "SHA-256" };
    return new Draws(await crypto.subtle.importKey("raw", fromHex(serverSeed), hmac, false, ["sign"]), message);
  }

  /** Null where this nonce yields no byte and the next one is taken. */
  async at(nonce: number, sides = 6): Promise<number | null> {
    const message = Uint8Array.from([...this.#message, ...bigEndian(nonce, 8)]);
    const block = new Uint8Array(await crypto.subtle.sign("HMAC", this.#key, message));
    const limit = 256 - (256 % sides);
    const byte = block.find((candidate) => candidate < limit);
    return byte === undefined ? null : byte % sides;
  }
}

function bigEndian(value: number, length: number): number[] {
  return Array.from({ length }, (_, at) => Math.floor(value / 256 ** (length - 1 - at)) % 256);
}
