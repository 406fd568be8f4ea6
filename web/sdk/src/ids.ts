/** UUIDv7 from a given time; ids made in the same millisecond still ascend. */
export class CommandIds {
  #lastMs = 0;
  #counter = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  next(): string {
    const now = Math.floor(this.#now());
    if (now > this.#lastMs) {
      this.#lastMs = now;
      // From the lower half, so that there is room to count.
      this.#counter = Number.parseInt(toHex(randomBytes(2)), 16) & 0x7ff;
    } else if (++this.#counter > 0xfff) {
      this.#lastMs += 1;
      this.#counter = 0;
    }
    const rest = randomBytes(8);
    rest[0] = 0x80 | ((rest[0] ?? 0) & 0x3f);
    const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
    const id = `${hex(this.#lastMs, 12)}7${hex(this.#counter, 3)}${toHex(rest)}`;
    return id.replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }
}

export function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(count));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new RangeError("not hexadecimal");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
