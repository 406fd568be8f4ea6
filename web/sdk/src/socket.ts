import type { Identity } from "./options.js";

/** The part of the WebSocket interface that is used here: the browser's own, and that of the `ws` package. */
export interface SocketLike {
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
}

export type SocketConstructor = new (url: string) => SocketLike;

/** Throws where there is no address, or nothing to connect with: neither gets better by trying again. */
export function socketMaker({ session, url = "/ws" }: Identity, given?: SocketConstructor): () => SocketLike {
  const Socket = given ?? (globalThis.WebSocket as SocketConstructor | undefined);
  if (!Socket) throw new TypeError("There is no WebSocket here: pass one, as of the package ws");
  const base = session?.origin || globalThis.location?.href;
  const address = URL.canParse(String(url), base) ? new URL(url, base) : undefined;
  if (!address || !/^(http|ws)s?:$/.test(address.protocol)) throw new TypeError(`Not the address of a socket: ${url}`);
  address.protocol = address.protocol.replace("http", "ws");
  return () => new Socket(address.href);
}
