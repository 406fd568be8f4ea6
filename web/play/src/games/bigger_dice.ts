import { type Member, type RoomView, type ServerClock, scoresOf, type UserId, userIdOf } from "@blazing-sun/client";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import "../elements/avatar.js";
import { botMark } from "../elements/bot_mark.js";
import "../elements/countdown.js";
import { type Round, roundsOf } from "../elements/dice_rounds.js";
import "../elements/dice_tie.js";
import "../elements/die.js";
import "../elements/sound_switch.js";
import { isFocusFree } from "../focus.js";
import type { GameContext, GamePage } from "../games.js";
import { type Cue, sound } from "../sound.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";

const POINTS_TO_WIN = 10;
/** More players than so many stand in two columns. */
const MANY = 4;
const EVENTS = "games.event.bigger_dice.";

export interface Throw {
  readonly userId: UserId;
  readonly value: number;
  /** Differs for each throw, also of the same value. */
  readonly key: string;
}

/** What lies on the table. */
export interface Table {
  readonly round: number;
  readonly rolls: ReadonlyMap<UserId, number>;
  readonly last: Throw | null;
  /** How the round that is shown ended; null while it goes on. */
  readonly outcome: { readonly winnerId: UserId | null; readonly value: number } | null;
  /** Who rolls again after a tie, and what they tied at where that was seen; null outside of a tie-break. */
  readonly tie: { readonly userIds: readonly UserId[]; readonly value: number | null } | null;
}

/**
 * The table from the events seen so far, and from the game's state where none were seen (after a reload).
 * The dice of a finished round stay until the next throw, although the state has moved on to the next round.
 */
export function tableOf(room: RoomView): Table {
  const { state, stateRolls, isTiebreaker, pending } = stateOf(room);
  let rolls = new Map<UserId, number>();
  let last: Throw | null = null;
  let outcome: Table["outcome"] = null;
  let tie: Table["tie"] = null;
  let isFresh = true;
  for (const [index, event] of room.gameEvents.entries()) {
    switch (event.type) {
      case `${EVENTS}rolled`: {
        if (isFresh) {
          rolls = new Map();
          outcome = null;
          isFresh = false;
        }
        const userId = userIdOf(event.player_id);
        const value = Number(event.roll);
        rolls.set(userId, value);
        last = { userId, value, key: event.event_id ?? `${index}` };
        break;
      }
      case `${EVENTS}round_result`: {
        rolls = new Map(scoresOf(event.rolls).map(({ userId, score }) => [userId, score]));
        const winnerId = event.is_tie ? null : userIdOf(event.winner_id) || null;
        outcome = { winnerId, value: Math.max(0, ...rolls.values()) };
        tie = null;
        isFresh = true;
        break;
      }
      case `${EVENTS}tiebreaker_started`: {
        const tied: unknown[] = Array.isArray(event.tied_players) ? event.tied_players : [];
        tie = { userIds: tied.map(userIdOf), value: Number(event.tied_roll) };
        break;
      }
    }
  }
  if (room.gameEvents.length === 0 && state) {
    rolls = new Map(stateRolls);
    const [userId, value] = stateRolls.at(-1) ?? [];
    if (userId !== undefined && value !== undefined) last = { userId, value, key: "state" };
    if (isTiebreaker) tie = { userIds: [...rolls.keys(), ...pending], value: null };
  }
  return { round: Number(state?.round_number ?? 1), rolls, last, outcome, tie };
}

/** What is heard when the die has come to rest. */
function cueOf(table: Table): Cue | undefined {
  if (table.outcome?.winnerId) return "point";
  return table.outcome ? "tie" : undefined;
}

function stateOf(room: RoomView) {
  const state = room.gameState;
  const stateRolls = scoresOf(state?.current_rolls).map(({ userId, score }): [UserId, number] => [userId, score]);
  const pending = Array.isArray(state?.pending_rollers) ? state.pending_rollers.map(userIdOf) : [];
  return { state, stateRolls, pending, isTiebreaker: state?.is_tiebreaker === true };
}

export class BiggerDice extends LitElement {
  static override properties = { context: { attribute: false }, isRolling: { state: true } };
  declare context: GameContext;
  declare private isRolling: boolean;
  private wasMine = false;
  /** The throw that was heard last. */
  private heard: string | undefined;

  constructor() {
    super();
    this.isRolling = false;
  }

