import type { Message, Messages } from "./types.js";

/** A message as it stands in a list: its value is fetched when somebody looks at it. */
export interface Row {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: string;
  readonly key: string;
  readonly type: string;
  readonly correlationId: string;
  readonly userId: string;
  readonly roomId: string;
  readonly size: number;
  readonly preview: string;
}

export type Asked = Readonly<Record<string, string | number | undefined>>;
type Ask = (asked: Asked, signal: AbortSignal) => Promise<Messages>;

/** Beyond it the oldest that were loaded are let go while following. */
const ROWS_MAX = 200_000;
export const PAGE = 500;
const WAIT_MS = 20_000;
/** After a failed poll. */
const AGAIN_MS = 2_000;
const PREVIEW_CHARS = 160;

/**
 * The messages of a topic that match, as far as they have been fetched. The server looks through so many records a
 * request: one that finds nothing is followed by the next, until there are enough, or the end, or somebody stops it.
 */
export class Feed {
  rows: readonly Row[] = [];
  scanned = 0;
  isLoading = false;
  isAtEnd = false;
  error: unknown;
  /** How many rows came on top at the last poll, so that a list stays where it is read. */
  added = 0;
  private cursor: string | undefined;
  private ending: AbortController | undefined;

  constructor(
    private readonly ask: Ask,
    private readonly asked: Asked,
    private readonly changed: () => void,
    readonly isLive = asked.start === "end",
  ) {}

  start(): void {
    if (this.isLive) void this.follow();
    else void this.more();
  }

  stop(): void {
    this.ending?.abort();
    this.ending = undefined;
    this.isLoading = false;
    this.changed();
  }

  get isFollowing(): boolean {
    return this.isLive && this.ending !== undefined;
  }

  /** Fetches at least so many that match. */
  async more(wanted = 1): Promise<void> {
    if (this.isLoading || this.isAtEnd || this.isLive) return;
    const signal = this.begin();
    const found = [...this.rows];
    const enough = found.length + wanted;
    try {
      while (found.length < enough && !this.isAtEnd) {
        const page = await this.page({ limit: PAGE }, signal);
        if (signal.aborted) return;
        for (const message of page.messages) found.push(rowOf(message));
        this.rows = found.slice();
        this.changed();
      }
    } catch (error) {
      if (!signal.aborted) this.error = error;
    }
    this.finish(signal);
  }

  /** Everything there is: fetched page by page, so that it can be stopped. */
  all(): Promise<void> {
    return this.more(ROWS_MAX);
  }

  /** Waits for new messages and puts them on top, until it is stopped. */
  async follow(): Promise<void> {
    if (this.isFollowing) return;
    const signal = this.begin();
    while (!signal.aborted) {
      try {
        const page = await this.page({ limit: PAGE, wait_ms: this.cursor === undefined ? undefined : WAIT_MS }, signal);
        if (signal.aborted) return;
        this.error = undefined;
        const fresh = page.messages.map(rowOf).reverse();
        this.added = fresh.length;
        if (fresh.length > 0) this.rows = [...fresh, ...this.rows].slice(0, ROWS_MAX);
      } catch (error) {
        if (signal.aborted) return;
        this.error = error;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
      this.changed();
    }
  }

  private async page(asked: Asked, signal: AbortSignal): Promise<Messages> {
    const page = await this.ask({ ...this.asked, ...asked, cursor: this.cursor }, signal);
    if (signal.aborted) return page;
    this.scanned += page.scanned;
    this.cursor = page.next_cursor ?? undefined;
    this.isAtEnd = !this.isLive && (page.is_at_end || this.cursor === undefined);
    return page;
  }

  private begin(): AbortSignal {
    const ending = new AbortController();
    this.ending = ending;
    this.isLoading = true;
    this.error = undefined;
    this.changed();
    return ending.signal;
  }

  private finish(signal: AbortSignal): void {
    if (signal.aborted) return;
    this.ending = undefined;
    this.isLoading = false;
    this.changed();
  }
}

export function rowOf(message: Message): Row {
  const { partition, offset, timestamp, key, type, correlation_id, user_id, room_id, size, value } = message;
  return {
    partition,
    offset,
    timestamp,
    key,
    type: type ?? "",
    correlationId: correlation_id ?? "",
    userId: user_id ?? "",
    roomId: room_id ?? "",
    size,
    preview: previewOf(value),
  };
}

/** The beginning of what a record is about: its payload, where it has one. */
function previewOf(value: unknown): string {
  const payload = typeof value === "object" && value !== null && "payload" in value ? value.payload : value;
  const text = typeof payload === "string" ? payload : (JSON.stringify(payload) ?? "");
  return text.length > PREVIEW_CHARS ? `${text.slice(0, PREVIEW_CHARS)}…` : text;
}
