import { time, userIdOf } from "./frames.js";
import type { Pause, RoomView } from "./room.js";
import { mapMember, nameOf, scoresOf, withScores } from "./room_members.js";
import type { Frame } from "./wire.js";

/** Ten points among ten seats take some 1,300, tie-breaks included. */
const GAME_EVENTS_KEPT = 1_500;

/** What any game's events say in the same fields: scores, the winner, a provable draw. */
export function foldGameEvent(view: RoomView, frame: Frame): RoomView {
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
  if (player && typeof score === "number") next = mapMember(next, player, { score });
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
