import { type ChatView, foldChat, NO_CHAT } from "./room_chat.js";
import type {
  Cents,
  EventFrame,
  EventType,
  Frame,
  Player,
  RoomId,
  RoomSnapshot,
  RoomStatus,
  UserId,
  UserRef,
} from "./wire.js";
import { userIdOf } from "./wire.js";

export interface Member {
  readonly userId: UserId;
  readonly username: string;
  readonly score: number;
  readonly isReady: boolean;
  /** A program of the house, and no person. */
  readonly isBot: boolean;
  readonly isAuto: boolean;
  readonly isGone: boolean;
  /** When a member who is gone is taken out of the room, in milliseconds of server time; null where never. */
  readonly goneUntil: number | null;
  readonly joinedAt: string;
}

/** Somebody by id, and by name where it is known. */
export interface Person {
  readonly userId: UserId;
  readonly username: string | null;
}

/** What somebody is to a room. */
export type Role = "player" | "lobby" | "spectator" | "none";

export interface Turn {
  readonly userId: UserId;
  readonly number: number;
  /** Milliseconds of server time; null where the turn has no limit. */
  readonly deadline: number | null;
}

export interface RoomResult {
  readonly winnerId: UserId | null;
  readonly winnerName: string | null;
  readonly finalScores: readonly { userId: UserId; username: string; score: number }[];
  readonly prizeCents: Cents;
  /** Nobody was left to play: every fee went back. */
  readonly isCancelled: boolean;
}

/** A game that stands still until somebody is back. */
export interface Pause {
  readonly userId: UserId;
  /** When the others win, in milliseconds of server time; null where it is not known. */
  readonly until: number | null;
}

export interface Fairness {
  readonly commitment: string | null;
  /** Known once the room has ended. */
  readonly serverSeed: string | null;
  /** Seeds in seat order, as game_started lists them; null for a seat without one. */
  readonly playerSeeds: readonly (string | null)[] | null;
  readonly draws: readonly { userId: UserId; value: number; nonce: number }[];
}

/**
 * - `waiting`: the host selects
 * - `starting`: all seats are taken, the selected confirm until the deadline
 * - `seeds`: everyone reveals a seed
 * - `playing`
 * - `over`: nothing happens here any more
 */
export type RoomPhase = "waiting" | "starting" | "seeds" | "playing" | "over";

/** A room as this client sees it: a fold of its events, replaced and never changed in place. */
export interface RoomView {
  readonly roomId: RoomId;
  readonly name: string;
  readonly gameType: string;
  readonly status: RoomStatus;
  readonly phase: RoomPhase;
  /** End of the phases `starting` and `seeds`, in milliseconds of server time. */
  readonly phaseDeadline: number | null;
  readonly hostId: UserId;
  /** Everyone but spectators, in order of arrival. */
  readonly members: readonly Member[];
  /** The taken seats; in seat order once play has begun. */
  readonly selected: readonly UserId[];
  readonly seats: number;
  readonly spectatorCount: number;
  /** Who watches, in the order of coming; of many the first. */
  readonly spectators: readonly Person[];
  readonly allowsSpectators: boolean;
  readonly muted: readonly UserId[];
  readonly banned: readonly Person[];
  readonly chat: ChatView;
  readonly pause: Pause | null;
  readonly turn: Turn | null;
  readonly entryFeeCents: Cents;
  readonly prizeCents: Cents;
  readonly isPasswordProtected: boolean;
  /** The host asked for the house's bot. */
  readonly invitesBot: boolean;
  readonly roomSeq: number;
  /** The last `<game>.state`. */
  readonly gameState: Frame | null;
  /** The game's own events that this client has seen, the newest last. */
  readonly gameEvents: readonly Frame[];
  readonly result: RoomResult | null;
  readonly fairness: Fairness;
  /** Why this user is out of the room, where the server said so. */
  readonly removal: { readonly reason: string; readonly message: string } | null;
}

const GAME_EVENTS_KEPT = 200;
/** The reason of a removal for staying away. */
const ABSENT = "absent";

/** The room after `frame`; undefined for frames of rooms that this client has no state of. */
export function foldRoom(view: RoomView | undefined, frame: Frame, me: UserId): RoomView | undefined {
  if (is(frame, "games.event.room_state")) return fromSnapshot(view, frame, me);
  if (!view || frame.room_id !== view.roomId) return view;
  const seq = typeof frame.room_seq === "number" ? Math.max(frame.room_seq, view.roomSeq) : view.roomSeq;
  return { ...foldEvent(view, frame, me), roomSeq: seq };
}

