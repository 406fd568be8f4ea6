import type { RoomSummary } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { money } from "../format.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./avatar.js";
import { PlayElement } from "./element.js";

/** Nobody is told when a game in play ends. */
const ASKED_AGAIN_MS = 20_000;
const SHOWN_AT_FIRST = 6;

/** Games of others that are in play, to be watched where they allow it. Fires `watch` with the room. */
export class RunningRooms extends PlayElement {
  static override properties = { rooms: { attribute: false }, isAllShown: { state: true } };
  declare rooms: readonly RoomSummary[];
  declare private isAllShown: boolean;

  constructor() {
    super();
    this.rooms = [];
    this.isAllShown = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const timer = setInterval(() => {
      const { client, connection } = this.play;
      const isSeen = this.rooms.length > 0 && document.visibilityState === "visible";
      if (isSeen && connection.state === "online") client?.lobby.refresh();
    }, ASKED_AGAIN_MS);
    this.whileConnected(() => clearInterval(timer));
  }

  override render(): TemplateResult | typeof nothing {
    const { length } = this.rooms;
    if (length === 0) return nothing;
    // Those that can be watched first.
    const rooms = [...this.rooms].sort((a, b) => Number(b.allow_spectators) - Number(a.allow_spectators));
    const shown = this.isAllShown ? rooms : rooms.slice(0, SHOWN_AT_FIRST);
    return html`<section aria-labelledby="title" data-testid="running-rooms">
      <h2 id="title">${text.running} <span class="soft number">${length}</span></h2>
      <ul class="card">
        ${repeat(
          shown,
          (room) => room.room_id,
          (room) => this.line(room),
        )}
      </ul>
      ${
        shown.length < length
          ? html`<button class="small" data-testid="running-all" @click=${() => {
              this.isAllShown = true;
            }}>${text.runningAll(length)}</button>`
          : nothing
      }
    </section>`;
  }

  private line(room: RoomSummary): TemplateResult {
    const facts = [
      this.play.titleOf(room.game_type),
      text.playersOf(room.player_count),
      ...(room.prize_cents === undefined ? [] : [`${text.prize} ${money(room.prize_cents, this.play.currency)}`]),
      ...(room.spectator_count > 0 ? [text.spectators(room.spectator_count)] : []),
      ...(room.allow_spectators ? [] : [text.notWatched]),
    ];
    return html`<li data-testid="running-room" data-room-id=${room.room_id}>
      <bs-avatar .userId=${room.host_id} .name=${room.host_name}></bs-avatar>
      <div class="grow">
        <p class="ellipsis" title=${room.room_name}><b><bdi>${room.room_name}</bdi></b></p>
        <p class="soft facts">${facts.join(" · ")}</p>
      </div>
      ${
        room.allow_spectators
          ? html`${room.is_password_protected ? html`<span class="chip warn">${text.locked}</span>` : nothing}
            <button class="small" data-testid="watch-running" aria-label=${text.watchTitle(room.room_name)}
              @click=${() => this.dispatchEvent(new CustomEvent("watch", { detail: room }))}>${text.watch}</button>`
          : nothing
      }
    </li>`;
  }

  static override styles = [
    ui,
    css`
      section {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        justify-items: start;
        gap: var(--space-3);
      }
      ul.card {
        width: 100%;
        margin: 0;
        padding: var(--space-1) var(--space-4);
        list-style: none;
      }
      li {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        padding: var(--space-3) 0;
      }
      li + li {
        border-top: 1px solid var(--line);
      }
      .facts {
        font-size: var(--text-s);
        overflow-wrap: anywhere;
      }
    `,
  ];
}

customElements.define("bs-running-rooms", RunningRooms);
