import type { UserId } from "@blazing-sun/client";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { timeOfDay } from "../format.js";
import type { Unsent } from "../outbox.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./avatar.js";

/** A line of any chat. */
export interface ChatLine {
  readonly id: string;
  readonly userId: UserId;
  readonly username: string;
  readonly content: string;
  readonly timestamp: string;
  readonly isSystem?: boolean;
}

/** What the server takes; it counts in its own way and has the last word. */
const CONTENT_CHARACTERS_MAX = 500;
/** So close to its end a list counts as being read there, and follows what comes. */
const AT_END_PX = 40;

/** Messages and the field to write one; where they come from and go to is its owner's business. */
export class ChatBox extends LitElement {
  static override properties = {
    name: { attribute: false },
    lines: { attribute: false },
    unsent: { attribute: false },
    me: { attribute: false },
    closed: { attribute: false },
    note: { attribute: false },
    send: { attribute: false },
    retry: { attribute: false },
    drop: { attribute: false },
    typing: { attribute: false },
    showPerson: { attribute: false },
  };
  /** What it is called for those who do not see it. */
  declare name: string;
  declare lines: readonly ChatLine[];
  declare unsent: readonly Unsent[];
  declare me: UserId;
  /** Why nothing can be written; empty where it can. */
  declare closed: string;
  /** A line below the messages. */
  declare note: string;
  declare send: (content: string) => void;
  declare retry: (id: number) => void;
  declare drop: (id: number) => void;
  declare typing: (() => void) | undefined;
  declare showPerson: ((userId: UserId, username: string) => void) | undefined;
  private isAtEnd = true;

  constructor() {
    super();
    this.name = "";
    this.lines = [];
    this.unsent = [];
    this.me = "";
    this.closed = "";
    this.note = "";
    this.send = this.retry = this.drop = () => {};
  }

  protected override willUpdate(): void {
    const list = this.renderRoot.querySelector?.(".lines");
    if (list) this.isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < AT_END_PX;
  }

  protected override updated(): void {
    const list = this.renderRoot.querySelector(".lines");
    if (list && this.isAtEnd) list.scrollTop = list.scrollHeight;
  }

  override render(): TemplateResult {
    const isEmpty = this.lines.length === 0 && this.unsent.length === 0;
    return html`
      <div class="lines" role="log" aria-live="polite" aria-label=${this.name} tabindex="0" data-testid="chat-lines">
        ${isEmpty ? html`<p class="soft empty">${text.chat.empty}</p>` : nothing}
        ${repeat(
          this.lines,
          (line) => line.id,
          (line, at) => this.line(line, this.lines[at - 1]),
        )}
        ${repeat(
          this.unsent,
          (unsent) => unsent.id,
          (unsent) => this.onItsWay(unsent),
        )}
      </div>
      <p class="note soft" role="status">${this.note}</p>
      ${
        this.closed
          ? html`<p class="closed" role="status" data-testid="chat-closed">${this.closed}</p>`
          : html`<form @submit=${this.submit}>
            <input name="content" aria-label=${`${text.chat.placeholder} (${this.name})`} placeholder=${text.chat.placeholder}
              maxlength=${CONTENT_CHARACTERS_MAX} autocomplete="off" enterkeyhint="send" data-testid="chat-input"
              @input=${() => this.typing?.()} />
            <button class="primary" data-testid="chat-send">${text.chat.send}</button>
          </form>`
      }
    `;
  }

  private line(line: ChatLine, before: ChatLine | undefined): TemplateResult {
    if (line.isSystem) return html`<p class="system soft" data-testid="chat-message"><bdi>${line.content}</bdi></p>`;
    const isMine = line.userId === this.me;
    const goesOn = before !== undefined && before.userId === line.userId && !before.isSystem;
    return html`<div class="line" ?data-mine=${isMine} ?data-goes-on=${goesOn} data-testid="chat-message">
      ${goesOn ? nothing : this.author(line, isMine)}
      <p class="content"><bdi>${line.content}</bdi></p>
    </div>`;
  }

