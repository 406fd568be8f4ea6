import { userIdOf } from "./frames.js";
import type { Member, Person, RoomView } from "./room.js";
import type { Player, UserId, UserRef } from "./wire.js";

export function memberFrom(player: UserRef & Partial<Player>, earlier?: Member): Member {
  const known = earlier ?? NEW;
  return {
    ...known,
    userId: userIdOf(player.user_id),
    username: player.username,
    score: player.score ?? known.score,
    isReady: player.is_ready ?? known.isReady,
    isBot: player.is_bot ?? known.isBot,
    joinedAt: player.joined_at ?? known.joinedAt,
  };
}

const NEW = { score: 0, isReady: false, isBot: false, isAuto: false, isGone: false, goneUntil: null, joinedAt: "" };

export function withMember(view: RoomView, player: UserRef & Partial<Player>): RoomView {
  const id = userIdOf(player.user_id);
  const at = view.members.findIndex((member) => member.userId === id);
  if (at < 0) return { ...view, members: [...view.members, memberFrom(player)] };
  return { ...view, members: view.members.with(at, memberFrom(player, view.members[at])) };
}

/** The room with what is new about one member. */
export function mapMember(view: RoomView, user: unknown, news: Partial<Member>): RoomView {
  const id = userIdOf(user);
  return { ...view, members: view.members.map((member) => (member.userId === id ? { ...member, ...news } : member)) };
}

export function withoutSpectator(view: RoomView, userId: UserId): RoomView {
  if (!view.spectators.some((spectator) => spectator.userId === userId)) return view;
  const spectators = view.spectators.filter((spectator) => spectator.userId !== userId);
  return { ...view, spectators, spectatorCount: Math.max(0, view.spectatorCount - 1) };
}

export function personOf(user: UserId | UserRef): Person {
  const username = typeof user === "object" ? user.username : null;
  return { userId: userIdOf(user), username };
}

export function withScores(view: RoomView, scores: unknown): RoomView {
  return scoresOf(scores).reduce((next, { userId, score }) => mapMember(next, userId, { score }), view);
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

export function nameOf(view: RoomView, id: UserId): string {
  return view.members.find((member) => member.userId === id)?.username ?? id;
}
