import type { Member } from "@blazing-sun/client";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { GameContext } from "../games.js";
import { descriptionOf, type Field, fieldsOf, InvalidField, moveOf, wordsOf } from "../schema_fields.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./avatar.js";
import { botMark } from "./bot_mark.js";
import "./countdown.js";
import { Progress, type Waiting } from "./progress.js";
import { fieldsView, gameFields, lineOf, namesIn } from "./value_view.js";

const EVENTS_SHOWN = 8;

/**
 * Any game without a picture: its moves as forms, and its state as this viewer gets it. What the server hides from
 * this viewer is not in that state, and so not here.
 */
export class GenericTable extends LitElement {
  static override properties = {
    context: { attribute: false },
    moves: { attribute: false },
    note: { attribute: false },
    isBusy: { state: true },
    problem: { state: true },
  };
  protected readonly progress = new Progress(this as unknown as Waiting);
  declare context: GameContext;
  /** A JSON Schema of each move's fields, by the move's name. */
  declare moves: Readonly<Record<string, unknown>>;
  declare note: string;
  declare private isBusy: boolean;
  declare private problem: string;

  constructor() {
    super();
    this.moves = {};
    this.note = "";
    this.isBusy = false;
    this.problem = "";
  }

  override render(): TemplateResult {
    const { room, me, clock } = this.context;
    const names = namesIn(room);
    const { turn, gameState } = room;
    const isMine = turn?.userId === me;
    const seated = room.selected.flatMap((id) => room.members.find((member) => member.userId === id) ?? []);
    const events = room.gameEvents.slice(-EVENTS_SHOWN).reverse();
    return html`
      <section class="card stack" data-testid="generic-table" ?data-mine=${isMine}>
        ${this.note ? html`<p class="soft small">${this.note}</p>` : nothing}
        <p class="who" role="status" data-testid="turn" data-user-id=${turn?.userId ?? ""}>
          ${turn ? (isMine ? text.table.yourTurn : text.table.turnOf(names.get(turn.userId) ?? turn.userId)) : "\u00a0"}
        </p>
        ${turn?.deadline ? html`<bs-countdown .deadline=${turn.deadline} .clock=${clock}></bs-countdown>` : nothing}
        <ul class="players">${seated.map((member) => this.player(member, turn?.userId))}</ul>
        <h2>${text.table.moves}</h2>
        ${
          room.selected.includes(me)
            ? Object.entries(this.moves).map(([name, schema]) => this.form(name, schema))
            : html`<p class="soft">${text.table.watching}</p>`
        }
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      </section>
      <section class="card stack">
        <h2>${text.table.state}</h2>
        <div data-testid="game-state">${gameState ? fieldsView(gameFields(gameState), names) : html`<p class="soft">${text.table.noState}</p>`}</div>
        <h2>${text.table.events}</h2>
        ${events.length === 0 ? html`<p class="soft">${text.table.noEvents}</p>` : nothing}
        <div role="log" data-testid="game-events"><ol class="events">
          ${events.map((event) => html`<li><b>${wordsOf(event.type.split(".").at(-1) ?? "")}</b> <bdi class="soft">${lineOf(gameFields(event), names)}</bdi></li>`)}
        </ol></div>
      </section>
    `;
  }

  private player(member: Member, turnUserId: string | undefined): TemplateResult {
    return html`<li ?data-turn=${member.userId === turnUserId}>
      <bs-avatar .userId=${member.userId} .name=${member.username}></bs-avatar>
      <span class="grow ellipsis"><b><bdi>${member.username}</bdi></b>
        ${member.userId === this.context.me ? html`<span class="soft">(${text.you})</span>` : nothing}</span>
      ${botMark(member.isBot)}
      ${member.isGone ? html`<span class="chip bad">${text.isGone}</span>` : nothing}
      <b class="number" data-testid="score-${member.userId}" data-score=${member.score}>${member.score}</b>
    </li>`;
  }

  private form(name: string, schema: unknown): TemplateResult {
    const fields = fieldsOf(schema);
    const description = descriptionOf(schema);
    return html`<form data-testid="move-${name}" @submit=${(event: SubmitEvent) => this.submit(event, name, fields)}>
      ${description ? html`<p class="soft small">${description}</p>` : nothing}
      ${fields.map((field) => this.field(name, field))}
      <button class="primary" data-testid="play-${name}" aria-disabled=${this.isBusy}>
        ${fields.length === 0 ? wordsOf(name) : `${text.table.play}: ${wordsOf(name)}`}</button>
    </form>`;
  }

