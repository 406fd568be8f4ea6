import type { Member, RoomSummary, RoomView } from "@blazing-sun/client";
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { botToPlay, startAgainstBot } from "../against_bot.js";
import { money } from "../format.js";
import { gamePage } from "../games.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./avatar.js";
import { botMark } from "./bot_mark.js";
import "./countdown.js";
import { PlayElement } from "./element.js";
import "./fairness.js";
import type { JoinRoom } from "./join_room.js";
import "./join_room.js";
import "./result.js";

export class RoomPage extends PlayElement {
  static override properties = {
    roomId: { attribute: false },
    room: { state: true },
    isAbsent: { state: true },
    openRoom: { state: true },
    isBusy: { state: true },
    isLeaving: { state: true },
  };
  declare roomId: string;
  declare private room: RoomView | undefined;
  /** The server said that the player is not in this room. */
  declare private isAbsent: boolean;
  /** Its line in the lobby, where it could be joined. */
  declare private openRoom: RoomSummary | undefined;
  declare private isBusy: boolean;
  /** Asking whether to leave a game in play, which costs the fee. */
  declare private isLeaving: boolean;
  private leaveRoomFeed: () => void = () => {};

  constructor() {
    super();
    this.room = undefined;
    this.isAbsent = false;
    this.openRoom = undefined;
    this.isBusy = false;
    this.isLeaving = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const { client } = this.play;
    if (!client) return;
    this.whileConnected(
      client.onStatus(({ state }) => {
        if (state === "online" && !this.room) void this.enter();
      }),
    );
    this.whileConnected(() => this.leaveRoomFeed());
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has("roomId")) return;
    this.leaveRoomFeed();
    this.room = undefined;
    this.isAbsent = false;
    this.openRoom = undefined;
    const { client } = this.play;
    if (!client) return;
    this.leaveRoomFeed = client.rooms.subscribe(this.roomId, (room) => {
      this.room = room;
      this.isAbsent = false;
    });
    if (!this.room && client.status.state === "online") void this.enter();
  }

  /** After a reload: signing in brings the rooms that one is in, asking brings a no for any other. */
  private async enter(): Promise<void> {
    const { client } = this.play;
    const roomId = this.roomId;
    if (!client || !roomId) return;
    let isIn: boolean;
    try {
      isIn =
        (await client.command("games.command.rejoin_room", { room_id: roomId })).type !== "games.event.not_in_room";
    } catch {
      isIn = false;
    }
    if (isIn || this.room || this.roomId !== roomId) return;
    this.isAbsent = true;
    this.leaveRoomFeed = both(
      this.leaveRoomFeed,
      client.lobby.watch((rooms) => {
        this.openRoom = rooms.find((room) => room.room_id === roomId && room.status === "waiting");
      }),
    );
  }

  override render(): TemplateResult {
    const { room } = this;
    if (!room) return this.isAbsent ? this.absent() : html`<p class="soft" role="status">${text.opening}</p>`;
    if (room.phase === "over" && !room.result) return html`${this.closed(room)}${this.fairness(room)}`;
    return html`
      ${this.head(room)}
      ${
        room.result
          ? html`<bs-result .play=${this.play} .room=${room}></bs-result>`
          : room.phase === "playing"
            ? this.game(room)
            : this.waiting(room)
      }
      ${this.fairness(room)}
      ${this.isLeaving ? this.leaveDialog() : nothing}
    `;
  }

  protected override updated(): void {
    if (this.room && this.play.botRoomId === this.room.roomId && botToPlay(this.room, this.me)) {
      this.play.botRoomId = undefined;
      this.playBot();
    }
    const dialog = this.renderRoot.querySelector("dialog");
    if (dialog && !dialog.open) dialog.showModal();
  }

  private leaveDialog(): TemplateResult {
    const close = () => {
      this.isLeaving = false;
    };
    return html`<dialog aria-labelledby="leave-title" @close=${close}>
      <div class="stack">
        <h2 id="leave-title">${text.leaveTitle}</h2>
        <p class="soft">${text.leaveLead}</p>
        <div class="row">
          <button class="primary grow" @click=${close}>${text.stay}</button>
          <button data-testid="confirm-leave" @click=${this.leave}>${text.leave}</button>
        </div>
      </div>
    </dialog>`;
  }

  private get me(): string {
    return this.play.account?.user_id ?? "";
  }

  private head(room: RoomView): TemplateResult {
    return html`
      <div class="head">
        <div class="row title">
          <h1 class="grow" data-testid="room-title">${room.name}</h1>
          ${
            room.phase === "over"
              ? nothing
              : html`<button class="small" data-testid="leave-room" @click=${this.askToLeave}>${text.leave}</button>`
          }
        </div>
        <div class="row facts">
          <span class="chip">${gamePage(room.gameType)?.title ?? room.gameType}</span>
          <span class="chip">${text.entryFee} <b class="number">${money(room.entryFeeCents, this.play.currency)}</b></span>
          <span class="chip warn">${text.prize} <b class="number" data-testid="room-prize">${money(room.prizeCents, this.play.currency)}</b></span>
          ${room.spectatorCount > 0 ? html`<span class="chip">${text.spectators(room.spectatorCount)}</span>` : nothing}
        </div>
      </div>
    `;
  }

  private waiting(room: RoomView): TemplateResult {
    const iHost = room.hostId === this.me;
    const lobby = room.members.filter((member) => !room.selected.includes(member.userId));
    const empty = Math.max(0, room.seats - room.selected.length);
    return html`
      ${this.steps(room)} ${this.againstBot(room)}
      <div class="columns">
        <section class="card stack">
          <h2>${text.seats} <span class="soft number">${room.selected.length} / ${room.seats}</span></h2>
          <div class="seats" data-testid="seats">
            ${repeat(
              room.selected,
              (id) => id,
              (id) => this.seat(room, id, iHost),
            )}
            ${Array.from({ length: empty }, () => html`<div class="seat empty">${text.emptySeat}</div>`)}
          </div>
          ${this.readiness(room, iHost)}
        </section>
        <section class="card stack">
          <h2>${text.inLobby} <span class="soft number">${lobby.length}</span></h2>
          ${lobby.length === 0 ? html`<p class="soft">${text.nobodyWaiting}</p>` : nothing}
          <ul class="people" data-testid="lobby">
            ${repeat(
              lobby,
              (member) => member.userId,
              (member) => html`<li class="person" data-testid="lobby-${member.userId}">
                ${this.person(room, member)}
                ${
                  iHost && room.phase === "waiting" && empty > 0
                    ? html`<button class="small primary" data-testid="select-${member.userId}" ?disabled=${this.isBusy}
                      @click=${() => this.target("select_player", member.userId)}>${text.select}</button>`
                    : nothing
                }
              </li>`,
            )}
          </ul>
          ${
            empty > 0 && navigator.clipboard
              ? html`<button class="small" data-testid="copy-link" @click=${this.copyLink}>${text.copyLink}</button>`
              : nothing
          }
        </section>
      </div>
    `;
  }

  private againstBot(room: RoomView): TemplateResult | typeof nothing {
    const isHere = botToPlay(room, this.me) !== undefined;
    const isAwaited = room.invitesBot && room.members.length === 1 && room.phase === "waiting";
    if (isAwaited) return html`<p class="card against" role="status" data-testid="bot-comes">${text.botComes}</p>`;
    if (!isHere || room.selected.length >= room.seats) return nothing;
    return html`<div class="card against row">
      <p class="grow">${text.botLeaves}</p>
      <button class="primary" data-testid="play-bot-here" ?disabled=${this.isBusy} @click=${this.playBot}>${text.playBot}</button>
    </div>`;
  }

  private steps(room: RoomView): TemplateResult {
    const allReady = isAllReady(room);
    const at = room.phase === "seeds" ? 2 : room.selected.length < room.seats ? 0 : allReady ? 2 : 1;
    return html`
      <ol class="steps" data-testid="phase" data-phase=${room.phase}>
        ${text.steps.map((step, index) => html`<li data-state=${index < at ? "done" : index === at ? "now" : "next"}>${step}</li>`)}
      </ol>
      <p class="hint" role="status" data-testid="hint">${this.hint(room)}</p>
      ${
        room.phaseDeadline
          ? html`<bs-countdown class="deadline" data-testid="phase-countdown" .deadline=${room.phaseDeadline} .clock=${this.play.client?.clock}></bs-countdown>`
          : nothing
      }
    `;
  }

  private hint(room: RoomView): string {
    const iHaveSeat = room.selected.includes(this.me);
    if (room.phase === "seeds") return text.hints.seeds;
    if (iHaveSeat && !room.members.find((member) => member.userId === this.me)?.isReady) return text.hints.getReady;
    const isFull = room.selected.length >= room.seats;
    if (room.hostId === this.me && !isFull) return text.hints.hostSelects;
    if (iHaveSeat) return isFull ? text.hints.waitForReady : text.hints.waitForSeats;
    return isFull ? text.hints.seatsTaken : text.hints.waitForSeat;
  }

  private seat(room: RoomView, userId: string, iHost: boolean): TemplateResult {
    const member = room.members.find((each) => each.userId === userId);
    if (!member) return html`<div class="seat empty">${text.emptySeat}</div>`;
    return html`
      <div class="seat" data-testid="seat-${userId}" ?data-ready=${member.isReady}>
        ${this.person(room, member)}
        <span class="chip ${member.isReady ? "good" : ""}" data-testid="ready-${userId}">
          ${member.isReady ? `✓ ${text.isReady}` : text.isWaiting}
        </span>
        ${
          iHost && room.phase !== "seeds"
            ? html`<button class="small plain" data-testid="deselect-${userId}" ?disabled=${this.isBusy}
              @click=${() => this.target("deselect_player", userId)}>${text.deselect}</button>`
            : nothing
        }
      </div>
    `;
  }

  private person(room: RoomView, member: Member): TemplateResult {
    return html`
      <bs-avatar .userId=${member.userId} .name=${member.username}></bs-avatar>
      <span class="grow ellipsis"><b>${member.username}</b>
        ${member.userId === this.me ? html`<span class="soft">(${text.you})</span>` : nothing}</span>
      ${botMark(member.isBot)}
      ${member.userId === room.hostId ? html`<span class="chip warn">${text.host}</span>` : nothing}
      ${member.isGone ? html`<span class="chip bad">${text.isGone}</span>` : nothing}
    `;
  }

  private readiness(room: RoomView, iHost: boolean): TemplateResult {
    const mine = room.members.find((member) => member.userId === this.me);
    const canStart = iHost && room.selected.length >= 2 && room.selected.length < room.seats && isAllReady(room);
    return html`
      ${
        room.selected.includes(this.me) && mine && room.phase !== "seeds"
          ? html`<button class=${mine.isReady ? "" : "primary large"} data-testid="ready-button" ?disabled=${this.isBusy}
            @click=${() => this.ready(!mine.isReady)}>${mine.isReady ? text.notReady : text.ready}</button>`
          : nothing
      }
      ${
        canStart && room.phase === "waiting"
          ? html`<button class="primary" data-testid="start-game" ?disabled=${this.isBusy} @click=${this.start}>${text.startNow}</button>`
          : nothing
      }
    `;
  }

  private game(room: RoomView): TemplateResult {
    const page = gamePage(room.gameType);
    const { client } = this.play;
    if (!page || !client) return html`<p class="card">${text.unknownGame}</p>`;
    return page.render({
      room,
      me: this.me,
      clock: client.clock,
      act: (type, fields = {}) => this.play.run(client.command(type, { ...fields, room_id: room.roomId })),
    });
  }

  private closed(room: RoomView): TemplateResult {
    const { removal, status } = room;
    if (removal)
      return this.notice(room.name, removal.message || (text.removals[removal.reason] ?? text.kicked), "room-closed");
    // Seen as unfinished and then not at all: it went on to its end without this page.
    const isMissed = status === "finished" || status === "in_progress";
    return isMissed
      ? this.notice(text.missedEnd, text.missedEndLead, "room-closed")
      : this.notice(text.cancelled, text.cancelledLead, "room-closed");
  }

  private absent(): TemplateResult {
    const open = this.openRoom;
    return html`
      ${this.notice(open?.room_name ?? text.notHere, open ? text.notHereJoin : text.notHereLead, "not-in-room", open)}
      <bs-join-room .play=${this.play}></bs-join-room>
      ${this.fairness()}
    `;
  }

  /** Also of a room that has ended, as long as its record is kept. */
  private fairness(room?: RoomView): TemplateResult {
    return html`<bs-fairness .roomId=${this.roomId} .room=${room} .me=${this.me}
      .transcripts=${this.play.client?.transcripts}></bs-fairness>`;
  }

  private notice(title: string, lead: string, testId: string, open?: RoomSummary): TemplateResult {
    return html`<div class="card notice" data-testid=${testId}>
      <h1>${title}</h1>
      <p class="soft">${lead}</p>
      <div class="row">
        ${
          open
            ? html`<button class="primary" data-testid="join-button"
              @click=${() => this.renderRoot.querySelector<JoinRoom>("bs-join-room")?.open(open)}>${text.join}</button>`
            : nothing
        }
        <button data-testid="back-to-lobby" @click=${() => this.play.go({ page: "lobby" })}>${text.toLobby}</button>
      </div>
    </div>`;
  }

  private readonly playBot = () =>
    void this.busy(async (client) => {
      if (this.room) await this.play.run(startAgainstBot(client, this.room, this.me));
    });

  private readonly askToLeave = () => {
    if (this.room?.phase === "playing" && this.room.selected.includes(this.me)) this.isLeaving = true;
    else this.leave();
  };

  private readonly leave = () =>
    void this.busy(async (client) => {
      if (!(await this.play.run(client.command("games.command.leave_room", { room_id: this.roomId })))) return;
      client.rooms.forget(this.roomId);
      this.play.go({ page: "lobby" });
    });

  private readonly copyLink = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      this.play.tell(text.linkCopied);
    } catch {
      this.play.tell(location.href);
    }
  };

  private readonly start = () =>
    void this.busy((client) => this.play.run(client.command("games.command.start_game", { room_id: this.roomId })));

  private target(name: "select_player" | "deselect_player", userId: string): void {
    const fields = { room_id: this.roomId, target_user_id: userId };
    void this.busy((client) => this.play.run(client.command(`games.command.${name}`, fields)));
  }

  private ready(isReady: boolean): void {
    void this.busy((client) => this.play.run(client.ready(this.roomId, isReady)));
  }

  private async busy(work: (client: NonNullable<typeof this.play.client>) => Promise<unknown>): Promise<void> {
    const { client } = this.play;
    if (!client || this.isBusy) return;
    this.isBusy = true;
    try {
      await work(client);
    } finally {
      this.isBusy = false;
    }
  }

  static override styles = [
    ui,
    css`
      .head {
        margin: var(--space-4) 0 var(--space-5);
      }
      .title {
        flex-wrap: nowrap;
        align-items: flex-start;
      }
      .title button {
        flex: none;
      }
      .facts {
        gap: var(--space-2);
        margin-top: var(--space-2);
      }
      .columns {
        display: grid;
        grid-template-columns: minmax(0, 1.4fr) minmax(0, 1fr);
        gap: var(--space-4);
        align-items: start;
      }
      .steps {
        display: grid;
        grid-template-columns: repeat(4, 1fr);
        gap: var(--space-2);
        margin: 0;
        padding: 0;
        list-style: none;
        font-size: var(--text-s);
        font-weight: 700;
      }
      .steps li {
        padding-top: var(--space-2);
        border-top: 4px solid var(--surface-3);
        color: var(--text-2);
      }
      .steps li[data-state="done"] {
        border-color: var(--good);
      }
      .steps li[data-state="now"] {
        border-color: var(--sun-2);
        color: var(--text);
      }
      .hint {
        margin: var(--space-3) 0 var(--space-4);
        font-weight: 600;
      }
      .deadline {
        margin-bottom: var(--space-4);
      }
      .against {
        margin-bottom: var(--space-4);
        padding: var(--space-3) var(--space-4);
      }
      .seats {
        display: grid;
        gap: var(--space-2);
      }
      .seat,
      .person {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        min-height: 56px;
        padding: var(--space-2) var(--space-3);
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
        background: var(--surface-2);
      }
      .seat[data-ready] {
        border-color: var(--good);
      }
      .seat.empty {
        justify-content: center;
        border-style: dashed;
        background: transparent;
        color: var(--text-2);
        font-size: var(--text-s);
      }
      .people {
        display: grid;
        gap: var(--space-2);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      .notice {
        display: grid;
        justify-items: start;
        gap: var(--space-4);
        max-width: 34rem;
        margin: var(--space-7) auto;
      }
      bs-fairness {
        margin-top: var(--space-5);
      }
      @media (max-width: 46rem) {
        .columns {
          grid-template-columns: minmax(0, 1fr);
        }
        .seat,
        .person {
          flex-wrap: wrap;
        }
        .seat .ellipsis,
        .person .ellipsis {
          min-width: 40%;
        }
        .against > * {
          flex: 1 1 100%;
        }
      }
    `,
  ];
}

function isAllReady(room: RoomView): boolean {
  const seated = room.members.filter((member) => room.selected.includes(member.userId));
  return seated.length > 0 && seated.every((member) => member.isReady);
}

function both(first: () => void, second: () => void): () => void {
  return () => {
    first();
    second();
  };
}

customElements.define("bs-room", RoomPage);
