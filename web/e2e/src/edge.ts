import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Which way bytes go: from the page, or to it. */
export type Direction = "up" | "down";

/** An upgraded connection, from both of its ends. */
interface Link {
  readonly frozen: Set<Direction>;
}

/** Where requests go by their path: those to the HTTP API, and all others. */
export interface Targets {
  api: () => string;
  pages: () => string;
}

/**
 * What stands between a page and its servers, as a reverse proxy does; and the network, which can be cut or fall silent.
 * The page's own origin is this one.
 */
export class Edge {
  private readonly server: Server;
  private readonly sockets = new Set<Duplex>();
  private readonly links = new Set<Link>();
  private isCut = false;

  private constructor(private readonly targets: Targets) {
    this.server = createServer((asked, answer) => this.pass(asked, answer));
    this.server.on("upgrade", (asked, socket, head) => this.link(asked, socket, head));
    this.server.on("connection", (socket) => {
      if (this.isCut) socket.destroy();
      else this.keep(socket);
    });
  }

  static async open(targets: Targets): Promise<Edge> {
    const edge = new Edge(targets);
    edge.server.listen(0, "127.0.0.1");
    await once(edge.server, "listening");
    return edge;
  }

  /** In front of one server that does all. */
  static before(origin: () => string): Promise<Edge> {
    return Edge.open({ api: origin, pages: origin });
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Ends every connection and takes no other, until `restore`. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  restore(): void {
    this.isCut = false;
  }

  /** The open sockets fall silent that way, for ever and without a close; new ones are not concerned. */
  freeze(...directions: Direction[]): void {
    for (const { frozen } of this.links) for (const direction of directions) frozen.add(direction);
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private keep(socket: Duplex): void {
    this.sockets.add(socket);
    socket.once("close", () => this.sockets.delete(socket));
    // What ended it is told by its close.
    socket.on("error", () => {});
  }

  private targetOf(path: string | undefined): URL {
    return new URL(path?.startsWith("/api/") ? this.targets.api() : this.targets.pages());
  }

  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { hostname: host, port } = this.targetOf(asked.url);
    const { method, url: path, headers } = asked;
    const onward = request({ host, port, method, path, headers }, (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    asked.pipe(onward);
  }

  private link(asked: IncomingMessage, page: Duplex, head: Buffer): void {
    const { hostname, port } = this.targetOf(asked.url);
    const server: Socket = connect(Number(port), hostname);
    const link: Link = { frozen: new Set() };
    this.links.add(link);
    this.keep(server);
    const fields = asked.rawHeaders.flatMap((name, at) => (at % 2 ? [] : [`${name}: ${asked.rawHeaders[at + 1]}`]));
    server.write(`${asked.method} ${asked.url} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`);
    server.write(head);
    carry(page, server, () => link.frozen.has("up"));
    carry(server, page, () => link.frozen.has("down"));
    server.once("close", () => this.links.delete(link));
  }
}

function carry(from: Duplex, to: Duplex, isFrozen: () => boolean): void {
  from.on("data", (bytes) => {
    if (!isFrozen()) to.write(bytes);
  });
  from.once("close", () => {
    if (!isFrozen()) to.destroy();
  });
}
