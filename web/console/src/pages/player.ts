import { CommandIds } from "@blazing-sun/client";
import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { listed, shown } from "../elements/element.js";
import "../elements/json_view.js";
import { chip, facts, heading, moment, playerLink, roomLink, table, traceLink } from "../elements/parts.js";
import { money } from "../format.js";
import { centsOf } from "../money.js";
import { Paged } from "../paged.js";
import { Remote } from "../remote.js";
import { text } from "../texts.js";
import type { JsonObject, PlayerDetails, StatementEntry } from "../types.js";
import { Page } from "./page.js";

export class PlayerPage extends Page {
  static override properties: PropertyDeclarations = { ...Page.properties, userId: { attribute: false } };
  declare userId: string;
  private readonly ids = new CommandIds(Date.now);
  private readonly player = new Remote<PlayerDetails>(
    this,
    (signal) => this.console.api.get(this.path, {}, signal),
    15_000,
  );
  private readonly statement = new Paged<StatementEntry>(this, async (cursor, signal) => {
    const page = await this.console.api.get<{ entries: StatementEntry[]; next_cursor?: string | null }>(
      `${this.path}/statement`,
      { cursor },
      signal,
    );
    return { items: page.entries, next: page.next_cursor };
  });

  private get path(): string {
    return `players/${encodeURIComponent(this.userId)}`;
  }

  private get currency(): string {
    return this.player.data?.balance?.currency ?? "eur";
  }

  protected content(): TemplateResult {
    const { data } = this.player;
    const name = data?.profile.username;
    return html`
      ${heading(html`<bdi data-testid="player-name">${name ?? text.player.title}</bdi> <span class="mono soft">${this.userId}</span>`, data ? this.actions(data) : nothing)}
      ${shown(this.player, (player) => this.drawn(player))}
      <h2>${text.player.statement}</h2>
      ${listed(this.statement, text.player.noStatement, (entries) => this.statementTable(entries))}`;
  }

  private actions({ ban }: PlayerDetails): TemplateResult {
    return html`
      <button data-testid="credit" @click=${this.credit}>${text.player.credit}</button>
      <button data-testid="sign-out-player" @click=${this.signOut}>${text.player.signOut}</button>
      ${
        ban
          ? html`<button data-testid="unban" @click=${this.unban}>${text.player.unban}</button>`
          : html`<button class="danger" data-testid="ban" @click=${this.ban}>${text.player.ban}</button>`
      }`;
  }

  private drawn({ profile, balance, sessions, limits, rooms, ban }: PlayerDetails): TemplateResult {
    return html`
      ${
        ban
          ? html`<div class="failure" role="note" data-testid="banned"><p>${text.player.bannedFor(ban.reason ?? "–")} ${moment(ban.at)}</p></div>`
          : nothing
      }
      <section class="card">${facts([
        {
          name: text.player.balance,
          value: html`<strong class="number" data-testid="player-balance">${
            balance?.balance_cents === undefined ? "–" : money(balance.balance_cents, this.currency)
          }</strong>`,
        },
        { name: text.signIn.email, value: profile.email ?? "–" },
        { name: text.players.roles, value: (profile.roles ?? []).map((role) => chip(role)) },
        {
          name: text.players.since,
          value: moment(typeof profile.created_at === "string" ? profile.created_at : undefined),
        },
      ])}</section>
      <h2>${text.player.sessions}</h2>
      ${objects(sessions, text.player.sessions, text.player.noSessions)}
      <h2>${text.nav.rooms}</h2>
      ${objects(rooms, text.nav.rooms, text.player.noRooms)}
      <h2>${text.player.limits}</h2>
      <bc-json .value=${limits ?? null} .label=${text.player.limits}></bc-json>`;
  }

  private statementTable(entries: readonly StatementEntry[]): TemplateResult {
    return table(
      text.player.statement,
      [
        { name: text.messages.at, draw: ({ at }) => moment(at) },
        { name: text.money.kind, draw: ({ kind }) => kind },
        {
          name: text.money.amount,
          draw: ({ amount_cents }) => `${amount_cents > 0 ? "+" : ""}${money(amount_cents, this.currency)}`,
          isNumber: true,
        },
        {
          name: text.player.after,
          draw: ({ balance_cents }) => (typeof balance_cents === "number" ? money(balance_cents, this.currency) : "–"),
          isNumber: true,
        },
        { name: text.room.title, draw: ({ room_id }) => roomLink(room_id) },
        { name: text.nav.trace, draw: ({ correlation_id }) => traceLink(correlation_id) },
      ],
      entries,
    );
  }

  private readonly reloadAll = async () => {
    await Promise.all([this.player.reload(), this.statement.reload()]);
  };

  private readonly credit = () => {
    // One id for as long as the dialog is open: pressing twice credits once.
    const commandId = this.ids.next();
    this.confirm(
      {
        title: text.player.creditTitle,
        lead: text.player.creditLead,
        fields: [
          { name: "amount", label: text.player.amount(this.currency.toUpperCase()) },
          { name: "reason", label: text.reason, type: "textarea" },
        ],
        confirm: text.player.credit,
        act: async ({ amount = "", reason }) => {
          const amountCents = centsOf(amount, this.currency);
          await this.console.api.post(`${this.path}/credit`, {
            amount_cents: amountCents,
            reason,
            command_id: commandId,
          });
          await this.reloadAll();
        },
      },
      text.player.credited,
    );
  };

  private readonly ban = () => {
    this.confirm(
      {
        title: text.player.banTitle,
        lead: text.player.banLead,
        fields: [{ name: "reason", label: text.reason, type: "textarea" }],
        confirm: text.player.ban,
        isDangerous: true,
        act: async ({ reason }) => {
          await this.console.api.post(`${this.path}/ban`, { reason });
          await this.reloadAll();
        },
      },
      text.player.bannedNow,
    );
  };

  private readonly unban = () =>
    this.plainly("unban", text.player.unbanTitle, text.player.unbanLead, text.player.unban);
  private readonly signOut = () =>
    this.plainly("sign-out", text.player.signOutTitle, text.player.signOutLead, text.player.signOut);

  private plainly(action: string, title: string, lead: string, confirm: string): void {
    const act = async () => {
      await this.console.api.post(`${this.path}/${action}`);
      await this.reloadAll();
    };
    this.confirm({ title, lead, fields: [], confirm, act }, text.done);
  }
}

/** Whatever is known of each, a column for each field. */
function objects(items: readonly JsonObject[] | null | undefined, label: string, none: string): TemplateResult {
  if (!items || items.length === 0) return html`<p class="empty">${none}</p>`;
  const names = [...new Set(items.flatMap((item) => Object.keys(item)))];
  return table(
    label,
    names.map((name) => ({ name: text.field(name), draw: (item: JsonObject) => cell(name, item[name]) })),
    items,
  );
}

function cell(name: string, value: unknown): unknown {
  if (value === null || value === undefined) return "–";
  if (name === "room_id") return roomLink(String(value));
  if (name.endsWith("_at")) return moment(String(value));
  if (name === "user_id" || name === "host_id") return playerLink(String(value));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

customElements.define("bc-player", PlayerPage);
