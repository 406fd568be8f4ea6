import type { Statistics } from "@blazing-sun/client";
import { css, html, LitElement, type TemplateResult } from "lit";
import { change, money } from "../format.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";

/** What the games come to: how many, how many won, and the money. */
export class Figures extends LitElement {
  static override properties = { statistics: { attribute: false }, gameType: { attribute: false } };
  declare statistics: Statistics;
  /** Of this game alone; all where it is undefined. */
  declare gameType: string | undefined;

  override render(): TemplateResult {
    const { currency } = this.statistics;
    const games = this.statistics.games.filter(
      ({ game_type }) => this.gameType === undefined || game_type === this.gameType,
    );
    const sum = (of: (game: Statistics["games"][number]) => number) =>
      games.reduce((total, game) => total + of(game), 0);
    const played = sum((game) => game.played);
    const won = sum((game) => game.won);
    const fees = sum((game) => game.fees_cents);
    const prizes = sum((game) => game.prizes_cents);
    const net = prizes - fees;
    const rate = played === 0 ? "" : ` · ${Math.round((100 * won) / played)} %`;
    const figures = [
      { name: text.history.played, value: String(played), testId: "played", tone: "" },
      { name: text.history.won, value: `${won}${rate}`, testId: "won", tone: "" },
      { name: text.history.fees, value: money(fees, currency), testId: "fees", tone: "" },
      { name: text.history.prizes, value: money(prizes, currency), testId: "prizes", tone: "" },
      {
        name: text.history.net,
        value: net === 0 ? money(0, currency) : change(net, currency),
        testId: "net",
        tone: net > 0 ? "in" : "",
      },
    ];
    return html`<dl>
      ${figures.map(
        ({ name, value, testId, tone }) =>
          html`<div><dt>${name}</dt><dd class="number ${tone}" data-testid="figure-${testId}">${value}</dd></div>`,
      )}
    </dl>`;
  }

  static override styles = [
    ui,
    css`
      dl {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr));
        gap: 1px;
        overflow: hidden;
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
        background: var(--line);
      }
      div {
        padding: var(--space-3) var(--space-4);
        background: var(--surface);
      }
      dt {
        color: var(--text-2);
        font-size: var(--text-s);
      }
      dd {
        margin: 0;
        font-size: var(--text-l);
        font-weight: 750;
        white-space: nowrap;
      }
      .in {
        color: var(--good);
      }
      @media (max-width: 46rem) {
        dl {
          grid-template-columns: 1fr 1fr;
        }
        div:last-child {
          grid-column: 1 / -1;
        }
      }
    `,
  ];
}

customElements.define("bs-figures", Figures);
