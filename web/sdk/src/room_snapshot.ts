import { time, userIdOf } from "./frames.js";
import { inOrder } from "./order.js";
import type { Member, Person, RoomPhase, RoomView } from "./room.js";
import { NO_CHAT } from "./room_chat.js";
import { memberFrom, personOf } from "./room_members.js";
import type { EventFrame, RoomSnapshot, UserId } from "./wire.js";

function phaseBeforePlay(room: RoomSnapshot): RoomPhase {
  if (room.seeds_deadline) return "seeds";
  return room.ready_deadline ? "starting" : "waiting";
}

/** What a state does not tell, or not all of it. */
type Known = Pick<RoomView, "members" | "banned" | "chat" | "gameState" | "gameEvents" | "result" | "fairness">;

const UNKNOWN: Known = {
  members: [],
  banned: [],
  chat: NO_CHAT,
  gameState: null,
  gameEvents: [],
  result: null,
  fairness: { commitment: null, serverSeed: null, playerSeeds: null, draws: [] },
};

/** The room as a `room_state` says, with what was known before and is not in it. */
export function fromSnapshot(
  before: RoomView | undefined,
  frame: EventFrame<"games.event.room_state">,
  me: UserId,
): RoomView {
  const room = frame.room;
  const auto = (room.auto_players ?? []).map(userIdOf);
  const known = before?.roomId === room.room_id ? before : UNKNOWN;
  const members: Member[] = [];
  for (const player of [...room.players, ...room.lobby]) {
    const userId = userIdOf(player.user_id);
    if (members.some((member) => member.userId === userId)) continue;
    const earlier = known.members.find((member) => member.userId === userId);
    // Who went or came back while events were missed is not told: nobody stays gone for that.
    members.push({ ...memberFrom(player, earlier), isAuto: auto.includes(userId), isGone: false, goneUntil: null });
  }
  const selected = (room.selected_players ?? room.players).map(userIdOf);
  const over = room.status === "finished" || room.status === "abandoned";
  const phase = over ? "over" : room.status === "in_progress" ? "playing" : phaseBeforePlay(room);
  const turnUser = userIdOf(room.current_turn);
  return {
    ...known,
    roomId: room.room_id,
    name: room.room_name,
    gameType: room.game_type,
    status: room.status,
    phase,
    phaseDeadline: over ? null : time(room.seeds_deadline ?? room.ready_deadline),
    hostId: userIdOf(room.host_id),
    members: inOrder(members, ({ joinedAt }) => joinedAt),
    selected: room.status === "waiting" ? selected : room.players.map(userIdOf),
    seats: room.player_count ?? room.players.length,
    spectatorCount: room.spectator_count ?? room.spectators?.length ?? 0,
    spectators: spectatorsOf(room, members, me),
    allowsSpectators: room.allow_spectators ?? false,
    muted: (room.muted_users ?? []).map(userIdOf),
    banned: bannedOf(room, known),
    pause: null,
    turn:
      turnUser && !over
        ? { userId: turnUser, number: room.turn_number ?? 0, deadline: time(room.turn_deadline) }
        : null,
    entryFeeCents: room.entry_fee_cents ?? 0,
    prizeCents: room.prize_cents ?? 0,
    isPasswordProtected: room.is_password_protected ?? false,
    invitesBot: room.invites_bot ?? false,
    roomSeq: room.room_seq ?? frame.after_seq ?? 0,
    fairness: { ...known.fairness, commitment: room.seed_commitment ?? known.fairness.commitment },
    removal: null,
  };
}

/** Of many the first are listed; a state comes to nobody but those who are in the room. */
function spectatorsOf(room: RoomSnapshot, members: readonly Member[], me: UserId): Person[] {
  const listed = (room.spectators_data ?? room.spectators ?? []).map(personOf);
  const isListed = [...listed, ...members].some((person) => person.userId === me);
  const isCut = (room.spectator_count ?? 0) > listed.length;
  return isCut && !isListed && me ? [...listed, { userId: me, username: null }] : listed;
}

function bannedOf(room: RoomSnapshot, known: Known): Person[] {
  return (room.banned_users_data ?? room.banned_users ?? []).map((user) => {
    const person = personOf(user);
    const earlier = known.banned.find((other) => other.userId === person.userId);
    return { ...person, username: person.username ?? earlier?.username ?? null };
  });
}
