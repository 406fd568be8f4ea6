import { type RoomView, scoresOf, type UserId, userIdOf } from "@blazing-sun/client";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import "../elements/avatar.js";
import { botMark } from "../elements/bot_mark.js";
import "../elements/countdown.js";
import type { GameContext, GamePage } from "../games.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";

const words = text.ticTacToe;
const GAMES_TO_WIN = 5;
/** For so long a finished game stays on the table before the next one's empty board. */
const RESULT_SHOWN_MS = 2_200;

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

function picture(mark: Mark | null): TemplateResult | typeof nothing {
  if (mark === null) return nothing;
  return mark === "X"
    ? html`<svg viewBox="0 0 100 100" aria-hidden="true"><path d="M20 20 80 80M80 20 20 80" /></svg>`
    : html`<svg viewBox="0 0 100 100" aria-hidden="true"><circle cx="50" cy="50" r="32" /></svg>`;
}

const marks = css`
  svg {
    width: 62%;
    fill: none;
    stroke-width: 13;
    stroke-linecap: round;
  }
  [data-mark="X"] svg {
    stroke: var(--sun-2);
  }
  [data-mark="O"] svg {
    stroke: light-dark(#6d4fd0, #a78bfa);
  }
`;

export class TicTacToe extends LitElement {
  static override properties = { context: { attribute: false }, isBusy: { state: true }, focused: { state: true } };
  declare context: GameContext;
  declare private isBusy: boolean;
  /** The one cell that Tab reaches; the arrow keys move it. */
  declare private focused: number;
  private shownUntil = 0;
  private shownKey: string | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.isBusy = false;
    this.focused = 4;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  /** What this page did not see happen was over before it came. */
  protected override willUpdate(): void {
    const { last, isFresh } = tableOf(this.context.room);
    if (!last || last.key === this.shownKey) return;
    this.shownKey = last.key;
    if (!isFresh) return;
    this.shownUntil = Date.now() + RESULT_SHOWN_MS;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.requestUpdate(), RESULT_SHOWN_MS);
  }

  override render(): TemplateResult {
    const { room } = this.context;
    const table = tableOf(room);
    const shown = table.isFresh && Date.now() < this.shownUntil ? table.last : null;
    return html`
      <div class="card stage" ?data-mine=${this.isMine}>
        <div class="row top"><span class="chip" data-testid="game-number">${words.game(shown ? table.gameNumber - 1 : table.gameNumber)}</span></div>
        <p class="who" role="status" data-testid="turn" data-user-id=${room.turn?.userId ?? ""}>${this.headline(shown)}</p>
        ${this.clock()} ${this.grid(shown?.board ?? table.board, shown?.line ?? [], shown === null)}
        ${room.pause ? this.paused() : nothing}
      </div>
      <div class="side">
        ${room.selected.map((userId) => this.player(userId, table))}
        ${table.last && !shown ? this.lastGame(table.last) : nothing}
      </div>
    `;
  }

  private get isMine(): boolean {
    const { room, me } = this.context;
    return room.turn?.userId === me && !room.pause && !this.context.isReplay;
  }

  private headline(finished: Finished | null): string {
    const { room, me } = this.context;
    if (finished) return this.resultOf(finished);
    // Who is away is said above it all.
    if (room.pause || !room.turn) return "\u00a0";
    return room.turn.userId === me ? words.yourTurn : words.turnOf(this.name(room.turn.userId));
  }

  private resultOf({ winnerId, lateId }: Finished): string {
    const { me } = this.context;
    if (lateId !== null) return lateId === me ? words.youTimedOut : words.timeout(this.name(lateId));
    if (winnerId === null) return words.drawn;
    return winnerId === me ? words.youWon : words.won(this.name(winnerId));
  }

  private clock(): TemplateResult {
    const { room, clock } = this.context;
    const deadline = room.pause ? null : room.turn?.deadline;
    return html`<div class="clock">${
      deadline
        ? html`<bs-countdown data-testid="turn-countdown" .deadline=${deadline} .clock=${clock}></bs-countdown>`
        : nothing
    }</div>`;
  }

  private grid(board: Board, line: readonly number[], isOpen: boolean): TemplateResult {
    return html`<div class="board" role="grid" aria-label=${words.board} data-testid="board" @keydown=${this.keys}>
      ${[0, 1, 2].map(
        (row) =>
          html`<div role="row">${[0, 1, 2].map((column) => {
            const at = row * 3 + column;
            const mark = board[at] ?? null;
            const canPlay = isOpen && this.isMine && mark === null && !this.isBusy;
            return html`<button role="gridcell" data-testid="cell-${at}" data-mark=${mark ?? ""} ?data-line=${line.includes(at)}
            aria-label=${words.cell(row + 1, column + 1, mark)} aria-disabled=${!canPlay} tabindex=${at === this.focused ? 0 : -1}
            @focus=${() => {
              this.focused = at;
            }} @click=${() => canPlay && void this.move(at)}>${picture(mark)}</button>`;
          })}</div>`,
      )}
    </div>`;
  }

  private paused(): TemplateResult {
    const { room, me, clock } = this.context;
    const { userId = "", until = null } = room.pause ?? {};
    return html`<div class="paused" role="alert" data-testid="paused" data-user-id=${userId}>
      <p class="title">${words.paused(this.name(userId))}</p>
      <p class="soft">${room.selected.includes(me) ? words.pausedLead : words.pausedWatching}</p>
      ${until === null ? nothing : html`<bs-countdown data-testid="pause-countdown" .deadline=${until} .clock=${clock}></bs-countdown>`}
    </div>`;
  }

  private player(userId: UserId, table: Table): TemplateResult | typeof nothing {
    const { room, me } = this.context;
    const member = room.members.find((each) => each.userId === userId);
    if (!member) return nothing;
    const score = scoresOf(room.gameState?.scores).find((each) => each.userId === userId)?.score ?? member.score;
    const mark: Mark | null = userId === table.xId ? "X" : userId === table.oId ? "O" : null;
    return html`<article class="card player" data-testid="player-${userId}" ?data-turn=${room.turn?.userId === userId}>
      <div class="row name">
        <bs-avatar .userId=${userId} .name=${member.username}></bs-avatar>
        <span class="grow ellipsis"><b><bdi>${member.username}</bdi></b>
          ${userId === me ? html`<span class="soft">(${words.you})</span>` : nothing}</span>
        ${botMark(member.isBot)}
        ${member.isGone ? html`<span class="chip bad">${words.away}</span>` : nothing}
        ${mark ? html`<span class="mark" role="img" aria-label=${words.plays(mark)} data-testid="mark-${userId}" data-mark=${mark}>${picture(mark)}</span>` : nothing}
      </div>
      <div class="score" title=${words.score(score)}>
        <div class="track" aria-hidden="true">${Array.from({ length: GAMES_TO_WIN }, (_, game) => html`<i ?data-on=${game < score}></i>`)}</div>
        <b class="number" data-testid="score-${userId}" data-score=${score}>${score}</b>
      </div>
    </article>`;
  }

  private lastGame(finished: Finished): TemplateResult {
    return html`<article class="card last" data-testid="last-game">
      <div class="mini" aria-hidden="true">
        ${finished.board.map((mark, at) => html`<span data-mark=${mark ?? ""} ?data-line=${finished.line.includes(at)}>${picture(mark)}</span>`)}
      </div>
      <p><span class="soft">${words.last}</span><br /><b data-testid="last-result">${this.resultOf(finished)}</b></p>
    </article>`;
  }

  private name(userId: UserId): string {
    return this.context.room.members.find((member) => member.userId === userId)?.username ?? userId;
  }

  private readonly keys = (event: KeyboardEvent) => {
    const steps: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 3, ArrowUp: -3 };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const stays = Math.abs(step) === 3 || Math.floor((this.focused + step) / 3) === Math.floor(this.focused / 3);
    const next = this.focused + step;
    if (next < 0 || next > 8 || !stays) return;
    this.renderRoot.querySelector<HTMLElement>(`[data-testid="cell-${next}"]`)?.focus();
  };

  private async move(position: number): Promise<void> {
    this.isBusy = true;
    await this.context.act("games.command.tic_tac_toe.move", { position });
    this.isBusy = false;
  }

  static override styles = [
    ui,
    marks,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1.2fr) minmax(0, 1fr);
        gap: var(--space-4);
        align-items: start;
      }
      .stage {
        position: relative;
        display: grid;
        justify-items: center;
        gap: var(--space-2);
        overflow: hidden;
        transition: border-color var(--fast);
      }
      .stage[data-mine] {
        border-color: var(--sun-2);
        box-shadow:
          var(--shadow),
          0 0 0 4px #ff8a2b26;
      }
      .top {
        justify-self: start;
      }
      .who {
        font-size: var(--text-xl);
        font-weight: 800;
        letter-spacing: -0.02em;
        overflow-wrap: anywhere;
        text-align: center;
      }
      .clock {
        width: min(20rem, 100%);
        min-height: 1.5em;
      }
      .board {
        display: grid;
        gap: 8px;
        width: min(22rem, 100%);
      }
      [role="row"] {
        display: grid;
        grid-template-columns: repeat(3, minmax(0, 1fr));
        gap: 8px;
      }
      [role="gridcell"] {
        aspect-ratio: 1;
        min-height: 0;
        padding: 0;
        border-radius: var(--radius-m);
        background: var(--surface-2);
      }
      [role="gridcell"][aria-disabled="true"] {
        cursor: default;
      }
      [role="gridcell"][aria-disabled="true"]:hover {
        background: var(--surface-2);
      }
      [role="gridcell"][aria-disabled="false"]:hover {
        border-color: var(--sun-2);
      }
      [role="gridcell"][data-line],
      .mini [data-line] {
        border-color: var(--good);
        background: var(--good-soft) !important;
      }
      [role="gridcell"][data-line] {
        outline: 3px solid var(--good);
      }
      .paused {
        position: absolute;
        inset: 0;
        display: grid;
        place-content: center;
        justify-items: center;
        gap: var(--space-3);
        padding: var(--space-5);
        background: color-mix(in srgb, var(--surface) 92%, transparent);
        text-align: center;
      }
      .paused .title {
        font-size: var(--text-xl);
        font-weight: 800;
        overflow-wrap: anywhere;
      }
      .paused bs-countdown {
        width: min(16rem, 100%);
      }
      .side {
        display: grid;
        gap: var(--space-3);
      }
      .player {
        display: grid;
        gap: var(--space-3);
        padding: var(--space-3) var(--space-4);
        border-radius: var(--radius-m);
      }
      .player[data-turn] {
        border-color: var(--sun-2);
      }
      .name {
        flex-wrap: nowrap;
      }
      .mark {
        display: grid;
        place-items: center;
        width: 36px;
        height: 36px;
        border-radius: var(--radius-s);
        background: var(--surface-2);
      }
      .score {
        display: flex;
        align-items: center;
        gap: var(--space-3);
      }
      .score b {
        font-size: var(--text-l);
      }
      .track {
        display: grid;
        flex: 1;
        grid-template-columns: repeat(5, 1fr);
        gap: 4px;
      }
      .track i {
        height: 9px;
        border-radius: 3px;
        background: var(--surface-3);
      }
      .track i[data-on] {
        background: var(--sun);
      }
      .last {
        display: flex;
        align-items: center;
        gap: var(--space-4);
        padding: var(--space-3) var(--space-4);
        border-radius: var(--radius-m);
      }
      .mini {
        display: grid;
        flex: none;
        grid-template-columns: repeat(3, 26px);
        gap: 3px;
      }
      .mini span {
        display: grid;
        place-items: center;
        height: 26px;
        border: 1px solid transparent;
        border-radius: 5px;
        background: var(--surface-2);
      }
      @media (max-width: 46rem) {
        :host {
          grid-template-columns: minmax(0, 1fr);
        }
        .stage {
          padding: var(--space-4);
        }
      }
    `,
  ];
}

customElements.define("bs-tic-tac-toe", TicTacToe);

/** The board as it stood when the match ended, beside the result. */
export class LastBoard extends LitElement {
  static override properties = { room: { attribute: false } };
  declare room: RoomView;

  override render(): TemplateResult | typeof nothing {
    const end = endOf(this.room);
    if (!end) return nothing;
    return html`<figure>
      <div class="board" role="list" aria-label=${words.lastBoard} data-testid="last-board">
        ${end.board.map((mark, at) => this.cell(end, at, mark))}
      </div>
      ${end.lateId === null ? nothing : html`<figcaption class="soft">${words.timeout(this.name(end.lateId))}</figcaption>`}
    </figure>`;
  }

  private cell(end: Left, at: number, mark: Left["board"][number]): TemplateResult {
    const isInLine = end.line.includes(at);
    const isLast = end.lastMove === at;
    const notes = [isInLine ? words.inLine : "", isLast ? words.lastMove : ""].filter((note) => note !== "");
    const said = [words.cell(Math.floor(at / 3) + 1, (at % 3) + 1, mark), ...notes].join(", ");
    return html`<span role="listitem" aria-label=${said} data-testid="last-cell-${at}" data-mark=${mark ?? ""}
      ?data-line=${isInLine} ?data-last=${isLast}>${picture(mark)}</span>`;
  }

  private name(userId: string): string {
    return this.room.members.find((member) => member.userId === userId)?.username ?? userId;
  }

  static override styles = [
    ui,
    marks,
    css`
      :host {
        position: relative;
      }
      figure {
        display: grid;
        justify-items: center;
        gap: var(--space-2);
        margin: 0;
      }
      .board {
        display: grid;
        grid-template-columns: repeat(3, 64px);
        gap: 6px;
      }
      .board span {
        display: grid;
        place-items: center;
        height: 64px;
        border: 1px solid var(--line);
        border-radius: var(--radius-s);
        background: var(--surface-2);
      }
      .board [data-line] {
        border-color: var(--good);
        background: var(--good-soft);
        outline: 2px solid var(--good);
      }
      .board [data-last] svg {
        animation: placed 420ms var(--ease) 160ms backwards;
      }
      .board [data-last][data-line] {
        background: color-mix(in srgb, var(--good) 38%, var(--good-soft));
      }
      .board [data-last]:not([data-line]) {
        border-color: var(--sun-2);
        outline: 2px solid var(--sun-2);
      }
      @keyframes placed {
        from {
          opacity: 0;
          transform: scale(1.7);
        }
      }
      figcaption {
        overflow-wrap: anywhere;
      }
    `,
  ];
}

customElements.define("bs-tic-tac-toe-last-board", LastBoard);

export default {
  gameType: "tic_tac_toe",
  title: words.title,
  summary: words.summary,
  hasDraws: false,
  render: (context) => html`<bs-tic-tac-toe .context=${context}></bs-tic-tac-toe>`,
  renderEnd: ({ room }) => html`<bs-tic-tac-toe-last-board .room=${room}></bs-tic-tac-toe-last-board>`,
} satisfies GamePage;
