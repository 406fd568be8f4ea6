import type { ReactiveController, ReactiveControllerHost } from "lit";

/** Something of the server's as it was last answered, asked for again every so often while the page can be seen. */
export class Remote<T> implements ReactiveController {
  data: T | undefined;
  error: unknown;
  isLoading = false;
  /** When `data` came. */
  loadedAt: number | undefined;
  private ending: AbortController | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isConnected = false;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly load: (signal: AbortSignal) => Promise<T>,
    private readonly everyMs?: number,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    this.isConnected = true;
    document.addEventListener("visibilitychange", this.seen);
    void this.reload();
  }

  hostDisconnected(): void {
    this.isConnected = false;
    document.removeEventListener("visibilitychange", this.seen);
    clearTimeout(this.timer);
    this.ending?.abort();
  }

  /** Asks once more; an older question that is still open is let go. */
  async reload(): Promise<void> {
    clearTimeout(this.timer);
    this.ending?.abort();
    const ending = new AbortController();
    this.ending = ending;
    this.isLoading = true;
    this.host.requestUpdate();
    try {
      const data = await this.load(ending.signal);
      if (ending.signal.aborted) return;
      this.data = data;
      this.error = undefined;
      this.loadedAt = Date.now();
    } catch (error) {
      if (ending.signal.aborted) return;
      this.error = error;
    }
    this.isLoading = false;
    this.host.requestUpdate();
    if (this.everyMs !== undefined && this.isConnected) this.timer = setTimeout(this.again, this.everyMs);
  }

  /** What is shown belongs to something else: it goes before the next comes. */
  reset(): void {
    this.data = undefined;
    this.error = undefined;
    void this.reload();
  }

  private readonly again = () => {
    // A page that nobody sees asks nothing.
    if (!document.hidden) void this.reload();
  };

  private readonly seen = () => {
    if (!document.hidden && this.everyMs !== undefined && !this.isLoading) void this.reload();
  };
}
