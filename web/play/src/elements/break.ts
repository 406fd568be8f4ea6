import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { dayAndTime } from "../format.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { wordsFor } from "../words.js";
import { PlayElement } from "./element.js";

const DAY_MS = 86_400_000;

/** Self-exclusion: the player keeps themselves from playing and paying in, for a time that nobody shortens. */
export class BreakCard extends PlayElement {
  static override properties: PropertyDeclarations = {
    isChosen: { state: true },
    days: { state: true },
    problem: { state: true },
    isBusy: { state: true },
  };
  /** The time is chosen where a break is made longer. */
  declare private isChosen: boolean;
  declare private days: number;
  declare private problem: string;
  declare private isBusy: boolean;

  constructor() {
    super();
    this.isChosen = false;
    this.days = 7;
    this.problem = "";
    this.isBusy = false;
  }

  override render(): TemplateResult {
    const until = this.play.wallet.breakUntil;
    return html`<section class="card stack" aria-labelledby="title" data-testid="break" data-until=${until ?? ""}>
      <div>
        <h2 id="title">${text.limits.breakTitle}</h2>
        ${
          until
            ? html`<p class="until">${text.limits.onBreak(dayAndTime(until))}</p><p class="soft">${text.limits.onBreakLead}</p>`
            : html`<p class="soft">${text.limits.breakLead}</p>`
        }
      </div>
      ${
        until && !this.isChosen
          ? html`<button class="small" data-testid="break-longer" @click=${() => {
              this.isChosen = true;
            }}>${text.limits.breakLonger}</button>`
          : this.choice()
      }
      ${this.confirmation(until)}
    </section>`;
  }

  private choice(): TemplateResult {
    return html`<form class="row" @submit=${this.ask}>
      <label class="grow">${text.limits.breakFor}
        <select name="days" data-testid="break-days" @change=${(event: Event) => {
          this.days = Number((event.target as HTMLSelectElement).value);
        }}>
          ${Object.entries(text.limits.breaks).map(
            ([days, words]) => html`<option value=${days} ?selected=${Number(days) === this.days}>${words}</option>`,
          )}
        </select></label>
      <button data-testid="break-begin">${text.limits.breakBegin}</button>
    </form>`;
  }

  private confirmation(until: string | undefined): TemplateResult {
    const asked = this.play.client ? this.play.client.clock.now() + this.days * DAY_MS : 0;
    const end = new Date(Math.max(asked, until ? Date.parse(until) : 0)).toISOString();
    return html`<dialog aria-labelledby="sure" data-testid="break-dialog">
      <div class="stack">
        <h2 id="sure">${text.limits.breakSure(text.limits.breaks[this.days] ?? "")}</h2>
        <p><b>${text.limits.breakUntil(dayAndTime(end))}</b></p>
        <ul>${text.limits.breakMeans.map((line) => html`<li>${line}</li>`)}</ul>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        <div class="row">
          <button class="primary" aria-disabled=${this.isBusy} data-testid="break-confirm" @click=${this.confirm}>${text.limits.breakConfirm}</button>
          <button autofocus data-testid="break-cancel" @click=${() => this.dialog?.close()}>${text.limits.breakCancel}</button>
        </div>
      </div>
    </dialog>`;
  }

  private get dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector("dialog");
  }

  private readonly ask = (event: SubmitEvent) => {
    event.preventDefault();
    this.problem = "";
    this.requestUpdate();
    this.dialog?.showModal();
  };

  private readonly confirm = async () => {
    const { client } = this.play;
    if (!client || this.isBusy) return;
    this.isBusy = true;
    this.problem = "";
    try {
      await client.wallet.excludeSelf(this.days);
      this.isChosen = false;
      this.dialog?.close();
      const until = client.wallet.limits?.excluded_until;
      if (until) this.play.tell(text.limits.begun(dayAndTime(until)));
    } catch (error) {
      this.problem = wordsFor(error);
    } finally {
      this.isBusy = false;
    }
  };

  static override styles = [
    ui,
    css`
      .soft {
        font-size: var(--text-s);
      }
      .until {
        margin: var(--space-2) 0 var(--space-1);
        font-weight: 650;
      }
      form.row {
        align-items: end;
      }
      form.row button {
        min-height: 44px;
      }
      dialog ul {
        display: grid;
        gap: var(--space-1);
        margin: 0;
        padding-left: var(--space-4);
      }
      .problem {
        color: var(--bad);
        font-weight: 600;
      }
    `,
  ];
}

customElements.define("bs-break", BreakCard);
