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

/** sessionStorage where there is one that works, memory elsewhere. */
export function defaultStorage(): KeyValueStorage {
  try {
    const storage = globalThis.sessionStorage;
    if (storage) {
      storage.setItem("blazing-sun.probe", "1");
      storage.removeItem("blazing-sun.probe");
      return storage;
    }
  } catch {
    // Blocked by the browser's settings.
  }
  return new MemoryStorage();
}

/** Never throws: what a full or blocked storage refuses is kept for as long as the page lives. */
export class LenientStorage implements KeyValueStorage {
  readonly #refused = new MemoryStorage();

  constructor(private readonly storage: KeyValueStorage) {}

  getItem(key: string): string | null {
    try {
      return this.#refused.getItem(key) ?? this.storage.getItem(key);
    } catch {
      return null;
    }
  }

  setItem(key: string, value: string): void {
    try {
      this.storage.setItem(key, value);
      this.#refused.removeItem(key);
    } catch {
      this.#refused.setItem(key, value);
    }
  }

  removeItem(key: string): void {
    this.#refused.removeItem(key);
    try {
      this.storage.removeItem(key);
    } catch {
      // Blocked since; then there is nothing to read either.
    }
  }

  /** What was stored as a JSON list; undefined where there is none. */
  list(key: string): unknown[] | undefined {
    try {
      const kept: unknown = JSON.parse(this.getItem(key) ?? "null");
      return Array.isArray(kept) ? kept : undefined;
    } catch {
      return undefined;
    }
  }
}
