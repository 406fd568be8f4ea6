import { html, type TemplateResult } from "lit";
import { text } from "./texts.js";

/** Pages that are fetched when somebody goes there first, by their elements. */
const PAGES: Readonly<Record<string, () => Promise<unknown>>> = {
  "bs-history": () => import("./elements/history.js"),
  "bs-profile": () => import("./elements/profile.js"),
  "bs-replay": () => import("./elements/replay.js"),
};

export class LaterPages {
  private readonly asked = new Set<string>();
  private readonly failed = new Set<string>();

  constructor(private readonly changed: () => void) {}

  /** The page, or what is shown until it is there. */
  draw(name: string, page: () => TemplateResult): TemplateResult {
    if (customElements.get(name)) return page();
    if (this.failed.has(name)) {
      return html`<div role="alert"><p>${text.notLoaded}</p>
        <button data-testid="load-again" @click=${() => this.again(name)}>${text.wallet.again}</button></div>`;
    }
    void this.load(name);
    return html`<p class="soft" role="status">${text.loading}</p>`;
  }

  private again(name: string): void {
    this.failed.delete(name);
    this.changed();
  }

  private async load(name: string): Promise<void> {
    if (this.asked.has(name)) return;
    this.asked.add(name);
    try {
      await PAGES[name]?.();
    } catch {
      this.asked.delete(name);
      this.failed.add(name);
    }
    this.changed();
  }
}
