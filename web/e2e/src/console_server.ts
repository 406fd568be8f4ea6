import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

type Json = Record<string, unknown>;

const PAGES = fileURLToPath(new URL("../../console/dist", import.meta.url));
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
export const HOSTILE = '<img src=x onerror="document.title=1">\u202e{{7*7}}</script>';
export const TRACED = "0190c2a4-1111-7222-8333-444455556666";
export const ROOM = "0190c2a4-2222-7222-8333-444455556666";
const NOW = Date.UTC(2026, 0, 31, 18, 0, 0);
const at = (ms: number) => new Date(NOW + ms).toISOString();

/** A server behind the console that answers whatever the test wants: what is hard to have the real one do. */
export class ConsoleServer {
  origin = "";
  /** Answers by path under `/api/v1/admin/`, in place of the usual ones; an error by its status. */
  readonly answers = new Map<string, Json | number>();
  readonly posted: { path: string; body: Json }[] = [];
  roles = ["player", "admin"];
  /** How many messages its topic has. */
  records = 100_000;
  private readonly server: Server;
  private isSignedIn = false;

  private constructor() {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  static async start(): Promise<ConsoleServer> {
    const server = new ConsoleServer();
    server.server.listen(0, "127.0.0.1");
    await once(server.server, "listening");
    server.origin = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
    return server;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.origin);
    if (!url.pathname.startsWith("/api/")) return this.page(url.pathname, response);
    let text = "";
    for await (const part of request) text += String(part);
    const body = text === "" ? {} : (JSON.parse(text) as Json);
    const answer = this.of(url, body, request.method === "POST");
    const status = typeof answer === "number" ? answer : 200;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(typeof answer === "number" ? problem(answer) : answer));
  }

  private async page(path: string, response: ServerResponse): Promise<void> {
    const name = normalize(path.replace(/^\/kafka\/?/, ""));
    const file = TYPES[extname(name)] === undefined ? "index.html" : name;
    try {
      const bytes = await readFile(join(PAGES, file));
      response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "", "content-security-policy": POLICY });
      response.end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  }

  private of(url: URL, body: Json, isPost: boolean): Json | number {
    const path = url.pathname.replace("/api/v1/", "");
    if (path === "auth/login") this.isSignedIn = body.password === "correct horse";
    if (path === "auth/logout") this.isSignedIn = false;
    if (path.startsWith("auth/")) return path !== "auth/logout" && !this.isSignedIn ? 401 : this.grant();
    const asked = decodeURIComponent(path.replace("admin/", ""));
    if (!this.roles.includes("admin")) return 403;
    if (isPost) this.posted.push({ path: asked, body });
    return this.answers.get(asked) ?? (isPost ? {} : this.usual(asked, url.searchParams)) ?? 404;
  }

  private grant(): Json {
    const user = {
      user_id: "7",
      username: "Ops",
      roles: this.roles,
      email: "ops@example.com",
      is_email_verified: true,
    };
    return { access_token: "token", expires_in: 900, user: { ...user, balance_cents: 0, currency: "eur" } };
  }

  private usual(path: string, query: URLSearchParams): Json | undefined {
    const messages = /^topics\/games\.events\/messages(?:\/0\/(\d+))?$/.exec(path);
    if (messages) return messages[1] === undefined ? this.messages(query) : message(Number(messages[1]));
    if (/^groups\/.*\/lag$/.test(path)) return { samples: samples() };
    if (path === "players" && query.get("query")?.includes(" ")) return { players: [], next_cursor: null };
    if (path === `trace/${TRACED}`) return TRACE;
    return FIXED[path];
  }

  private messages(query: URLSearchParams): Json {
    const limit = Number(query.get("limit") ?? 100);
    const start = query.get("start") ?? "newest";
    if (start === "end") {
      const from = Number(query.get("cursor") ?? this.records);
      const fresh = Array.from({ length: Math.max(0, this.records - from) }, (_, each) => message(from + each));
      return { messages: fresh, next_cursor: String(this.records), scanned: fresh.length, is_at_end: true };
    }
    const isForward = start !== "newest";
    const first = start.startsWith("offset:") ? Number(start.slice(7)) : isForward ? 0 : this.records - 1;
    const from = Number(query.get("cursor") ?? first);
    const wanted = query.get("text");
    // What does not match costs no room: many are looked through at once.
    const scanned = wanted ? 20_000 : limit;
    const count = Math.min(scanned, isForward ? this.records - from : from + 1);
    const offsets = Array.from({ length: Math.max(0, count) }, (_, each) => (isForward ? from + each : from - each));
    const next = isForward ? from + count : from - count;
    const isAtEnd = isForward ? next >= this.records : next < 0;
    const found = offsets.map(message).filter((each) => !wanted || JSON.stringify(each).includes(wanted));
    return { messages: found, next_cursor: isAtEnd ? null : String(next), scanned: count, is_at_end: isAtEnd };
  }
}

