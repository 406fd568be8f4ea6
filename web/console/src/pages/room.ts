import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { listed, shown } from "../elements/element.js";
import "../elements/json_view.js";
import { facts, heading, messagesLink, moment, playerLink, table, traceLink } from "../elements/parts.js";
import { ui } from "../elements/ui.js";
import { account, count, gist, money } from "../format.js";
import { Paged } from "../paged.js";
import { Remote } from "../remote.js";
import { text } from "../texts.js";
import type { LedgerEntry, RoomDetails, RoomMember, TimelineEntry } from "../types.js";
import { Page } from "./page.js";
import { statusChip } from "./rooms.js";

export class RoomPage extends Page {
  static override properties: PropertyDeclarations = { ...Page.properties, roomId: { attribute: false } };
  declare roomId: string;
  private readonly room = new Remote<RoomDetails>(
    this,
    (signal) => this.console.api.get(this.path, {}, signal),
    10_000,
  );
  private readonly timeline = new Paged<TimelineEntry>(this, async (cursor, signal) => {
    const page = await this.console.api.get<RoomDetails>(this.path, { cursor }, signal);
    return { items: page.timeline, next: page.next_cursor };
  });

  private get path(): string {
    return `rooms/${encodeURIComponent(this.roomId)}`;
  }

  protected content(): TemplateResult {
    const { data } = this.room;
    const isOpen = data !== undefined && data.room.status !== "ended";
    return html`
      ${heading(
        html`${text.room.title} <span class="mono">${this.roomId}</span>`,
        html`${messagesLink("games.events", { room: this.roomId, start: "oldest" }, text.room.events)}
          ${isOpen ? html`<button class="danger" data-testid="close-room" @click=${this.close}>${text.room.close}</button>` : nothing}`,
      )}
      ${shown(this.room, (details) => this.drawn(details))}
      <h2>${text.room.timeline}</h2>
      ${listed(this.timeline, text.room.noTimeline, timelineTable)}`;
  }

  private drawn({ room, members, money: books, quarantined, state }: RoomDetails): TemplateResult {
    const cents = (amount: number) => money(amount, this.console.currency);
    return html`
      ${quarantined ? html`<div class="failure" role="note"><p>${text.room.quarantined} ${moment(quarantined)}</p></div>` : nothing}
      <section class="card">${facts([
        { name: text.rooms.status, value: statusChip(room.status) },
        { name: text.rooms.name, value: html`<bdi>${room.room_name || "–"}</bdi>` },
        { name: text.rooms.game, value: room.game_type || "–" },
        { name: text.rooms.host, value: playerLink(room.host_id) },
        {
          name: text.rooms.seats,
          value: typeof room.players === "number" ? `${room.players}/${count(room.max_players)}` : "–",
        },
        {
          name: text.player.entryFee,
          value: typeof room.entry_fee_cents === "number" ? cents(room.entry_fee_cents) : "–",
        },
        {
          name: text.room.escrow,
          value: html`<strong class="number" data-testid="escrow" data-cents=${books.escrow_cents}>${cents(books.escrow_cents)}</strong>`,
        },
        { name: text.rooms.updated, value: moment(room.updated_at) },
      ])}</section>
      ${
        state
          ? html`<details class="card" open data-testid="room-state"><summary>${text.room.state}</summary>
            <bc-json .value=${state} .label=${text.room.state}></bc-json></details>`
          : nothing
      }
      <h2>${text.room.members}</h2>
      ${members.length === 0 ? html`<p class="empty">${text.room.noMembers}</p>` : membersTable(members)}
      <h2>${text.nav.money}</h2>
      ${books.entries.length === 0 ? html`<p class="empty">${text.room.noMoney}</p>` : moneyTable(books.entries, cents)}`;
  }

  private readonly close = () => {
    this.confirm(
      {
        title: text.room.closeTitle,
        lead: text.room.closeLead,
        fields: [{ name: "reason", label: text.reason, hint: text.reasonHint }],
        confirm: text.room.closeConfirm,
        isDangerous: true,
        act: async ({ reason }) => {
          await this.console.api.post(`${this.path}/close`, { reason });
          await Promise.all([this.room.reload(), this.timeline.reload()]);
        },
      },
      text.room.closed,
    );
  };

  static override styles = [
    ui,
    css`
      .gist {
        max-width: 34rem;
      }
    `,
  ];
}

function membersTable(members: readonly RoomMember[]): TemplateResult {
  return table(
    text.room.members,
    [
      { name: text.players.id, draw: ({ user_id }) => playerLink(user_id) },
      { name: text.players.name, draw: ({ user_id, username }) => playerLink(user_id, username) },
      { name: text.room.membership, draw: ({ membership }) => text.memberships[membership] ?? membership },
    ],
    members,
  );
}

function timelineTable(entries: readonly TimelineEntry[]): TemplateResult {
  return table(
    text.room.timeline,
    [
      { name: text.messages.at, draw: ({ at }) => moment(at) },
      { name: text.room.seq, draw: ({ room_seq }) => room_seq ?? "–", isNumber: true },
      { name: text.messages.filters.type, draw: ({ type }) => html`<span class="mono">${type}</span>` },
      { name: text.room.actor, draw: ({ actor }) => (/^\d+$/.test(actor) ? playerLink(actor) : actor) },
      {
        name: text.room.summary,
        draw: ({ summary }) => html`<div class="mono soft ellipsis gist" title=${summary}>${gist(summary)}</div>`,
      },
      { name: text.nav.trace, draw: ({ correlation_id }) => traceLink(correlation_id) },
    ],
    entries,
  );
}

function moneyTable(entries: readonly LedgerEntry[], cents: (amount: number) => string): TemplateResult {
  return table(
    text.nav.money,
    [
      { name: text.messages.at, draw: ({ at }) => moment(at) },
      { name: text.money.kind, draw: ({ kind }) => kind },
      { name: text.money.from, draw: ({ from }) => html`<span class="mono" title=${from}>${account(from)}</span>` },
      { name: text.money.to, draw: ({ to }) => html`<span class="mono" title=${to}>${account(to)}</span>` },
      { name: text.player.title, draw: ({ user_id }) => playerLink(user_id) },
      { name: text.money.amount, draw: ({ amount_cents }) => cents(amount_cents), isNumber: true },
      { name: text.nav.trace, draw: ({ correlation_id }) => traceLink(correlation_id) },
    ],
    entries,
  );
}

customElements.define("bc-room", RoomPage);
