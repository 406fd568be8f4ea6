import { type Frame, type Member, type RoomView, scoresOf, type UserId, userIdOf } from "@blazing-sun/client";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./avatar.js";

const EVENTS = "games.event.bigger_dice.";
const SHOWN_AT_FIRST = 5;

/** One point's worth of throws: by player what was thrown, once more for each tie-break. */
export interface Round {
  readonly number: number;
  readonly rolls: ReadonlyMap<UserId, readonly number[]>;
  readonly winnerId: UserId | null;
}

/**
 * The rounds that were seen whole, the one in play included, the newest last; `current` is that one's number. With what
 * was recorded of the room also those before a reload.
 */
export function roundsOf(room: RoomView, current: number, recorded: readonly Frame[] = []): Round[] {
  const rounds: { rolls: Map<UserId, number[]>; winnerId: UserId | null; isPart?: boolean }[] = [];
  let open: (typeof rounds)[number] | undefined;
  for (const event of eventsOf(room, recorded)) {
    if (event.type === `${EVENTS}rolled`) {
      if (!open) {
        open = { rolls: new Map(), winnerId: null };
        rounds.push(open);
      }
      const userId = userIdOf(event.player_id);
      open.rolls.set(userId, [...(open.rolls.get(userId) ?? []), Number(event.roll)]);
    } else if (event.type === `${EVENTS}round_result`) {
      if (!open) {
        // The throws themselves were not seen.
        const told = scoresOf(event.rolls).map(({ userId, score }): [UserId, number[]] => [userId, [score]]);
        open = { rolls: new Map(told), winnerId: null };
        rounds.push(open);
      }
      // At the first result of a round everybody has thrown; of one that began unseen some throws are missing.
      open.isPart ??= open.rolls.size < room.selected.length;
      if (event.is_tie) continue;
      open.winnerId = userIdOf(event.winner_id) || null;
      open = undefined;
    }
  }
  // A round that is over has moved the number on, but for the last one.
  const last = open || room.result ? current : current - 1;
  const numbered = rounds.map((round, index) => ({ ...round, number: last - (rounds.length - 1 - index) }));
  return numbered.filter(({ isPart, winnerId }) => !isPart || winnerId === null);
}

/** The events of this page, behind those that were recorded before them, as far back as none is missing. */
function eventsOf({ gameEvents, roomSeq }: RoomView, recorded: readonly Frame[]): readonly Frame[] {
  const first = Number(gameEvents[0]?.room_seq ?? roomSeq + 1);
  const seqOf = ({ room, room_seq }: Frame) => Number(room_seq ?? (room as Partial<Frame> | undefined)?.room_seq ?? -1);
  const isMissing = Math.max(...recorded.map(seqOf)) < first - 1;
  if (isMissing) return gameEvents;
  // A state was recorded where the events before it were not.
  const from = recorded.findLastIndex(({ type }) => type === "games.event.room_state");
  return [...recorded.slice(from + 1).filter((line) => isOwn(line) && seqOf(line) < first), ...gameEvents];
}

function isOwn({ type }: Frame): boolean {
  return type.startsWith(EVENTS);
}

/** Every round's throws by player, the newest first, on little room. */
export class DiceRounds extends LitElement {
  static override properties = {
    rounds: { attribute: false },
    players: { attribute: false },
    isAllShown: { state: true },
  };
  declare rounds: readonly Round[];
  declare players: readonly Member[];
  declare private isAllShown: boolean;

  constructor() {
    super();
    this.isAllShown = false;
  }

  protected override updated(): void {
    this.style.setProperty("--players", String(this.players.length));
  }

  override render(): TemplateResult | typeof nothing {
    const over = this.rounds.filter((round) => round.winnerId !== null).reverse();
    if (over.length === 0) return nothing;
    const shown = this.isAllShown ? over : over.slice(0, SHOWN_AT_FIRST);
    return html`<section class="card" data-testid="rounds">
      <table>
        <caption>${text.dice.rounds}</caption>
        <thead><tr>
          <th scope="col"><span class="unseen">${text.dice.roundColumn}</span></th>
          ${this.players.map(
            ({ userId, username }) =>
              html`<th scope="col" title=${username}><span class="unseen">${username}</span>
                <bs-avatar aria-hidden="true" .userId=${userId} .name=${username}></bs-avatar></th>`,
          )}
        </tr></thead>
        <tbody>${shown.map((round) => this.line(round))}</tbody>
      </table>
      ${
        shown.length < over.length
          ? html`<button class="small" data-testid="rounds-all" @click=${() => {
              this.isAllShown = true;
            }}>${text.dice.roundsAll(over.length)}</button>`
          : nothing
      }
    </section>`;
  }

  private line({ number, rolls, winnerId }: Round): TemplateResult {
    return html`<tr data-testid="round-line" data-round=${number} data-winner=${winnerId}>
      <th scope="row" class="number">${number}</th>
      ${this.players.map(({ userId }) => {
        const own = rolls.get(userId) ?? [];
        const hasWon = userId === winnerId;
        return html`<td class="number" ?data-won=${hasWon}>${
          own.length === 0
            ? "–"
            : own.map(
                (roll, at) =>
                  html`${at > 0 ? html`<i aria-hidden="true">›</i><span class="unseen"> ${text.dice.throwsAgain} </span>` : nothing}${roll}`,
              )
        }${hasWon ? html`<span class="unseen">${text.dice.tookIt}</span>` : nothing}</td>`;
      })}
    </tr>`;
  }

  static override styles = [
    ui,
    css`
      section.card {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        justify-items: start;
        gap: var(--space-2);
        padding: var(--space-3) var(--space-4);
        border-radius: var(--radius-m);
      }
      table {
        width: min(100%, 2rem + var(--players, 10) * 5rem);
        border-collapse: collapse;
        table-layout: fixed;
        font-size: var(--text-s);
      }
      caption {
        padding-bottom: var(--space-2);
        font-weight: 700;
        text-align: left;
      }
      th:first-child {
        width: 2rem;
        color: var(--text-2);
        text-align: left;
      }
      th,
      td {
        padding: 4px 0;
        text-align: center;
      }
      tbody tr {
        border-top: 1px solid var(--line);
      }
      td {
        overflow-wrap: anywhere;
      }
      bs-avatar {
        --size: 24px;
      }
      td[data-won] {
        border-radius: 6px;
        background: light-dark(#ffe3b8, #5b3511);
        font-weight: 800;
      }
      i {
        padding: 0 1px;
        color: var(--text-2);
        font-style: normal;
      }
    `,
  ];
}

customElements.define("bs-dice-rounds", DiceRounds);
