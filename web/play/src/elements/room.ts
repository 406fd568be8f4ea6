import { type Client, type EventFrame, Refusal, type RoomView, roleIn } from "@blazing-sun/client";
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { money } from "../format.js";
import { drawEnd, drawGame, gamePage } from "../games.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import type { Standing } from "./absent_room.js";
import "./absent_room.js";
import { PlayElement } from "./element.js";
import "./fairness.js";
import "./people.js";
import "./result.js";
import "./room_chat.js";
import "./waiting_room.js";

const PANES = ["table", "chat", "people"] as const;
type Pane = (typeof PANES)[number];

/** Below it one pane is shown at a time. */
const WIDE = "(min-width: 62rem)";

export class RoomPage extends PlayElement {
  static override properties = {
    roomId: { attribute: false },
    room: { state: true },
    standing: { state: true },
    isBusy: { state: true },
    isLeaving: { state: true },
    pane: { state: true },
    unread: { state: true },
  };
  declare roomId: string;
  declare private room: RoomView | undefined;
  /** What the server says of the room to this player, who is not in it. */
  declare private standing: Standing | undefined;
  declare private isBusy: boolean;
  /** Asking whether to leave a game in play, which costs the fee. */
  declare private isLeaving: boolean;
  declare private pane: Pane;
  declare private unread: number;
  private readonly wide = matchMedia(WIDE);
  private leaveRoomFeed: () => void = () => {};

  constructor() {
    super();
    this.room = undefined;
    this.standing = undefined;
    this.isBusy = false;
    this.isLeaving = false;
    this.pane = "table";
    this.unread = 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const changed = () => this.requestUpdate();
    this.wide.addEventListener("change", changed);
    this.whileConnected(() => this.wide.removeEventListener("change", changed));
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
    this.standing = undefined;
    this.pane = "table";
    this.unread = 0;
    const { client } = this.play;
    if (!client) return;
    this.leaveRoomFeed = client.rooms.subscribe(this.roomId, (room) => {
      this.room = room;
      this.standing = undefined;
    });
    if (!this.room && client.status.state === "online") void this.enter();
  }

  /** After a reload: signing in brings the rooms that one is in, asking brings a no for any other. */
  private async enter(): Promise<void> {
    const { client } = this.play;
    const roomId = this.roomId;
    if (!client || !roomId) return;
    const standing = await standingIn(client, roomId);
    if (!this.room && this.roomId === roomId) this.standing = standing;
  }

  override render(): TemplateResult {
    const { room } = this;
    if (!room) {
      if (!this.standing) return html`<p class="soft" role="status">${text.opening}</p>`;
      return html`<bs-absent-room .play=${this.play} .roomId=${this.roomId} .standing=${this.standing}></bs-absent-room>
        ${this.fairness()}`;
    }
    if (room.phase === "over" && !room.result) return html`${this.closed(room)}${this.fairness(room)}`;
    return html`
      ${this.head(room)} ${this.panes(room)}
      <div class="layout" data-pane=${this.pane}>
        <div class="main" data-of="table">${this.table(room)} ${this.fairness(room)}</div>
        <aside>
          <bs-room-chat data-of="chat" .play=${this.play} .room=${room} .isShown=${this.wide.matches || this.pane === "chat"}
            @unread=${this.countUnread}></bs-room-chat>
          ${room.phase === "over" ? nothing : html`<bs-people data-of="people" .play=${this.play} .room=${room}></bs-people>`}
        </aside>
      </div>
      ${this.isLeaving ? this.leaveDialog() : nothing}
    `;
  }

  protected override updated(): void {
    this.syncDialog();
  }

  private get me(): string {
    return this.play.account?.user_id ?? "";
  }

  private get isWatching(): boolean {
    return this.room !== undefined && roleIn(this.room, this.me) === "spectator";
  }

