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
}

/** A guest without a page, on the client library. */
export class Bot {
  /** What its rolls were refused with; one whose time ran out meanwhile is. */
  readonly refusals: unknown[] = [];
  private rolled = "";

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

  async openRoom({
    name = "Table",
    gameType = "bigger_dice",
    seats = 2,
    password,
  }: TableOptions = {}): Promise<RoomId> {
    await this.client.command("games.command.create_room", {
      game_type: gameType,
      room_name: name,
      max_players: seats,
      allow_spectators: true,
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
    this.client.rooms.onChange(({ roomId, gameType, turn }) => {
      const due = `${roomId} ${turn?.number}`;
      if (gameType !== "bigger_dice" || turn?.userId !== this.id || due === this.rolled) return;
      this.rolled = due;
      this.client.command("games.command.bigger_dice.roll", { room_id: roomId }).catch((error) => {
        this.refusals.push(error);
      });
    });
    return this;
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
