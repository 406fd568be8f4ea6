import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

type Json = Record<string, unknown>;

const DEADLINE_MS = 5_000;

/** What arrives in order, and a wait for the first that fits. */
class Inbox<T> {
  private readonly items: T[] = [];
  private readonly waiting: { fits: (item: T) => boolean; give: (item: T) => void }[] = [];

  push(item: T): void {
    const at = this.waiting.findIndex(({ fits }) => fits(item));
    if (at >= 0) this.waiting.splice(at, 1)[0]?.give(item);
    else this.items.push(item);
  }

  take(what: string, fits: (item: T) => boolean): Promise<T> {
    const at = this.items.findIndex(fits);
    if (at >= 0) return Promise.resolve(this.items.splice(at, 1)[0] as T);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what} within ${DEADLINE_MS} ms`)), DEADLINE_MS);
      this.waiting.push({
        fits,
        give: (item) => {
          clearTimeout(timer);
          resolve(item);
        },
      });
    });
  }

  count(fits: (item: T) => boolean): number {
    return this.items.filter(fits).length;
  }
}

export class Connection {
  private readonly inbox = new Inbox<Json>();
  readonly closed: Promise<number>;

  constructor(
    private readonly socket: WebSocket,
    readonly url: string,
  ) {
    socket.on("message", (data) => this.inbox.push(JSON.parse(String(data)) as Json));
    this.closed = once(socket, "close").then(([code]) => Number(code));
  }

  send(frame: Json): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** The next frame of this type that has not been taken. */
  frame(type: string): Promise<Json> {
    return this.inbox.take(`frame ${type}`, (frame) => frame.type === type);
  }

  /** Frames of this type that have arrived and were not taken. */
  untaken(type: string): number {
    return this.inbox.count((frame) => frame.type === type);
  }

  welcome(timestamp = new Date()): void {
    this.send({ type: "system.welcome", connection_id: crypto.randomUUID(), timestamp: timestamp.toISOString() });
  }

  /** Welcome and sign-in; returns the authenticate frame. */
  async signIn(userId = "7", timestamp = new Date()): Promise<Json> {
    this.welcome(timestamp);
    const authenticate = await this.frame("system.authenticate");
    this.send({
      type: "system.authenticated",
      user_id: userId,
      username: "ada",
      roles: [],
      timestamp: timestamp.toISOString(),
    });
    return authenticate;
  }

  close(code: number, reason?: string): void {
    this.socket.close(code, reason);
  }

  /** Ends it without a closing handshake, as a lost network does. */
  cut(): void {
    this.socket.terminate();
  }
}

export class ScriptedServer {
  private readonly connections = new Inbox<Connection>();
  private constructor(private readonly server: WebSocketServer) {
    server.on("connection", (socket, request) => this.connections.push(new Connection(socket, request.url ?? "")));
  }

  static async start(): Promise<ScriptedServer> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    return new ScriptedServer(server);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/ws`;
  }

  connection(): Promise<Connection> {
    return this.connections.take("connection", () => true);
  }

  async stop(): Promise<void> {
    for (const socket of this.server.clients) socket.terminate();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
