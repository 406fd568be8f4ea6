import type { LobbyMessage } from "@blazing-sun/client";
import { css, html, type TemplateResult } from "lit";
import { Outbox } from "../outbox.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./chat_box.js";
import type { ChatLine } from "./chat_box.js";
import { PlayElement } from "./element.js";

export class LobbyChat extends PlayElement {
  private readonly outbox = new Outbox(() => this.requestUpdate());

  override render(): TemplateResult {
    const { client, account } = this.play;
    return html`
      <section class="card" aria-labelledby="title" data-testid="lobby-chat">
        <div>
          <h2 id="title">${text.chat.lobbyTitle}</h2>
          <p class="soft">${text.chat.lobbyLead}</p>
        </div>
        <bs-chat-box .name=${text.chat.lobbyTitle} .lines=${(client?.messages.lobby() ?? []).map(lineOf)}
          .unsent=${this.outbox.of("lobby")} .me=${account?.user_id ?? ""} .send=${this.send}
          .retry=${(id: number) => this.outbox.retry("lobby", id)} .drop=${(id: number) => this.outbox.drop("lobby", id)}
          .showPerson=${(userId: string, username: string) => this.play.showPerson({ userId, username })}></bs-chat-box>
      </section>
    `;
  }

  private readonly send = (content: string) => {
    const { client } = this.play;
    if (client) this.outbox.send("lobby", content, () => client.messages.sendToLobby(content));
  };

  static override styles = [
    ui,
    css`
      section.card {
        display: grid;
        grid-template: auto minmax(0, 1fr) / minmax(0, 1fr);
        gap: var(--space-2);
        height: 28rem;
        padding: var(--space-4);
      }
      .soft {
        font-size: var(--text-s);
      }
      @media not all and (min-width: 62rem) {
        section.card {
          height: 22rem;
        }
      }
    `,
  ];
}

function lineOf(message: LobbyMessage): ChatLine {
  const { message_id, user_id, username, content, timestamp } = message;
  return { id: message_id, userId: String(user_id), username, content, timestamp };
}

customElements.define("bs-lobby-chat", LobbyChat);
