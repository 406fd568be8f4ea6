import { wordsFor } from "./words.js";

/** A message of the player's own that the server has not confirmed. */
export interface Unsent {
  readonly id: number;
  readonly content: string;
  /** Why it was not sent; null while it is on its way. */
  readonly problem: string | null;
}

interface Entry {
  unsent: Unsent;
  give: () => Promise<unknown>;
}

/** Messages on their way, by where they were written, until they are confirmed or given up. */
export class Outbox {
  private readonly entries = new Map<string, Entry[]>();
  private count = 0;

  constructor(private readonly changed: () => void) {}

  of(where: string): readonly Unsent[] {
    return (this.entries.get(where) ?? []).map(({ unsent }) => unsent);
  }

  /** Gives the command; what it resolves or rejects with decides what becomes of the message. */
  send(where: string, content: string, give: () => Promise<unknown>): void {
    this.count += 1;
    const entry = { unsent: { id: this.count, content, problem: null }, give };
    this.entries.set(where, [...(this.entries.get(where) ?? []), entry]);
    void this.run(where, entry);
  }

  retry(where: string, id: number): void {
    const entry = this.entries.get(where)?.find(({ unsent }) => unsent.id === id);
    if (!entry) return;
    entry.unsent = { ...entry.unsent, problem: null };
    void this.run(where, entry);
  }

  drop(where: string, id: number): void {
    const rest = (this.entries.get(where) ?? []).filter(({ unsent }) => unsent.id !== id);
    this.entries.set(where, rest);
    this.changed();
  }

  private async run(where: string, entry: Entry): Promise<void> {
    this.changed();
    try {
      await entry.give();
      this.drop(where, entry.unsent.id);
    } catch (error) {
      entry.unsent = { ...entry.unsent, problem: wordsFor(error) };
      this.changed();
    }
  }
}