function foldEvent(view: RoomView, frame: Frame, me: UserId): RoomView {
  const people = foldPeople(view, frame, me);
  if (people) return people;
  const chat = foldChat(view.chat, frame);
  if (chat !== view.chat) return { ...view, chat };
  if (is(frame, "games.event.lobby_joined")) {
    return withMember(withoutSpectator(view, userIdOf(frame.player)), frame.player);
  }
  if (is(frame, "games.event.player_selected")) {
    const id = userIdOf(frame.player);
    return { ...withMember(view, frame.player), selected: [...view.selected.filter((other) => other !== id), id] };
  }
  if (is(frame, "games.event.player_deselected") || is(frame, "games.event.seed_voided")) {
    const id = userIdOf(frame.user_id);
    return backToSelection({ ...view, selected: view.selected.filter((other) => other !== id) });
  }
  if (is(frame, "games.event.selected_players_updated")) {
    return { ...view, selected: frame.selected_players.map(userIdOf) };
  }
  if (is(frame, "games.event.seed_renewed")) {
    const fairness = { ...view.fairness, commitment: frame.seed_commitment };
    return { ...backToSelection(view), fairness, members: view.members.map((m) => ({ ...m, isReady: false })) };
  }
  if (is(frame, "games.event.player_ready_changed")) {
    return mapMember(view, frame.user_id, (m) => ({ ...m, isReady: frame.is_ready }));
  }
  if (is(frame, "games.event.player_ready")) return mapMember(view, frame.user_id, (m) => ({ ...m, isReady: true }));
  if (is(frame, "games.event.game_starting")) {
    const selected = frame.players.map(userIdOf);
    // Whoever has no seat is told alone and is out; the others hear of it only here.
    const members = view.members.filter((member) => selected.includes(member.userId));
    return { ...view, phase: "starting", phaseDeadline: time(frame.deadline), selected, members };
  }
  if (is(frame, "games.event.host_changed")) return { ...view, hostId: userIdOf(frame.host_id) };
  if (is(frame, "games.event.seeds_requested")) {
    const fairness = { ...view.fairness, commitment: frame.seed_commitment ?? view.fairness.commitment };
    return { ...view, phase: "seeds", phaseDeadline: time(frame.deadline), fairness };
  }
  if (is(frame, "games.event.game_started")) {
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
  }
  if (is(frame, "games.event.turn_changed")) {
    const user = userIdOf(frame.current_turn);
    const number = frame.turn_number ?? (view.turn?.number ?? 0) + 1;
    return { ...view, turn: user ? { userId: user, number, deadline: time(frame.deadline) } : null };
  }
  if (is(frame, "games.event.player_disconnected")) {
    const goneUntil = time(frame.timeout_at);
    return mapMember(view, frame.user_id, (m) => ({ ...m, isGone: true, goneUntil }));
  }
  if (is(frame, "games.event.player_rejoined")) {
    return mapMember(view, frame.user_id, (m) => ({ ...m, isGone: false, goneUntil: null }));
  }
  if (is(frame, "games.event.player_auto_enabled")) {
    return mapMember(view, frame.user_id, (m) => ({ ...m, isAuto: true }));
  }
  if (is(frame, "games.event.player_auto_disabled")) {
    return mapMember(view, frame.user_id, (m) => ({ ...m, isAuto: false, isGone: false, goneUntil: null }));
  }
  if (is(frame, "games.event.player_left")) return afterLeaving(view, userIdOf(frame.user_id), frame, me, "left");
  if (is(frame, "games.event.player_kicked")) return afterLeaving(view, userIdOf(frame.user_id), frame, me, "kicked");
  if (is(frame, "games.event.player_banned")) {
    return afterLeaving(afterBan(view, frame), userIdOf(frame.user_id), frame, me, "banned");
  }
  if (is(frame, "games.event.removed_from_game")) {
    if (userIdOf(frame.user_id) !== me) return view;
    return { ...view, phase: "over", removal: { reason: frame.reason, message: frame.message } };
  }
  if (is(frame, "games.event.room_removed")) {
    return frame.reason === "game_started" || view.phase === "over"
      ? view
      : { ...view, phase: "over", status: "abandoned", turn: null };
  }
  if (is(frame, "games.event.seed_revealed")) {
    return {
      ...view,
      phase: "over",
      status: view.result || view.status === "finished" ? "finished" : "abandoned",
      turn: null,
      phaseDeadline: null,
      fairness: { ...view.fairness, serverSeed: frame.server_seed, commitment: frame.seed_commitment },
    };
  }
  if (is(frame, "games.event.not_in_room")) {
    const status = frame.status ?? view.status;
    // The room still waits for its players, but without this one.
    const isRemoved = frame.status === "waiting" && view.phase !== "over";
    const removal = isRemoved ? { reason: "not_in_room", message: "" } : view.removal;
    return { ...view, phase: "over", turn: null, status, removal };
  }
  if (frame.type.startsWith(`games.event.${view.gameType}.`)) return foldGameEvent(view, frame);
  return view;
}

