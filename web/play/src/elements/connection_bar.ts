import { css, html, nothing, type TemplateResult } from "lit";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { PlayElement } from "./element.js";

/** Said on every page while there is no connection: why, what it means for a game, and when the next attempt is due. */
export class ConnectionBar extends PlayElement {
  private timer: ReturnType<typeof setInterval> | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  override render(): TemplateResult | typeof nothing {
    const { play } = this;
    const { state, retryAt } = play.connection;
    clearInterval(this.timer);
    if (!play.account || !play.isCutOff) return nothing;
    const leftMs = state === "waiting" && retryAt !== undefined ? retryAt - Date.now() : 0;
    if (leftMs > 0) this.timer = setInterval(() => this.requestUpdate(), 500);
    return html`<section class="bar" aria-label=${text.connection.name} data-testid="connection-lost" data-why=${play.whyCutOff}>
      <p role="status">${text.cutOff[play.whyCutOff]}</p>
      <p class="number" role="timer" data-testid="retry">${leftMs > 0 ? text.retryIn(Math.ceil(leftMs / 1_000)) : text.retrying}</p>
      <button class="small" data-testid="retry-now" aria-disabled=${state !== "waiting"} aria-busy=${state === "connecting"}
        @click=${() => play.client?.reconnectNow()}>${text.retryNow}</button>
    </section>`;
  }

  static override styles = [
    ui,
    css`
      .bar {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: center;
        gap: var(--space-1) var(--space-3);
        padding: var(--space-2) var(--space-4);
        background: var(--warn-soft);
        color: var(--warn);
        font-size: var(--text-s);
        font-weight: 650;
      }
      .number {
        min-width: 9rem;
      }
      button {
        border-color: currentColor;
        background: transparent;
      }
    `,
  ];
}

customElements.define("bs-connection-bar", ConnectionBar);
