import {
  CHAT_CHANNELS,
  type ChatChannel,
  type ChatMessage,
  isWritable,
  type RoomView,
  readableChannels,
} from "@blazing-sun/client";
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { Outbox } from "../outbox.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./chat_box.js";
import type { ChatLine } from "./chat_box.js";
import { PlayElement } from "./element.js";

/** A room's chat: a tab for each channel that this viewer may read. */
export class RoomChat extends PlayElement {
  static override properties = { room: { attribute: false }, isShown: { attribute: false }, chosen: { state: true } };
  declare room: RoomView;
  /** Whether it can be seen, and so what comes counts as read. */
  declare isShown: boolean;
  declare private chosen: ChatChannel;
  private readonly outbox = new Outbox(() => this.requestUpdate());
  /** The newest message that was seen, by channel. */
  private readonly seen = new Map<ChatChannel, string>();
  private readonly asked = new Set<string>();

  constructor() {
    super();
    this.chosen = "lobby";
    this.isShown = true;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const { client } = this.play;
    if (!client) return;
    // Narrower messages are not sent again after a lost connection.
    this.whileConnected(
      client.onStatus(({ state }) => {
        if (state === "online") this.asked.clear();
        this.requestUpdate();
      }),
    );
  }

  private get me(): string {
    return this.play.account?.user_id ?? "";
  }

  /** How many messages of others wait to be read. */
  get unread(): number {
    return readableChannels(this.room, this.me).reduce((sum, channel) => sum + this.unreadIn(channel), 0);
  }

  protected override willUpdate(changed: PropertyValues): void {
    const before = changed.get("room") as RoomView | undefined;
    if (before && before.roomId !== this.room.roomId) {
      this.seen.clear();
      this.asked.clear();
    }
    const open = readableChannels(this.room, this.me);
    const hasBegun = changed.has("room") && before?.phase !== "playing" && this.room.phase === "playing";
    if (!open.includes(this.chosen)) this.chosen = open[0] ?? "lobby";
    // The lobby's chat closes when play begins: what is left is the own table's.
    if (hasBegun && this.chosen === "lobby") {
      this.chosen = open.includes("spectators") ? "spectators" : open.includes("players") ? "players" : "lobby";
    }
    for (const channel of open) this.ask(channel);
    if (this.isShown) this.markSeen(this.chosen);
  }

  protected override updated(): void {
    this.dispatchEvent(new CustomEvent("unread", { detail: this.unread }));
  }

  /** What was written before this page could hear it. */
  private ask(channel: ChatChannel): void {
    const { client } = this.play;
    const key = `${this.room.roomId} ${channel}`;
    if (client?.status.state !== "online" || this.room.phase === "over" || this.asked.has(key)) return;
    this.asked.add(key);
    client.command("games.command.get_chat_history", { room_id: this.room.roomId, channel }).catch(() => {
      // Not open to this viewer after all, or the room has just ended: what is seen from now on is shown.
    });
  }

  private markSeen(channel: ChatChannel): void {
    const newest = this.room.chat[channel].at(-1);
    if (newest) this.seen.set(channel, newest.message_id);
  }

  private unreadIn(channel: ChatChannel): number {
    const messages = this.room.chat[channel];
    const seen = this.seen.get(channel);
    const from = seen === undefined ? 0 : messages.findIndex((message) => message.message_id === seen) + 1;
    return messages.slice(from).filter((message) => String(message.user_id) !== this.me).length;
  }

  override render(): TemplateResult {
    const { room, chosen } = this;
    const open = readableChannels(room, this.me);
    return html`
      <section class="card" aria-label=${text.chat.title} data-testid="room-chat">
        <div class="tabs" role="tablist" aria-label=${text.chat.title} @keydown=${this.keys}>
          ${CHAT_CHANNELS.filter((channel) => open.includes(channel)).map((channel) => this.tab(channel))}
        </div>
        <p class="soft means">${text.chat.means[chosen]}</p>
        <bs-chat-box id="panel" role="tabpanel" aria-label=${text.chat.channels[chosen]} data-testid="chat-${chosen}"
          .name=${text.chat.channels[chosen]} .lines=${room.chat[chosen].map(lineOf)} .unsent=${this.outbox.of(this.where(chosen))}
          .me=${this.me} .closed=${this.closed(chosen)} .send=${this.send}
          .retry=${(id: number) => this.outbox.retry(this.where(chosen), id)}
          .drop=${(id: number) => this.outbox.drop(this.where(chosen), id)}
          .showPerson=${(userId: string, username: string) => this.play.showPerson({ userId, username, roomId: room.roomId })}
        ></bs-chat-box>
      </section>
    `;
  }

  private tab(channel: ChatChannel): TemplateResult {
    const isChosen = channel === this.chosen;
    const unread = isChosen ? 0 : this.unreadIn(channel);
    return html`<button role="tab" class="small plain" id="tab-${channel}" data-testid="chat-tab-${channel}" data-unread=${unread}
      aria-selected=${isChosen} aria-controls="panel" tabindex=${isChosen ? 0 : -1} @click=${() => this.choose(channel)}>
      ${text.chat.channels[channel]}
      ${unread > 0 ? html`<span class="badge" aria-label=${text.chat.unread(unread)}>${unread}</span>` : nothing}
    </button>`;
  }

  private closed(channel: ChatChannel): string {
    const { room, me } = this;
    if (room.phase === "over") return text.chat.over;
    if (!isWritable(room, me, channel)) return text.chat.readOnly[channel];
    return room.muted.includes(me) ? text.chat.muted : "";
  }

  private where(channel: ChatChannel): string {
    return `${this.room.roomId} ${channel}`;
  }

  private choose(channel: ChatChannel): void {
    this.chosen = channel;
  }

  private readonly keys = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const open = readableChannels(this.room, this.me);
    const next = open[(open.indexOf(this.chosen) + step + open.length) % open.length];
    if (!next) return;
    this.choose(next);
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>(`#tab-${next}`)?.focus());
  };

  private readonly send = (content: string) => {
    const { client } = this.play;
    const channel = this.chosen;
    const room_id = this.room.roomId;
    if (!client) return;
    this.outbox.send(this.where(channel), content, () =>
      client.command("games.command.send_chat", { room_id, channel, content }),
    );
  };

  static override styles = [
    ui,
    css`
      section.card {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        grid-template-rows: auto auto minmax(0, 1fr);
        gap: var(--space-2);
        height: var(--chat-height, 26rem);
        padding: var(--space-3);
      }
      .tabs {
        display: flex;
        gap: var(--space-1);
        flex-wrap: wrap;
      }
      [role="tab"] {
        min-height: 40px;
        padding: 0 10px;
      }
      [role="tab"][aria-selected="true"] {
        background: var(--surface-3);
      }
      .means {
        padding: 0 var(--space-1);
        font-size: var(--text-s);
      }
    `,
  ];
}

function lineOf(message: ChatMessage): ChatLine {
  return {
    id: message.message_id,
    userId: String(message.user_id),
    username: message.username,
    content: message.content,
    timestamp: message.timestamp,
    isSystem: message.is_system ?? false,
  };
}

customElements.define("bs-room-chat", RoomChat);
