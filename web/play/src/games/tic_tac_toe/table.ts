import { type RoomView, type UserId, userIdOf } from "@blazing-sun/client";

export type Mark = "X" | "O";
export type Board = readonly (Mark | null)[];

const EVENTS = "games.event.tic_tac_toe.";
const EMPTY: Board = Array.from({ length: 9 }, () => null);

/** A game as it was left. */
export interface Left {
  readonly board: Board;
  readonly line: readonly number[];
  /** The cell that was played last, where that was seen. */
  readonly lastMove: number | null;
  /** Who lost it by time. */
  readonly lateId: UserId | null;
}

/** A game that is over. */
export interface Finished extends Left {
  /** Differs for each. */
  readonly key: string;
  readonly winnerId: UserId | null;
}

export interface Table {
  readonly board: Board;
  readonly gameNumber: number;
  readonly xId: UserId;
  readonly oId: UserId;
  readonly last: Finished | null;
  /** Whether nothing has been played since. */
  readonly isFresh: boolean;
}

/** The table from the game's state, and what the last finished game looked like from its events. */
export function tableOf(room: RoomView): Table {
  const state = room.gameState;
  const { playing, last } = played(room);
  return {
    board: state ? boardOf(state.board) : (playing?.board ?? EMPTY),
    gameNumber: Number(state?.game_number ?? 1),
    xId: userIdOf(state?.player_x_id),
    oId: userIdOf(state?.player_o_id),
    last,
    isFresh: last !== null && playing === null,
  };
}

/** What stood on the table when the match ended; null where that was not seen. */
export function endOf(room: RoomView): Left | null {
  const { playing, last } = played(room);
  if (playing || last) return playing ?? last;
  const board = boardOf(room.gameState?.board);
  return board.some((mark) => mark !== null) ? { board, line: [], lastMove: null, lateId: null } : null;
}

/** From the events: the game in play, if anything has been played in it, and the one before. */
function played(room: RoomView): { playing: Left | null; last: Finished | null } {
  let playing: Left | null = null;
  let last: Finished | null = null;
  let lateId: UserId | null = null;
  for (const [index, event] of room.gameEvents.entries()) {
    if (event.type === `${EVENTS}moved`) {
      const lastMove = typeof event.position === "number" ? event.position : null;
      playing = { board: boardOf(event.board), line: [], lastMove, lateId: null };
    } else if (event.type === `${EVENTS}turn_timeout`) {
      lateId = userIdOf(event.player_id);
    } else if (event.type === `${EVENTS}game_result`) {
      const { board = EMPTY, lastMove = null }: Partial<Left> = playing ?? {};
      const line = Array.isArray(event.winning_line) ? event.winning_line.map(Number) : [];
      const winnerId = userIdOf(event.winner_id) || null;
      last = { key: event.event_id ?? `${index}`, board, line, lastMove, winnerId, lateId };
      playing = null;
      lateId = null;
    }
  }
  return { playing, last };
}

function boardOf(value: unknown): Board {
  return Array.isArray(value) && value.length === 9
    ? value.map((mark) => (mark === "X" || mark === "O" ? mark : null))
    : EMPTY;
}
