import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { jsonText, producerCommand, tailCommand } from "../commands.js";
import { bytes } from "../format.js";
import { Remote } from "../remote.js";
import { text } from "../texts.js";
import type { Message } from "../types.js";
import { ConsoleElement, shown } from "./element.js";
import "./json_view.js";
import "./message_list.js";
import { facts, moment, playerLink, roomLink, traceLink } from "./parts.js";
import { ui } from "./ui.js";

/** One message, whole. */
export class MessageCard extends ConsoleElement {
  static override properties: PropertyDeclarations = {
    ...ConsoleElement.properties,
    topic: { attribute: false },
    partition: { attribute: false },
    offset: { attribute: false },
  };
  declare topic: string;
  declare partition: number;
  declare offset: number;
  private at: string | undefined;
  private readonly message = new Remote<Message>(this, (signal) =>
    this.console.api.get(
      `topics/${encodeURIComponent(this.topic)}/messages/${this.partition}/${this.offset}`,
      {},
      signal,
    ),
  );

  protected override willUpdate(): void {
    const at = `${this.topic}/${this.partition}/${this.offset}`;
    const isOther = this.at !== undefined && this.at !== at;
    this.at = at;
    if (isOther) this.message.reset();
  }

  override render(): TemplateResult {
    return html`<section class="card stack" aria-label=${text.messages.one} data-testid="message-card">
      <div class="row"><h2 class="grow mono">${this.partition}:${this.offset}</h2>
        <button class="plain small" aria-label=${text.close} data-testid="close-message"
          @click=${() => this.dispatchEvent(new CustomEvent("close"))}>×</button></div>
      ${shown(this.message, (message) => this.drawn(message))}
    </section>`;
  }

  private drawn(message: Message): TemplateResult {
    const headers = Object.entries(message.headers);
    const producer = producerCommand(message);
    const tail = tailCommand(this.topic, {
      correlationId: message.correlation_id ?? undefined,
      key: message.correlation_id ? undefined : message.key,
    });
    const copy = (testId: string, words: string, copied: string) =>
      html`<button class="small" data-testid=${testId} @click=${() => void this.console.copy(copied)}>${words}</button>`;
    return html`
      ${facts([
        {
          name: text.messages.filters.type,
          value: html`<span class="mono" data-testid="message-type">${message.type ?? "–"}</span>`,
        },
        { name: text.messages.at, value: moment(message.timestamp) },
        { name: text.messages.filters.correlation_id, value: traceLink(message.correlation_id) },
        { name: text.messages.filters.user, value: playerLink(message.user_id) },
        { name: text.messages.filters.room, value: roomLink(message.room_id) },
        { name: text.messages.filters.key, value: html`<span class="mono">${message.key || "–"}</span>` },
        { name: text.topics.size, value: bytes(message.size) },
      ])}
      <div class="row">
        ${copy("copy-json", text.messages.copyJson, jsonText(message.value))}
        ${copy("copy-message-tail", text.messages.copyTail, tail)}
        ${producer === undefined ? nothing : copy("copy-producer", text.messages.copyProducer, producer)}
      </div>
      <bc-json .value=${message.value} .label=${text.messages.value}></bc-json>
      ${
        headers.length === 0
          ? nothing
          : html`<h3>${text.messages.headers}</h3>
            <dl class="headers">${headers.map(
              ([name, value]) => html`<dt class="mono">${name}</dt><dd class="mono">${value}</dd>`,
            )}</dl>`
      }`;
  }

  static override styles = [
    ui,
    css`
      h3 {
        font-size: 0.9rem;
      }
      .headers {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: 2px var(--space-3);
      }
      dt {
        color: var(--text-2);
      }
      dd {
        overflow-wrap: anywhere;
      }
    `,
  ];
}

customElements.define("bc-message-card", MessageCard);
