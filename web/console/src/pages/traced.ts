import { css, html, nothing, type PropertyDeclarations, svg, type TemplateResult } from "lit";
import { shown } from "../elements/element.js";
import "../elements/json_view.js";
import {
  chip,
  heading,
  messageLink,
  moment,
  playerLink,
  roomLink,
  type Tone,
  table,
  topicLink,
} from "../elements/parts.js";
import { ui } from "../elements/ui.js";
import { duration } from "../format.js";
import { Remote } from "../remote.js";
import { text } from "../texts.js";
import type { Trace, TraceGateway, TraceStep } from "../types.js";
import { Page } from "./page.js";

const TONES: Readonly<Record<string, Tone>> = { refusal: "bad", dead_letter: "bad", ledger: "good" };
const BAR = 120;

/** One id from the frame to the sockets. */
export class Traced extends Page {
  static override properties: PropertyDeclarations = { ...Page.properties, id: { attribute: false } };
  declare id: string;
  private readonly trace = new Remote<Trace>(this, (signal) =>
    this.console.api.get(`trace/${encodeURIComponent(this.id)}`, {}, signal),
  );

  protected content(): TemplateResult {
    return html`
      ${heading(
        html`${text.nav.trace} <span class="mono">${this.id}</span>`,
        html`<button class="small" @click=${() => void this.console.copy(`blazing-sun trace ${this.id}`)}>${text.trace.copy}</button>
          <button class="small" @click=${() => void this.trace.reload()}>${text.reload}</button>`,
      )}
      ${shown(this.trace, (trace) => this.drawn(trace))}`;
  }

  private drawn(trace: Trace): TemplateResult {
    const { correlation_id, steps, verdict, complete, gateways = [], silent_gateways: silent = [] } = trace;
    const wholeMs = Math.max(0, ...steps.map(({ since_start_ms }) => since_start_ms));
    const isBad = steps.some(({ what }) => TONES[what] === "bad");
    const tone = isBad ? "bad" : steps.length === 0 ? "warn" : "good";
    return html`
      <section class=${`card verdict ${tone}`} data-testid="verdict" data-tone=${tone}>
        <p class="words">${verdict}</p>
        <p class="row soft">
          <span>${text.trace.summary(steps.length, duration(wholeMs))}</span>
          ${complete ? nothing : chip(text.trace.incomplete, "warn")}
          ${silent.length === 0 ? nothing : chip(text.trace.silent(silent.join(", ")), "warn")}
          ${correlation_id === this.id ? nothing : html`<span>${text.trace.of(correlation_id)}</span>`}
        </p>
      </section>
      ${
        steps.length === 0
          ? html`<p class="empty">${text.trace.nothing}</p>`
          : html`<ol class="steps" aria-label=${text.trace.steps}>${steps.map((step) => this.step(step, wholeMs))}</ol>`
      }
      ${gateways.length === 0 ? nothing : html`<h2>${text.trace.gateways}</h2>${connections(gateways)}`}`;
  }

  private step(step: TraceStep, wholeMs: number): TemplateResult {
    const at = wholeMs === 0 ? 0 : (Math.min(step.since_start_ms, wholeMs) / wholeMs) * BAR;
    const from = wholeMs === 0 ? 0 : Math.max(0, at - (step.since_previous_ms / wholeMs) * BAR);
    return html`<li class="card"><details data-row tabindex="-1" data-testid="step" data-what=${step.what}>
      <summary class="mark">
        <span class="number mono when" title=${step.at}>+${duration(step.since_start_ms)}</span>
        <svg viewBox=${`0 0 ${BAR + 6} 10`} width=${BAR + 6} height="10" aria-hidden="true">
          ${svg`<line x1="3" x2=${BAR + 3} y1="5" y2="5" class="rail" /><line x1=${from + 3} x2=${at + 3} y1="5" y2="5" class="took" />
            <circle cx=${at + 3} cy="5" r="3.5" />`}</svg>
        ${chip(text.trace.what[step.what] ?? step.what, TONES[step.what] ?? "plain")}
        <strong class="title">${step.title}</strong>
        <span class="soft number took-words">${step.since_previous_ms > 0 ? text.trace.took(duration(step.since_previous_ms)) : nothing}</span>
      </summary>
      <div class="inner stack">
        <p class="row"><span>${moment(step.at)}</span>
          ${step.user_id ? html`<span>${text.messages.filters.user} ${playerLink(step.user_id)}</span>` : nothing}
          ${step.room_id ? html`<span>${text.messages.filters.room} ${roomLink(step.room_id)}</span>` : nothing}
          <span class="soft">${places(step)}</span></p>
        ${step.data === undefined || step.data === null ? nothing : html`<bc-json .value=${step.data} .label=${step.title}></bc-json>`}
      </div>
    </details><span class="where" data-testid="step-place">${where(step)}</span></li>`;
  }

