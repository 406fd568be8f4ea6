import type { RoomId, RoomView, UserId } from "@blazing-sun/client";

/** A room that this player opened to play another anew. */
export interface OwnRematch {
  readonly of: RoomId;
  readonly invited: ReadonlySet<UserId>;
}

/** Whom the host of a rematch gives a seat now: the invited as they come, and the host with the first of them. */
export function seatsToGive(room: RoomView, me: UserId, invited: ReadonlySet<UserId> | undefined): UserId[] {
  if (!invited || room.hostId !== me || room.phase !== "waiting") return [];
  const isUnseated = (userId: UserId) => !room.selected.includes(userId);
  const here = room.members.map((member) => member.userId).filter((userId) => invited.has(userId));
  if (here.length === 0) return [];
  return [...here, me].filter(isUnseated).slice(0, Math.max(0, room.seats - room.selected.length));
}

/** Nobody has to know it: the invited come in without, and strangers are to stay out as before. */
export function unknownPassword(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
