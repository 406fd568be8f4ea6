import type { PlayedGame, Statistics } from "@blazing-sun/client";
import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { daysOf, dayWords } from "../days.js";
import { change, money, timeOfDay } from "../format.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { wordsFor } from "../words.js";
import "./avatar.js";
import { PlayElement } from "./element.js";
import "./figures.js";

/** The games that this player has played, the newest first, in pages; the address says of which game. */
export class HistoryPage extends PlayElement {
  static override properties: PropertyDeclarations = {
    games: { state: true },
    cursor: { state: true },
    statistics: { state: true },
    gameType: { state: true },
    isReading: { state: true },
    problem: { state: true },
  };
  declare private games: readonly PlayedGame[] | undefined;
  /** Where older ones are. */
  declare private cursor: string | null;
  declare private statistics: Statistics | undefined;
  /** Of this game alone; all where it is undefined. */
  declare private gameType: string | undefined;
  declare private isReading: boolean;
  declare private problem: string;
  /** The cursor of the page that could not be read; undefined where it was the newest. */
  private failed: string | undefined;
  private userId: string | undefined;
  /** Grows with each question, so that no answer to an earlier one counts. */
  private asked = 0;

  constructor() {
    super();
    this.games = undefined;
    this.cursor = null;
    this.statistics = undefined;
    this.gameType = new URLSearchParams(location.search).get("game") ?? undefined;
    this.isReading = false;
    this.problem = "";
  }

  protected override willUpdate(): void {
    const userId = this.play.account?.user_id;
    if (userId === this.userId) return;
    this.userId = userId;
    this.statistics = undefined;
    void this.readStatistics();
    void this.read();
  }

  override render(): TemplateResult {
    return html`
      <div class="head">
        <h1>${text.history.title}</h1>
        <p class="soft">${text.history.lead}</p>
      </div>
      ${
        this.statistics && this.statistics.games.length > 0
          ? html`<bs-figures .statistics=${this.statistics} .gameType=${this.gameType}></bs-figures>`
          : nothing
      }
      ${this.filter()} ${this.content()}
      ${
        this.problem
          ? html`<div class="row"><p class="problem grow" role="alert">${this.problem}</p>
            <button class="small" data-testid="history-again" @click=${() => void this.read(this.failed)}>${text.wallet.again}</button></div>`
          : nothing
      }
      ${
        this.cursor
          ? html`<button class="older" data-testid="history-older" aria-disabled=${this.isReading} aria-busy=${this.isReading}
              @click=${() => !this.isReading && void this.read(this.cursor ?? undefined)}>${text.history.older}</button>`
          : nothing
      }
    `;
  }

  /** Only where there is something to choose between. */
  private filter(): TemplateResult | typeof nothing {
    const played = this.statistics?.games.map((game) => game.game_type) ?? [];
    if (played.length < 2 && this.gameType === undefined) return nothing;
    const choices = [undefined, ...new Set([...played, ...(this.gameType ? [this.gameType] : [])])];
    return html`<div class="filter" role="group" aria-label=${text.history.filter}>
      ${choices.map(
        (
          gameType,
        ) => html`<button class="small" aria-pressed=${gameType === this.gameType} data-testid="history-of-${gameType ?? "all"}"
          @click=${() => this.choose(gameType)}>${gameType === undefined ? text.history.all : this.play.titleOf(gameType)}</button>`,
      )}
    </div>`;
  }

  private content(): TemplateResult | typeof nothing {
    const { games } = this;
    if (!games) return this.problem ? nothing : html`<p class="soft" role="status">${text.history.loading}</p>`;
    if (games.length === 0) {
      return html`<div class="card empty" data-testid="history-empty">
        <h2>${text.history.empty}</h2>
        <p class="soft">${text.history.emptyLead}</p>
        <button class="primary" @click=${() => this.play.go({ page: "lobby" })}>${text.toLobby}</button>
      </div>`;
    }
    return html`<div class="days">${repeat(
      daysOf(games, (game) => game.ended_at),
      ([day]) => day,
      ([day, ofDay]) => html`<section aria-label=${dayWords(day)}>
        <h2>${dayWords(day)}</h2>
        <ul class="card">${repeat(
          ofDay,
          (game) => game.room_id,
          (game) => this.line(game),
        )}</ul>
      </section>`,
    )}</div>`;
  }

