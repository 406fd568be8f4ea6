import { css, html, type TemplateResult } from "lit";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import "./break.js";
import "./deposit_limits.js";
import { PlayElement } from "./element.js";
import "./payments.js";
import "./statement.js";
import "./top_up.js";

/** The player's money: paying in, what has moved, and the limits to it. */
export class WalletPage extends PlayElement {
  override connectedCallback(): void {
    super.connectedCallback();
    this.play.wallet.enter(location.search);
    // How one came back is said once; a reload or a copied address does not say it again.
    if (location.search) history.replaceState(null, "", location.pathname);
    this.whileConnected(() => this.play.wallet.leave());
  }

  override render(): TemplateResult {
    const { play } = this;
    return html`
      <div class="row head">
        <h1 class="grow">${text.wallet.title}</h1>
        <button data-testid="back-to-lobby" @click=${() => play.go({ page: "lobby" })}>${text.toLobby}</button>
      </div>
      <bs-followed-payment .play=${play}></bs-followed-payment>
      <div class="layout" data-testid="wallet">
        <div class="stack">
          <bs-top-up .play=${play}></bs-top-up>
          <bs-payments .play=${play}></bs-payments>
          <bs-statement .play=${play}></bs-statement>
        </div>
        <div class="stack">
          <bs-deposit-limits .play=${play}></bs-deposit-limits>
          <bs-break .play=${play}></bs-break>
        </div>
      </div>
    `;
  }

  static override styles = [
    ui,
    css`
      .head {
        margin: var(--space-4) 0 var(--space-5);
        flex-wrap: nowrap;
      }
      .layout {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 22rem;
        gap: var(--space-4);
        align-items: start;
      }
      @media not all and (min-width: 62rem) {
        .layout {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];
}

customElements.define("bs-wallet", WalletPage);
