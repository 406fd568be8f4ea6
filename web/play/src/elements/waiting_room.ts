import { type Member, type RoomView, roleIn } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { botToPlay, startAgainstBot } from "../against_bot.js";
import { seatsToGive } from "../rematch.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./avatar.js";
import { botMark } from "./bot_mark.js";
import "./countdown.js";
import { PlayElement } from "./element.js";

/** A room before play: its seats, who waits, who is ready. */
export class WaitingRoom extends PlayElement {
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

  protected override updated(): void {
    if (this.play.botRoomId === this.room.roomId && botToPlay(this.room, this.me)) {
      this.play.botRoomId = undefined;
      this.playBot();
    }
    this.seatTheInvited();
  }

  /** In a rematch those who come have had a seat before, and the host has asked for it once. */
  private seatTheInvited(): void {
    const { room, play } = this;
    const seats = seatsToGive(room, this.me, play.rematches.playersOf(room.roomId));
    if (seats.length === 0 || this.isBusy) return;
    void this.busy(async (client) => {
      for (const target_user_id of seats) {
        const fields = { room_id: room.roomId, target_user_id };
        if (await play.run(client.command("games.command.select_player", fields))) continue;
        // Asked for once: what does not work is the host's to settle by hand.
        play.rematches.forget(room.roomId);
        return;
      }
    });
  }

  override render(): TemplateResult {
    const { room } = this;
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
                    ? html`<button class="small primary" data-testid="select-${member.userId}" aria-disabled=${this.isBusy}
                      @click=${() => this.target("select_player", member.userId)}>${text.select}</button>`
                    : nothing
                }
              </li>`,
            )}
          </ul>
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
      <button class="primary" data-testid="play-bot-here" aria-disabled=${this.isBusy} @click=${this.playBot}>${text.playBot}</button>
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
    if (roleIn(room, this.me) === "spectator") return text.hints.watching;
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
            ? html`<button class="small plain" data-testid="deselect-${userId}" aria-disabled=${this.isBusy}
              @click=${() => this.target("deselect_player", userId)}>${text.deselect}</button>`
            : nothing
        }
      </div>
    `;
  }

  private person(room: RoomView, member: Member): TemplateResult {
    return html`
      <bs-avatar .userId=${member.userId} .name=${member.username}></bs-avatar>
      ${
        member.userId === this.me
          ? html`<span class="grow ellipsis"><b><bdi>${member.username}</bdi></b> <span class="soft">(${text.you})</span></span>`
          : html`<button class="plain small name grow" data-testid="name-${member.userId}" @click=${() => this.show(room, member)}>
            <bdi class="ellipsis">${member.username}</bdi></button>`
      }
      ${botMark(member.isBot)}
      ${room.muted.includes(member.userId) ? html`<span class="chip bad" data-testid="muted-${member.userId}">${text.people.muted}</span>` : nothing}
      ${member.userId === room.hostId ? html`<span class="chip warn">${text.host}</span>` : nothing}
      ${member.isGone ? html`<span class="chip bad">${text.isGone}</span>` : nothing}
    `;
  }

  private show(room: RoomView, { userId, username }: Member): void {
    this.play.showPerson({ userId, username, roomId: room.roomId });
  }

  private readiness(room: RoomView, iHost: boolean): TemplateResult {
    const mine = room.members.find((member) => member.userId === this.me);
    const canStart = iHost && room.selected.length >= 2 && room.selected.length < room.seats && isAllReady(room);
    return html`
      ${
        room.selected.includes(this.me) && mine && room.phase !== "seeds"
          ? html`<button class=${mine.isReady ? "" : "primary large"} data-testid="ready-button" aria-disabled=${this.isBusy}
            @click=${() => this.ready(!mine.isReady)}>${mine.isReady ? text.notReady : text.ready}</button>`
          : nothing
      }
      ${
        canStart && room.phase === "waiting"
          ? html`<button class="primary" data-testid="start-game" aria-disabled=${this.isBusy} @click=${this.start}>${text.startNow}</button>`
          : nothing
      }
    `;
  }

  private readonly playBot = () =>
    void this.busy(async (client) => {
      await this.play.run(startAgainstBot(client, this.room, this.me));
    });

  private readonly start = () =>
    void this.busy((client) =>
      this.play.run(client.command("games.command.start_game", { room_id: this.room.roomId })),
    );

  private target(name: "select_player" | "deselect_player", userId: string): void {
    const fields = { room_id: this.room.roomId, target_user_id: userId };
    void this.busy((client) => this.play.run(client.command(`games.command.${name}`, fields)));
  }

  private ready(isReady: boolean): void {
    void this.busy((client) => this.play.run(client.ready(this.room.roomId, isReady)));
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
      .columns {
        display: grid;
        grid-template-columns: minmax(0, 1.15fr) minmax(0, 1fr);
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
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-2);
      }
      .seat,
      .person {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--space-2) var(--space-3);
        min-height: 56px;
        padding: var(--space-2) var(--space-3);
        border: 1px solid var(--line);
        border-radius: var(--radius-m);
        background: var(--surface-2);
      }
      .seat > .grow,
      .person > .grow {
        flex: 1 1 7rem;
      }
      .seat > button:last-child,
      .person > button:last-child {
        margin-left: auto;
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
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-2);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      button.name {
        justify-content: flex-start;
        padding: 0;
        font-size: var(--text-m);
        font-weight: 700;
        text-align: left;
      }
      @media (max-width: 46rem) {
        .columns {
          grid-template-columns: minmax(0, 1fr);
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

customElements.define("bs-waiting-room", WaitingRoom);
