import { css, html, LitElement, type TemplateResult } from "lit";
import { initials } from "../format.js";
import { hueOf } from "../ui.js";

export class Avatar extends LitElement {
  static override properties = { userId: { attribute: false }, name: { attribute: false } };
  declare userId: string;
  declare name: string;

  override updated(): void {
    this.style.setProperty("--hue", String(hueOf(this.userId ?? "")));
  }

  override render(): TemplateResult {
    return html`<span aria-hidden="true">${initials(this.name ?? "")}</span>`;
  }

  static override styles = css`
    :host {
      display: inline-grid;
      place-items: center;
      flex: none;
      width: var(--size, 34px);
      height: var(--size, 34px);
      border-radius: 50%;
      background: linear-gradient(140deg, hsl(var(--hue) 75% 62%), hsl(calc(var(--hue) + 26) 70% 46%));
      color: #fff;
      font-size: calc(var(--size, 34px) * 0.38);
      font-weight: 750;
      text-shadow: 0 1px 2px #0006;
    }
  `;
}

customElements.define("bs-avatar", Avatar);
