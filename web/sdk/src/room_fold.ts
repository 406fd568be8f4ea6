import { hexList, time, userIdOf } from "./frames.js";
import type { RoomView } from "./room.js";
import { foldChat } from "./room_chat.js";
import { foldGameEvent } from "./room_game.js";
import { mapMember, personOf, withMember, withoutSpectator } from "./room_members.js";
import { fromSnapshot } from "./room_snapshot.js";
import type { EventFrame, EventType, Frame, UserId } from "./wire.js";

const PREFIX = "games.event.";
/** The reason of a removal for staying away. */
const ABSENT = "absent";

/** The room after an event, by the event's name behind the prefix. */
type Folds = {
  [K in EventType as K extends `${typeof PREFIX}${infer Name}` ? Name : never]?: (
    view: RoomView,
    frame: EventFrame<K>,
    me: UserId,
  ) => RoomView;
};

/** The room after `frame`; undefined for frames of rooms that this client has no state of. */
export function foldRoom(view: RoomView | undefined, frame: Frame, me: UserId): RoomView | undefined {
  if (frame.type === "games.event.room_state") {
    return fromSnapshot(view, frame as unknown as EventFrame<"games.event.room_state">, me);
  }
  if (!view || frame.room_id !== view.roomId) return view;
  const seq = typeof frame.room_seq === "number" ? Math.max(frame.room_seq, view.roomSeq) : view.roomSeq;
  return { ...foldEvent(view, frame, me), roomSeq: seq };
}

function foldEvent(view: RoomView, frame: Frame, me: UserId): RoomView {
  if (!frame.type.startsWith(PREFIX)) return view;
  const name = frame.type.slice(PREFIX.length);
  if (name.startsWith(`${view.gameType}.`)) return foldGameEvent(view, frame);
  // Any program's event gets here, whatever its name.
  if (!Object.hasOwn(FOLDS, name)) return view;
  const fold = FOLDS[name as keyof Folds] as unknown as (view: RoomView, frame: Frame, me: UserId) => RoomView;
  return fold(view, frame, me);
}

const foldMessages = (view: RoomView, frame: object): RoomView => ({
  ...view,
  chat: foldChat(view.chat, frame as Frame),
});

const foldDeselected = (view: RoomView, { user_id }: { user_id: unknown }): RoomView =>
  backToSelection({ ...view, selected: without(view.selected, userIdOf(user_id)) });

