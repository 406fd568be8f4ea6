import { css, html, nothing, type TemplateResult } from "lit";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { PlayElement } from "./element.js";

/** The longest that a browser's timer waits. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Said on every page from the announcement of maintenance on to its end: when it begins, and what it means. */
export class Maintenance extends PlayElement {
  private timer: ReturnType<typeof setTimeout> | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  override render(): TemplateResult | typeof nothing {
    const { account, maintenance } = this.play;
    clearTimeout(this.timer);
    if (!account || !maintenance) return nothing;
    const leftMs = maintenance.startsAt.getTime() - Date.now();
    if (leftMs > 0) this.timer = setTimeout(() => this.requestUpdate(), Math.min(leftMs, TIMER_MAX_MS));
    const { soon, now, name } = text.maintenance;
    return html`<section class="bar" aria-label=${name} data-testid="maintenance" data-state=${leftMs > 0 ? "soon" : "now"}>
      <p role="status">${leftMs > 0 ? soon(maintenance.startsAt) : now} ${maintenance.message}</p>
    </section>`;
  }

  static override styles = [
    ui,
    css`
      .bar {
        padding: var(--space-2) var(--space-4);
        background: var(--warn-soft);
        color: var(--warn);
        font-size: var(--text-s);
        font-weight: 650;
        text-align: center;
        overflow-wrap: anywhere;
      }
    `,
  ];
}

customElements.define("bs-maintenance", Maintenance);
