import { type RoomView, roleIn } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./avatar.js";
import { PlayElement } from "./element.js";

type Measure = "mute_user" | "unmute_user" | "kick_player" | "kick_spectator" | "ban_player" | "select_spectator";

/** What one can do about somebody else: write to them, and as a host more. */
export class PersonCard extends PlayElement {
  static override properties = { isBanning: { state: true }, isBusy: { state: true } };
  declare private isBanning: boolean;
  declare private isBusy: boolean;

  constructor() {
    super();
    this.isBanning = false;
    this.isBusy = false;
  }

  protected override updated(): void {
    this.syncDialog();
  }

  override render(): TemplateResult | typeof nothing {
    const { person, client } = this.play;
    if (!person) return nothing;
    const room = person.roomId ? client?.rooms.get(person.roomId) : undefined;
    return html`<dialog aria-labelledby="title" data-testid="person" @close=${this.close}>
      ${this.isBanning ? this.confirmation() : this.actions(room)}
    </dialog>`;
  }

  private actions(room: RoomView | undefined): TemplateResult {
    const { userId = "", username = "" } = this.play.person ?? {};
    const isBot = room?.members.find((member) => member.userId === userId)?.isBot ?? false;
    return html`<div class="stack">
      <div class="row who">
        <bs-avatar .userId=${userId} .name=${username}></bs-avatar>
        <h2 id="title" class="grow ellipsis"><bdi>${username}</bdi></h2>
        <button class="small plain" aria-label=${text.people.close} data-testid="person-close" @click=${this.close}>×</button>
      </div>
      <div class="actions" role="group" aria-label=${text.people.card(username)}>
        ${
          isBot
            ? nothing
            : html`<button class="primary" data-testid="person-message" @click=${this.message}>${text.people.message}</button>`
        }
        ${room ? this.measures(room, userId) : nothing}
      </div>
    </div>`;
  }

  private measures(room: RoomView, userId: string): TemplateResult | typeof nothing {
    if (room.hostId !== this.play.account?.user_id || room.phase === "over") return nothing;
    const role = roleIn(room, userId);
    const isSeatedInPlay = role === "player" && room.phase !== "waiting" && room.phase !== "starting";
    const isMuted = room.muted.includes(userId);
    return html`
      ${this.measure(isMuted ? "unmute_user" : "mute_user", isMuted ? text.people.unmute : text.people.mute)}
      ${
        role === "lobby" && room.allowsSpectators && room.phase === "waiting"
          ? this.measure("select_spectator", text.people.makeSpectator)
          : nothing
      }
      ${
        role === "none" || isSeatedInPlay
          ? nothing
          : this.measure(role === "spectator" ? "kick_spectator" : "kick_player", text.people.kick)
      }
      ${
        isSeatedInPlay
          ? nothing
          : html`<button class="danger" data-testid="person-ban" aria-disabled=${this.isBusy}
            @click=${() => {
              this.isBanning = true;
            }}>${text.people.ban}</button>`
      }
    `;
  }

  private measure(name: Measure, words: string): TemplateResult {
    return html`<button data-testid="person-${name}" aria-disabled=${this.isBusy} @click=${() => void this.do(name)}>${words}</button>`;
  }

  private confirmation(): TemplateResult {
    return html`<div class="stack">
      <h2 id="title">${text.people.banTitle(this.play.person?.username ?? "")}</h2>
      <p class="soft">${text.people.banLead}</p>
      <div class="row">
        <button class="grow" data-testid="ban-cancel"
          @click=${() => {
            this.isBanning = false;
          }}>${text.cancel}</button>
        <button class="danger grow" data-testid="ban-confirm" aria-disabled=${this.isBusy}
          @click=${() => void this.do("ban_player")}>${text.people.banConfirm}</button>
      </div>
    </div>`;
  }

  private async do(name: Measure): Promise<void> {
    const { client, person } = this.play;
    if (!client || !person?.roomId || this.isBusy) return;
    this.isBusy = true;
    const fields = { room_id: person.roomId, target_user_id: person.userId };
    const isDone = await this.play.run(client.command(`games.command.${name}`, fields));
    this.isBusy = false;
    if (isDone) this.close();
  }

  private readonly message = () => {
    const { person } = this.play;
    this.close();
    if (person) this.play.openMessages(person.userId, person.username);
  };

  private readonly close = () => {
    this.isBanning = false;
    this.play.showPerson(undefined);
  };

  static override styles = [
    ui,
    css`
      dialog {
        width: min(22rem, calc(100vw - 2 * var(--space-4)));
      }
      .who {
        flex-wrap: nowrap;
      }
      .who button {
        min-width: 42px;
        font-size: var(--text-l);
      }
      .actions {
        display: grid;
        gap: var(--space-2);
      }
      .danger {
        color: var(--bad);
        border-color: color-mix(in srgb, var(--bad) 45%, var(--line));
      }
    `,
  ];
}

customElements.define("bs-person", PersonCard);