  private line(game: PlayedGame): TemplateResult {
    const me = this.userId;
    const others = game.players.filter((player) => player.user_id !== me);
    const net = game.prize_cents + game.returned_cents - game.fee_cents;
    const route = { page: "replay", gameType: game.game_type, roomId: game.room_id } as const;
    return html`<li data-testid="played" data-room-id=${game.room_id} data-result=${game.result} data-net=${net}>
      <a href="/history/${game.game_type}/${game.room_id}" @click=${(event: MouseEvent) => this.play.follows(event, route)}>
        <span class="result ${game.result}">${text.history.results[game.result]}</span>
        <span class="what">
          <b class="ellipsis"><bdi>${game.room_name}</bdi></b>
          <span class="soft facts">${this.play.titleOf(game.game_type)} · ${timeOfDay(game.ended_at)} ·
            <bdi>${text.history.against(others.map((player) => player.username ?? text.people.unnamed(player.user_id)))}</bdi></span>
        </span>
        <span class="faces" aria-hidden="true">${others
          .slice(0, 4)
          .map(
            (player) => html`<bs-avatar .userId=${player.user_id} .name=${player.username ?? "?"}></bs-avatar>`,
          )}</span>
        <span class="money number">
          <b class=${net > 0 ? "in" : ""}>${net === 0 ? money(0, game.currency) : change(net, game.currency)}</b>
          <span class="soft">${text.history.moved(
            money(game.fee_cents, game.currency),
            game.prize_cents > 0 ? money(game.prize_cents, game.currency) : null,
          )}</span>
        </span>
        <span class="go" aria-hidden="true">›</span>
      </a>
    </li>`;
  }

  private choose(gameType: string | undefined): void {
    if (gameType === this.gameType) return;
    this.gameType = gameType;
    const query = gameType === undefined ? "" : `?game=${encodeURIComponent(gameType)}`;
    history.replaceState(null, "", `${location.pathname}${query}`);
    void this.read();
  }

  private async readStatistics(): Promise<void> {
    const { userId } = this;
    if (userId === undefined) return;
    try {
      const statistics = await this.play.session.statistics();
      if (this.userId === userId) this.statistics = statistics;
    } catch {
      // The list says what is wrong.
    }
  }

  /** The newest page, or the one that the cursor leads to. */
  private async read(cursor?: string): Promise<void> {
    if (this.userId === undefined) return;
    this.asked += 1;
    const asked = this.asked;
    if (cursor === undefined) {
      this.games = undefined;
      this.cursor = null;
    }
    this.isReading = true;
    this.problem = "";
    try {
      const page = await this.play.session.playedGames(this.gameType, cursor);
      if (asked !== this.asked) return;
      this.games = [...(this.games ?? []), ...page.games];
      this.cursor = page.next_cursor;
    } catch (error) {
      if (asked !== this.asked) return;
      this.failed = cursor;
      this.problem = wordsFor(error);
    } finally {
      if (asked === this.asked) this.isReading = false;
    }
  }

  static override styles = [
    ui,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-4);
        max-width: 56rem;
        margin: 0 auto;
      }
      .head {
        margin-top: var(--space-4);
      }
      .filter {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-2);
      }
      .filter [aria-pressed="true"] {
        border-color: var(--accent);
        color: var(--accent);
      }
      .days,
      section {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-3);
      }
      section + section {
        margin-top: var(--space-3);
      }
      h2 {
        font-size: var(--text-m);
      }
      section h2 {
        color: var(--text-2);
      }
      ul.card {
        margin: 0;
        padding: var(--space-1) 0;
        overflow: hidden;
        list-style: none;
      }
      li + li {
        border-top: 1px solid var(--line);
      }
      a {
        display: grid;
        grid-template-columns: 5.5rem minmax(0, 1fr) auto auto auto;
        align-items: center;
        gap: var(--space-3);
        padding: var(--space-3) var(--space-4);
        color: inherit;
        text-decoration: none;
      }
      a:hover {
        background: var(--surface-2);
      }
      a:focus-visible {
        outline-offset: -3px;
      }
      .result {
        justify-self: start;
        padding: 2px 12px;
        border-radius: var(--radius-pill);
        background: var(--surface-2);
        color: var(--text-2);
        font-size: var(--text-s);
        font-weight: 700;
      }
      .result.won {
        background: var(--good-soft);
        color: var(--good);
      }
      .what,
      .money {
        display: grid;
      }
      .facts,
      .money .soft {
        font-size: var(--text-s);
        overflow-wrap: anywhere;
      }
      .money {
        justify-items: end;
        white-space: nowrap;
      }
      .money .in {
        color: var(--good);
      }
      .faces {
        display: flex;
      }
      .faces bs-avatar + bs-avatar {
        margin-left: -10px;
      }
      .go {
        color: var(--text-2);
        font-size: var(--text-xl);
        line-height: 1;
      }
      .older {
        justify-self: center;
      }
      .empty {
        display: grid;
        justify-items: center;
        gap: var(--space-3);
        padding: var(--space-7) var(--space-4);
        text-align: center;
      }
      .problem {
        color: var(--bad);
        font-weight: 600;
      }
      @media (max-width: 46rem) {
        a {
          grid-template-columns: minmax(0, 1fr) auto;
          gap: var(--space-1) var(--space-3);
        }
        .faces,
        .go {
          display: none;
        }
        .what {
          grid-column: 1;
          grid-row: 1;
        }
        .money {
          grid-column: 2;
          grid-row: 1;
        }
        .money .soft {
          display: none;
        }
        .result {
          grid-column: 2;
          grid-row: 2;
          justify-self: end;
        }
        .facts {
          display: block;
        }
      }
    `,
  ];
}

customElements.define("bs-history", HistoryPage);
