import type { GameInfo, RoomSummary } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { money } from "../format.js";
import { filtersOf, isFiltered, passes, type RoomFilters, searchOf } from "../room_filters.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import type { CreateRoom } from "./create_room.js";
import "./avatar.js";
import "./create_room.js";
import "./die.js";
import { PlayElement } from "./element.js";
import type { JoinRoom } from "./join_room.js";
import "./join_room.js";
import "./lobby_chat.js";
import "./quick_match.js";
import "./room_filters.js";
import "./running_rooms.js";

export class LobbyPage extends PlayElement {
  static override properties = { rooms: { state: true }, isBusy: { state: true }, filters: { state: true } };
  declare private isBusy: boolean;
  /** Which rooms are shown; the address has them too. */
  declare private filters: RoomFilters;
  declare private rooms: readonly RoomSummary[];

  constructor() {
    super();
    this.rooms = [];
    this.isBusy = false;
    this.filters = {};
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const asked = filtersOf(location.search);
    this.filter(isFiltered(asked) ? asked : this.play.roomFilters);
    const lobby = this.play.client?.lobby;
    if (!lobby) return;
    this.whileConnected(
      lobby.watch((rooms) => {
        this.rooms = rooms;
        this.requestUpdate();
      }),
    );
  }

  override render(): TemplateResult {
    const { filters } = this;
    const open = this.rooms.filter((room) => room.status === "waiting" && passes(room, filters));
    const running = this.running().filter((room) => passes(room, filters));
    const isEmpty = open.length === 0 && (!isFiltered(filters) || running.length === 0);
    return html`
      ${this.own()}
      <div class="head row">
        <div class="grow">
          <h1>${text.lobbyTitle}</h1>
          <p class="soft">${text.lobbyLead}</p>
        </div>
        ${this.botButton()}
        <button class="primary" data-testid="create-room" @click=${this.create}>${text.createRoom}</button>
      </div>
      <div class="layout">
        <div class="main">
          <bs-quick-match .play=${this.play}></bs-quick-match>
          ${
            this.rooms.length > 0 || isFiltered(filters)
              ? html`<bs-room-filters .play=${this.play} .rooms=${this.rooms} .filters=${filters} .shown=${open.length + running.length}
                  @filters=${(event: CustomEvent<RoomFilters>) => this.filter(event.detail)}></bs-room-filters>`
              : nothing
          }
          ${
            !isEmpty
              ? html`<div class="rooms">${repeat(
                  open,
                  (room) => room.room_id,
                  (room) => this.card(room),
                )}</div>`
              : this.empty()
          }
          <bs-running-rooms .play=${this.play} .rooms=${running}
            @watch=${(event: CustomEvent<RoomSummary>) => this.dialog?.open(event.detail, "watch")}></bs-running-rooms>
        </div>
        <bs-lobby-chat .play=${this.play}></bs-lobby-chat>
      </div>
      <bs-create-room .play=${this.play}></bs-create-room>
      <bs-join-room .play=${this.play}></bs-join-room>
    `;
  }

  /** Rooms that the player is in already, from this connection or from the list. */
  private own(): TemplateResult | typeof nothing {
    const names = new Map<string, string>();
    for (const room of this.rooms) if (room.can_rejoin) names.set(room.room_id, room.room_name);
    for (const room of this.play.client?.rooms.all() ?? []) {
      if (room.phase !== "over") names.set(room.roomId, room.name);
    }
    if (names.size === 0) return nothing;
    return html`<div class="own card">
      ${[...names].map(
        ([roomId, name]) => html`
          <div class="row">
            <span class="grow ellipsis"><span class="soft">${text.yourRooms}</span> <b>${name}</b></span>
            <button class="primary small" data-testid="return-${roomId}" @click=${() => this.play.go({ page: "room", roomId })}>
              ${text.goBack}
            </button>
          </div>
        `,
      )}
    </div>`;
  }

  /** Of others: what the player is in, or has seen the end of, is told elsewhere. */
  private running(): RoomSummary[] {
    const isMine = (room: RoomSummary) => room.can_rejoin || this.play.client?.rooms.get(room.room_id) !== undefined;
    return this.rooms.filter((room) => room.status === "in_progress" && !isMine(room));
  }

  /** Joining is consent to the fee, so that the button names it. */
  private botButton(): TemplateResult | typeof nothing {
    const game = this.botGame();
    if (!game) return nothing;
    const isPoor = (this.play.account?.balance_cents ?? 0) < game.entry_fee_cents;
    return html`<button data-testid="play-bot" ?disabled=${isPoor} aria-disabled=${this.isBusy} title=${isPoor ? text.joinPoor : text.playBot}
      @click=${this.playBot}>${text.playBotFee(money(game.entry_fee_cents, game.currency))}</button>`;
  }

  private botGame(): GameInfo | undefined {
    return this.play.games.find((game) => game.has_bot);
  }

  private readonly playBot = async () => {
    const { client, account } = this.play;
    const game = this.botGame();
    if (!client || !game || this.isBusy) return;
    this.isBusy = true;
    const answer = client.command("games.command.create_room", {
      game_type: game.game_type,
      room_name: text.botRoomName(account?.username ?? ""),
      max_players: game.min_players,
      invites_bot: true,
      entry_fee_cents: game.entry_fee_cents,
    });
    if (await this.play.run(answer)) {
      const frame = await answer;
      const roomId = "room" in frame ? frame.room.room_id : frame.room_id;
      this.play.botRoomId = roomId;
      if (roomId) this.play.go({ page: "room", roomId });
    }
    this.isBusy = false;
  };

