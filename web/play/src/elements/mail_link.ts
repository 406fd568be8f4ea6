import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { wordsFor } from "../words.js";
import { PlayElement } from "./element.js";

/** Where a link from a mail leads: to a new password, or to an address that is shown to be right. */
export class MailLink extends PlayElement {
  static override properties: PropertyDeclarations = {
    purpose: { attribute: false },
    problem: { state: true },
    isBusy: { state: true },
    isDone: { state: true },
  };
  declare purpose: "reset" | "verify";
  declare private problem: string;
  declare private isBusy: boolean;
  declare private isDone: boolean;
  private token = "";

  constructor() {
    super();
    this.problem = "";
    this.isBusy = false;
    this.isDone = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.token = location.hash.slice(1);
    // It opens the account: it stays in no history and no screenshot.
    history.replaceState(null, "", location.pathname);
    if (this.purpose === "verify") void this.verify();
  }

  override render(): TemplateResult {
    const isReset = this.purpose === "reset";
    return html`<section class="card stack" data-testid="mail-link" data-done=${this.isDone}>
      <h1>${isReset ? text.account.resetTitle : text.account.verifyTitle}</h1>
      ${isReset ? this.form() : html`<p class="soft" role="status">${this.isDone ? text.account.verifyDone : nothing}</p>`}
      ${this.problem ? html`<p class="problem" role="alert" data-testid="problem">${this.problem}</p>` : nothing}
      ${isReset && !this.problem ? nothing : html`<button data-testid="mail-link-home" @click=${this.home}>${text.account.toStart}</button>`}
    </section>`;
  }

  private form(): TemplateResult {
    return html`<form class="stack" @submit=${this.submit}>
      <label>${text.account.newPassword}<input name="password" type="password" required minlength="8" autocomplete="new-password"
        data-testid="new-password" /></label>
      <button class="primary" data-testid="reset-submit" aria-disabled=${this.isBusy}>${text.account.resetSubmit}</button>
    </form>`;
  }

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    const password = String(new FormData(event.target as HTMLFormElement).get("password") ?? "");
    void this.do(async () => {
      this.play.enter(await this.play.session.resetPassword(this.token, password));
      this.play.tell(text.account.resetDone);
      this.play.go({ page: "lobby" }, "replace");
    });
  };

  private readonly verify = () =>
    this.do(async () => {
      await this.play.session.verifyEmail(this.token);
      this.isDone = true;
      await this.play.rereadAccount();
    });

  private async do(work: () => Promise<void>): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    this.problem = "";
    try {
      await work();
    } catch (error) {
      this.problem = wordsFor(error);
    } finally {
      this.isBusy = false;
    }
  }

  private readonly home = () => this.play.go({ page: "lobby" }, "replace");

  static override styles = [
    ui,
    css`
      :host {
        max-width: 26rem;
        margin: clamp(1rem, 8vh, 6rem) auto 0;
      }
      .problem {
        padding: var(--space-3);
        border-radius: var(--radius-s);
        background: var(--bad-soft);
        color: var(--bad);
        font-weight: 600;
      }
    `,
  ];
}

customElements.define("bs-mail-link", MailLink);