/** Who watches, who may not speak, who may not come in; undefined for any other event. */
function foldPeople(view: RoomView, frame: Frame, me: UserId): RoomView | undefined {
  if (is(frame, "games.event.spectator_joined")) {
    const userId = userIdOf(frame.user_id ?? frame.spectator_id);
    const others = withoutSpectator(view, userId);
    return {
      ...others,
      members: view.members.filter((member) => member.userId !== userId),
      spectators: [...others.spectators, { userId, username: frame.username }],
      spectatorCount: frame.spectator_count ?? others.spectatorCount + 1,
    };
  }
  if (is(frame, "games.event.spectator_left") || is(frame, "games.event.spectator_kicked")) {
    const userId = userIdOf(frame.user_id);
    const next = withoutSpectator(view, userId);
    const spectatorCount = frame.spectator_count ?? next.spectatorCount;
    if (userId !== me) return { ...next, spectatorCount };
    const isKicked = frame.type === "games.event.spectator_kicked";
    const removal = isKicked ? { reason: "kicked", message: "" } : view.removal;
    return { ...next, spectatorCount, phase: "over", removal };
  }
  if (is(frame, "games.event.spectators_updated")) {
    const spectators = frame.spectators_data?.map(personOf) ?? view.spectators;
    return { ...view, spectatorCount: frame.spectator_count, spectators };
  }
  if (is(frame, "games.event.user_muted") || is(frame, "games.event.user_unmuted")) {
    const userId = userIdOf(frame.target_user_id);
    const others = view.muted.filter((other) => other !== userId);
    return { ...view, muted: frame.type === "games.event.user_muted" ? [...others, userId] : others };
  }
  if (is(frame, "games.event.player_unbanned")) {
    const userId = userIdOf(frame.user_id);
    return { ...view, banned: view.banned.filter((other) => other.userId !== userId) };
  }
  return undefined;
}

function withoutSpectator(view: RoomView, userId: UserId): RoomView {
  if (!view.spectators.some((spectator) => spectator.userId === userId)) return view;
  const spectators = view.spectators.filter((spectator) => spectator.userId !== userId);
  return { ...view, spectators, spectatorCount: Math.max(0, view.spectatorCount - 1) };
}

function afterBan(view: RoomView, { user_id, username }: UserRef): RoomView {
  const person = { userId: userIdOf(user_id), username };
  const others = view.banned.filter((other) => other.userId !== person.userId);
  return { ...withoutSpectator(view, person.userId), banned: [...others, person] };
}

function personOf(user: UserId | UserRef): Person {
  const username = typeof user === "object" ? user.username : null;
  return { userId: userIdOf(user), username };
}

/** What `userId` is to the room. */
export function roleIn(room: RoomView, userId: UserId): Role {
  if (room.selected.includes(userId)) return "player";
  if (room.members.some((member) => member.userId === userId)) return "lobby";
  return room.spectators.some((spectator) => spectator.userId === userId) ? "spectator" : "none";
}

/** What any game's events say in the same fields: scores, the winner, a provable draw. */
function foldGameEvent(view: RoomView, frame: Frame): RoomView {
  if (frame.type.endsWith(".state")) {
    return withScores({ ...view, gameState: frame, pause: pauseAfterState(view, frame) }, frame.scores);
  }
  let next: RoomView = { ...view, gameEvents: [...view.gameEvents, frame].slice(-GAME_EVENTS_KEPT) };
  if (frame.type.endsWith(".game_paused")) {
    next = { ...next, pause: { userId: userIdOf(frame.player_id), until: time(frame.timeout_at) } };
  }
  if (frame.type.endsWith(".game_resumed")) next = { ...next, pause: null };
  next = withScores(next, frame.scores);
  const player = userIdOf(frame.player_id);
  const score = frame.new_score;
  if (player && typeof score === "number") next = mapMember(next, player, (m) => ({ ...m, score }));
  const nonce = (frame.proof as { nonce?: unknown } | undefined)?.nonce;
  if (player && typeof nonce === "number" && typeof frame.roll === "number") {
    const draws = [...next.fairness.draws, { userId: player, value: frame.roll, nonce }];
    next = { ...next, fairness: { ...next.fairness, draws } };
  }
  if ("final_scores" in frame || frame.type.endsWith(".match_cancelled")) {
    const finalScores = scoresOf(frame.final_scores).map((entry) => ({
      userId: entry.userId,
      username: entry.username ?? nameOf(next, entry.userId),
      score: entry.score,
    }));
    const winner = userIdOf(frame.winner_id) || null;
    const winnerName = typeof frame.winner_username === "string" ? frame.winner_username : null;
    next = {
      ...withScores(next, frame.final_scores),
      status: "finished",
      turn: null,
      pause: null,
      result: {
        isCancelled: frame.type.endsWith(".match_cancelled"),
        winnerId: winner,
        winnerName: winnerName ?? (winner ? nameOf(next, winner) : null),
        finalScores,
        prizeCents: typeof frame.prize_cents === "number" ? frame.prize_cents : next.prizeCents,
      },
    };
  }
  return next;
}

