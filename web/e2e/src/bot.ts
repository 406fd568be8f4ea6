import {
  type Client,
  type ConnectionSettings,
  checkFairness,
  connect,
  isContradicted,
  type RoomId,
  type RoomView,
  Session,
  type UserId,
} from "@blazing-sun/client";
import { WebSocket } from "ws";

const DEADLINE_MS = 60_000;

export interface BotOptions extends ConnectionSettings {
  /** Where its socket goes, if not straight to the server. */
  via?: string;
}

export interface TableOptions {
  name?: string;
  gameType?: string;
  seats?: number;
  password?: string;
  /** Left out, others may watch. */
  allowSpectators?: false;
}

/** A guest without a page, on the client library. */
export class Bot {
  /** What its moves were refused with; one whose time ran out meanwhile is. */
  readonly refusals: unknown[] = [];
  private moved = "";

  private constructor(
    readonly session: Session,
    readonly client: Client,
    readonly id: UserId,
    readonly name: string,
  ) {}

  static async enter(origin: string, { via = origin, ...settings }: BotOptions = {}): Promise<Bot> {
    const session = new Session({ origin });
    const { user_id, username } = await session.guest();
    const client = connect({ session, url: new URL("/ws", via), WebSocket, ...settings });
    const bot = new Bot(session, client, user_id, username);
    await client.online({ signal: AbortSignal.timeout(DEADLINE_MS) });
    return bot;
  }

  /** Another connection of the same user. */
  again({ via = this.session.origin, ...settings }: BotOptions = {}): Client {
    return connect({ session: this.session, url: new URL("/ws", via), WebSocket, ...settings });
  }

  async openRoom(options: TableOptions = {}): Promise<RoomId> {
    const { name = "Table", gameType = "bigger_dice", seats = 2, password, allowSpectators = true } = options;
    await this.client.command("games.command.create_room", {
      game_type: gameType,
      room_name: name,
      max_players: seats,
      allow_spectators: allowSpectators,
      ...(password === undefined ? {} : { password }),
    });
    const isOwn = (room: RoomView) => room.name === name && room.hostId === this.id && room.phase === "waiting";
    return (await this.sees((rooms) => rooms.find(isOwn))).roomId;
  }

  async join(roomId: RoomId, password?: string): Promise<void> {
    await this.client.command("games.command.join_room", {
      room_id: roomId,
      ...(password === undefined ? {} : { password }),
    });
  }

  async watch(roomId: RoomId): Promise<void> {
    await this.client.command("games.command.join_as_spectator", { room_id: roomId });
  }

  /** Gives seats in this order; with all of them taken, whoever has none is out. */
  async select(roomId: RoomId, ...userIds: readonly UserId[]): Promise<void> {
    for (const target_user_id of userIds) {
      await this.client.command("games.command.select_player", { room_id: roomId, target_user_id });
    }
  }

  /** Says ready once all seats are taken: until then each that is takes it back. */
  async ready(roomId: RoomId): Promise<void> {
    await this.untilRoom(roomId, ({ selected, seats }) => selected.length === seats);
    await this.client.ready(roomId);
  }

  /** Rolls whenever it is its turn, in any room. */
  rolls(): this {
    return this.plays("bigger_dice", ({ roomId }) =>
      this.client.command("games.command.bigger_dice.roll", { room_id: roomId }),
    );
  }

  /** Plays tic-tac-toe: at each turn the first of these cells that is free. */
  marks(...cells: readonly number[]): this {
    return this.plays("tic_tac_toe", ({ roomId, gameEvents }) => {
      const last = gameEvents.findLast(({ type }) => /\.(moved|game_result)$/.test(type));
      const board = Array.isArray(last?.board) ? (last.board as unknown[]) : [];
      const position = cells.find((cell) => !board[cell]) ?? 0;
      return this.client.command("games.command.tic_tac_toe.move", { room_id: roomId, position });
    });
  }

  /** Waits until the room is as it should be. */
  async untilRoom(roomId: RoomId, is: (room: RoomView) => boolean): Promise<RoomView> {
    return this.sees((rooms) => rooms.find((room) => room.roomId === roomId && is(room)));
  }

  /** The room once it has ended. */
  over(roomId: RoomId): Promise<RoomView> {
    return this.untilRoom(roomId, ({ phase }) => phase === "over");
  }

  /** What it could check of the whole game; throws where it has not seen all of it, or where anything is wrong. */
  async provesFair(roomId: RoomId): Promise<void> {
    const report = await checkFairness(this.client.transcripts.lines(roomId), this.id);
    if (!report || isContradicted(report) || report.missedRolls > 0 || report.result !== "right") {
      throw new Error(`${this.name} found: ${JSON.stringify(report)}`);
    }
  }

  async balanceCents(): Promise<number> {
    return (await this.session.balance()).balance_cents;
  }

  close(): void {
    this.client.close();
  }

  private plays(game: string, move: (room: RoomView) => Promise<unknown>): this {
    const look = (room: RoomView) => {
      const due = `${room.roomId} ${room.turn?.number}`;
      if (room.gameType !== game || room.turn?.userId !== this.id || due === this.moved) return;
      this.moved = due;
      move(room).catch((error) => {
        this.refusals.push(error);
      });
    };
    this.client.rooms.onChange(look);
    for (const room of this.client.rooms.all()) look(room);
    return this;
  }

  private sees<T>(find: (rooms: readonly RoomView[]) => T | undefined): Promise<T> {
    const { getSnapshot, subscribe } = this.client.rooms.store;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        off();
        reject(new Error(`${this.name} waited too long, and sees ${seen(getSnapshot())}`));
      }, DEADLINE_MS);
      const look = () => {
        const found = find(getSnapshot());
        if (found === undefined) return;
        off();
        clearTimeout(timer);
        resolve(found);
      };
      const off = subscribe(look);
      look();
    });
  }
}

function seen(rooms: readonly RoomView[]): string {
  return JSON.stringify(rooms.map(({ chat, gameEvents, ...room }) => room));
}

/** The host seats both, and both say to be ready. */
export async function begin(roomId: RoomId, host: Bot, other: Bot): Promise<void> {
  await other.join(roomId);
  await host.select(roomId, other.id, host.id);
  await Promise.all([host, other].map((bot) => bot.ready(roomId)));
  await host.untilRoom(roomId, ({ phase }) => phase === "playing");
}
