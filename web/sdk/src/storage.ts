/** The part of the Web Storage interface that is used here. */
export interface KeyValueStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export class MemoryStorage implements KeyValueStorage {
  private readonly items = new Map<string, string>();
  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }
  removeItem(key: string): void {
    this.items.delete(key);
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
