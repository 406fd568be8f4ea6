import { css, html, nothing, type TemplateResult } from "lit";
import { OFFLINE, text } from "../texts.js";
import { ui } from "../ui.js";
import { wordsFor } from "../words.js";
import "./die.js";
import { PlayElement } from "./element.js";

export class Welcome extends PlayElement {
  static override properties = {
    mode: { state: true },
    problem: { state: true },
    isBusy: { state: true },
    sentTo: { state: true },
  };
  declare private mode: "login" | "register" | "forgot";
  declare private problem: string;
  declare private isBusy: boolean;
  declare private sentTo: string;

  constructor() {
    super();
    this.mode = "login";
    this.problem = "";
    this.isBusy = false;
    this.sentTo = "";
  }

  override render(): TemplateResult {
    return html`
      <section class="hero">
        <div class="dice" aria-hidden="true">
          <bs-face .value=${5}></bs-face><bs-face .value=${6}></bs-face>
        </div>
        <h1>${text.welcomeTitle}</h1>
        <p class="lead soft">${text.welcomeLead}</p>
        <ul>
          ${text.welcomePoints.map((point) => html`<li>${point}</li>`)}
        </ul>
      </section>
      <section class="card stack">
        ${this.play.route.page === "room" ? html`<p class="invited" data-testid="invited">${text.invited}</p>` : nothing}
        ${this.play.isRestored ? (this.mode === "forgot" ? this.forgotten() : this.entry()) : this.waiting()}
      </section>
    `;
  }

  private waiting(): TemplateResult {
    return html`<p class="soft" role="status" data-testid="restoring">
      ${this.play.isUnreachable ? OFFLINE : text.connection.connecting}
    </p>`;
  }

  private entry(): TemplateResult {
    const isNew = this.mode === "register";
    return html`
      <button class="primary large" data-testid="guest-button" aria-disabled=${this.isBusy} @click=${this.guest}>
        ${text.playAsGuest}
      </button>
      <p class="soft hint">${text.guestHint}</p>
      <div class="or"><span>${text.or}</span></div>
      <form class="stack" @submit=${this.submit} data-testid="account-form">
        <label>${text.email}<input name="email" type="email" autocomplete="email" required data-testid="email" /></label>
        ${
          isNew
            ? html`<label>${text.username}<input name="username" autocomplete="nickname" required maxlength="24" data-testid="new-username" /></label>`
            : nothing
        }
        <label>${text.password}<input name="password" type="password" required minlength="8"
            autocomplete=${isNew ? "new-password" : "current-password"} data-testid="password" /></label>
        <button data-testid="account-submit" aria-disabled=${this.isBusy}>${isNew ? text.register : text.signIn}</button>
        <button class="plain small" type="button" data-testid="account-mode" @click=${this.changeMode}>
          ${isNew ? text.toSignIn : text.toRegister}
        </button>
        ${
          isNew
            ? nothing
            : html`<button class="plain small" type="button" data-testid="forgot" @click=${this.forget}>${text.account.forgot}</button>`
        }
      </form>
      ${this.problemLine()}
    `;
  }

  private forgotten(): TemplateResult {
    return html`
      <h2>${text.account.forgot}</h2>
      ${
        this.sentTo
          ? html`<p role="status" data-testid="forgot-sent">${text.account.forgotSent(this.sentTo)}</p>`
          : html`<p class="soft">${text.account.forgotLead}</p>
            <form class="stack" @submit=${this.askForLink}>
              <label>${text.email}<input name="email" type="email" autocomplete="email" required data-testid="forgot-email" /></label>
              <button data-testid="forgot-submit" aria-disabled=${this.isBusy}>${text.account.forgotSubmit}</button>
            </form>`
      }
      <button class="plain small" data-testid="forgot-back" @click=${this.changeMode}>${text.account.back}</button>
      ${this.problemLine()}
    `;
  }

  private problemLine(): TemplateResult | typeof nothing {
    return this.problem ? html`<p class="problem" role="alert" data-testid="problem">${this.problem}</p>` : nothing;
  }

  private readonly forget = () => {
    this.mode = "forgot";
    this.problem = "";
    this.sentTo = "";
  };

  private readonly askForLink = async (event: SubmitEvent) => {
    event.preventDefault();
    if (this.isBusy) return;
    const email = String(new FormData(event.target as HTMLFormElement).get("email") ?? "");
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
  };

  private readonly changeMode = () => {
    this.mode = this.mode === "login" ? "register" : "login";
    this.problem = "";
  };

  private readonly guest = () => this.enter(() => this.play.session.guest());

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const field = (name: string) => String(form.get(name) ?? "");
    const { session } = this.play;
    void this.enter(() =>
      this.mode === "login"
        ? session.login(field("email"), field("password"))
        : session.register(field("email"), field("password"), field("username")),
    );
  };

  private async enter(sign: () => ReturnType<typeof this.play.session.guest>): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    this.problem = "";
    try {
      this.play.enter(await sign());
    } catch (error) {
      this.problem = wordsFor(error);
    } finally {
      this.isBusy = false;
    }
  }

  static override styles = [
    ui,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1.15fr) minmax(0, 24rem);
        gap: var(--space-7);
        align-items: center;
        padding-top: clamp(1rem, 6vh, 5rem);
      }
      h1 {
        font-size: var(--text-xxl);
        font-weight: 850;
        letter-spacing: -0.035em;
        line-height: 1.05;
      }
      .lead {
        max-width: 34rem;
        margin-top: var(--space-4);
        font-size: var(--text-l);
      }
      ul {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-2);
        margin: var(--space-5) 0 0;
        padding: 0;
        list-style: none;
      }
      li {
        padding: 6px 14px;
        border: 1px solid var(--line);
        border-radius: var(--radius-pill);
        background: var(--surface);
        font-size: var(--text-s);
        font-weight: 650;
      }
      .dice {
        display: flex;
        gap: var(--space-4);
        margin-bottom: var(--space-5);
      }
      .dice bs-face {
        --size: 76px;
        rotate: -9deg;
      }
      .dice bs-face + bs-face {
        rotate: 8deg;
        translate: 0 10px;
      }
      .hint {
        margin-top: calc(-1 * var(--space-2));
        font-size: var(--text-s);
        text-align: center;
      }
      .or {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        color: var(--text-2);
        font-size: var(--text-s);
      }
      .or::before,
      .or::after {
        content: "";
        flex: 1;
        border-top: 1px solid var(--line);
      }
      .invited {
        padding: var(--space-3);
        border-radius: var(--radius-s);
        background: var(--warn-soft);
        font-weight: 600;
      }
      .problem {
        padding: var(--space-3);
        border-radius: var(--radius-s);
        background: var(--bad-soft);
        color: var(--bad);
        font-weight: 600;
      }
      @media (max-width: 52rem) {
        :host {
          grid-template-columns: minmax(0, 1fr);
          gap: var(--space-5);
          padding-top: 0;
        }
        .dice bs-face {
          --size: 54px;
        }
        .dice {
          margin-bottom: var(--space-4);
        }
      }
    `,
  ];
}

customElements.define("bs-welcome", Welcome);