  override render(): TemplateResult {
    const { room, me, clock } = this.context;
    const table = tableOf(room);
    const players = room.selected
      .map((id) => room.members.find((member) => member.userId === id))
      .filter((member) => member !== undefined);
    const rounds = roundsOf(room, table.round, this.context.recorded);
    return html`
      <div class="card stage" ?data-mine=${room.turn?.userId === me}>
        <div class="top">
          <span class="chip" data-testid="round" data-round=${table.round}>${text.dice.round(table.round)}</span>
          ${this.context.isReplay ? nothing : html`<bs-sound-switch></bs-sound-switch>`}
        </div>
        <div class="well">
          <bs-die data-testid="die" .value=${table.last?.value ?? 6} .throwKey=${table.last?.key ?? ""}
            ?shaking=${this.isRolling}></bs-die>
        </div>
        ${this.banner(table, players)} ${this.tie(table, rounds.at(-1), players)} ${this.turn(room, players, clock)}
      </div>
      <p class="unseen" role="status" data-testid="said">${this.said(table, players)}</p>
      <div class="players">
        ${players.map((player) => this.player(player, room, table))}
      </div>
      <bs-dice-rounds .rounds=${rounds} .players=${players}></bs-dice-rounds>
    `;
  }

  /** The keyboard rolls without a search for the button, unless it is used elsewhere. */
  protected override updated(): void {
    const isMine = this.context.room.turn?.userId === this.context.me;
    if (isMine && !this.wasMine && isFocusFree()) {
      this.renderRoot.querySelector<HTMLElement>('[data-testid="roll-button"]')?.focus({ preventScroll: true });
    }
    this.wasMine = isMine;
    this.toggleAttribute("many", this.context.room.selected.length > MANY);
    this.sounds();
  }

  /** For what has just happened, and not for what had happened when the page opened. */
  private sounds(): void {
    const table = tableOf(this.context.room);
    const heard = table.last?.key ?? "";
    const isFirst = this.heard === undefined;
    if (heard === this.heard) return;
    this.heard = heard;
    if (isFirst || this.context.isReplay) return;
    sound.play("land");
    const cue = cueOf(table);
    if (cue) sound.play(cue);
  }

  private tie(table: Table, round: Round | undefined, players: readonly Member[]): TemplateResult | typeof nothing {
    if (!table.tie) return nothing;
    const rolls = round?.winnerId === null ? round.rolls : new Map();
    return html`<bs-dice-tie .userIds=${table.tie.userIds} .value=${table.tie.value} .rolls=${rolls} .players=${players}
      .me=${this.context.me}></bs-dice-tie>`;
  }

  private banner(table: Table, players: readonly Member[]): TemplateResult {
    const { me } = this.context;
    const { outcome, tie } = table;
    let line: string | TemplateResult = "\u00a0";
    let kind = "";
    if (tie?.value) {
      line = text.dice.tie(this.names(tie.userIds, players), tie.value);
      kind = "tie";
    } else if (tie) {
      line = text.dice.tieBadge;
      kind = "tie";
    } else if (outcome?.winnerId) {
      const isMine = outcome.winnerId === me;
      line = isMine
        ? text.dice.yourPoint(outcome.value)
        : text.dice.point(this.names([outcome.winnerId], players), outcome.value);
      kind = isMine ? "mine" : "";
    }
    // A new element for each throw, so that the line appears when the die has come to rest.
    return html`<div class="banner" data-testid="banner" data-kind=${kind}>
      ${keyed(table.last?.key, html`<p class="line ${kind}">${line}</p>`)}
    </div>`;
  }

  /** What has happened, and who is next, for those who do not see it. */
  private said(table: Table, players: readonly Member[]): string {
    const { room, me } = this.context;
    const { last, outcome, tie } = table;
    const parts: string[] = [];
    if (last) parts.push(text.dice.rolled(this.names([last.userId], players), last.value));
    if (tie?.value) parts.push(text.dice.tie(this.names(tie.userIds, players), tie.value));
    else if (outcome?.winnerId === me) parts.push(text.dice.yourPoint(outcome.value));
    else if (outcome?.winnerId) parts.push(text.dice.point(this.names([outcome.winnerId], players), outcome.value));
    if (room.turn) {
      const isMine = room.turn.userId === me;
      parts.push(isMine ? text.dice.yourTurn : text.dice.turnOf(this.names([room.turn.userId], players)));
    }
    return parts.map((part) => (/[.!]$/.test(part) ? part : `${part}.`)).join(" ");
  }

