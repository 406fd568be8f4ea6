import type { Statistics } from "@blazing-sun/client";
import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { text } from "../texts.js";
import { ui } from "../ui.js";
import { wordsFor } from "../words.js";
import "./avatar.js";
import { PlayElement } from "./element.js";
import "./figures.js";

/** Who is signed in: how others see them, how they come back, and what they have played. */
export class ProfilePage extends PlayElement {
  static override properties: PropertyDeclarations = {
    statistics: { state: true },
    problem: { state: true },
    isBusy: { state: true },
    sentTo: { state: true },
  };
  declare private statistics: Statistics | undefined;
  declare private problem: string;
  declare private isBusy: boolean;
  /** Where a link for a new password has gone. */
  declare private sentTo: string;
  private userId: string | undefined;

  constructor() {
    super();
    this.statistics = undefined;
    this.problem = "";
    this.isBusy = false;
    this.sentTo = "";
  }

  protected override willUpdate(): void {
    const userId = this.play.account?.user_id;
    if (userId === this.userId) return;
    this.userId = userId;
    this.statistics = undefined;
    this.sentTo = "";
    if (userId !== undefined) void this.readStatistics(userId);
  }

  override render(): TemplateResult | typeof nothing {
    const { account } = this.play;
    if (!account) return nothing;
    return html`
      <section class="card who" data-testid="profile">
        <bs-avatar .userId=${account.user_id} .name=${account.username}></bs-avatar>
        <div class="grow">
          <h1><bdi data-testid="profile-name">${account.username}</bdi></h1>
          ${account.roles.includes("guest") ? html`<span class="chip">${text.guest}</span>` : nothing}
        </div>
      </section>
      <div class="columns">
        ${account.email ? this.address(account.email, account.is_email_verified) : this.guest()}
        <section class="card stack" aria-labelledby="session-title">
          <h2 id="session-title">${text.profile.session}</h2>
          <p class="soft">${text.profile.sessionLead}</p>
          <button data-testid="profile-sign-out" @click=${() => void this.play.signOut()}>${text.signOut}</button>
          ${
            account.email
              ? html`<p class="soft">${text.profile.everywhereLead}</p>
                <button data-testid="sign-out-everywhere" aria-disabled=${this.isBusy} @click=${this.signOutEverywhere}>${text.profile.everywhere}</button>`
              : nothing
          }
        </section>
      </div>
      <section class="card stack" aria-labelledby="figures-title">
        <h2 id="figures-title">${text.profile.statistics}</h2>
        ${this.figures()}
      </section>
    `;
  }

  private guest(): TemplateResult {
    return html`<section class="card stack" aria-labelledby="email-title">
      <h2 id="email-title">${text.account.open}</h2>
      <p class="soft">${text.profile.guestLead}</p>
      <button class="primary" data-testid="profile-keep" @click=${() => this.play.showAccount(true)}>${text.profile.keep}</button>
    </section>`;
  }

  private address(email: string, isVerified: boolean): TemplateResult {
    return html`<section class="card stack" aria-labelledby="email-title">
      <h2 id="email-title">${text.profile.email}</h2>
      <p class="address"><bdi data-testid="profile-email">${email}</bdi>
        <span class="chip ${isVerified ? "good" : "warn"}" data-testid="profile-verified" data-verified=${isVerified}>${
          isVerified ? text.account.verified : text.account.unverified
        }</span></p>
      ${
        isVerified
          ? nothing
          : html`<button data-testid="profile-confirm" @click=${() => this.play.showAccount(true)}>${text.profile.confirm}</button>`
      }
      <h2>${text.profile.password}</h2>
      ${
        this.sentTo === email
          ? html`<p role="status" data-testid="password-sent">${text.account.forgotSent(email)}</p>`
          : html`<p class="soft">${text.profile.passwordLead}</p>
            <button data-testid="password-send" aria-disabled=${this.isBusy} @click=${() => void this.send(email)}>${text.profile.passwordSend}</button>`
      }
      ${this.problem ? html`<p class="problem" role="alert" data-testid="profile-problem">${this.problem}</p>` : nothing}
    </section>`;
  }

  private figures(): TemplateResult {
    const { statistics } = this;
    if (!statistics) return html`<p class="soft" role="status">${text.history.loading}</p>`;
    if (statistics.games.length === 0) return html`<p class="soft">${text.profile.noGames}</p>`;
    return html`${statistics.games.map(
      ({ game_type }) => html`<h3>${this.play.titleOf(game_type)}</h3>
        <bs-figures .statistics=${statistics} .gameType=${game_type}></bs-figures>`,
    )}
      <a href="/history" data-testid="profile-history" @click=${(event: MouseEvent) =>
        this.play.follows(event, { page: "history" })}>${text.profile.allGames}</a>`;
  }

  private readonly signOutEverywhere = async () => {
    if (this.isBusy) return;
    this.isBusy = true;
    await this.play.signOutEverywhere();
    this.isBusy = false;
  };

  private async send(email: string): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    this.problem = "";
    try {
      await this.play.session.forgotPassword(email);
      this.sentTo = email;
    } catch (error) {
      this.problem = wordsFor(error);
    } finally {
      this.isBusy = false;
    }
  }

  private async readStatistics(userId: string): Promise<void> {
    try {
      const statistics = await this.play.session.statistics();
      if (this.userId === userId) this.statistics = statistics;
    } catch (error) {
      this.play.complain(error);
    }
  }

  static override styles = [
    ui,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-4);
        max-width: 56rem;
        margin: var(--space-4) auto 0;
      }
      .who {
        display: flex;
        align-items: center;
        gap: var(--space-4);
      }
      .who bs-avatar {
        --size: 64px;
      }
      .columns {
        display: grid;
        grid-template-columns: minmax(0, 1.4fr) minmax(0, 1fr);
        gap: var(--space-4);
        align-items: start;
      }
      .card button {
        justify-self: start;
      }
      .address {
        overflow-wrap: anywhere;
      }
      h3 {
        font-size: var(--text-m);
      }
      a {
        justify-self: start;
        padding: var(--space-2) 0;
        color: var(--accent);
        font-weight: 650;
      }
      .problem {
        color: var(--bad);
        font-weight: 600;
      }
      @media (max-width: 46rem) {
        .columns {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];
}

customElements.define("bs-profile", ProfilePage);
