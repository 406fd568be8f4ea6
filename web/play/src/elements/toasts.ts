import { css, html, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { PlayElement } from "./element.js";

export class Toasts extends PlayElement {
  private newest = 0;

  /** A new one goes above all that is open, a modal dialog too. */
  protected override updated(): void {
    const stack = this.renderRoot.querySelector<HTMLElement>("[popover]");
    const newest = this.play.toasts.at(-1)?.id ?? 0;
    if (!stack || newest === this.newest) return;
    this.newest = newest;
    if (stack.matches(":popover-open")) stack.hidePopover();
    if (newest > 0) stack.showPopover();
  }

  override render(): TemplateResult {
    return html`<section class="stack" popover="manual" aria-label=${text.notices}>
      ${repeat(
        this.play.toasts,
        (toast) => toast.id,
        (toast) => html`
          <div class="toast ${toast.kind}" data-testid="toast">
            <span class="grow">${toast.message}</span>
            <button class="plain small" aria-label=${text.close} @click=${() => this.play.dismiss(toast.id)}>×</button>
          </div>
        `,
      )}
    </section>`;
  }

  static override styles = [
    ui,
    css`
      .stack {
        inset: auto var(--space-4) max(var(--space-4), env(safe-area-inset-bottom));
        width: auto;
        margin: 0;
        padding: 0;
        border: 0;
        overflow: visible;
        background: none;
        color: inherit;
        gap: var(--space-2);
        justify-items: center;
        pointer-events: none;
      }
      .stack:not(:popover-open) {
        display: none;
      }
      .toast {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        max-width: min(34rem, 100%);
        padding: var(--space-2) var(--space-2) var(--space-2) var(--space-4);
        border: 1px solid var(--line);
        border-left: 5px solid var(--accent);
        border-radius: var(--radius-m);
        background: var(--surface);
        box-shadow: var(--shadow);
        font-weight: 600;
        pointer-events: auto;
        animation: rise 220ms var(--ease);
      }
      .toast.bad {
        border-left-color: var(--bad);
      }
      button {
        font-size: var(--text-l);
      }
    `,
  ];
}

customElements.define("bs-toasts", Toasts);