const FOLDS: Folds = {
  chat_message: foldMessages,
  chat_history: foldMessages,

  lobby_joined: (view, { player }) => withMember(withoutSpectator(view, userIdOf(player)), player),
  player_selected: (view, { player }) => {
    const id = userIdOf(player);
    return { ...withMember(view, player), selected: [...without(view.selected, id), id] };
  },
  player_deselected: foldDeselected,
  seed_voided: foldDeselected,
  selected_players_updated: (view, frame) => ({ ...view, selected: frame.selected_players.map(userIdOf) }),
  seed_renewed: (view, { seed_commitment: commitment }) => ({
    ...backToSelection(view),
    fairness: { ...view.fairness, commitment },
    members: view.members.map((member) => ({ ...member, isReady: false })),
  }),
  player_ready_changed: (view, { user_id, is_ready: isReady }) => mapMember(view, user_id, { isReady }),
  host_changed: (view, { host_id }) => ({ ...view, hostId: userIdOf(host_id) }),

  game_starting: (view, { players, deadline }) => {
    const selected = players.map(userIdOf);
    // Whoever has no seat is told alone and is out; the others hear of it only here.
    const members = view.members.filter((member) => selected.includes(member.userId));
    return { ...view, phase: "starting", phaseDeadline: time(deadline), selected, members };
  },
  seeds_requested: (view, { seed_commitment, deadline }) => ({
    ...view,
    phase: "seeds",
    phaseDeadline: time(deadline),
    fairness: { ...view.fairness, commitment: seed_commitment ?? view.fairness.commitment },
  }),
  game_started: (view, frame) => {
    const seated = frame.players.reduce((next, player) => withMember(next, player), view);
    const first = userIdOf(frame.first_turn);
    return {
      ...seated,
      // In play the seat stays, however long its player is gone.
      members: seated.members.map((member) => ({ ...member, goneUntil: null })),
      status: "in_progress",
      phase: "playing",
      phaseDeadline: null,
      selected: frame.players.map(userIdOf),
      turn: first ? { userId: first, number: 1, deadline: null } : null,
      gameEvents: [],
      fairness: { ...view.fairness, playerSeeds: seedsOf(frame), draws: [] },
    };
  },
  turn_changed: (view, { current_turn, turn_number, deadline }) => {
    const userId = userIdOf(current_turn);
    const number = turn_number ?? (view.turn?.number ?? 0) + 1;
    return { ...view, turn: userId ? { userId, number, deadline: time(deadline) } : null };
  },

  player_disconnected: (view, { user_id, timeout_at }) =>
    mapMember(view, user_id, { isGone: true, goneUntil: time(timeout_at) }),
  player_rejoined: (view, { user_id }) => mapMember(view, user_id, { isGone: false, goneUntil: null }),
  player_auto_enabled: (view, { user_id }) => mapMember(view, user_id, { isAuto: true }),
  player_auto_disabled: (view, { user_id }) =>
    mapMember(view, user_id, { isAuto: false, isGone: false, goneUntil: null }),

  player_left: (view, frame, me) => afterLeaving(view, frame, me, "left"),
  player_kicked: (view, frame, me) => afterLeaving(view, frame, me, "kicked"),
  player_banned: (view, frame, me) => {
    const person = personOf(frame);
    const banned = [...view.banned.filter((other) => other.userId !== person.userId), person];
    return afterLeaving({ ...withoutSpectator(view, person.userId), banned }, frame, me, "banned");
  },
  player_unbanned: (view, { user_id }) => ({
    ...view,
    banned: view.banned.filter((other) => other.userId !== userIdOf(user_id)),
  }),
  removed_from_game: (view, { user_id, reason, message }, me) =>
    userIdOf(user_id) === me ? { ...view, phase: "over", removal: { reason, message } } : view,

  spectator_joined: (view, frame) => {
    const userId = userIdOf(frame.user_id ?? frame.spectator_id);
    const others = withoutSpectator(view, userId);
    return {
      ...others,
      members: view.members.filter((member) => member.userId !== userId),
      spectators: [...others.spectators, { userId, username: frame.username }],
      spectatorCount: frame.spectator_count ?? others.spectatorCount + 1,
    };
  },
  spectator_left: (view, frame, me) => afterSpectator(view, frame, me, view.removal),
  spectator_kicked: (view, frame, me) => afterSpectator(view, frame, me, { reason: "kicked", message: "" }),
  spectators_updated: (view, { spectator_count: spectatorCount, spectators_data }) => ({
    ...view,
    spectatorCount,
    spectators: spectators_data?.map(personOf) ?? view.spectators,
  }),
  user_muted: (view, { target_user_id }) => {
    const userId = userIdOf(target_user_id);
    return { ...view, muted: [...without(view.muted, userId), userId] };
  },
  user_unmuted: (view, { target_user_id }) => ({ ...view, muted: without(view.muted, userIdOf(target_user_id)) }),

  room_removed: (view, { reason }) =>
    reason === "game_started" || view.phase === "over"
      ? view
      : { ...view, phase: "over", status: "abandoned", turn: null },
  seed_revealed: (view, { server_seed: serverSeed, seed_commitment: commitment }) => ({
    ...view,
    phase: "over",
    status: view.result || view.status === "finished" ? "finished" : "abandoned",
    turn: null,
    phaseDeadline: null,
    fairness: { ...view.fairness, serverSeed, commitment },
  }),
  not_in_room: (view, { status }) => {
    // The room still waits for its players, but without this one.
    const isRemoved = status === "waiting" && view.phase !== "over";
    const removal = isRemoved ? { reason: "not_in_room", message: "" } : view.removal;
    return { ...view, phase: "over", turn: null, status: status ?? view.status, removal };
  },
};

function without(ids: readonly UserId[], id: UserId): UserId[] {
  return ids.filter((other) => other !== id);
}

function afterSpectator(
  view: RoomView,
  { user_id, spectator_count }: { user_id: unknown; spectator_count?: number },
  me: UserId,
  removal: RoomView["removal"],
): RoomView {
  const userId = userIdOf(user_id);
  const others = withoutSpectator(view, userId);
  const next = { ...others, spectatorCount: spectator_count ?? others.spectatorCount };
  return userId === me ? { ...next, phase: "over", removal } : next;
}

function backToSelection(view: RoomView): RoomView {
  return view.phase === "starting" || view.phase === "seeds"
    ? { ...view, phase: "waiting", phaseDeadline: null }
    : view;
}

function afterLeaving(
  view: RoomView,
  { user_id, host_id }: { user_id: unknown; host_id?: unknown },
  me: UserId,
  reason: string,
): RoomView {
  if (view.phase === "over") return view;
  const id = userIdOf(user_id);
  const isSeated = view.selected.includes(id);
  const members = view.members.filter((member) => member.userId !== id);
  // In play a seat stays its player's; who only watches can be sent out.
  if (view.status === "in_progress" && (id !== me || isSeated)) {
    return isSeated ? mapMember(view, id, { isGone: true }) : { ...view, members };
  }
  const people = members.filter((member) => !member.isBot);
  const heir = people.find((member) => !member.isGone) ?? people[0];
  const hostId = userIdOf(host_id) || (view.hostId === id ? (heir?.userId ?? view.hostId) : view.hostId);
  const next = { ...view, members, hostId, selected: without(view.selected, id) };
  if (id === me) {
    // The server takes out whoever stays away too long; they hear of it when they come back.
    const wasGone = view.members.some((member) => member.userId === id && member.isGone);
    const why = reason === "left" && wasGone ? ABSENT : reason;
    return { ...next, phase: "over", removal: why === "left" ? null : { reason: why, message: "" } };
  }
  return isSeated ? backToSelection(next) : next;
}

function seedsOf({ seeds, players }: EventFrame<"games.event.game_started">): (string | null)[] | null {
  return Array.isArray(seeds) && seeds.length === players.length ? hexList(seeds) : null;
}
