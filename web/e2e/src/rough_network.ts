import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What a connection goes through, each from some frame on. */
export const FAULTS = [
  "refused",
  "lost_answer",
  "torn_up",
  "torn_down",
  "held",
  "silent",
  "twin",
  "lossy",
  "repeating",
  "swapping",
] as const;

export type Fault = (typeof FAULTS)[number];

/** Numbers in [0, 1) that a seed determines (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Events that others follow at once. */
const FOLLOWED = ['"games.event.bigger_dice.rolled"', '"games.event.bigger_dice.round_result"'];
const HEAD_END = "\r\n\r\n";

/** Cuts a WebSocket connection's bytes where its frames end; the handshake counts as the first. */
class Frames {
  private rest = Buffer.alloc(0);
  private isUpgraded = false;

  push(bytes: Buffer): Buffer[] {
    this.rest = Buffer.concat([this.rest, bytes]);
    const whole: Buffer[] = [];
    for (let end = this.end(); end !== undefined && end <= this.rest.length; end = this.end()) {
      whole.push(this.rest.subarray(0, end));
      this.rest = this.rest.subarray(end);
      this.isUpgraded = true;
    }
    return whole;
  }

  /** Where the first frame ends, once its header is there. */
  private end(): number | undefined {
    if (!this.isUpgraded) {
      const at = this.rest.indexOf(HEAD_END);
      return at < 0 ? undefined : at + HEAD_END.length;
    }
    const { rest } = this;
    if (rest.length < 2) return undefined;
    const short = rest.readUInt8(1) & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (rest.length < 2 + lengthBytes) return undefined;
    const length =
      lengthBytes === 2 ? rest.readUInt16BE(2) : lengthBytes === 8 ? Number(rest.readBigUInt64BE(2)) : short;
    return 2 + lengthBytes + (rest.readUInt8(1) & 0x80 ? 4 : 0) + length;
  }
}

/** A network on which no connection goes well for long. Each gets the next fault of a deck that is shuffled anew each round. */
export class RoughNetwork {
  /** How often each fault has struck. */
  readonly struck = new Map<Fault, number>();
  private deck: Fault[] = [];
  private readonly sockets = new Set<Socket>();
  private readonly links = new Set<Link>();
  private isCalm = false;
  private readonly server: Server;

  private constructor(
    private readonly target: URL,
    readonly random: () => number,
    private readonly faults: readonly Fault[],
  ) {
    this.server = createServer((socket) => this.link(socket));
  }

  static async open(origin: string, random: () => number, faults: readonly Fault[] = FAULTS): Promise<RoughNetwork> {
    const network = new RoughNetwork(new URL(origin), random, faults);
    network.server.listen(0, "127.0.0.1");
    await once(network.server, "listening");
    return network;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** From here on new connections have their faults again. */
  stir(): void {
    this.isCalm = false;
    for (const link of this.links) link.end();
  }

  /** From here on all goes well; what does not is cut once more. */
  calm(): void {
    this.isCalm = true;
    for (const link of this.links) link.calm();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private nextFault(): Fault | undefined {
    if (this.isCalm) return undefined;
    if (this.deck.length === 0) {
      this.deck = this.faults
        .map((fault): [number, Fault] => [this.random(), fault])
        .sort(([a], [b]) => a - b)
        .map(([, fault]) => fault);
    }
    return this.deck.pop();
  }

  private keep(socket: Socket): Socket {
    this.sockets.add(socket);
    socket.setNoDelay(true);
    socket.once("close", () => this.sockets.delete(socket));
    // What ended it is told by its close.
    socket.on("error", () => {});
    return socket;
  }

  private upstream(): Socket {
    return this.keep(connect(Number(this.target.port), this.target.hostname));
  }

  private link(client: Socket): void {
    this.keep(client);
    const fault = this.nextFault();
    const strike = () => fault && this.struck.set(fault, (this.struck.get(fault) ?? 0) + 1);
    if (fault === "refused") {
      strike();
      client.destroy();
      return;
    }
    const servers = fault === "twin" ? [this.upstream(), this.upstream()] : [this.upstream()];
    const server = servers[0] as Socket;
    const link = new Link(client, servers, fault, this.random, strike);
    const [up, down] = [new Frames(), new Frames()];
    client.on("data", (bytes) => {
      for (const frame of up.push(bytes as Buffer)) link.up(frame);
    });
    server.on("data", (bytes) => {
      for (const frame of down.push(bytes as Buffer)) link.down(frame);
    });
    this.links.add(link);
    client.once("close", () => {
      this.links.delete(link);
      link.end();
    });
    server.once("close", () => link.end());
  }
}

/** One connection on its way to its fault. */
class Link {
  private framesLeft: number;
  private isStruck = false;
  private swapped: Buffer | undefined;
  private held: (() => void)[] | undefined;

  constructor(
    private readonly client: Socket,
    private readonly servers: readonly Socket[],
    private fault: Fault | undefined,
    private readonly random: () => number,
    private readonly strike: () => void,
  ) {
    // Beyond the handshake and signing in, most of the time.
    this.framesLeft = 2 + Math.floor(random() * 18);
  }

  up(frame: Buffer): void {
    if (this.fault === "silent" && this.isStruck) return;
    if (this.isDue("lost_answer")) {
      // All of it arrives, and nothing that comes of it.
      for (const server of this.servers) server.end(frame);
      this.client.destroy();
    } else if (this.isDue("torn_up")) {
      for (const server of this.servers) server.end(frame.subarray(0, frame.length / 2));
      this.client.destroy();
    } else {
      this.pass(() => {
        for (const server of this.servers) server.write(frame);
      });
    }
  }

  down(frame: Buffer): void {
    if (this.fault === "silent" && this.isStruck) return;
    if (this.isDue("torn_down")) {
      this.client.end(frame.subarray(0, frame.length / 2));
      this.end();
      return;
    }
    // What nothing follows is missed by nobody, and no network loses it alone.
    const isFollowed = FOLLOWED.some((name) => frame.includes(name));
    if (this.isDue("lossy") && isFollowed && this.random() < 0.3) return;
    if (this.isDue("swapping") && isFollowed && !this.swapped) {
      this.swapped = frame;
      return;
    }
    const frames = this.isDue("repeating") ? [frame, frame] : [frame];
    if (this.swapped) frames.push(this.swapped);
    this.swapped = undefined;
    this.pass(() => {
      for (const each of frames) this.client.write(each);
    });
  }

  calm(): void {
    if (this.isStruck) this.end();
    this.fault = undefined;
  }

  end(): void {
    this.client.destroy();
    for (const server of this.servers) server.end();
  }

  /** Whether this is its fault, and the time has come. */
  private isDue(fault: Fault): boolean {
    return fault === this.fault && this.isStruck;
  }

  private pass(on: () => void): void {
    if (this.held) this.held.push(on);
    else on();
    if (this.fault === undefined) return;
    this.framesLeft -= 1;
    if (this.framesLeft === 0) this.begin();
    // What goes on with its fault is cut at last, so that another one gets its turn.
    if (this.framesLeft < -40) this.end();
  }

  private begin(): void {
    this.isStruck = true;
    this.strike();
    if (this.fault !== "held") return;
    this.held = [];
    setTimeout(
      () => {
        const released = this.held ?? [];
        this.held = undefined;
        for (const on of released) on();
      },
      50 + this.random() * 250,
    );
  }
}
