import type { Conversation, DirectMessage } from "@blazing-sun/client";
import { css, html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { Outbox } from "../outbox.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./avatar.js";
import "./chat_box.js";
import type { ChatLine } from "./chat_box.js";
import { PlayElement } from "./element.js";

/** Messages between two users: a list of whom with, and one of them open. */
export class MessagesPanel extends PlayElement {
  private readonly outbox = new Outbox(() => this.requestUpdate());
  private typingTimer: ReturnType<typeof setTimeout> | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.typingTimer);
  }

  protected override updated(): void {
    this.syncDialog();
    const { talk, client } = this.play;
    if (talk?.userId) client?.messages.markRead(talk.userId);
  }

  override render(): TemplateResult | typeof nothing {
    const { talk, client } = this.play;
    if (!talk || !client) return nothing;
    const open = talk.userId ? client.messages.conversation(talk.userId) : undefined;
    return html`<dialog aria-labelledby="title" data-testid="messages" @close=${() => this.play.closeMessages()}>
      <div class="row head">
        ${
          open
            ? html`<button class="small plain" data-testid="messages-back" aria-label=${text.messages.back}
                @click=${() => this.play.openMessages()}>←</button>
              <h2 id="title" class="grow ellipsis" aria-label=${text.messages.with(open.username)}><bdi>${open.username}</bdi></h2>`
            : html`<h2 id="title" class="grow">${text.messages.title}</h2>`
        }
        <button class="small plain" data-testid="messages-close" aria-label=${text.people.close}
          @click=${() => this.play.closeMessages()}>×</button>
      </div>
      ${open ? this.conversation(open) : this.list(client.messages.conversations())}
    </dialog>`;
  }

  private list(conversations: readonly Conversation[]): TemplateResult {
    if (conversations.length === 0) return html`<p class="soft" data-testid="messages-none">${text.messages.none}</p>`;
    return html`<ul>
      ${repeat(
        conversations,
        (each) => each.userId,
        (each) => html`<li><button class="plain" data-testid="conversation-${each.userId}"
          @click=${() => this.play.openMessages(each.userId, each.username)}>
          <bs-avatar .userId=${each.userId} .name=${each.username}></bs-avatar>
          <span class="grow last"><b class="ellipsis"><bdi>${each.username}</bdi></b>
            <span class="soft ellipsis">${this.last(each)}</span></span>
          ${each.unread > 0 ? html`<span class="badge" aria-label=${text.chat.unread(each.unread)}>${each.unread}</span>` : nothing}
        </button></li>`,
      )}
    </ul>`;
  }

  private last({ messages }: Conversation): string {
    const last = messages.at(-1);
    if (!last) return "";
    return String(last.sender_id) === this.me ? `${text.messages.you} ${last.content}` : last.content;
  }

  private get me(): string {
    return this.play.account?.user_id ?? "";
  }

  private conversation({ userId, username, messages, typingUntil }: Conversation): TemplateResult {
    const client = this.play.client;
    const typingMs = typingUntil - (client?.clock.now() ?? 0);
    clearTimeout(this.typingTimer);
    if (typingMs > 0) this.typingTimer = setTimeout(() => this.requestUpdate(), typingMs);
    return html`<bs-chat-box .name=${text.messages.with(username)} .lines=${messages.map(lineOf)} .me=${this.me}
      .unsent=${this.outbox.of(userId)} .note=${typingMs > 0 ? text.messages.typing(username) : ""}
      .typing=${() => client?.messages.typing(userId)}
      .send=${(content: string) => {
        if (client) this.outbox.send(userId, content, () => client.messages.send(userId, content));
      }}
      .retry=${(id: number) => this.outbox.retry(userId, id)} .drop=${(id: number) => this.outbox.drop(userId, id)}></bs-chat-box>`;
  }

  static override styles = [
    ui,
    css`
      dialog {
        grid-template: auto minmax(0, 1fr) / minmax(0, 1fr);
        gap: var(--space-3);
        width: min(26rem, 100vw);
        max-width: none;
        height: 100dvh;
        max-height: none;
        margin: 0 0 0 auto;
        padding: var(--space-4);
        border-width: 0 0 0 1px;
        border-radius: 0;
      }
      dialog[open] {
        display: grid;
      }
      .head {
        flex-wrap: nowrap;
      }
      .head button {
        min-width: 42px;
        font-size: var(--text-l);
      }
      ul {
        display: grid;
        align-content: start;
        gap: var(--space-1);
        margin: 0;
        padding: 0;
        overflow-y: auto;
        list-style: none;
      }
      li button {
        width: 100%;
        min-height: 56px;
        padding: var(--space-2);
        border-radius: var(--radius-m);
        text-align: left;
      }
      .last {
        display: grid;
        font-weight: 400;
      }
    `,
  ];
}

function lineOf(message: DirectMessage): ChatLine {
  return {
    id: message.message_id,
    userId: String(message.sender_id),
    username: message.sender_username,
    content: message.content,
    timestamp: message.timestamp,
  };
}

customElements.define("bs-messages", MessagesPanel);
