import type { Client } from "./client.js";
import { Signal, type Unsubscribe } from "./emitter.js";
import type { EventFrame, RoomId, UserId } from "./wire.js";
import { userIdOf } from "./wire.js";

export interface Invitation {
  readonly roomId: RoomId;
  readonly roomName: string;
  readonly gameType: string;
  readonly hostId: UserId;
  readonly hostName: string;
  readonly entryFeeCents: number;
  readonly prizeCents: number;
  /** The room that it opens anew. */
  readonly rematchOf: RoomId;
}

const ROOMS_KEPT = 64;
const INVITATIONS_KEPT = 8;

/**
 * Rematches that somebody asks for. One counts only where its host shared the room that it opens anew with this user:
 * whoever guesses ids gets nothing onto a stranger's page.
 */
export class Invitations {
  private readonly shared = new Map<RoomId, ReadonlySet<UserId>>();
  private invitations: readonly Invitation[] = [];
  private readonly changed = new Signal<void>();

  constructor(private readonly client: Client) {
    client.rooms.onChange((room) => {
      if (room.phase === "over" || room.phase === "playing") this.shared.delete(room.roomId);
      if (!this.shared.has(room.roomId)) {
        this.shared.set(room.roomId, new Set(room.members.map((member) => member.userId)));
        for (const oldest of this.shared.keys()) {
          if (this.shared.size <= ROOMS_KEPT) break;
          this.shared.delete(oldest);
        }
      }
      this.drop(room.roomId);
    });
    client.on("games.event.room_invited", (frame) => this.add(frame));
    client.on("games.event.room_removed", (frame) => this.drop(frame.room_id));
  }

  all(): readonly Invitation[] {
    return this.invitations;
  }

  /** The newest one to play this room anew. */
  rematchOf(roomId: RoomId): Invitation | undefined {
    return this.invitations.findLast((each) => each.rematchOf === roomId);
  }

  onChange(listener: () => void): Unsubscribe {
    return this.changed.on(listener);
  }

  drop(roomId: RoomId): void {
    const rest = this.invitations.filter((each) => each.roomId !== roomId);
    if (rest.length === this.invitations.length) return;
    this.invitations = rest;
    this.changed.emit();
  }

  private add(frame: EventFrame<"games.event.room_invited">): void {
    const hostId = userIdOf(frame.host_id);
    const me = this.client.user?.userId ?? "";
    const met = frame.rematch_of ? this.shared.get(frame.rematch_of) : undefined;
    // The host hears of it too.
    if (hostId === me || !frame.rematch_of || !met?.has(hostId) || !met.has(me)) return;
    const invitation = {
      roomId: frame.room_id,
      roomName: frame.room_name,
      gameType: frame.game_type,
      hostId,
      hostName: frame.host_username,
      entryFeeCents: frame.entry_fee_cents,
      prizeCents: frame.prize_cents,
      rematchOf: frame.rematch_of,
    };
    const others = this.invitations.filter((each) => each.roomId !== invitation.roomId);
    this.invitations = [...others, invitation].slice(-INVITATIONS_KEPT);
    this.changed.emit();
  }
}