  private card(room: RoomSummary): TemplateResult {
    const fee = money(room.entry_fee_cents, this.play.currency);
    const prize = room.prize_cents === undefined ? "–" : money(room.prize_cents, this.play.currency);
    const isOwn = room.can_rejoin || this.play.client?.rooms.get(room.room_id) !== undefined;
    const people = room.player_count - (room.bot_count ?? 0);
    const filled = Math.min(people, room.max_players);
    return html`
      <article class="card room" data-testid="room-card" data-room-id=${room.room_id}>
        <div class="row top">
          <bs-avatar .userId=${room.host_id} .name=${room.host_name}></bs-avatar>
          <div class="grow">
            <h2 class="ellipsis" title=${room.room_name}>${room.room_name}</h2>
            <p class="soft small ellipsis">${this.play.titleOf(room.game_type)} · ${text.hostedBy(room.host_name)}</p>
          </div>
          ${room.is_password_protected ? html`<span class="chip warn">${text.locked}</span>` : nothing}
        </div>
        <dl class="price">
          <div><dt>${text.entryFee}</dt><dd data-testid="fee">${fee}</dd></div>
          <div class="prize"><dt>${text.prize}</dt><dd data-testid="prize">${prize}</dd></div>
        </dl>
        <div class="row">
          <span class="grow seats" title=${text.seatsOf(people, room.max_players)}>
            <span class="dots" aria-hidden="true">
              ${Array.from({ length: room.max_players }, (_, seat) => html`<i ?data-on=${seat < filled}></i>`)}
            </span>
            <span class="soft small number">${text.seatsOf(people, room.max_players)}${
              room.spectator_count > 0 ? html` · ${text.spectators(room.spectator_count)}` : nothing
            }</span>
          </span>
          ${
            isOwn
              ? html`<button @click=${() => this.play.go({ page: "room", roomId: room.room_id })}>${text.goBack}</button>`
              : html`${
                  room.allow_spectators
                    ? html`<button data-testid="watch-button" @click=${() => this.dialog?.open(room, "watch")}>${text.watch}</button>`
                    : nothing
                }<button class="primary" data-testid="join-button" @click=${() => this.dialog?.open(room)}>${text.join}</button>`
          }
        </div>
      </article>
    `;
  }

  private empty(): TemplateResult {
    if (!this.play.client?.lobby.loaded) return html`<p class="soft empty" role="status">${text.loadingRooms}</p>`;
    if (isFiltered(this.filters)) {
      return html`<div class="empty card" data-testid="none-pass">
        <h2>${text.filters.none}</h2>
        <p class="soft">${text.filters.noneLead}</p>
        <button @click=${() => this.filter({})}>${text.filters.clear}</button>
      </div>`;
    }
    return html`<div class="empty card">
      <bs-face .value=${1}></bs-face>
      <h2>${text.noRooms}</h2>
      <p class="soft">${this.botGame() ? text.noRoomsBot : text.noRoomsLead}</p>
    </div>`;
  }

  private filter(filters: RoomFilters): void {
    this.filters = filters;
    this.play.roomFilters = filters;
    const address = `${location.pathname}${searchOf(filters)}`;
    if (`${location.pathname}${location.search}` !== address) history.replaceState(null, "", address);
  }

  private readonly create = () => this.renderRoot.querySelector<CreateRoom>("bs-create-room")?.open();

  private get dialog(): JoinRoom | null {
    return this.renderRoot.querySelector<JoinRoom>("bs-join-room");
  }

  static override styles = [
    ui,
    css`
      .head {
        margin: var(--space-4) 0 var(--space-5);
      }
      @media (max-width: 46rem) {
        .head .grow {
          flex-basis: 100%;
        }
        .head button {
          flex: 1 1 auto;
        }
      }
      .layout {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 20rem;
        gap: var(--space-4);
        align-items: start;
      }
      .main {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-4);
      }
      @media not all and (min-width: 62rem) {
        .layout {
          grid-template-columns: minmax(0, 1fr);
        }
      }
      .rooms {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr));
        gap: var(--space-4);
      }
      .room {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-4);
        animation: rise 260ms var(--ease);
      }
      .top {
        flex-wrap: nowrap;
      }
      .small {
        font-size: var(--text-s);
      }
      .seats {
        display: grid;
        gap: 6px;
      }
      .dots {
        display: flex;
        gap: 5px;
      }
      .dots i {
        width: 10px;
        height: 10px;
        border-radius: 3px;
        background: var(--surface-3);
      }
      .dots i[data-on] {
        background: var(--sun);
      }
      .own {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-3);
        margin-top: var(--space-4);
        padding: var(--space-3) var(--space-4);
        border-color: color-mix(in srgb, var(--accent) 55%, var(--line));
      }
      .empty {
        display: grid;
        justify-items: center;
        gap: var(--space-2);
        padding: var(--space-7) var(--space-4);
        text-align: center;
      }
      .empty bs-face {
        --size: 56px;
        margin-bottom: var(--space-2);
        rotate: -8deg;
      }
    `,
  ];
}

customElements.define("bs-lobby", LobbyPage);
