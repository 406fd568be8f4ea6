import { css, html, nothing, type TemplateResult } from "lit";
import { listed } from "../elements/element.js";
import "../elements/json_view.js";
import { chip, facts, heading, messageLink, moment, topicLink, traceLink } from "../elements/parts.js";
import { ui } from "../elements/ui.js";
import { Paged } from "../paged.js";
import { text } from "../texts.js";
import type { DeadLetter, DeadLetterState, DeadLetters } from "../types.js";
import { Page } from "./page.js";

const STATES: readonly DeadLetterState[] = ["waiting", "unknown", "retried", "discarded"];
const TONES = { waiting: "warn", unknown: "bad", retried: "good", discarded: "plain" } as const;

export class DeadLettersPage extends Page {
  private asked: string | undefined;
  private readonly letters = new Paged<DeadLetter>(this, async (cursor, signal) => {
    const query = { cursor, state: this.state };
    const page = await this.console.api.get<DeadLetters>("dead-letters", query, signal);
    return { items: page.dead_letters, next: page.next_cursor };
  });

  private get state(): DeadLetterState | undefined {
    const state = this.console.query.get("state") ?? (this.wanted ? undefined : "waiting");
    return STATES.find((each) => each === state);
  }

  /** The one that is looked for by its id. */
  private get wanted(): string | null {
    return this.console.query.get("id");
  }

  protected override willUpdate(): void {
    const asked = this.state ?? "";
    if (this.asked !== undefined && this.asked !== asked) void this.letters.reset();
    this.asked = asked;
  }

  /** The one that is looked for may be pages away. */
  protected override updated(): void {
    const { items, isLoading, error } = this.letters;
    const isMissing = this.wanted !== null && !items.some(({ id }) => id === this.wanted);
    if (isMissing && !isLoading && error === undefined) void this.letters.more();
  }

  protected content(): TemplateResult {
    const states = html`<div class="tabs" role="group" aria-label=${text.deadLetters.states}>${[
      ...STATES,
      undefined,
    ].map(
      (
        state,
      ) => html`<button class="small" aria-pressed=${this.state === state} data-testid=${`state-${state ?? "all"}`}
        @click=${() => this.ask({ state: state ?? "all", id: undefined })}>${state ? text.deadLetters.state[state] : text.deadLetters.all}</button>`,
    )}</div>`;
    return html`${heading(text.nav["dead-letters"], states)}
      <p class="soft">${text.deadLetters.lead}</p>
      ${listed(this.letters, text.deadLetters.none, (letters) => {
        const shown = this.wanted ? letters.filter(({ id }) => id === this.wanted) : letters;
        return html`<ul class="stack">${shown.map((letter) => html`<li>${this.drawn(letter)}</li>`)}</ul>`;
      })}`;
  }

  private drawn(letter: DeadLetter): TemplateResult {
    const { id, state, error } = letter;
    return html`<details class="card" data-row tabindex="-1" data-testid="dead-letter" data-id=${id} ?open=${this.wanted === id}>
      <summary class="row">
        ${chip(text.deadLetters.state[state], TONES[state])}
        <span class="mono">${id}</span>
        <span class="grow error">${error ?? "–"}</span>
        ${moment(letter.failed_at)}
      </summary>
      <div class="stack inner">
        ${facts([
          { name: text.messages.topic, value: letter.topic ? topicLink(letter.topic) : undefined },
          { name: text.deadLetters.where, value: original(letter) },
          { name: text.messages.filters.key, value: html`<span class="mono">${letter.key ?? "–"}</span>` },
          { name: text.messages.filters.correlation_id, value: traceLink(correlationOf(letter)) },
          letter.operator ? { name: text.log.operator, value: letter.operator } : undefined,
        ])}
        <bc-json .value=${letter.original} .label=${text.deadLetters.original}></bc-json>
        ${
          state === "waiting"
            ? html`<div class="row">
              <button data-testid="retry" @click=${() => this.retry(letter)}>${text.deadLetters.retry}</button>
              <button class="danger" data-testid="discard" @click=${() => this.discard(letter)}>${text.deadLetters.discard}</button>
            </div>`
            : nothing
        }
      </div>
    </details>`;
  }

  private retry({ id, topic }: DeadLetter): void {
    this.confirm(
      {
        title: text.deadLetters.retryTitle(id),
        lead: text.deadLetters.retryLead(topic ?? "–"),
        fields: [],
        confirm: text.deadLetters.retry,
        act: async () => {
          await this.console.api.post(`dead-letters/${encodeURIComponent(id)}/retry`);
          await this.letters.reload();
        },
      },
      text.deadLetters.retriedNow,
    );
  }

  private discard({ id }: DeadLetter): void {
    this.confirm(
      {
        title: text.deadLetters.discardTitle(id),
        lead: text.deadLetters.discardLead,
        fields: [{ name: "reason", label: text.reason, hint: text.reasonHint }],
        confirm: text.deadLetters.discard,
        isDangerous: true,
        act: async ({ reason }) => {
          await this.console.api.post(`dead-letters/${encodeURIComponent(id)}/discard`, { reason });
          await this.letters.reload();
        },
      },
      text.deadLetters.discardedNow,
    );
  }

  static override styles = [
    ui,
    css`
      summary {
        cursor: pointer;
      }
      .error {
        flex-basis: 14rem;
        overflow-wrap: anywhere;
      }
      .inner {
        padding-top: var(--space-3);
      }
    `,
  ];
}

function original({ topic, partition, offset }: DeadLetter): TemplateResult | undefined {
  const isKnown = typeof partition === "number" && typeof offset === "number";
  return topic && isKnown ? messageLink(topic, partition, offset) : undefined;
}

function correlationOf({ correlation_id, original }: DeadLetter): string | undefined {
  if (correlation_id) return correlation_id;
  const of = (original as { correlation_id?: unknown } | null | undefined)?.correlation_id;
  return typeof of === "string" ? of : undefined;
}

customElements.define("bc-dead-letters", DeadLettersPage);