  private turn(room: RoomView, players: readonly Member[], clock: ServerClock): TemplateResult | typeof nothing {
    const { turn } = room;
    const { me } = this.context;
    if (!turn) return nothing;
    const isMine = turn.userId === me;
    const isAuto = players.find((player) => player.userId === me)?.isAuto ?? false;
    return html`
      <div class="turn">
        <p class="who" data-testid="turn" data-user-id=${turn.userId}>
          ${isMine ? text.dice.yourTurn : text.dice.turnOf(this.names([turn.userId], players))}
        </p>
        ${
          turn.deadline === null
            ? nothing
            : html`<bs-countdown data-testid="turn-countdown" .deadline=${turn.deadline} .clock=${clock}></bs-countdown>`
        }
        ${
          room.selected.includes(me) && !this.context.isReplay
            ? html`<button class="primary large" data-testid="roll-button" ?disabled=${!isMine || this.isRolling} aria-busy=${this.isRolling} @click=${this.roll}>
              ${this.isRolling ? text.dice.rolling : text.dice.roll}</button>`
            : nothing
        }
        ${
          this.context.isReplay
            ? nothing
            : isAuto
              ? html`<p class="soft auto" data-testid="auto-play">${text.dice.autoOn}
              <button class="small" data-testid="auto-off" @click=${() => this.autoPlay(false)}>${text.dice.stopAuto}</button></p>`
              : players.some((player) => player.userId === me)
                ? html`<button class="small plain" data-testid="auto-on" @click=${() => this.autoPlay(true)}>${text.dice.auto}</button>`
                : nothing
        }
      </div>
    `;
  }

  private player(player: Member, room: RoomView, table: Table): TemplateResult {
    const { userId, username, score } = player;
    const isOut = table.tie !== null && !table.tie.userIds.includes(userId);
    const isTied = table.tie?.userIds.includes(userId) ?? false;
    const isFirst = table.outcome?.winnerId === userId;
    return html`
      <article class="card player" data-testid="player-${userId}" ?data-turn=${room.turn?.userId === userId}
        ?data-out=${isOut} ?data-tied=${isTied} ?data-first=${isFirst}>
        <div class="row name">
          <bs-avatar .userId=${userId} .name=${username}></bs-avatar>
          <div class="grow">
            <div class="ellipsis"><b>${username}</b>
              ${userId === this.context.me ? html`<span class="soft">(${text.you})</span>` : nothing}</div>
            <div class="row badges">
              ${botMark(player.isBot)}
              ${isTied ? html`<span class="chip warn" data-of="tie" data-testid="tied-${userId}">${text.dice.tieBadge}</span>` : nothing}
              ${isOut ? html`<span class="chip" data-of="tie">${text.dice.sitsOut}</span>` : nothing}
              ${player.isAuto ? html`<span class="chip" data-testid="auto-${userId}">${text.isAuto}</span>` : nothing}
              ${player.isGone ? html`<span class="chip bad">${text.isGone}</span>` : nothing}
            </div>
          </div>
          <bs-face data-testid="die-${userId}" .value=${table.rolls.get(userId) ?? 0}></bs-face>
        </div>
        <div class="score" title=${text.dice.score(score)}>
          <div class="track" aria-hidden="true">
            ${Array.from({ length: POINTS_TO_WIN }, (_, point) => html`<i ?data-on=${point < score}></i>`)}
          </div>
          <b class="number" data-testid="score-${userId}" data-score=${score}>${score}</b>
        </div>
      </article>
    `;
  }

  private names(userIds: readonly UserId[], players: readonly Member[]): string {
    const { me } = this.context;
    const names = userIds.map((id) =>
      id === me ? text.dice.you : (players.find((player) => player.userId === id)?.username ?? id),
    );
    return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")}${text.dice.and}${names.at(-1)}`;
  }

  private readonly roll = async () => {
    this.isRolling = true;
    sound.play("roll");
    try {
      await this.context.act("games.command.bigger_dice.roll");
    } finally {
      this.isRolling = false;
    }
  };

  private autoPlay(enabled: boolean): void {
    void this.context.act("games.command.bigger_dice.enable_auto_play", { enabled });
  }

