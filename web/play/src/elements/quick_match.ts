import type { GameInfo } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { money } from "../format.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { PlayElement } from "./element.js";

/** Begins a search: one button a game, which names the fee, for being matched is consent to it. */
export class QuickMatchStart extends PlayElement {
  override render(): TemplateResult | typeof nothing {
    const { play } = this;
    if (play.games.length === 0) return nothing;
    const isSearching = play.client?.quickMatch.status != null;
    return html`<section class="card" aria-labelledby="title" data-testid="quick-match">
      <div class="grow">
        <h2 id="title">${text.quick}</h2>
        <p class="soft">${text.quickLead}</p>
      </div>
      <div class="row">
        ${play.games.map((game) => {
          const isPoor = (play.account?.balance_cents ?? 0) < game.entry_fee_cents;
          return html`<button data-testid="quick-${game.game_type}" ?disabled=${isSearching || isPoor}
            title=${isPoor ? text.joinPoor : text.quick} @click=${() => this.start(game)}>
            ${text.quickGame(play.titleOf(game.game_type), money(game.entry_fee_cents, game.currency))}</button>`;
        })}
      </div>
    </section>`;
  }

  private start({ game_type, entry_fee_cents }: GameInfo): void {
    this.play.client?.quickMatch.start(game_type, { entry_fee_cents });
  }

  static override styles = [
    ui,
    css`
      section.card {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--space-3);
        padding: var(--space-3) var(--space-4);
      }
      .grow {
        flex-basis: 16rem;
      }
      @media (max-width: 46rem) {
        .row {
          flex: 1 1 100%;
        }
        .row button {
          flex: 1 1 auto;
        }
      }
      p {
        font-size: var(--text-s);
      }
    `,
  ];
}

/** Shown on every page while the search goes on. */
export class QuickMatchWaiting extends PlayElement {
  static override properties = { isBusy: { state: true } };
  declare private isBusy: boolean;

  constructor() {
    super();
    this.isBusy = false;
  }

  override render(): TemplateResult | typeof nothing {
    const { play } = this;
    const quick = play.client?.quickMatch;
    const status = quick?.status;
    if (!quick || !status) return nothing;
    return html`<div class="bar" role="status" data-testid="quick-waiting">
      <i aria-hidden="true"></i>
      <p class="grow"><b>${text.quickWaiting(play.titleOf(status.gameType))}</b>
        ${status.waiting > 0 ? html`<span class="soft">${text.quickCount(status.waiting)}</span>` : nothing}</p>
      <button class="small" data-testid="quick-cancel" aria-disabled=${this.isBusy} @click=${this.cancel}>${text.cancel}</button>
    </div>`;
  }

  private readonly cancel = async () => {
    const quick = this.play.client?.quickMatch;
    if (!quick || this.isBusy) return;
    this.isBusy = true;
    await this.play.run(quick.cancel());
    this.isBusy = false;
  };

  static override styles = [
    ui,
    css`
      .bar {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        max-width: 72rem;
        margin: 0 auto;
        padding: var(--space-3) var(--space-4);
      }
      .grow {
        overflow-wrap: anywhere;
      }
      i {
        flex: none;
        width: 22px;
        height: 22px;
        border: 3px solid var(--surface-3);
        border-top-color: var(--sun-2);
        border-radius: 50%;
        animation: turn 900ms linear infinite;
      }
      @keyframes turn {
        to {
          rotate: 1turn;
        }
      }
    `,
  ];
}

customElements.define("bs-quick-match", QuickMatchStart);
customElements.define("bs-quick-waiting", QuickMatchWaiting);
