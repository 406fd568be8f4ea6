import type { ReactiveController, ReactiveControllerHost } from "lit";

export interface PageOf<T> {
  items: readonly T[];
  next: string | null | undefined;
}

/** A list that comes in pages, each asked for by the cursor that the one before it ended with. */
export class Paged<T> implements ReactiveController {
  items: readonly T[] = [];
  error: unknown;
  isLoading = false;
  isAtEnd = false;
  /** Whether the first page has come. */
  isLoaded = false;
  private cursor: string | undefined;
  private ending: AbortController | undefined;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly load: (cursor: string | undefined, signal: AbortSignal) => Promise<PageOf<T>>,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    void this.reload();
  }

  hostDisconnected(): void {
    this.ending?.abort();
  }

  /** From the beginning; what is shown stays until the first page has come. */
  reload(): Promise<void> {
    this.ending?.abort();
    this.isLoading = false;
    return this.next(undefined);
  }

  /** The same for another question: what is shown is no answer to it. */
  reset(): Promise<void> {
    this.items = [];
    this.isLoaded = false;
    return this.reload();
  }

  more(): Promise<void> {
    return this.isAtEnd || !this.isLoaded ? Promise.resolve() : this.next(this.cursor);
  }

  /** The page that failed. */
  again(): Promise<void> {
    return this.isLoaded ? this.next(this.cursor) : this.reload();
  }

  private async next(cursor: string | undefined): Promise<void> {
    if (this.isLoading) return;
    const ending = new AbortController();
    this.ending = ending;
    this.isLoading = true;
    this.error = undefined;
    this.host.requestUpdate();
    try {
      const { items, next } = await this.load(cursor, ending.signal);
      if (ending.signal.aborted) return;
      this.items = cursor === undefined ? items : [...this.items, ...items];
      this.cursor = next ?? undefined;
      this.isAtEnd = this.cursor === undefined;
      this.isLoaded = true;
    } catch (error) {
      if (ending.signal.aborted) return;
      this.error = error;
    }
    this.isLoading = false;
    this.host.requestUpdate();
  }
}
