import { LitElement, type PropertyDeclarations } from "lit";
import type { Play } from "../play.js";

/** An element that redraws whenever the page's state changes. */
export abstract class PlayElement extends LitElement {
  static override properties: PropertyDeclarations = { play: { attribute: false } };
  declare play: Play;
  private readonly cleanups: (() => void)[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    this.whileConnected(this.play.subscribe(() => this.requestUpdate()));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const cleanup of this.cleanups.splice(0)) cleanup();
  }

  protected whileConnected(cleanup: () => void): void {
    this.cleanups.push(cleanup);
  }
}
