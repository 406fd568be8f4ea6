import { html, nothing, type TemplateResult } from "lit";
import { listed } from "../elements/element.js";
import { chip, heading, moment, playerLink, table } from "../elements/parts.js";
import { Paged } from "../paged.js";
import { text } from "../texts.js";
import type { PlayerRow } from "../types.js";
import { Page } from "./page.js";

export class Players extends Page {
  private asked: string | undefined;
  private readonly players = new Paged<PlayerRow>(this, async (cursor, signal) => {
    const query = { cursor, query: this.console.query.get("query") ?? undefined };
    const page = await this.console.api.get<{ players: PlayerRow[]; next_cursor?: string | null }>(
      "players",
      query,
      signal,
    );
    return { items: page.players, next: page.next_cursor };
  });

  protected override willUpdate(): void {
    const asked = this.console.query.toString();
    if (this.asked !== undefined && this.asked !== asked) void this.players.reset();
    this.asked = asked;
  }

  protected content(): TemplateResult {
    return html`${heading(text.nav.players)}
      <form class="card filters" @submit=${this.submit}>
        <label>${text.players.query}<input name="query" type="search" .value=${this.console.query.get("query") ?? ""}
          placeholder=${text.players.placeholder} autocomplete="off" spellcheck="false" data-testid="player-query" /></label>
        <div class="row"><button class="primary" data-testid="player-search">${text.messages.search}</button></div>
      </form>
      ${listed(this.players, text.players.none, (players) =>
        table(
          text.nav.players,
          [
            { name: text.players.id, draw: ({ user_id }) => playerLink(user_id) },
            { name: text.players.name, draw: ({ user_id, username }) => playerLink(user_id, username) },
            { name: text.signIn.email, draw: ({ email }) => email ?? "–" },
            { name: text.players.roles, draw: ({ roles }) => (roles ?? []).map((role) => chip(role)) },
            {
              name: text.players.standing,
              draw: ({ is_banned }) => (is_banned ? chip(text.player.banned, "bad") : nothing),
            },
            { name: text.players.since, draw: ({ created_at }) => moment(created_at) },
          ],
          players,
        ),
      )}`;
  }

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    this.ask({ query: String(new FormData(event.target as HTMLFormElement).get("query") ?? "").trim() });
  };
}

customElements.define("bc-players", Players);