function problem(status: number): Json {
  const code = { 401: "unauthorized", 403: "forbidden", 404: "not_found", 503: "unavailable" }[status] ?? "failed";
  return { type: "about:blank", title: "Refused", status, code, detail: `the test's answer ${status}` };
}

function message(offset: number): Json {
  return {
    topic: "games.events",
    partition: 0,
    offset,
    timestamp: at(offset),
    key: ROOM,
    type: "games.event.bigger_dice.rolled",
    correlation_id: TRACED,
    user_id: "8",
    room_id: ROOM,
    headers: { correlation_id: TRACED, traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
    value: { event_id: TRACED, payload: { room_id: ROOM, user_id: "8", username: HOSTILE, value: offset % 6 } },
    size: 512,
  };
}

function samples(): Json[] {
  return Array.from({ length: 120 }, (_, each) => ({
    at: at(each * 10_000),
    lag: Math.round(200 + 180 * Math.sin(each / 9) + (each % 7) * 12),
  }));
}

const TOPIC = {
  name: "games.events",
  records: 100_000,
  retention_ms: 604_800_000,
  first_timestamp: at(-86_400_000),
  last_timestamp: at(0),
  rate_per_s: 12.4,
};
const partition = (number: number) => ({
  partition: number,
  begin: 0,
  end: 25_000,
  leader: 1,
  replicas: [1, 2, 3],
  in_sync: number === 2 ? [1, 2] : [1, 2, 3],
});
const positions = [{ topic: "games.commands", partition: 0, next: 512, lag: 3 }];
const GROUP = {
  group: "blazing_sun",
  members: 2,
  lag: 412,
  partitions: [0, 1].map((each) => ({ topic: "games.commands", partition: each, committed: 100, end: 306, lag: 206 })),
};
const PLAYER = {
  user_id: "8",
  username: HOSTILE,
  email: "ada@example.com",
  roles: ["player"],
  status: "active",
  created_at: at(-9e9),
};
const LINE = {
  room_id: ROOM,
  room_name: HOSTILE,
  game_type: "bigger_dice",
  status: "in_progress",
  updated_at: at(-60_000),
  host_id: "8",
  players: 2,
  max_players: 2,
  spectators: 1,
  entry_fee_cents: 1_000,
  is_quarantined: false,
};
const step = (
  ms: number,
  took: number,
  what: string,
  title: string,
  where: Json | null,
  data: unknown = null,
): Json => ({
  at: at(ms),
  what,
  title,
  where,
  user_id: "8",
  room_id: ROOM,
  since_start_ms: ms,
  since_previous_ms: took,
  data,
});
const TRACE: Json = {
  correlation_id: TRACED,
  verdict: "Refused: not_your_turn. The turn was Bob’s since 17:59:58.",
  complete: true,
  steps: [
    step(0, 0, "frame", "games.command.bigger_dice.roll came by a socket of gateway g0", null),
    step(2, 2, "record", "appended to games.commands", { topic: "games.commands", partition: 0, offset: 511 }),
    step(9, 7, "batch", "decided in batch 77", { batch_no: 77 }),
    step(9, 0, "refusal", "not_your_turn", { outbox_seq: 901 }, { code: "not_your_turn", username: HOSTILE }),
    step(13, 4, "event", "games.event.error", { topic: "games.events", partition: 0, offset: 99_000, outbox_seq: 901 }),
    step(14, 1, "socket", "1 event to 1 socket of g0", {}, { gateway_id: "g0", sockets: 1 }),
  ],
  gateways: [{ gateway_id: "g0", remembers_since: at(-900_000), user_sockets: 1, is_connected: true }],
  silent_gateways: ["g1"],
};
const FIXED: Record<string, Json> = {
  me: { user_id: "7", username: "Ops", roles: ["player", "admin"] },
  topics: {
    topics: [
      { ...TOPIC, partitions: 4 },
      { ...TOPIC, name: "games.commands", partitions: 4, retention_ms: -1 },
    ],
  },
  "topics/games.events": {
    ...TOPIC,
    partitions: 4,
    by_partition: [0, 1, 2, 3].map(partition),
    settings: { "cleanup.policy": "delete", "retention.ms": "604800000" },
  },
  groups: { groups: [GROUP, { ...GROUP, group: "ws_gateway.g0", lag: 0 }] },
  "dead-letters": {
    dead_letters: [
      {
        id: "0-17",
        failed_at: at(-5_000),
        topic: "games.commands",
        partition: 0,
        offset: 511,
        key: ROOM,
        error: "payload: missing field `room_id`",
        state: "waiting",
        original: { correlation_id: TRACED, payload: { room_name: HOSTILE } },
      },
    ],
    next_cursor: null,
  },
  outbox: {
    partitions: [0, 1].map((each) => ({
      partition: each,
      owner: "b-1",
      epoch: 7,
      published_upto: 900,
      committed: 904,
      backlog: 4,
      oldest_unpublished_at: at(-12_000),
    })),
  },
  members: {
    gateways: [{ gateway_id: "g0", boot_id: TRACED, last_heard_at: at(-900), sockets: 1_204, positions }],
    owners: [
      { partition: 0, owner: "b-1", epoch: 7, batch_no: 77, positions, queue_depth: 2 },
      { partition: 1, owner: "", epoch: 3, batch_no: 0, positions: [], queue_depth: 0 },
    ],
  },
  log: {
    entries: [
      {
        id: 2,
        at: at(-100),
        operator: "7",
        action: "player.ban",
        target: "8",
        detail: { reason: HOSTILE },
        outcome: "done",
      },
      {
        id: 1,
        at: at(-900),
        operator: "cli:ops",
        action: "room.close",
        target: ROOM,
        detail: { reason: "stuck" },
        outcome: "failed",
      },
    ],
    next_cursor: null,
  },
  rooms: { rooms: [LINE], next_cursor: null },
  [`rooms/${ROOM}`]: {
    room: LINE,
    members: [{ user_id: "8", username: HOSTILE, membership: "player" }],
    money: {
      escrow_cents: 2_000,
      entries: [
        {
          at: at(-50_000),
          kind: "fee",
          from: "player/8",
          to: `escrow/${ROOM}`,
          amount_cents: 1_000,
          user_id: "8",
          correlation_id: TRACED,
        },
      ],
    },
    timeline: [
      {
        at: at(-50_000),
        room_seq: 12,
        type: "games.event.bigger_dice.rolled",
        actor: "8",
        correlation_id: TRACED,
        summary: HOSTILE,
      },
    ],
    next_cursor: null,
    quarantined: null,
    state: { turn: "8", scores: { "8": 3 } },
  },
  players: { players: [{ ...PLAYER, balance_cents: 4_200, is_banned: false }] },
  "players/8": {
    profile: { ...PLAYER, last_seen_at: at(-100) },
    balance: { balance_cents: 4_200, currency: "eur" },
    sessions: [
      { kind: "sign_in", begun_at: at(-9e5), renewed_at: at(-100), expires_at: at(9e5) },
      { kind: "socket", gateway_id: "g0", connection_id: "17" },
    ],
    limits: {
      excluded_until: null,
      limits: [
        { period: "day", amount_cents: 10_000, used_cents: 2_000, pending: null },
        { period: "week", amount_cents: null, used_cents: 2_000, pending: null },
      ],
    },
    rooms: [{ room_id: ROOM, membership: "player" }],
    ban: null,
  },
  "players/8/statement": {
    entries: [
      { at: at(-50_000), kind: "fee", amount_cents: -1_000, key: "k2", room_id: ROOM, correlation_id: TRACED },
      { at: at(-90_000), kind: "top_up", amount_cents: 5_200, key: "k1", room_id: null, correlation_id: TRACED },
    ],
    next_cursor: null,
  },
  money: {
    accounts: ["players", "escrow", "rake", "test_clearing", "mint"].map((kind, each) => ({
      kind,
      accounts: each < 2 ? 5 : null,
      sum_cents: each === 4 ? -6_200 : 1_550,
    })),
    difference_cents: 0,
    currency: "eur",
    is_test_money: true,
    moved_today: [{ kind: "fee", amount_cents: 1_000, transfers: 1 }],
  },
  "money/audit": {
    state: "done",
    started_at: at(-60_000),
    finished_at: at(-58_000),
    is_clean: true,
    findings: [],
    checked: [{ name: "every transfer moves what its kind moves", looked_at: 12, differences: 0 }],
    error: null,
  },
  settings: {
    maintenance: { starts_at: at(60_000), message: HOSTILE, announced_by: "cli:ops" },
    settings: [
      { name: "log.level", value: "info", default: "info", from: "config", kind: "a filter of log lines" },
      {
        name: "games.bigger_dice.entry_fee_cents",
        value: 1_200,
        default: 1_000,
        from: "live",
        kind: "a whole number from 0 to 100000000",
        unit: "cents",
        changed_at: at(-1_000),
        changed_by: "7",
      },
    ],
  },
};
