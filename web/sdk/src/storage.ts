import { parseJson } from "./frames.js";

/** The part of the Web Storage interface that is used here. */
export interface KeyValueStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export class MemoryStorage implements KeyValueStorage {
  readonly #items = new Map<string, string>();
  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.#items.set(key, value);
  }
  removeItem(key: string): void {
    this.#items.delete(key);
  }
}

/** sessionStorage where there is a page that has one, memory elsewhere. */
export function defaultStorage(): KeyValueStorage {
  try {
    // Other programs may have one, but it is the same for all clients in them.
    if (globalThis.document) return globalThis.sessionStorage;
  } catch {
    // Blocked by the browser's settings.
  }
  return new MemoryStorage();
}

/** Never throws: what a full or blocked storage refuses is kept for as long as the page lives. */
export class LenientStorage implements KeyValueStorage {
  readonly #refused = new MemoryStorage();

  readonly #storage: KeyValueStorage;

  constructor(storage: KeyValueStorage) {
    this.#storage = storage;
  }

  getItem(key: string): string | null {
    try {
      return this.#refused.getItem(key) ?? this.#storage.getItem(key);
    } catch {
      return null;
    }
  }

  setItem(key: string, value: string): void {
    try {
      this.#storage.setItem(key, value);
      this.#refused.removeItem(key);
    } catch {
      this.#refused.setItem(key, value);
    }
  }

  removeItem(key: string): void {
    this.#refused.removeItem(key);
    try {
      this.#storage.removeItem(key);
    } catch {
      // Blocked since; then there is nothing to read either.
    }
  }

  /** What was stored as JSON; undefined where there is none. */
  read(key: string): unknown {
    return parseJson(this.getItem(key) ?? "");
  }

  /** What was stored as a JSON list, empty where there is none. */
  list(key: string): unknown[] {
    const kept = this.read(key);
    return Array.isArray(kept) ? kept : [];
  }
}
