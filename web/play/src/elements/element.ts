import { LitElement, type PropertyDeclarations } from "lit";
import { focusedElement, isFocusFree } from "../focus.js";
import type { Play } from "../play.js";
import { Progress, type Waiting } from "./progress.js";

/** An element that redraws whenever the page's state changes. */
export abstract class PlayElement extends LitElement {
  static override properties: PropertyDeclarations = { play: { attribute: false } };
  declare play: Play;
  /** What had the focus when the dialog was opened. */
  private opener: HTMLElement | undefined;
  protected readonly progress = new Progress(this as unknown as Waiting);
  private readonly cleanups: (() => void)[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    this.whileConnected(this.play.subscribe(() => this.requestUpdate()));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const cleanup of this.cleanups.splice(0)) cleanup();
  }

  /** Opens the dialog that is drawn, and gives the focus back once none is any more. */
  protected syncDialog(): void {
    const dialog = this.renderRoot.querySelector("dialog");
    if (dialog && !dialog.open) {
      this.opener = focusedElement();
      dialog.showModal();
    }
    if (dialog || !this.opener) return;
    if (isFocusFree() && this.opener.isConnected) this.opener.focus();
    this.opener = undefined;
  }

  protected whileConnected(cleanup: () => void): void {
    this.cleanups.push(cleanup);
  }
}
