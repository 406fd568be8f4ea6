import { createHash, createHmac, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { type WebSocket, WebSocketServer } from "ws";

type Json = Record<string, unknown>;

interface User {
  user_id: string;
  username: string;
  roles: string[];
  balance_cents: number;
  currency: string;
}

interface Seat {
  user: User;
  isReady: boolean;
  commitment: string | null;
  seed: string | null;
  score: number;
  isAuto: boolean;
}

const FEE = 1_000;
const SHIPPED_PAGE = "/games/shipped_dice/index.js";
/** Games that the pages know nothing of but what this says. */
const OTHER_GAMES = [
  { game_type: "plain_dice", name: "Plain Dice", moves: { roll: { type: "object", description: "Throws the die" } } },
  { game_type: "shipped_dice", name: "Shipped Dice", moves: { roll: {} }, page: SHIPPED_PAGE },
];
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'";

class Room {
  readonly id = randomUUID();
  readonly serverSeed = randomBytes(32);
  readonly lobby: User[] = [];
  readonly seats: Seat[] = [];
  status: "waiting" | "in_progress" | "finished" = "waiting";
  seq = 0;
  round = 1;
  nonce = 0;
  pending: Seat[] = [];
  rolls: [Seat, number][] = [];
  isTiebreaker = false;
  /** Values that the next throws get, against the rules. */
  loaded: number[] = [];
  /** What the game is called; it plays as Bigger Dice whatever its name. */
  gameType = "bigger_dice";
  turnNumber = 0;
  deadline = "";

  constructor(
    readonly host: User,
    readonly name: string,
    readonly maxPlayers: number,
  ) {
    this.lobby.push(host);
  }

  get prize(): number {
    return Math.floor((FEE * this.maxPlayers * 80) / 100);
  }

  get commitment(): string {
    return createHash("sha256").update(this.serverSeed).digest("hex");
  }

  get members(): User[] {
    return [...this.lobby, ...this.seats.map((seat) => seat.user)];
  }

  seatOf(userId: unknown): Seat | undefined {
    return this.seats.find((seat) => seat.user.user_id === String(userId));
  }

  /** The next draw, as the rules prescribe it. */
  draw(): [value: number, nonce: number] {
    for (;;) {
      const nonce = this.nonce++;
      const loaded = this.loaded.shift();
      if (loaded !== undefined) return [loaded, nonce];
      const hmac = createHmac("sha256", this.serverSeed).update(this.id);
      for (const { seed } of this.seats) {
        const bytes = Buffer.from(seed ?? "", "hex");
        const length = Buffer.alloc(4);
        length.writeUInt32BE(bytes.length);
        hmac.update(length).update(bytes);
      }
      const counter = Buffer.alloc(8);
      counter.writeBigUInt64BE(BigInt(nonce));
      const byte = hmac
        .update(counter)
        .digest()
        .find((candidate) => candidate < 252);
      if (byte !== undefined) return [1 + (byte % 6), nonce];
    }
  }

  snapshot(): Json {
    const player = (user: User, seat?: Seat) => ({
      user_id: user.user_id,
      username: user.username,
      score: seat?.score ?? 0,
      is_ready: seat?.isReady ?? false,
      joined_at: new Date(Number(user.user_id) * 1000).toISOString(),
    });
    return {
      room_id: this.id,
      room_name: this.name,
      game_type: this.gameType,
      status: this.status,
      host_id: this.host.user_id,
      players: this.seats.map((seat) => player(seat.user, seat)),
      lobby: this.lobby.map((user) => player(user)),
      selected_players: this.seats.map((seat) => seat.user.user_id),
      auto_players: this.seats.filter((seat) => seat.isAuto).map((seat) => seat.user.user_id),
      current_turn: this.pending[0]?.user.user_id ?? null,
      turn_number: this.turnNumber,
      turn_deadline: this.deadline || null,
      player_count: this.maxPlayers,
      entry_fee_cents: FEE,
      prize_cents: this.prize,
      seed_commitment: this.commitment,
      room_seq: this.seq,
      recovered: false,
    };
  }

  summary(): Json {
    return {
      room_id: this.id,
      room_name: this.name,
      game_type: this.gameType,
      host_id: this.host.user_id,
      host_name: this.host.username,
      status: this.status,
      player_count: this.members.length,
      spectator_count: 0,
      max_players: this.maxPlayers,
      is_password_protected: false,
      allow_spectators: false,
      entry_fee_cents: FEE,
      prize_cents: this.prize,
    };
  }

  state(): Json {
    return {
      round_number: this.round,
      current_rolls: this.rolls.map(([seat, roll]) => [seat.user.user_id, roll]),
      pending_rollers: this.pending.map((seat) => seat.user.user_id),
      is_tiebreaker: this.isTiebreaker,
    };
  }
}

class Refused extends Error {}

/**
 * A stand-in for the server that speaks enough of the wire for the pages: no money is kept, nothing is durable,
 * nothing times out. It also serves the built pages, under the strictest policy that they live with.
 */
export class ScriptedServer {
  readonly users = new Map<string, User>();
  readonly rooms = new Map<string, Room>();
  /** Codes with which the next commands of a type are refused. */
  readonly refuseNext = new Map<string, string>();
  /** How many of the next requests to the API fail as if the server were starting. */
  failNext = 0;
  /** The source of a page module that ships with the game `shipped_dice`. */
  gamePage = "";
  private readonly sockets = new Map<WebSocket, User>();
  private readonly http: Server;
  private readonly ws = new WebSocketServer({ noServer: true });
  private userCount = 0;

  private constructor(private readonly pages: string) {
    this.http = createServer((request, response) => {
      this.answer(request, response).catch(() => response.writeHead(500).end());
    });
    this.http.on("upgrade", (request, socket, head) => {
      this.ws.handleUpgrade(request, socket, head, (ws) => this.welcome(ws));
    });
  }

  static async start(pages: string): Promise<ScriptedServer> {
    const server = new ScriptedServer(pages);
    server.http.listen(0, "127.0.0.1");
    await once(server.http, "listening");
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.cutAll();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  /** Loses every connection, as a restart does. */
  cutAll(): void {
    for (const socket of this.ws.clients) socket.terminate();
  }

  addUser(username: string): User {
    this.userCount += 1;
    const user = {
      user_id: String(this.userCount),
      username,
      roles: ["guest"],
      balance_cents: 5_000,
      currency: "eur",
    };
    this.users.set(user.user_id, user);
    return user;
  }

  /** As if somebody in the room had written it, whatever the real server would take. */
  say(room: Room, author: User, content: string): void {
    const said = { message_id: randomUUID(), user_id: author.user_id, username: author.username, content };
    this.toRoom(room, "chat_message", {
      ...said,
      channel: "lobby",
      is_system: false,
      timestamp: new Date().toISOString(),
    });
  }

  addRoom(host: User, name: string, seats: number): Room {
    const room = new Room(host, name, seats);
    this.rooms.set(room.id, room);
    return room;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    if (path.startsWith("/api/v1/")) {
      this.api(path.slice("/api/v1/".length), request, response);
      return;
    }
    if (path === SHIPPED_PAGE) {
      response.writeHead(200, {
        "content-type": "text/javascript",
        "content-security-policy": CONTENT_SECURITY_POLICY,
      });
      response.end(this.gamePage);
      return;
    }
    const file = extname(path) ? normalize(path) : "/index.html";
    try {
      const body = await readFile(join(this.pages, file));
      response.writeHead(200, {
        "content-type": TYPES[extname(file)] ?? "application/octet-stream",
        "content-security-policy": CONTENT_SECURITY_POLICY,
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  }

  private api(path: string, request: IncomingMessage, response: ServerResponse): void {
    const send = (status: number, body: unknown, headers: Record<string, string> = {}) =>
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    if (this.failNext > 0) {
      this.failNext -= 1;
      send(503, { code: "unavailable", title: "Starting" });
      return;
    }
    const cookie = /refresh=(\d+)/.exec(request.headers.cookie ?? "")?.[1];
    const bearer = /^Bearer t-(\d+)$/.exec(request.headers.authorization ?? "")?.[1];
    const grant = (user: User) =>
      send(
        200,
        { access_token: `t-${user.user_id}`, expires_in: 900, user },
        { "set-cookie": `refresh=${user.user_id}; HttpOnly; SameSite=Strict; Path=/api/v1/auth` },
      );
    const user = this.users.get(cookie ?? "");
    const caller = this.users.get(bearer ?? "");
    if (path === "auth/guest") grant(this.addUser(`Guest ${this.userCount + 1}`));
    else if (path === "auth/refresh" && user) grant(user);
    else if (path === "auth/logout") send(200, {}, { "set-cookie": "refresh=; Path=/api/v1/auth; Max-Age=0" });
    else if (path === "auth/login") send(401, { code: "wrong_credentials", title: "No" });
    else if (path === "me/balance" && caller) {
      send(200, { balance_cents: caller.balance_cents, currency: caller.currency });
    } else if (path === "games") {
      const terms = { min_players: 2, max_players: 10, entry_fee_cents: FEE, prize_percent: 80, currency: "eur" };
      const games = [{ game_type: "bigger_dice", name: "Bigger Dice", moves: {} }, ...OTHER_GAMES];
      send(200, { games: games.map((game) => ({ ...game, ...terms })) });
    } else if (path === "me/messages" || path === "lobbies/main/messages") {
      send(200, { messages: [], unread_count: 0, next_cursor: null });
    } else send(401, { code: "unauthenticated", title: "Sign in" });
  }

  private welcome(socket: WebSocket): void {
    const send = (frame: Json) => socket.send(JSON.stringify({ timestamp: new Date().toISOString(), ...frame }));
    send({ type: "system.welcome", connection_id: randomUUID() });
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data)) as Json;
      const user = this.sockets.get(socket);
      if (frame.type === "system.authenticate") {
        const known = this.users.get(String(frame.token).slice(2));
        if (!known) {
          socket.close(1008);
          return;
        }
        this.sockets.set(socket, known);
        send({ type: "system.authenticated", ...known });
        for (const room of this.rooms.values()) if (room.members.includes(known)) this.sendState(room, known);
      } else if (frame.type === "system.resume" && user) {
        for (const { room_id } of frame.rooms as { room_id: string }[]) this.tellStanding(user, room_id);
      } else if (frame.type === "system.heartbeat") send({ type: "system.heartbeat_ack" });
      else if (user && frame.command_id) {
        send({ type: "system.ack", command_id: frame.command_id });
        const name = String(frame.type).replace("games.command.", "");
        try {
          const code = this.refuseNext.get(name);
          this.refuseNext.delete(name);
          if (code) throw new Refused(code);
          this.command(name, frame, user);
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          send({ type: "games.event.error", code: error.message, message: "No", command_id: frame.command_id });
        }
      }
    });
  }

  private tellStanding(user: User, roomId: string): void {
    const room = this.rooms.get(roomId);
    if (room?.members.includes(user)) this.sendState(room, user);
    else
      this.to([user], "not_in_room", {
        room_id: roomId,
        status: room?.status ?? "finished",
        room_name: room?.name ?? "",
      });
  }

  private command(name: string, frame: Json, user: User): void {
    const correlation = { correlation_id: frame.command_id };
    if (name === "list_rooms") {
      const rooms = [...this.rooms.values()].filter((room) => room.status === "waiting");
      this.to([user], "room_list", { ...correlation, rooms: rooms.map((room) => room.summary()) });
      return;
    }
    if (name === "create_room") {
      const room = this.addRoom(user, String(frame.room_name), Number(frame.max_players ?? 2));
      this.sendState(room, user, correlation);
      const created = { ...room.summary(), host_username: user.username, player_count: room.maxPlayers };
      this.broadcast("room_created", { ...created, ...correlation });
      return;
    }
    const room = this.rooms.get(String(frame.room_id));
    if (!room) throw new Refused("room_not_found");
    if (name === "join_room") {
      room.lobby.push(user);
      this.sendState(room, user, correlation);
      this.toRoom(room, "lobby_joined", { player: { ...user, joined_at: new Date().toISOString() }, ...correlation });
      this.broadcast("room_updated", room.summary());
      return;
    }
    if (!room.members.includes(user)) throw new Refused("not_in_room");
    if (name === "rejoin_room") {
      this.sendState(room, user, correlation);
    } else if (name === "leave_room") {
      room.lobby.splice(room.lobby.indexOf(user), 1);
      this.toRoom(room, "player_left", { ...user, ...correlation }, [user]);
    } else if (name === "select_player") {
      const at = room.lobby.findIndex((member) => member.user_id === frame.target_user_id);
      const [target] = room.lobby.splice(at, 1);
      if (!target) throw new Refused("player_not_in_lobby");
      room.seats.push({ user: target, isReady: false, commitment: null, seed: null, score: 0, isAuto: false });
      this.pay(target, -FEE, "participation");
      this.toRoom(room, "player_selected", { player: { ...target, is_ready: false }, ...correlation });
    } else if (name === "ready") {
      const seat = room.seatOf(user.user_id);
      if (!seat) throw new Refused("not_selected");
      seat.isReady = frame.is_ready !== false;
      seat.commitment = typeof frame.seed_commitment === "string" ? frame.seed_commitment : null;
      this.toRoom(room, "player_ready_changed", { ...user, is_ready: seat.isReady, ...correlation });
      if (room.seats.length < room.maxPlayers || !room.seats.every((each) => each.isReady)) return;
      this.toRoom(room, "seeds_requested", {
        seed_commitment: room.commitment,
        commitments: room.seats.map((each) => each.commitment),
        deadline: new Date(Date.now() + 5_000).toISOString(),
      });
    } else if (name === "reveal_seed") {
      const seat = room.seatOf(user.user_id);
      const seed = String(frame.client_seed);
      const digest = createHash("sha256").update(Buffer.from(seed, "hex")).digest("hex");
      if (!seat || digest !== seat.commitment) throw new Refused("seed_mismatch");
      seat.seed = seed;
      this.to([user], "command_applied", { command_id: frame.command_id, room_id: room.id });
      if (room.seats.every((each) => each.seed !== null)) this.begin(room);
    } else if (name === `${room.gameType}.roll`) {
      if (room.pending[0]?.user !== user) throw new Refused("not_your_turn");
      this.roll(room, correlation);
    } else if (name === "bigger_dice.enable_auto_play") {
      const seat = room.seatOf(user.user_id);
      if (seat) seat.isAuto = frame.enabled !== false;
      this.toRoom(room, seat?.isAuto ? "player_auto_enabled" : "player_auto_disabled", { ...user, ...correlation });
    } else throw new Refused("unknown_command");
  }

  private begin(room: Room): void {
    room.status = "in_progress";
    room.pending = [...room.seats];
    this.toRoom(room, "game_started", {
      game_type: room.gameType,
      players: room.seats.map(({ user }) => ({ user_id: user.user_id, username: user.username })),
      first_turn: room.pending[0]?.user.user_id,
      commitments: room.seats.map((seat) => seat.commitment),
      seeds: room.seats.map((seat) => seat.seed),
    });
    this.broadcast("room_removed", { room_id: room.id, reason: "game_started" });
    this.nextTurn(room);
  }

  private nextTurn(room: Room): void {
    room.turnNumber += 1;
    room.deadline = new Date(Date.now() + 5_000).toISOString();
    const turn = { current_turn: room.pending[0]?.user.user_id, turn_number: room.turnNumber, deadline: room.deadline };
    this.toRoom(room, "turn_changed", turn);
    this.toRoom(room, `${room.gameType}.state`, room.state());
  }

  private roll(room: Room, correlation: Json): void {
    const seat = room.pending.shift();
    if (!seat) return;
    const [value, nonce] = room.draw();
    room.rolls.push([seat, value]);
    const highest = Math.max(...room.rolls.map(([, roll]) => roll));
    const tied = room.rolls.filter(([, roll]) => roll === highest).map(([each]) => each);
    const isDecided = room.pending.length === 0;
    const winner = isDecided && tied.length === 1 ? tied[0] : undefined;
    if (winner) winner.score += 1;
    this.toRoom(room, `${room.gameType}.rolled`, {
      player_id: seat.user.user_id,
      player_username: seat.user.username,
      roll: value,
      new_score: seat.score,
      proof: { nonce },
      ...correlation,
    });
    if (!isDecided) {
      this.nextTurn(room);
      return;
    }
    const tiedIds = tied.map((each) => each.user.user_id);
    this.toRoom(room, `${room.gameType}.round_result`, {
      rolls: room.rolls.map(([each, roll]) => [each.user.user_id, roll]),
      winner_id: winner?.user.user_id,
      is_tie: !winner,
      is_tiebreaker: room.isTiebreaker,
      tiebreaker_players: winner ? [] : tiedIds,
      scores: room.seats.map((each) => [each.user.user_id, each.score]),
    });
    room.rolls = [];
    room.isTiebreaker = !winner;
    if (winner && winner.score >= 10) {
      this.finish(room, winner);
      return;
    }
    if (winner) {
      room.round += 1;
      room.pending = room.seats.map((_, at) => room.seats[(at + room.round - 1) % room.seats.length] as Seat);
    } else {
      room.pending = tied;
      this.toRoom(room, `${room.gameType}.tiebreaker_started`, { tied_players: tiedIds, tied_roll: highest });
    }
    this.nextTurn(room);
  }

  private finish(room: Room, winner: Seat): void {
    this.toRoom(room, `${room.gameType}.game_over`, {
      winner_id: winner.user.user_id,
      winner_username: winner.user.username,
      final_scores: room.seats.map((seat) => [seat.user.user_id, seat.user.username, seat.score]),
      prize_cents: room.prize,
    });
    this.pay(winner.user, room.prize, "prize");
    const revealed = { server_seed: room.serverSeed.toString("hex"), seed_commitment: room.commitment };
    this.toRoom(room, "seed_revealed", revealed);
    this.rooms.delete(room.id);
  }

  private pay(user: User, change: number, reason: string): void {
    user.balance_cents += change;
    const balance = { balance_cents: user.balance_cents, change_cents: change, currency: "eur", reason };
    this.to([user], "wallet.event.balance_changed", balance);
  }

  private sendState(room: Room, user: User, fields: Json = {}): void {
    this.to([user], "room_state", { room: room.snapshot(), ...fields });
    if (room.status === "in_progress") this.to([user], `${room.gameType}.state`, { room_id: room.id, ...room.state() });
  }

  private toRoom(room: Room, name: string, fields: Json, also: User[] = []): void {
    room.seq += 1;
    this.to([...room.members, ...also], name, { ...fields, room_id: room.id, room_seq: room.seq });
  }

  private broadcast(name: string, fields: Json): void {
    this.to([...this.sockets.values()], name, fields);
  }

  private to(users: User[], name: string, fields: Json): void {
    const type = name.includes(".event.") ? name : `games.event.${name}`;
    const timestamp = new Date().toISOString();
    const frame = JSON.stringify({ event_id: randomUUID(), timestamp, ...fields, type });
    for (const [socket, user] of this.sockets) if (users.includes(user)) socket.send(frame);
  }
}
