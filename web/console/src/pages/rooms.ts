import { html, nothing, type TemplateResult } from "lit";
import { listed } from "../elements/element.js";
import { type Column, chip, heading, moment, playerLink, roomLink, table } from "../elements/parts.js";
import { count } from "../format.js";
import { Paged } from "../paged.js";
import { text } from "../texts.js";
import type { RoomRow, Rooms } from "../types.js";
import { Page } from "./page.js";

const STATUSES = ["waiting", "in_progress", "ended"] as const;

export function statusChip(status: string): TemplateResult {
  return chip(text.rooms.statuses[status] ?? status, status === "in_progress" ? "good" : "plain");
}

export class RoomsPage extends Page {
  private asked: string | undefined;
  private readonly rooms = new Paged<RoomRow>(this, async (cursor, signal) => {
    const { query } = this.console;
    const asked = { cursor, status: query.get("status") ?? undefined, game_type: query.get("game_type") ?? undefined };
    const page = await this.console.api.get<Rooms>("rooms", asked, signal);
    return { items: page.rooms, next: page.next_cursor };
  });

  protected override willUpdate(): void {
    const asked = this.console.query.toString();
    if (this.asked !== undefined && this.asked !== asked) void this.rooms.reset();
    this.asked = asked;
  }

  protected content(): TemplateResult {
    const { query } = this.console;
    return html`${heading(text.nav.rooms, html`<button class="small" @click=${() => void this.rooms.reload()}>${text.reload}</button>`)}
      <form class="card filters" @submit=${(event: Event) => event.preventDefault()} @change=${this.change}>
        <label>${text.rooms.status}<select name="status" data-testid="room-status"><option value="">${text.rooms.open}</option>${STATUSES.map(
          (status) =>
            html`<option value=${status} .selected=${query.get("status") === status}>${text.rooms.statuses[status]}</option>`,
        )}</select></label>
        <label>${text.rooms.game}<input name="game_type" .value=${query.get("game_type") ?? ""} autocomplete="off" data-testid="room-game" /></label>
      </form>
      ${listed(this.rooms, text.rooms.none, (rooms) => table(text.nav.rooms, COLUMNS, rooms))}`;
  }

  private readonly change = (event: Event) => {
    const { name, value } = event.target as HTMLInputElement;
    this.ask({ [name]: value.trim() });
  };
}

const COLUMNS: readonly Column<RoomRow>[] = [
  { name: text.room.title, draw: ({ room_id }) => roomLink(room_id) },
  { name: text.rooms.name, draw: ({ room_name }) => html`<bdi>${room_name}</bdi>` },
  { name: text.rooms.game, draw: ({ game_type }) => game_type },
  {
    name: text.rooms.status,
    draw: ({ status, is_quarantined }) =>
      html`${statusChip(status)} ${is_quarantined ? chip(text.rooms.quarantined, "bad") : nothing}`,
  },
  {
    name: text.rooms.seats,
    draw: ({ players, max_players }) => (typeof players === "number" ? `${players}/${count(max_players)}` : "–"),
    isNumber: true,
  },
  { name: text.rooms.spectators, draw: ({ spectators }) => count(spectators), isNumber: true },
  { name: text.rooms.fee, draw: ({ entry_fee_cents }) => count(entry_fee_cents), isNumber: true },
  { name: text.rooms.host, draw: ({ host_id }) => playerLink(host_id) },
  { name: text.rooms.updated, draw: ({ updated_at }) => moment(updated_at) },
];

customElements.define("bc-rooms", RoomsPage);