  static override styles = [
    ui,
    css`
      .verdict {
        border-left-width: 5px;
      }
      .verdict.good {
        border-left-color: var(--good);
      }
      .verdict.warn {
        border-left-color: var(--warn);
      }
      .verdict.bad {
        border-left-color: var(--bad);
      }
      .words {
        font-size: 1.15rem;
        font-weight: 650;
        overflow-wrap: anywhere;
      }
      .steps {
        display: grid;
        gap: 4px;
      }
      li.card {
        position: relative;
        padding: var(--space-2) var(--space-3);
      }
      .where {
        position: absolute;
        top: var(--space-2);
        right: var(--space-3);
      }
      .verdict {
        padding: var(--space-3) var(--space-4);
      }
      summary {
        display: grid;
        grid-template-columns: 0.8rem 5.5rem 126px 6.5rem minmax(10rem, 1fr) auto;
        align-items: center;
        gap: var(--space-1) var(--space-3);
        padding-right: 14rem;
        cursor: pointer;
      }
      .when {
        text-align: right;
      }
      .title {
        overflow-wrap: anywhere;
      }
      .rail {
        stroke: var(--line);
      }
      .took {
        stroke: var(--accent);
        stroke-width: 3;
      }
      circle {
        fill: var(--accent);
      }
      .inner {
        padding-top: var(--space-2);
      }
      @media (max-width: 60rem) {
        summary {
          grid-template-columns: 0.8rem 5rem auto minmax(0, 1fr);
        }
        svg,
        .took-words {
          display: none;
        }
        .title {
          grid-column: 1 / -1;
        }
        summary {
          padding-right: 0;
        }
        .where {
          position: static;
        }
      }
    `,
  ];
}

/** By gateway, what the player has open there. */
function connections(gateways: readonly TraceGateway[]): TemplateResult {
  return table<TraceGateway>(
    text.trace.gateways,
    [
      { name: text.trace.gateway, draw: ({ gateway_id }) => gateway_id },
      { name: text.trace.connections, draw: ({ user_sockets }) => user_sockets, isNumber: true },
      { name: text.trace.asking, draw: ({ is_connected }) => (is_connected ? text.trace.isOpen : text.trace.isClosed) },
      { name: text.trace.remembersSince, draw: ({ remembers_since }) => moment(remembers_since) },
    ],
    gateways,
  );
}

/** Where its record can be looked at. */
function where({ where }: TraceStep): TemplateResult | typeof nothing {
  const { topic, partition, offset } = where ?? {};
  if (!topic) return nothing;
  if (typeof partition !== "number" || typeof offset !== "number") return topicLink(topic);
  return html`${topic} ${messageLink(topic, partition, offset)}`;
}

function places({ where }: TraceStep): string {
  const { outbox_seq, batch_no } = where ?? {};
  const batch = typeof batch_no === "number" ? [text.trace.batch(batch_no)] : [];
  const outbox = typeof outbox_seq === "number" ? [text.trace.outbox(outbox_seq)] : [];
  return [...batch, ...outbox].join(" · ");
}

customElements.define("bc-traced", Traced);