/** After a reload the state alone says that the game stands still. */
function pauseAfterState(view: RoomView, state: Frame): Pause | null {
  if (state.is_paused === undefined) return view.pause;
  const gone = userIdOf(state.disconnected_player);
  if (state.is_paused !== true || !gone) return null;
  if (view.pause?.userId === gone) return view.pause;
  return { userId: gone, until: view.members.find((member) => member.userId === gone)?.goneUntil ?? null };
}

function phaseBeforePlay(room: RoomSnapshot): RoomPhase {
  if (room.seeds_deadline) return "seeds";
  return room.ready_deadline ? "starting" : "waiting";
}

function fromSnapshot(before: RoomView | undefined, frame: EventFrame<"games.event.room_state">, me: UserId): RoomView {
  const room = frame.room;
  const auto = idSet(room.auto_players);
  const known = before?.roomId === room.room_id ? before : undefined;
  const members: Member[] = [];
  for (const player of [...room.players, ...room.lobby]) {
    const userId = userIdOf(player.user_id);
    if (members.some((member) => member.userId === userId)) continue;
    const earlier = known?.members.find((member) => member.userId === userId);
    members.push({ ...memberFrom(player, earlier), isAuto: auto.has(userId) });
  }
  const selected = (room.selected_players ?? room.players).map(userIdOf);
  const over = room.status === "finished" || room.status === "abandoned";
  const phase = over ? "over" : room.status === "in_progress" ? "playing" : phaseBeforePlay(room);
  const turnUser = userIdOf(room.current_turn);
  const winner = userIdOf(room.winner_id) || null;
  return {
    roomId: room.room_id,
    name: room.room_name,
    gameType: room.game_type,
    status: room.status,
    phase,
    phaseDeadline: over ? null : time(room.seeds_deadline ?? room.ready_deadline),
    hostId: userIdOf(room.host_id),
    members: members.sort((a, b) => (a.joinedAt < b.joinedAt ? -1 : a.joinedAt > b.joinedAt ? 1 : 0)),
    selected: room.status === "waiting" ? selected : room.players.map(userIdOf),
    seats: seatsOf(room),
    spectatorCount: room.spectator_count ?? room.spectators?.length ?? 0,
    spectators: spectatorsOf(room, members, me),
    allowsSpectators: room.allow_spectators ?? false,
    muted: (room.muted_users ?? []).map(userIdOf),
    banned: bannedOf(room, known),
    chat: known?.chat ?? NO_CHAT,
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
    gameState: known?.gameState ?? null,
    gameEvents: known?.gameEvents ?? [],
    result:
      known?.result ??
      (room.status === "finished" && winner
        ? {
            winnerId: winner,
            winnerName: members.find((member) => member.userId === winner)?.username ?? null,
            finalScores: members.map(({ userId, username, score }) => ({ userId, username, score })),
            prizeCents: room.prize_cents ?? 0,
            isCancelled: false,
          }
        : null),
    fairness: {
      commitment: room.seed_commitment ?? known?.fairness.commitment ?? null,
      serverSeed: known?.fairness.serverSeed ?? null,
      playerSeeds: known?.fairness.playerSeeds ?? null,
      draws: known?.fairness.draws ?? [],
    },
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

function bannedOf(room: RoomSnapshot, known: RoomView | undefined): Person[] {
  return (room.banned_users_data ?? room.banned_users ?? []).map((user) => {
    const person = personOf(user);
    const earlier = known?.banned.find((other) => other.userId === person.userId);
    return { ...person, username: person.username ?? earlier?.username ?? null };
  });
}

function seatsOf(room: RoomSnapshot): number {
  return room.max_players ?? room.player_count ?? room.players.length;
}

function memberFrom(player: Player, earlier?: Member): Member {
  return {
    userId: userIdOf(player.user_id),
    username: player.username,
    score: player.score ?? earlier?.score ?? 0,
    isReady: player.is_ready ?? earlier?.isReady ?? false,
    isBot: player.is_bot ?? earlier?.isBot ?? false,
    isAuto: earlier?.isAuto ?? false,
    isGone: earlier?.isGone ?? false,
    goneUntil: earlier?.goneUntil ?? null,
    joinedAt: player.joined_at ?? earlier?.joinedAt ?? "",
  };
}

function withMember(view: RoomView, player: Player): RoomView {
  const id = userIdOf(player.user_id);
  const at = view.members.findIndex((member) => member.userId === id);
  if (at < 0) return { ...view, members: [...view.members, memberFrom(player)] };
  return { ...view, members: view.members.with(at, memberFrom(player, view.members[at])) };
}

function mapMember(view: RoomView, user: unknown, change: (member: Member) => Member): RoomView {
  const id = userIdOf(user);
  return { ...view, members: view.members.map((member) => (member.userId === id ? change(member) : member)) };
}

function backToSelection(view: RoomView): RoomView {
  return view.phase === "starting" || view.phase === "seeds"
    ? { ...view, phase: "waiting", phaseDeadline: null }
    : view;
}

function afterLeaving(view: RoomView, id: UserId, frame: Frame, me: UserId, reason: string): RoomView {
  if (view.phase === "over") return view;
  // In play a seat stays its player's; who only watches can be sent out.
  if (view.status === "in_progress" && (id !== me || view.selected.includes(id))) {
    return view.selected.includes(id)
      ? mapMember(view, id, (member) => ({ ...member, isGone: true }))
      : { ...view, members: view.members.filter((member) => member.userId !== id) };
  }
  const members = view.members.filter((member) => member.userId !== id);
  const named = userIdOf(frame.host_id);
  const people = members.filter((member) => !member.isBot);
  const heir = people.find((member) => !member.isGone) ?? people[0];
  const hostId = named || (view.hostId === id ? (heir?.userId ?? view.hostId) : view.hostId);
  const next = { ...view, members, hostId, selected: view.selected.filter((other) => other !== id) };
  if (id === me) {
    // The server takes out whoever stays away too long; they hear of it when they come back.
    const wasGone = view.members.some((member) => member.userId === id && member.isGone);
    const why = reason === "left" && wasGone ? ABSENT : reason;
    return { ...next, phase: "over", removal: why === "left" ? null : { reason: why, message: "" } };
  }
  return view.selected.includes(id) ? backToSelection(next) : next;
}

function withScores(view: RoomView, scores: unknown): RoomView {
  return scoresOf(scores).reduce(
    (next, { userId, score }) => mapMember(next, userId, (member) => ({ ...member, score })),
    view,
  );
}

/** `[[id, n]]`, `[[id, name, n]]` or `{id: n}`. */
export function scoresOf(value: unknown): { userId: UserId; username?: string; score: number }[] {
  const rows: unknown[] = Array.isArray(value)
    ? value
    : value && typeof value === "object"
      ? Object.entries(value)
      : [];
  const scores: { userId: UserId; username?: string; score: number }[] = [];
  for (const row of rows) {
    if (!Array.isArray(row)) continue;
    const score: unknown = row.at(-1);
    if (typeof score !== "number") continue;
    const name: unknown = row.length > 2 ? row[1] : undefined;
    scores.push({ userId: userIdOf(row[0]), score, ...(typeof name === "string" ? { username: name } : {}) });
  }
  return scores;
}

function nameOf(view: RoomView, id: UserId): string {
  return view.members.find((member) => member.userId === id)?.username ?? id;
}

function seedsOf(frame: EventFrame<"games.event.game_started">): (string | null)[] | null {
  const { seeds } = frame;
  if (!Array.isArray(seeds) || seeds.length !== frame.players.length) return null;
  return seeds.map((seed) => (typeof seed === "string" && /^[0-9a-f]{64}$/i.test(seed) ? seed : null));
}

function idSet(list: readonly unknown[] | undefined): Set<UserId> {
  return new Set((list ?? []).map(userIdOf));
}

function time(value: unknown): number | null {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

function is<T extends EventType>(frame: Frame, type: T): frame is Frame & EventFrame<T> {
  return frame.type === type;
}
