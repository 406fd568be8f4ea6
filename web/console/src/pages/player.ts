import { CommandIds } from "@blazing-sun/client";
import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { listed, shown } from "../elements/element.js";
import { chip, facts, heading, moment, roomLink, table, traceLink } from "../elements/parts.js";
import { money } from "../format.js";
import { centsOf } from "../money.js";
import { Paged } from "../paged.js";
import { Remote } from "../remote.js";
import { text } from "../texts.js";
import type { PlayerDetails, PlayerSession, Statement, StatementEntry } from "../types.js";
import { Page } from "./page.js";
import { standingChip } from "./players.js";

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
    const page = await this.console.api.get<Statement>(`${this.path}/statement`, { cursor }, signal);
    return { items: page.entries, next: page.next_cursor };
  });

  private get path(): string {
    return `players/${encodeURIComponent(this.userId)}`;
  }

  private get currency(): string {
    return this.player.data?.balance.currency ?? this.console.currency;
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
          ? html`<div class="failure" role="note" data-testid="banned"><p>${text.player.bannedFor(ban.reason ?? "–")}</p></div>`
          : nothing
      }
      <section class="card">${facts([
        {
          name: text.player.balance,
          value: html`<strong class="number" data-testid="player-balance" data-cents=${balance.balance_cents}>${this.cents(balance.balance_cents)}</strong>`,
        },
        { name: text.players.standing, value: standingChip(profile.status) },
        { name: text.signIn.email, value: profile.email ?? "–" },
        { name: text.players.roles, value: profile.roles.map((role) => html`${chip(role)} `) },
        { name: text.players.since, value: moment(profile.created_at) },
        { name: text.player.lastSeen, value: moment(profile.last_seen_at) },
      ])}</section>
      <h2>${text.player.sessions}</h2>
      ${sessions.length === 0 ? html`<p class="empty">${text.player.noSessions}</p>` : sessionsTable(sessions)}
      <h2>${text.nav.rooms}</h2>
      ${
        rooms.length === 0
          ? html`<p class="empty">${text.player.noRooms}</p>`
          : table(
              text.nav.rooms,
              [
                { name: text.room.title, draw: ({ room_id }) => roomLink(room_id, true) },
                { name: text.room.membership, draw: ({ membership }) => text.memberships[membership] ?? membership },
              ],
              rooms,
            )
      }
      <h2>${text.player.limits}</h2>
      ${limits.excluded_until ? html`<p>${text.player.excluded} ${moment(limits.excluded_until)}</p>` : nothing}
      ${table(
        text.player.limits,
        [
          { name: text.player.period, draw: ({ period }) => text.player.periods[period] },
          { name: text.player.limit, draw: ({ amount_cents }) => this.limit(amount_cents), isNumber: true },
          { name: text.player.used, draw: ({ used_cents }) => this.cents(used_cents), isNumber: true },
        ],
        limits.limits,
      )}`;
  }

  private cents(amount: number): string {
    return money(amount, this.currency);
  }

  private limit(amount: number | null): string {
    return amount === null ? text.player.noLimit : this.cents(amount);
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
        { name: text.player.balance, draw: ({ balance_cents }) => money(balance_cents, this.currency), isNumber: true },
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
          { name: "reason", label: text.reason, hint: text.reasonHint },
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
        fields: [{ name: "reason", label: text.reason, hint: text.reasonHint }],
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

function sessionsTable(sessions: readonly PlayerSession[]): TemplateResult {
  return table(
    text.player.sessions,
    [
      { name: text.money.what, draw: ({ kind }) => text.player.sessionKinds[kind] },
      { name: text.player.begun, draw: ({ begun_at }) => moment(begun_at) },
      { name: text.player.renewed, draw: ({ renewed_at }) => moment(renewed_at) },
      { name: text.player.expires, draw: ({ expires_at }) => moment(expires_at) },
      { name: text.members.gateway, draw: ({ gateway_id }) => gateway_id ?? "–" },
      {
        name: text.player.connection,
        draw: ({ connection_id }) => html`<span class="mono">${connection_id ?? "–"}</span>`,
      },
    ],
    sessions,
  );
}

customElements.define("bc-player", PlayerPage);
