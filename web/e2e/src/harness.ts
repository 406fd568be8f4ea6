// What the end-to-end tests need besides a browser, so that `npm test` can hold it to its word without one.

export function chromiumPath(env: Readonly<Record<string, string | undefined>>): string {
  return env.CHROMIUM_BIN || "/usr/bin/chromium";
}

/** How a page learns that nobody is signed in. */
const NOBODY = /status of 401 .*\/api\/v1\/auth\/refresh\)$/;

/** What a browser says while the server is down or starts again. */
export const OUTAGE =
  /^WebSocket connection to |^Failed to load resource: (net::ERR_(CONNECTION_|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED|INTERNET_DISCONNECTED|NETWORK_CHANGED)|the server responded with a status of 503 )/;

/** Which errors on a page's console are part of the scenario. */
export class Expected {
  private readonly kinds: RegExp[] = [NOBODY];

  includes(error: string): boolean {
    return this.kinds.some((kind) => kind.test(error));
  }

  /** From here on; what is returned ends it. */
  allow(kind: RegExp): () => void {
    this.kinds.push(kind);
    return () => {
      const at = this.kinds.lastIndexOf(kind);
      if (at > 0) this.kinds.splice(at, 1);
    };
  }
}

/** The last of what a program printed. */
export class Tail {
  private text = "";

  constructor(private readonly charsMax = 4_000) {}

  add(printed: unknown): void {
    this.text = (this.text + String(printed)).slice(-this.charsMax);
  }

  clear(): void {
    this.text = "";
  }

  /** The newest that was printed and matches. */
  last(pattern: RegExp): string | undefined {
    return [...this.text.matchAll(pattern)].at(-1)?.[0];
  }

  /** A failure with what was printed before it. */
  explain(failure: unknown): Error {
    const error = failure instanceof Error ? failure : new Error(String(failure));
    error.message += `\n\nThe end of the server's stderr:\n${this.text.trim() || "(nothing)"}`;
    return error;
  }
}
