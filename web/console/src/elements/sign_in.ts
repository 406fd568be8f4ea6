import { css, html, nothing, type TemplateResult } from "lit";
import { text } from "../texts.js";
import { wordsFor } from "../words.js";
import { ConsoleElement } from "./element.js";
import { ui } from "./ui.js";

/** What whoever is no operator sees, and nothing else. */
export class SignIn extends ConsoleElement {
  static override properties = { problem: { state: true }, isBusy: { state: true } };
  declare private problem: string;
  declare private isBusy: boolean;

  constructor() {
    super();
    this.problem = "";
    this.isBusy = false;
  }

  override render(): TemplateResult {
    return html`<div class="card stack">
      <div class="row brand"><img src="/kafka/favicon.svg" alt="" width="36" height="36" /><h1>${text.brand}</h1></div>
      ${this.body()}
    </div>`;
  }

  private body(): TemplateResult {
    switch (this.console.standing) {
      case "stranger":
        return html`
          <p role="alert" data-testid="stranger">${text.signIn.stranger(this.console.username)}</p>
          <p class="soft">${text.signIn.strangerHint}</p>
          <button data-testid="sign-out" @click=${() => void this.console.signOut()}>${text.signOut}</button>`;
      case "nobody":
        return this.form();
      default:
        return html`<p class="soft" role="status" data-testid="restoring">
          ${this.console.standing === "unreachable" ? text.unreachable : text.loading}</p>`;
    }
  }

  private form(): TemplateResult {
    return html`
      <p class="soft">${text.signIn.lead}</p>
      <form class="stack" @submit=${this.submit} data-testid="sign-in">
        <label>${text.signIn.email}<input name="email" type="email" autocomplete="username" required data-testid="email" /></label>
        <label>${text.signIn.password}<input name="password" type="password" autocomplete="current-password" required data-testid="password" /></label>
        ${this.problem ? html`<p class="problem" role="alert" data-testid="problem">${this.problem}</p>` : nothing}
        <button class="primary" aria-disabled=${this.isBusy} data-testid="submit">${text.signIn.submit}</button>
      </form>`;
  }

  private readonly submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (this.isBusy) return;
    const fields = new FormData(event.target as HTMLFormElement);
    this.isBusy = true;
    this.problem = "";
    try {
      await this.console.signIn(String(fields.get("email")), String(fields.get("password")));
    } catch (error) {
      this.problem = wordsFor(error);
    } finally {
      this.isBusy = false;
    }
  };

  static override styles = [
    ui,
    css`
      :host {
        display: grid;
        place-items: center;
        min-height: 70dvh;
      }
      .card {
        width: min(24rem, 100%);
        padding: var(--space-5);
      }
      .problem {
        color: var(--bad);
      }
    `,
  ];
}

customElements.define("bc-sign-in", SignIn);
