import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { listed, shown } from "../elements/element.js";
import "../elements/json_view.js";
import { chip, facts, heading, messagesLink, moment, playerLink, table, traceLink } from "../elements/parts.js";
import { money } from "../format.js";
import { Paged } from "../paged.js";
import { Remote } from "../remote.js";
import { text } from "../texts.js";
import type { JsonObject, MoneyEntry, RoomDetails, TimelineEntry } from "../types.js";
import { Page } from "./page.js";
import { statusWords } from "./rooms.js";

const OVER = new Set(["finished", "ended", "removed", "closed", "abandoned"]);

export class RoomPage extends Page {
  static override properties: PropertyDeclarations = { ...Page.properties, roomId: { attribute: false } };
  declare roomId: string;
  private readonly room = new Remote<RoomDetails>(
    this,
    (signal) => this.console.api.get(this.path, { limit: 1 }, signal),
    10_000,
  );
  private readonly timeline = new Paged<TimelineEntry>(this, async (cursor, signal) => {
    const page = await this.console.api.get<RoomDetails>(this.path, { cursor }, signal);
    return { items: page.timeline ?? [], next: page.next_cursor };
  });

  private get path(): string {
    return `rooms/${encodeURIComponent(this.roomId)}`;
  }

  protected content(): TemplateResult {
    const { data } = this.room;
    const isOpen = data !== undefined && !OVER.has(String(data.room.status));
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

  private drawn({ room, money: books, quarantined }: RoomDetails): TemplateResult {
    const currency = String(room.currency ?? "eur");
    const entries = books?.entries ?? [];
    return html`
      ${quarantined ? html`<div class="failure" role="note"><p>${text.room.quarantined}</p></div>` : nothing}
      <section class="card">${facts([
        {
          name: text.rooms.status,
          value: chip(statusWords(room.status), OVER.has(String(room.status)) ? "plain" : "good"),
        },
        { name: text.rooms.name, value: html`<bdi>${field(room, "room_name", "name")}</bdi>` },
        { name: text.rooms.game, value: field(room, "game_type") },
        { name: text.rooms.host, value: playerLink(field(room, "host_id", "host_user_id")) },
        {
          name: text.room.escrow,
          value:
            books?.escrow_cents === undefined || books.escrow_cents === null
              ? "–"
              : money(books.escrow_cents, currency),
        },
        { name: text.room.seq, value: field(room, "room_seq", "seq") },
      ])}</section>
      <details class="card" open data-testid="room-state"><summary>${text.room.state}</summary>
        <bc-json .value=${room} .label=${text.room.state}></bc-json></details>
      <h2>${text.nav.money}</h2>
      ${entries.length === 0 ? html`<p class="empty">${text.room.noMoney}</p>` : moneyTable(entries, currency)}`;
  }

  private readonly close = () => {
    this.confirm(
      {
        title: text.room.closeTitle,
        lead: text.room.closeLead,
        fields: [{ name: "reason", label: text.reason, type: "textarea", hint: text.room.reasonHint }],
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
}

function field(of: JsonObject, ...names: readonly string[]): string | undefined {
  const value = names.map((name) => of[name]).find((each) => each !== undefined && each !== null);
  return value === undefined ? undefined : String(value);
}

function timelineTable(entries: readonly TimelineEntry[]): TemplateResult {
  return table(
    text.room.timeline,
    [
      { name: text.messages.at, draw: ({ at }) => moment(at) },
      { name: text.room.seq, draw: ({ room_seq }) => room_seq ?? "–", isNumber: true },
      { name: text.messages.filters.type, draw: ({ type }) => html`<span class="mono">${type}</span>` },
      {
        name: text.room.actor,
        draw: ({ actor }) => (actor && /^\d+$/.test(actor) ? playerLink(actor) : (actor ?? "–")),
      },
      { name: text.room.summary, draw: ({ summary }) => summary ?? "", isLong: true },
      { name: text.nav.trace, draw: ({ correlation_id }) => traceLink(correlation_id) },
    ],
    entries,
  );
}

function moneyTable(entries: readonly MoneyEntry[], currency: string): TemplateResult {
  return table(
    text.nav.money,
    [
      { name: text.messages.at, draw: ({ at }) => moment(at) },
      { name: text.money.kind, draw: ({ kind }) => kind ?? "–" },
      { name: text.player.title, draw: ({ user_id }) => playerLink(user_id) },
      {
        name: text.money.amount,
        draw: ({ amount_cents }) => (typeof amount_cents === "number" ? money(amount_cents, currency) : "–"),
        isNumber: true,
      },
      { name: text.nav.trace, draw: ({ correlation_id }) => traceLink(correlation_id) },
    ],
    entries,
  );
}

customElements.define("bc-room", RoomPage);
