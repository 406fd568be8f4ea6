import type { ServerClock } from "@blazing-sun/client";
import { css, html, LitElement, type TemplateResult } from "lit";
import { timeLeft } from "../format.js";

/** The time left until a deadline of the server, as a bar and in seconds. */
export class Countdown extends LitElement {
  static override properties = {
    deadline: { type: Number },
    clock: { attribute: false },
    leftMs: { state: true },
  };
  declare deadline: number;
  declare clock: ServerClock;
  declare private leftMs: number;
  private totalMs = 0;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    this.leftMs = 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = setInterval(() => this.measure(), 100);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  protected override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has("deadline")) return;
    this.measure();
    // The whole length is not on the wire; what was left when the deadline became known stands for it.
    this.totalMs = Math.max(this.leftMs, 1);
  }

  protected override updated(): void {
    this.style.setProperty("--left", String(this.leftMs / this.totalMs));
    this.toggleAttribute("urgent", this.leftMs < 2_000);
  }

  override render(): TemplateResult {
    const seconds = Math.ceil(this.leftMs / 1_000);
    return html`<div class="bar"><i></i></div><span role="timer">${timeLeft(seconds)}</span>`;
  }

  private measure(): void {
    this.leftMs = Math.max(0, this.deadline - this.clock.now());
  }

  static override styles = css`
    :host {
      display: flex;
      align-items: center;
      gap: var(--space-2);
      color: var(--text-2);
      font-size: var(--text-s);
      font-weight: 700;
      font-variant-numeric: tabular-nums;
    }
    .bar {
      flex: 1;
      height: 8px;
      overflow: hidden;
      border-radius: var(--radius-pill);
      background: var(--surface-3);
    }
    i {
      display: block;
      height: 100%;
      border-radius: inherit;
      background: var(--sun);
      transform: scaleX(var(--left, 1));
      transform-origin: left;
      transition: transform 100ms linear;
    }
    span {
      min-width: 2.8em;
      text-align: right;
    }
    :host([urgent]) {
      color: var(--bad);
    }
    :host([urgent]) i {
      background: var(--bad);
    }
    @media (prefers-reduced-motion: reduce) {
      i {
        transition: none;
      }
    }
  `;
}

customElements.define("bs-countdown", Countdown);
