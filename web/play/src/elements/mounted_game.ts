import { css, html, LitElement, type PropertyValues, type TemplateResult } from "lit";
import type { GameContext, GameModule, MountedGame } from "../games.js";
import { text } from "../texts.js";
import "./generic_table.js";

/** A game whose page came with the game: mounted as docs/adding-a-game.md says, or the plain table where it fails. */
export class MountedGamePage extends LitElement {
  static override properties = {
    context: { attribute: false },
    moves: { attribute: false },
    module: { attribute: false },
    isBroken: { state: true },
  };
  declare context: GameContext;
  declare moves: Readonly<Record<string, unknown>>;
  declare module: GameModule;
  declare private isBroken: boolean;
  private mounted: { game: MountedGame; roomId: string; module: GameModule } | undefined;

  constructor() {
    super();
    this.isBroken = false;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.unmount();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.requestUpdate();
  }

  override render(): TemplateResult {
    return this.isBroken
      ? html`<bs-generic-table .context=${this.context} .moves=${this.moves} .note=${text.table.broken}></bs-generic-table>`
      : html`<div id="game" data-testid="mounted-game"></div>`;
  }

  protected override updated(_changed: PropertyValues): void {
    if (this.isBroken) return;
    try {
      this.show();
    } catch (error) {
      this.fail(error);
    }
  }

  private show(): void {
    const { roomId } = this.context.room;
    if (this.mounted && (this.mounted.roomId !== roomId || this.mounted.module !== this.module)) this.unmount();
    if (!this.mounted) {
      const host = this.renderRoot.querySelector("#game");
      if (!host) return;
      host.replaceChildren();
      const element = document.createElement("div");
      host.append(element);
      this.mounted = { game: this.module.mount(element), roomId, module: this.module };
    }
    this.mounted.game.update(this.context);
  }

  private unmount(): void {
    const { mounted } = this;
    this.mounted = undefined;
    try {
      mounted?.game.unmount?.();
    } catch (error) {
      console.warn(error);
    }
  }

  private fail(error: unknown): void {
    console.warn(error);
    this.unmount();
    this.isBroken = true;
  }

  static override styles = css`
    :host {
      display: block;
    }
  `;
}

customElements.define("bs-mounted-game", MountedGamePage);