  static override styles = [
    ui,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
        gap: var(--space-4);
        align-items: start;
      }
      .stage {
        position: sticky;
        top: var(--space-4);
        display: grid;
        justify-items: center;
        gap: var(--space-3);
        padding: var(--space-5);
        text-align: center;
        transition: border-color var(--fast);
      }
      .stage[data-mine] {
        border-color: var(--sun-2);
        box-shadow:
          var(--shadow),
          0 0 0 4px #ff8a2b26;
      }
      .top {
        display: flex;
        align-items: center;
        justify-content: space-between;
        width: 100%;
        min-height: 44px;
      }
      bs-dice-tie {
        width: 100%;
      }
      bs-dice-rounds {
        grid-column: 1 / -1;
      }
      :host([many]) .players {
        grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
        gap: var(--space-2);
      }
      :host([many]) .player {
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-2);
        padding: var(--space-2) var(--space-3);
      }
      :host([many]) .player bs-face {
        --size: 32px;
      }
      :host([many]) .player bs-avatar {
        display: none;
      }
      /* The colours say it, and the tie-break itself says why. */
      :host([many]) [data-of="tie"] {
        display: none;
      }
      :host([many]) .badges:not(:has(:not([data-of="tie"]))) {
        display: none;
      }
      .well {
        display: grid;
        place-items: center;
        width: 100%;
        min-height: 188px;
        border-radius: var(--radius-m);
        background: radial-gradient(ellipse at 50% 70%, light-dark(#e8d6b8, #0d0a17), transparent 62%);
      }
      .banner {
        min-height: 1.6em;
        font-weight: 700;
      }
      .line {
        animation: rise 260ms 620ms var(--ease) both;
      }
      .line.mine {
        color: var(--good);
      }
      .banner[data-kind="tie"] {
        display: none;
      }
      .turn {
        display: grid;
        justify-items: center;
        gap: var(--space-3);
        width: 100%;
      }
      .who {
        font-size: var(--text-xl);
        font-weight: 800;
        letter-spacing: -0.02em;
        overflow-wrap: anywhere;
      }
      .turn bs-countdown {
        width: min(20rem, 100%);
      }
      .turn .large {
        width: min(20rem, 100%);
      }
      .players {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-3);
      }
      .player {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-3);
        padding: var(--space-3) var(--space-4);
        border-radius: var(--radius-m);
        transition:
          opacity var(--fast),
          border-color var(--fast);
      }
      .player .name {
        flex-wrap: nowrap;
      }
      .player[data-turn] {
        border-color: var(--sun-2);
      }
      .player[data-tied] {
        background: color-mix(in srgb, var(--warn-soft) 60%, var(--surface));
      }
      .player[data-out] {
        border-style: dashed;
        background: transparent;
        box-shadow: none;
      }
      .player[data-out] :is(bs-avatar, bs-face, .track) {
        opacity: 0.45;
      }
      .player[data-first] bs-face {
        border-radius: 22%;
        outline: 3px solid var(--sun-2);
        outline-offset: 2px;
      }
      .badges {
        gap: var(--space-1);
      }
      .score {
        display: flex;
        align-items: center;
        gap: var(--space-3);
      }
      .score b {
        min-width: 2ch;
        font-size: var(--text-l);
        text-align: right;
      }
      .track {
        display: grid;
        flex: 1;
        grid-template-columns: repeat(10, 1fr);
        gap: 3px;
      }
      .track i {
        height: 9px;
        border-radius: 3px;
        background: var(--surface-3);
        transition: background 300ms 620ms;
      }
      .track i[data-on] {
        background: var(--sun);
      }
      .auto {
        font-size: var(--text-s);
      }
      @media (max-width: 46rem) {
        :host {
          grid-template-columns: minmax(0, 1fr);
        }
        .stage {
          position: static;
          padding: var(--space-4);
        }
        .well {
          min-height: 148px;
        }
        /* Who leads is in sight together with the button. */
        :host(:not([many])) .players {
          order: -1;
          grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
          gap: var(--space-2);
        }
        :host(:not([many])) .player {
          gap: var(--space-2);
          padding: var(--space-2) var(--space-3);
        }
        :host(:not([many])) .player bs-avatar {
          display: none;
        }
        :host(:not([many])) .player bs-face {
          --size: 34px;
        }
        :host(:not([many])) .badges:not(:has(*)) {
          display: none;
        }
      }
    `,
  ];
}

customElements.define("bs-bigger-dice", BiggerDice);

export default {
  gameType: "bigger_dice",
  title: text.dice.title,
  summary: text.dice.summary,
  render: (context) => html`<bs-bigger-dice .context=${context}></bs-bigger-dice>`,
} satisfies GamePage;