  private table(room: RoomView): TemplateResult {
    const { client } = this.play;
    if (!client) return html``;
    if (!room.result && room.phase !== "playing") {
      return html`<bs-waiting-room .play=${this.play} .room=${room}></bs-waiting-room>`;
    }
    const context = {
      room,
      me: this.me,
      clock: client.clock,
      recorded: client.transcripts.lines(room.roomId),
      act: (type: string, fields: object = {}) =>
        this.play.run(client.command(type, { ...fields, room_id: room.roomId })),
    };
    return room.result
      ? html`<bs-result .play=${this.play} .room=${room}>${drawEnd(context)}</bs-result>`
      : drawGame(context, this.play.gameInfo(room.gameType), this.play.gameModules);
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

  private head(room: RoomView): TemplateResult {
    return html`
      <div class="head">
        <div class="row title">
          <h1 class="grow" data-testid="room-title"><bdi>${room.name}</bdi></h1>
          ${
            room.phase === "over"
              ? nothing
              : html`<button class="small" data-testid="leave-room" aria-disabled=${this.isBusy} @click=${this.askToLeave}>
                ${this.isWatching ? text.stopWatching : text.leave}</button>`
          }
        </div>
        <div class="row facts">
          <span class="chip">${this.play.titleOf(room.gameType)}</span>
          ${
            room.phase === "waiting"
              ? html`<span class="chip">${text.entryFee} <b class="number">${money(room.entryFeeCents, this.play.currency)}</b></span>`
              : nothing
          }
          <span class="chip warn">${text.prize} <b class="number" data-testid="room-prize">${money(room.prizeCents, this.play.currency)}</b></span>
          ${room.isPasswordProtected ? html`<span class="chip">${text.locked}</span>` : nothing}
          ${room.spectatorCount > 0 ? html`<span class="chip" data-testid="watching">${text.spectators(room.spectatorCount)}</span>` : nothing}
          ${this.isWatching ? html`<span class="chip good" data-testid="you-watch">${text.youWatch}</span>` : nothing}
          ${
            room.phase === "over" || !navigator.clipboard
              ? nothing
              : html`<button class="small" data-testid="copy-link" title=${text.copyLinkMeans} @click=${this.copyLink}>${text.copyLink}</button>`
          }
        </div>
      </div>
    `;
  }

  /** Where there is no room for all of it at once. */
  private panes(room: RoomView): TemplateResult {
    const isMyTurn = room.turn?.userId === this.me;
    const panes = room.phase === "over" ? PANES.filter((pane) => pane !== "people") : PANES;
    return html`<nav class="panes" aria-label=${room.name}>
      ${panes.map((pane) => {
        const count = pane === "chat" ? this.unread : pane === "people" ? room.spectatorCount : 0;
        const isCalling = pane === "table" && this.pane !== "table" && isMyTurn;
        return html`<button class="small" data-testid="pane-${pane}" aria-current=${this.pane === pane} ?data-calling=${isCalling}
          @click=${() => {
            this.pane = pane;
          }}>${text.panes[pane]}
          ${pane === "chat" && count > 0 ? html`<span class="badge" aria-label=${text.chat.unread(count)}>${count}</span>` : nothing}
          ${pane === "people" && count > 0 ? html`<span class="soft number">${count}</span>` : nothing}
        </button>`;
      })}
    </nav>`;
  }

  private readonly countUnread = (event: CustomEvent<number>) => {
    this.unread = event.detail;
  };

  private closed(room: RoomView): TemplateResult {
    const { removal, status } = room;
    if (removal) return this.notice(room.name, removal.message || (text.removals[removal.reason] ?? text.kicked));
    // Seen as unfinished and then not at all: it went on to its end without this page.
    const isMissed = status === "finished" || status === "in_progress";
    return isMissed ? this.notice(text.missedEnd, text.missedEndLead) : this.notice(text.cancelled, text.cancelledLead);
  }

  /** Also of a room that has ended, as long as its record is kept. */
  private fairness(room?: RoomView): TemplateResult | typeof nothing {
    if (room && gamePage(room.gameType)?.hasDraws === false) return nothing;
    return html`<bs-fairness .roomId=${this.roomId} .room=${room} .me=${this.me}
      .transcripts=${this.play.client?.transcripts}></bs-fairness>`;
  }

  private notice(title: string, lead: string): TemplateResult {
    return html`<div class="card notice" data-testid="room-closed">
      <h1><bdi>${title}</bdi></h1>
      <p class="soft">${lead}</p>
      <button data-testid="back-to-lobby" @click=${() => this.play.go({ page: "lobby" })}>${text.toLobby}</button>
    </div>`;
  }

  private readonly askToLeave = () => {
    if (this.room?.phase === "playing" && this.room.selected.includes(this.me)) this.isLeaving = true;
    else void this.leave();
  };

  private readonly leave = async () => {
    const { client } = this.play;
    if (!client || this.isBusy) return;
    this.isBusy = true;
    const name = this.isWatching ? "leave_spectate" : "leave_room";
    const isOut = await this.play.run(client.command(`games.command.${name}`, { room_id: this.roomId }));
    this.isBusy = false;
    if (!isOut) return;
    client.rooms.forget(this.roomId);
    this.play.go({ page: "lobby" });
  };

  private readonly copyLink = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      this.play.tell(text.linkCopied);
    } catch {
      this.play.tell(location.href);
    }
  };

  static override styles = [
    ui,
    css`
      .head {
        margin: var(--space-4) 0;
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
      .layout {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 20rem;
        gap: var(--space-4);
        align-items: start;
      }
      aside {
        position: sticky;
        top: var(--space-4);
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-4);
      }
      .panes {
        display: none;
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
      @media not all and (min-width: 62rem) {
        .layout {
          grid-template-columns: minmax(0, 1fr);
        }
        .layout[data-pane="table"] [data-of]:not([data-of="table"]),
        .layout[data-pane="chat"] [data-of]:not([data-of="chat"]),
        .layout[data-pane="people"] [data-of]:not([data-of="people"]) {
          display: none;
        }
        aside {
          position: static;
        }
        bs-room-chat {
          --chat-height: max(18rem, calc(100dvh - 17rem));
        }
        .panes {
          position: sticky;
          z-index: 2;
          top: 0;
          display: grid;
          grid-auto-columns: 1fr;
          grid-auto-flow: column;
          gap: var(--space-1);
          margin: 0 calc(-1 * var(--space-1)) var(--space-3);
          padding: var(--space-1);
          border-radius: var(--radius-pill);
          background: var(--surface-2);
        }
        .panes button {
          min-height: 44px;
          border-color: transparent;
          background: transparent;
        }
        .panes [aria-current="true"] {
          background: light-dark(var(--surface), var(--surface-3));
          box-shadow: var(--shadow);
        }
        .panes [data-calling] {
          color: var(--accent);
        }
        .panes [data-calling]::after {
          content: "";
          width: 9px;
          height: 9px;
          border-radius: 50%;
          background: var(--sun);
        }
      }
    `,
  ];
}

/** Takes a place up again that is still there; otherwise how the room stands to who has none. */
async function standingIn(client: Client, roomId: string): Promise<Standing | undefined> {
  try {
    const answer = await client.command("games.command.rejoin_room", { room_id: roomId });
    if (!isAbsence(answer)) return undefined;
  } catch (error) {
    if (error instanceof Refusal && error.code === "banned") return "banned";
  }
  try {
    const answer = await client.standing(roomId);
    return isAbsence(answer) ? answer : undefined;
  } catch {
    return "gone";
  }
}

function isAbsence(frame: { type: string }): frame is EventFrame<"games.event.not_in_room"> {
  return frame.type === "games.event.not_in_room";
}

customElements.define("bs-room", RoomPage);
