import { type Person, type RoomView, roleIn } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { money } from "../format.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./avatar.js";
import { botMark } from "./bot_mark.js";
import { PlayElement } from "./element.js";

/** Who plays and who watches, who may not come in, and the way from watching to playing and back. */
export class People extends PlayElement {
  static override properties = { room: { attribute: false }, isBusy: { state: true } };
  declare room: RoomView;
  declare private isBusy: boolean;

  constructor() {
    super();
    this.isBusy = false;
  }

  private get me(): string {
    return this.play.account?.user_id ?? "";
  }

  override render(): TemplateResult {
    const { room } = this;
    const players = room.members.filter((member) => room.selected.includes(member.userId));
    const unlisted = room.spectatorCount - room.spectators.length;
    return html`<section class="card stack" aria-label=${text.people.title} data-testid="people">
      ${
        room.phase === "playing"
          ? html`<h2>${text.people.players} <span class="soft number">${players.length}</span></h2>
            <ul>${players.map((player) => this.person(player, player.isBot))}</ul>`
          : nothing
      }
      <h2>${text.people.watching} <span class="soft number" data-testid="spectator-count">${room.spectatorCount}</span></h2>
      ${room.spectatorCount === 0 ? html`<p class="soft small">${text.people.nobodyWatches}</p>` : nothing}
      <ul data-testid="spectators">
        ${repeat(
          room.spectators,
          (person) => person.userId,
          (person) => this.person(person),
        )}
        ${unlisted > 0 ? html`<li class="soft small">${text.people.andMore(unlisted)}</li>` : nothing}
      </ul>
      ${this.ownPlace()} ${room.hostId === this.me ? this.banned() : nothing}
    </section>`;
  }

  private person({ userId, username }: Person, isBot = false): TemplateResult {
    const name = username ?? (userId === this.me ? (this.play.account?.username ?? "") : text.people.unnamed(userId));
    return html`<li data-testid="person-${userId}">
      <bs-avatar .userId=${userId} .name=${name}></bs-avatar>
      ${
        userId === this.me
          ? html`<span class="grow ellipsis"><b><bdi>${name}</bdi></b> <span class="soft">(${text.you})</span></span>`
          : html`<button class="plain small name grow" data-testid="name-${userId}"
            @click=${() => this.play.showPerson({ userId, username: name, roomId: this.room.roomId })}><bdi class="ellipsis">${name}</bdi></button>`
      }
      ${botMark(isBot)}
      ${this.room.muted.includes(userId) ? html`<span class="chip bad" data-testid="muted-${userId}">${text.people.muted}</span>` : nothing}
    </li>`;
  }

  /** Playing costs the fee, so that the button names it. */
  private ownPlace(): TemplateResult | typeof nothing {
    const { room } = this;
    if (room.phase !== "waiting") return nothing;
    const role = roleIn(room, this.me);
    if (role === "spectator") {
      return html`<div class="stack own">
        <p class="soft small">${text.playInstead}</p>
        <button class="primary" data-testid="become-player" aria-disabled=${this.isBusy}
          @click=${() => void this.move("become_player")}>${text.playFor(money(room.entryFeeCents, this.play.currency))}</button>
      </div>`;
    }
    return role === "lobby" && room.allowsSpectators
      ? html`<button class="small" data-testid="become-spectator" aria-disabled=${this.isBusy}
        @click=${() => void this.move("become_spectator")}>${text.watchInstead}</button>`
      : nothing;
  }

  private banned(): TemplateResult | typeof nothing {
    const { banned } = this.room;
    if (banned.length === 0) return nothing;
    return html`<h2>${text.people.banned} <span class="soft number">${banned.length}</span></h2>
      <ul data-testid="banned">
        ${banned.map(
          ({ userId, username }) => html`<li>
            <span class="grow ellipsis"><bdi>${username ?? text.people.unnamed(userId)}</bdi></span>
            <button class="small" data-testid="unban-${userId}" aria-disabled=${this.isBusy}
              @click=${() => void this.move("unban_player", userId)}>${text.people.unban}</button>
          </li>`,
        )}
      </ul>`;
  }

  private async move(name: "become_player" | "become_spectator" | "unban_player", userId?: string): Promise<void> {
    const { client } = this.play;
    if (!client || this.isBusy) return;
    this.isBusy = true;
    const fields = { room_id: this.room.roomId, ...(userId ? { target_user_id: userId } : {}) };
    await this.play.run(client.command(`games.command.${name}`, fields));
    this.isBusy = false;
  }

  static override styles = [
    ui,
    css`
      section.card {
        gap: var(--space-3);
        padding: var(--space-4);
      }
      ul {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-1);
        max-height: 16rem;
        margin: 0;
        padding: 0;
        overflow-y: auto;
        list-style: none;
      }
      li {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        min-height: 44px;
      }
      li bs-avatar {
        --size: 28px;
      }
      button.name {
        justify-content: flex-start;
        padding: 0;
        font-size: var(--text-m);
        text-align: left;
      }
      .small {
        font-size: var(--text-s);
      }
      .own {
        gap: var(--space-2);
      }
    `,
  ];
}

customElements.define("bs-people", People);
