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

  constructor(
    private readonly changed: () => void,
    private readonly pages = PAGES,
    private readonly reload = () => location.reload(),
  ) {}

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

  /** A server that has been updated since has other files, which the page learns of when it is loaded anew. */
  private again(name: string): void {
    if (navigator.onLine) {
      this.reload();
      return;
    }
    // Without a network there would be no page at all.
    this.failed.delete(name);
    this.changed();
  }

  private async load(name: string): Promise<void> {
    if (this.asked.has(name)) return;
    this.asked.add(name);
    try {
      await this.pages[name]?.();
    } catch {
      this.asked.delete(name);
      this.failed.add(name);
    }
    this.changed();
  }
}
