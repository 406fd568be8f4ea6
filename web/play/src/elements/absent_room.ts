import type { EventFrame, RoomSummary } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { money } from "../format.js";
import { REFUSALS, text } from "../texts.js";
import { ui } from "../ui.js";
import { PlayElement } from "./element.js";
import type { JoinRoom } from "./join_room.js";
import "./join_room.js";

/** What the server says of a room to somebody who is not in it, or to whom it is closed; "gone" where it knows none. */
export type Standing = EventFrame<"games.event.not_in_room"> | "banned" | "gone";

/** The address of a room that the viewer is not in: join it, watch it, or hear that it has ended. */
export class AbsentRoom extends PlayElement {
  static override properties = {
    roomId: { attribute: false },
    standing: { attribute: false },
    listed: { state: true },
  };
  declare roomId: string;
  declare standing: Standing;
  /** Its line in the lobby, where it has one: only then is its fee known, and only then can it be joined. */
  declare private listed: RoomSummary | undefined;

  constructor() {
    super();
    this.listed = undefined;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const lobby = this.play.client?.lobby;
    if (!lobby) return;
    this.whileConnected(
      lobby.watch((rooms) => {
        this.listed = rooms.find((room) => room.room_id === this.roomId && room.status === "waiting");
      }),
    );
  }

  override render(): TemplateResult {
    const { facts } = this;
    const listed = this.standing === "banned" ? undefined : this.listed;
    const name = listed?.room_name ?? facts?.room_name ?? "";
    const canWatch = this.canWatch();
    return html`
      <div class="card notice" data-testid="not-in-room" data-status=${this.status()}>
        <h1>${this.hasEnded() ? text.ended : name || text.notHere}</h1>
        ${this.hasEnded() && name ? html`<p><bdi>${name}</bdi></p>` : nothing}
        <p class="soft">${this.lead()}</p>
        ${listed ? this.terms(listed) : nothing}
        <div class="row">
          ${
            listed
              ? html`<button class="primary" data-testid="join-button" @click=${() => this.dialog?.open(listed)}>${text.join}</button>`
              : nothing
          }
          ${
            canWatch
              ? html`<button class=${listed ? "" : "primary"} data-testid="watch-button"
                @click=${() => this.dialog?.open(this.watchable(), "watch")}>${text.watch}</button>`
              : nothing
          }
          <button data-testid="back-to-lobby" @click=${() => this.play.go({ page: "lobby" })}>${text.toLobby}</button>
        </div>
      </div>
      <bs-join-room .play=${this.play}></bs-join-room>
    `;
  }

  private get facts(): EventFrame<"games.event.not_in_room"> | undefined {
    return typeof this.standing === "object" ? this.standing : undefined;
  }

  private terms(room: RoomSummary): TemplateResult {
    const { currency } = this.play;
    const prize = room.prize_cents === undefined ? "–" : money(room.prize_cents, currency);
    return html`<p class="soft">${this.play.titleOf(room.game_type)} · ${text.hostedBy(room.host_name)}</p>
      <dl class="price">
        <div><dt>${text.entryFee}</dt><dd>${money(room.entry_fee_cents, currency)}</dd></div>
        <div class="prize"><dt>${text.prize}</dt><dd>${prize}</dd></div>
      </dl>`;
  }

  private get dialog(): JoinRoom | null {
    return this.renderRoot.querySelector<JoinRoom>("bs-join-room");
  }

  private status(): string {
    if (this.standing === "banned") return "banned";
    return this.listed ? "waiting" : (this.facts?.status ?? "gone");
  }

  private hasEnded(): boolean {
    return !["waiting", "in_progress", "banned"].includes(this.status());
  }

  private canWatch(): boolean {
    if (this.hasEnded() || this.standing === "banned") return false;
    return this.listed?.allow_spectators ?? this.facts?.allow_spectators === true;
  }

  private lead(): string {
    if (this.standing === "banned") return REFUSALS.banned ?? "";
    if (this.hasEnded()) return text.endedLead;
    if (this.listed) return this.canWatch() ? text.notHereJoinOrWatch : text.notHereJoin;
    if (this.status() === "waiting") return text.notHereLead;
    return this.canWatch() ? text.notHereWatch : text.notHereClosed;
  }

  private watchable(): { room_id: string; room_name: string; is_password_protected: boolean } {
    const { facts } = this;
    return {
      room_id: this.roomId,
      room_name: this.listed?.room_name ?? facts?.room_name ?? "",
      is_password_protected: this.listed?.is_password_protected ?? facts?.is_password_protected ?? false,
    };
  }

  static override styles = [
    ui,
    css`
      .notice {
        display: grid;
        justify-items: start;
        gap: var(--space-4);
        max-width: 34rem;
        margin: var(--space-7) auto;
      }
      .price {
        width: min(22rem, 100%);
      }
    `,
  ];
}

customElements.define("bs-absent-room", AbsentRoom);
