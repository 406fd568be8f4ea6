import { html, nothing, type TemplateResult } from "lit";
import { shown } from "../elements/element.js";
import { chip, heading, moment, playerLink, table } from "../elements/parts.js";
import { money } from "../format.js";
import { Remote } from "../remote.js";
import { text } from "../texts.js";
import type { PlayerRow, PlayersFound } from "../types.js";
import { Page } from "./page.js";

export class Players extends Page {
  private asked: string | undefined;
  /** Nobody is looked for where nothing is asked. */
  private readonly players = new Remote<PlayersFound>(this, async (signal) => {
    const { wanted } = this;
    return wanted === "" ? { players: [] } : this.console.api.get("players", { query: wanted }, signal);
  });

  private get wanted(): string {
    return this.console.query.get("query") ?? "";
  }

  protected override willUpdate(): void {
    if (this.asked !== undefined && this.asked !== this.wanted) this.players.reset();
    this.asked = this.wanted;
  }

  protected content(): TemplateResult {
    return html`${heading(text.nav.players)}
      <form class="card filters" @submit=${this.submit}>
        <label>${text.players.query}<input name="query" type="search" .value=${this.wanted} required
          placeholder=${text.players.placeholder} autocomplete="off" spellcheck="false" data-testid="player-query" /></label>
        <div class="row"><button class="primary" data-testid="player-search">${text.messages.search}</button></div>
      </form>
      ${shown(this.players, ({ players }) => this.found(players))}`;
  }

  private found(players: readonly PlayerRow[]): TemplateResult | typeof nothing {
    if (players.length === 0)
      return this.wanted === "" ? nothing : html`<p class="empty" data-testid="empty">${text.players.none}</p>`;
    return table(
      text.nav.players,
      [
        { name: text.players.id, draw: ({ user_id }) => playerLink(user_id) },
        { name: text.players.name, draw: ({ user_id, username }) => playerLink(user_id, username) },
        { name: text.signIn.email, draw: ({ email }) => email ?? "–" },
        { name: text.players.roles, draw: ({ roles }) => roles.map((role) => html`${chip(role)} `) },
        { name: text.players.standing, draw: ({ status }) => standingChip(status) },
        {
          name: text.player.balance,
          draw: ({ balance_cents }) => money(balance_cents, this.console.currency),
          isNumber: true,
        },
        { name: text.players.since, draw: ({ created_at }) => moment(created_at) },
      ],
      players,
    );
  }

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    this.ask({ query: String(new FormData(event.target as HTMLFormElement).get("query") ?? "").trim() });
  };
}

export function standingChip(status: string): TemplateResult {
  return chip(text.players.standings[status] ?? status, status === "active" ? "plain" : "bad");
}

customElements.define("bc-players", Players);
