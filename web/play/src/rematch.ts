import type { RoomId, RoomView, UserId } from "@blazing-sun/client";
import type { Play } from "./play.js";

/** A rematch that this player asked for, wherever it is played in the end. */
interface Asked {
  /** The room that it opens anew. */
  readonly of: RoomId;
  readonly players: ReadonlySet<UserId>;
  /** What the player agreed to. */
  readonly gameType: string;
  readonly feeCents: number;
}

/**
 * Rematches that this player asked for, by the room that each is in. Where several ask at once, each opens a room; all
 * of them then go into the one that `Invitations.rematchOf` names to everyone, and leave their own.
 */
export class Rematches {
  private readonly rooms = new Map<RoomId, Asked>();

  constructor(private readonly play: Play) {}

  /** What a seat in a rematch of this room costs, as far as this page knows: pressing is consent to it. */
  feeCents(room: RoomView): number {
    return this.play.gameInfo(room.gameType)?.entry_fee_cents ?? room.entryFeeCents;
  }

  /** Opens the same room anew and asks the others into it; whether it is open. */
  async open(room: RoomView): Promise<boolean> {
    const { client, account } = this.play;
    if (!client || !account) return false;
    const players = room.members.filter((member) => room.selected.includes(member.userId));
    const others = players.filter((member) => !member.isBot && member.userId !== account.user_id);
    const invited = others.map((member) => member.userId);
    const feeCents = this.feeCents(room);
    const hasBot = players.some((member) => member.isBot);
    const answer = client.command("games.command.create_room", {
      game_type: room.gameType,
      room_name: room.name,
      max_players: room.seats,
      allow_spectators: room.allowsSpectators,
      entry_fee_cents: feeCents,
      ...(hasBot ? { invites_bot: true } : {}),
      ...(room.isPasswordProtected ? { password: unknownPassword() } : {}),
    });
    if (!(await this.play.run(answer))) return false;
    const frame = await answer;
    const roomId = "room" in frame ? frame.room.room_id : frame.room_id;
    if (!roomId) return false;
    if (invited.length > 0) {
      const { roomId: of, gameType } = room;
      this.rooms.set(roomId, { of, players: new Set(invited), gameType, feeCents });
      const asked = { room_id: roomId, target_user_ids: invited, rematch_of: room.roomId };
      await this.play.run(client.command("games.command.invite_players", asked));
    }
    if (hasBot && invited.length === 0) this.play.botRoomId = roomId;
    this.play.go({ page: "room", roomId });
    await this.settle();
    return true;
  }

  /** Whom the player of this rematch wants to play again. */
  playersOf(roomId: RoomId): ReadonlySet<UserId> | undefined {
    return this.rooms.get(roomId)?.players;
  }

  /** From here on the player does as in any other room. */
  forget(roomId: RoomId): void {
    this.rooms.delete(roomId);
  }

  clear(): void {
    this.rooms.clear();
  }

  /** Compares what this player asked for with what others ask for. */
  async settle(): Promise<void> {
    for (const [roomId, asked] of [...this.rooms]) await this.follow(roomId, asked);
  }

  private async follow(roomId: RoomId, asked: Asked): Promise<void> {
    const { client } = this.play;
    if (!client || this.rooms.get(roomId) !== asked) return;
    const room = client.rooms.get(roomId);
    if (!room || room.phase === "over") {
      this.rooms.delete(roomId);
      return;
    }
    const other = client.invitations.rematchOf(asked.of);
    if (!other || other.gameType !== asked.gameType || other.entryFeeCents > asked.feeCents) return;
    if (other.roomId > roomId) {
      // Whoever opened it comes here.
      client.invitations.drop(other.roomId);
      return;
    }
    this.rooms.delete(roomId);
    if (!(await this.play.acceptInvitation(other, "replace"))) {
      // The others come here, or into the next that is asked for.
      this.rooms.set(roomId, asked);
      if (client.invitations.rematchOf(asked.of) !== other) await this.follow(roomId, asked);
      return;
    }
    this.rooms.set(other.roomId, asked);
    await this.play.run(client.command("games.command.leave_room", { room_id: roomId }));
    client.rooms.forget(roomId);
    await this.follow(other.roomId, asked);
  }
}

/** Whom the host of a rematch gives a seat now: those asked for as they come, and the host with the first of them. */
export function seatsToGive(room: RoomView, me: UserId, asked: ReadonlySet<UserId> | undefined): UserId[] {
  if (!asked || room.hostId !== me || room.phase !== "waiting") return [];
  const isUnseated = (userId: UserId) => !room.selected.includes(userId);
  const here = room.members.map((member) => member.userId).filter((userId) => asked.has(userId));
  if (here.length === 0) return [];
  return [...here, me].filter(isUnseated).slice(0, Math.max(0, room.seats - room.selected.length));
}

/** Nobody has to know it: the invited come in without, and strangers are to stay out as before. */
function unknownPassword(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
