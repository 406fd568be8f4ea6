import { css, html, nothing, type TemplateResult } from "lit";
import type { Route } from "../routes.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { wordsFor } from "../words.js";
import "./avatar.js";
import { PlayElement } from "./element.js";

/** Who is signed in: a guest keeps what is theirs by giving an address, a player shows that theirs is right. */
export class AccountCard extends PlayElement {
  static override properties = {
    problem: { state: true },
    isBusy: { state: true },
    isSent: { state: true },
  };
  declare private problem: string;
  declare private isBusy: boolean;
  declare private isSent: boolean;

  constructor() {
    super();
    this.problem = "";
    this.isBusy = false;
    this.isSent = false;
  }

  protected override updated(): void {
    this.syncDialog();
  }

  override render(): TemplateResult | typeof nothing {
    const { account, isAccountOpen } = this.play;
    if (!account || !isAccountOpen) return nothing;
    return html`<dialog aria-labelledby="title" data-testid="account" @close=${this.close}>
      <div class="stack">
        <div class="row who">
          <bs-avatar .userId=${account.user_id} .name=${account.username}></bs-avatar>
          <h2 id="title" class="grow ellipsis"><bdi>${account.username}</bdi></h2>
          <button class="small plain" aria-label=${text.account.close} data-testid="account-close" @click=${this.close}>×</button>
        </div>
        ${account.roles.includes("guest") && !account.email ? this.upgrade() : this.address()}
        <nav class="row" aria-label=${text.account.open}>
          ${this.link("/profile", { page: "profile" }, text.profile.title, "to-profile")}
          ${this.link("/history", { page: "history" }, text.history.title, "to-played")}
        </nav>
        ${this.problem ? html`<p class="problem" role="alert" data-testid="account-problem">${this.problem}</p>` : nothing}
      </div>
    </dialog>`;
  }

  private link(address: string, route: Route, name: string, testId: string): TemplateResult {
    return html`<a href=${address} data-testid=${testId} @click=${(event: MouseEvent) => {
      this.close();
      this.play.follows(event, route);
    }}>${name}</a>`;
  }

  private upgrade(): TemplateResult {
    return html`
      <p class="soft">${text.account.upgradeLead}</p>
      <form class="stack" data-testid="upgrade-form" @submit=${this.submit}>
        <label>${text.email}<input name="email" type="email" autocomplete="email" required data-testid="upgrade-email" /></label>
        <label>${text.password}<input name="password" type="password" required minlength="8" autocomplete="new-password"
          data-testid="upgrade-password" /></label>
        <label>${text.username}<input name="username" autocomplete="nickname" required maxlength="24"
          .value=${this.play.account?.username ?? ""} data-testid="upgrade-username" /></label>
        <button class="primary" data-testid="upgrade-submit" aria-disabled=${this.isBusy}>${text.account.upgrade}</button>
      </form>
    `;
  }

  private address(): TemplateResult | typeof nothing {
    const { account } = this.play;
    if (!account?.email) return nothing;
    return html`
      <p class="address"><bdi data-testid="account-email">${account.email}</bdi>
        <span class="chip" data-testid="account-verified" data-verified=${account.is_email_verified}>
          ${account.is_email_verified ? text.account.verified : text.account.unverified}</span></p>
      ${account.is_email_verified ? nothing : this.verification()}
    `;
  }

  private verification(): TemplateResult {
    if (this.isSent)
      return html`<p class="soft" role="status" data-testid="verify-sent">${text.account.verifySent}</p>`;
    return html`<p class="soft">${text.account.verifyLead}</p>
      <button data-testid="verify-send" aria-disabled=${this.isBusy} @click=${this.send}>${text.account.verifySend}</button>`;
  }

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const field = (name: string) => String(form.get(name) ?? "");
    void this.do(async () => {
      const account = await this.play.session.upgrade(field("email"), field("password"), field("username"));
      this.play.enter(account);
      this.play.tell(text.account.upgraded);
    });
  };

  private readonly send = () =>
    this.do(async () => {
      await this.play.session.askVerification();
      this.isSent = true;
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

  private readonly close = () => {
    this.problem = "";
    this.isSent = false;
    this.play.showAccount(false);
  };

  static override styles = [
    ui,
    css`
      dialog {
        width: min(24rem, calc(100vw - 2 * var(--space-4)));
      }
      .who {
        flex-wrap: nowrap;
      }
      .who button {
        min-width: 42px;
        font-size: var(--text-l);
      }
      nav a {
        padding: var(--space-2) 0;
        color: var(--accent);
        font-weight: 650;
      }
      .address {
        overflow-wrap: anywhere;
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

customElements.define("bs-account", AccountCard);