  private field(move: string, field: Field): TemplateResult {
    const testId = `${move}-${field.name}`;
    if (field.kind === "boolean") {
      return html`<label class="check"><input type="checkbox" name=${field.name} data-testid=${testId} />${field.label}</label>`;
    }
    return html`<label>${field.label} ${field.description ? html`<span class="soft">${field.description}</span>` : nothing}
      ${this.input(field, testId)}
    </label>`;
  }

  private input(field: Field, testId: string): TemplateResult {
    const { name, isRequired } = field;
    if (field.kind === "choice") {
      return html`<select name=${name} ?required=${isRequired} data-testid=${testId}>
        ${isRequired ? nothing : html`<option value="">${text.table.nothing}</option>`}
        ${field.choices.map(({ label }, at) => html`<option value=${at}>${label}</option>`)}
      </select>`;
    }
    if (field.kind === "integer" || field.kind === "number") {
      return html`<input type="number" name=${name} ?required=${isRequired} min=${field.min ?? nothing} max=${field.max ?? nothing}
        step=${field.kind === "integer" ? 1 : "any"} inputmode="decimal" data-testid=${testId} />`;
    }
    const placeholder = field.kind === "json" ? text.table.json : nothing;
    return html`<input type="text" name=${name} ?required=${isRequired} autocomplete="off" placeholder=${placeholder}
      minlength=${field.minLength ?? nothing} maxlength=${field.maxLength ?? nothing} pattern=${field.pattern ?? nothing}
      data-testid=${testId} />`;
  }

  private submit(event: SubmitEvent, name: string, fields: readonly Field[]): void {
    event.preventDefault();
    this.problem = "";
    try {
      void this.play(name, moveOf(fields, new FormData(event.target as HTMLFormElement)));
    } catch (error) {
      if (!(error instanceof InvalidField)) throw error;
      this.problem = text.table.notJson(error.field.label);
    }
  }

  private async play(name: string, fields: Record<string, unknown>): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    await this.context.act(`games.command.${this.context.room.gameType}.${name}`, fields);
    this.isBusy = false;
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
      [data-mine] {
        border-color: var(--sun-2);
      }
      .who {
        font-size: var(--text-l);
        font-weight: 800;
        overflow-wrap: anywhere;
      }
      .small {
        font-size: var(--text-s);
      }
      .players,
      .events {
        display: grid;
        gap: var(--space-2);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      .players li {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        padding: var(--space-2) var(--space-3);
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
      }
      .players li[data-turn] {
        border-color: var(--sun-2);
      }
      .events {
        font-size: var(--text-s);
        overflow-wrap: anywhere;
      }
      form {
        display: grid;
        gap: var(--space-3);
        padding: var(--space-3);
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
      }
      .problem {
        color: var(--bad);
        font-weight: 600;
      }
      .fields {
        display: grid;
        gap: var(--space-2);
      }
      .fields > div {
        display: grid;
        grid-template-columns: minmax(6rem, 2fr) 3fr;
        gap: var(--space-2);
        padding-bottom: var(--space-1);
        border-bottom: 1px solid var(--line);
      }
      dt {
        color: var(--text-2);
        font-size: var(--text-s);
        overflow-wrap: anywhere;
      }
      dd {
        margin: 0;
        overflow-wrap: anywhere;
      }
      th {
        padding-right: var(--space-3);
        font-weight: 600;
        text-align: left;
      }
      .cells {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-1);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      .cells li {
        min-width: 2.2em;
        padding: 2px 8px;
        border-radius: var(--radius-s);
        background: var(--surface-2);
        text-align: center;
      }
      .cells:not([data-board="0"]) {
        display: grid;
        justify-content: start;
      }
      .cells[data-board="3"] {
        grid-template-columns: repeat(3, 2.6em);
      }
      .cells[data-board="4"] {
        grid-template-columns: repeat(4, 2.6em);
      }
      .cells[data-board="5"] {
        grid-template-columns: repeat(5, 2.6em);
      }
      .cells[data-board="8"] {
        grid-template-columns: repeat(8, 2.2em);
      }
      @media (max-width: 46rem) {
        :host {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];
}

customElements.define("bs-generic-table", GenericTable);