  private author(line: ChatLine, isMine: boolean): TemplateResult {
    const { showPerson } = this;
    return html`<p class="author">
      ${
        showPerson && !isMine
          ? html`<button class="name ellipsis" data-testid="chat-author" @click=${() => showPerson(line.userId, line.username)}><bdi>${line.username}</bdi></button>`
          : html`<b class="ellipsis"><bdi>${isMine ? text.you : line.username}</bdi></b>`
      }
      <time class="soft number" datetime=${line.timestamp}>${timeOfDay(line.timestamp)}</time>
    </p>`;
  }

  private onItsWay({ id, content, problem }: Unsent): TemplateResult {
    return html`<div class="line" data-mine data-testid="chat-unsent" data-state=${problem === null ? "sending" : "failed"}>
      <p class="content pending"><bdi>${content}</bdi></p>
      ${
        problem === null
          ? html`<p class="soft small">${text.chat.sending}</p>`
          : html`<p class="problem small" role="alert">${text.chat.unsent(problem)}</p>
            <div class="row"><button class="small" data-testid="chat-again" @click=${() => this.retry(id)}>${text.chat.again}</button>
              <button class="small plain" data-testid="chat-drop" @click=${() => this.drop(id)}>${text.chat.drop}</button></div>`
      }
    </div>`;
  }

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    const input = (event.target as HTMLFormElement).elements.namedItem("content") as HTMLInputElement;
    const content = input.value.trim();
    if (content === "") return;
    input.value = "";
    this.isAtEnd = true;
    const list = this.renderRoot.querySelector(".lines");
    if (list) list.scrollTop = list.scrollHeight;
    this.send(content);
  };

  static override styles = [
    ui,
    css`
      :host {
        display: grid;
        grid-template: minmax(0, 1fr) auto auto / minmax(0, 1fr);
        min-height: 0;
      }
      .lines {
        display: flex;
        flex-direction: column;
        gap: var(--space-2);
        overflow-y: auto;
        overscroll-behavior: contain;
        padding: var(--space-1) var(--space-1) var(--space-2);
      }
      .empty {
        margin: auto;
        font-size: var(--text-s);
      }
      .line {
        max-width: 92%;
        align-self: flex-start;
        display: grid;
        grid-template-columns: minmax(0, auto);
        justify-items: start;
        gap: 2px;
      }
      .line[data-goes-on] {
        margin-top: calc(-1 * var(--space-1));
      }
      .line[data-mine] {
        align-self: flex-end;
        justify-items: end;
      }
      .author {
        display: flex;
        gap: var(--space-2);
        align-items: baseline;
        min-width: 0;
        max-width: 100%;
        font-size: var(--text-s);
      }
      .name {
        display: block;
        min-height: 24px;
        max-width: 100%;
        padding: 0;
        border: 0;
        border-radius: 4px;
        background: none;
        color: var(--accent);
        font-weight: 700;
      }
      .name:hover:not(:disabled) {
        background: none;
        text-decoration: underline;
      }
      .content {
        padding: 6px 12px;
        border-radius: var(--radius-m);
        background: var(--surface-2);
        max-width: 100%;
        overflow: hidden;
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }
      [data-mine] .content {
        background: color-mix(in srgb, var(--sun-2) 22%, var(--surface));
      }
      .pending {
        opacity: 0.65;
      }
      .small {
        font-size: var(--text-s);
      }
      .problem {
        color: var(--bad);
        font-weight: 600;
      }
      .system {
        align-self: center;
        font-size: var(--text-s);
        text-align: center;
      }
      .note {
        min-height: 1.4em;
        padding-bottom: 6px;
        font-size: var(--text-s);
      }
      .note:empty {
        min-height: 0;
        padding: 0;
      }
      form {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: var(--space-2);
      }
      form input {
        border-radius: var(--radius-pill);
        padding: 0 var(--space-4);
      }
      .closed {
        padding: var(--space-2) var(--space-3);
        border-radius: var(--radius-s);
        background: var(--surface-2);
        color: var(--text-2);
        font-size: var(--text-s);
        font-weight: 600;
      }
    `,
  ];
}

customElements.define("bs-chat-box", ChatBox);
