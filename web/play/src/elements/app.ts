import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { changeTheme } from "../../../shared/theme.js";
import { money } from "../format.js";
import { Play } from "../play.js";
import { pathOf } from "../routes.js";
import { text } from "../texts.js";
import { pageTitle } from "../title.js";
import { ui } from "../ui.js";
import "./account.js";
import "./avatar.js";
import "./connection_bar.js";
import "./invitations.js";
import { LaterPages } from "../later.js";
import "./maintenance.js";
import "./lobby.js";
import "./mail_link.js";
import "./messages.js";
import "./person.js";
import "./quick_match.js";
import "./room.js";
import "./toasts.js";
import "./wallet.js";
import "./welcome.js";

const MAIL = "M3 6h18v12H3zM3 7l9 7 9-7";
const PLAYED = "M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5M12 7.5V12l3 2";
const OUT = "M10 4H5v16h5M15 8l4 4-4 4M19 12H9";

function icon(path: string): TemplateResult {
  return html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d=${path} /></svg>`;
}

export class App extends LitElement {
  private readonly play = new Play();
  private readonly later = new LaterPages(() => this.requestUpdate());
  /** Of the page that is shown. */
  private path: string | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.play.subscribe(() => this.requestUpdate());
    void this.play.restore();
  }

  override render(): TemplateResult {
    const { play } = this;
    return html`
      ${this.header()}
      <bs-connection-bar .play=${play}></bs-connection-bar>
      <bs-maintenance .play=${play}></bs-maintenance>
      ${
        play.account
          ? html`<bs-quick-waiting .play=${play}></bs-quick-waiting><bs-invitations .play=${play}></bs-invitations>`
          : nothing
      }
      <main id="content" data-testid="content" tabindex="-1" aria-label=${pageTitle(play)}>${this.page()}</main>
      ${
        play.account
          ? html`<bs-person .play=${play}></bs-person><bs-messages .play=${play}></bs-messages>
        <bs-account .play=${play}></bs-account>`
          : nothing
      }
      <bs-toasts .play=${play}></bs-toasts>
      <p class="unseen" role="status" data-testid="announcer">${play.announcement}</p>
    `;
  }

  /** Whoever goes to another page with the keyboard goes on at its beginning. */
  protected override updated(): void {
    const path = pathOf(this.play.route);
    const isOther = this.path !== undefined && this.path !== path;
    this.path = path;
    if (isOther) this.main?.focus({ preventScroll: true });
  }

  private get main(): HTMLElement | null {
    return this.renderRoot.querySelector("main");
  }

  private readonly skip = (event: MouseEvent) => {
    event.preventDefault();
    this.main?.focus();
  };

  private header(): TemplateResult {
    const { account } = this.play;
    const isGuest = account?.roles.includes("guest") ?? false;
    return html`
      <header>
        <a class="skip" href="#content" @click=${this.skip}>${text.skip}</a>
        <a class="brand" href="/" aria-label=${text.brand} data-testid="home" @click=${this.home}>
          <img src="/favicon.svg" alt="" width="32" height="32" />
          <span>${text.brand}</span>
        </a>
        <div class="grow"></div>
        ${account ? this.connection() : nothing}
        ${
          account
            ? html`
              <a class="balance number" href="/wallet" title=${text.wallet.open} data-testid="open-wallet" @click=${this.openWallet}>
                <span class="unseen">${text.balance}</span>
                <span aria-live="polite" data-testid="balance" data-cents=${account.balance_cents}>${money(account.balance_cents, account.currency)}</span>
                <span class="plus" aria-hidden="true">+</span></a>
              <button class="plain user" title=${text.account.open} data-testid="open-account"
                @click=${() => this.play.showAccount(true)}>
                <bs-avatar .userId=${account.user_id} .name=${account.username}></bs-avatar>
                <span class="name ellipsis" data-testid="username" data-user-id=${account.user_id}>${account.username}</span>
                ${isGuest ? html`<span class="chip guest">${text.guest}</span>` : nothing}
              </button>
            `
            : nothing
        }
        ${
          account
            ? html`<a class="games" href="/history" title=${text.history.title} aria-label=${text.history.title} data-testid="open-history"
                @click=${(event: MouseEvent) => this.play.follows(event, { page: "history" })}>${icon(PLAYED)}</a>`
            : nothing
        }
        ${account ? this.messages() : nothing}
        <button class="plain icon" title=${text.theme} aria-label=${text.theme} data-testid="theme" @click=${changeTheme}>
          <span class="moon" aria-hidden="true"></span>
        </button>
        ${
          account
            ? html`<button class="plain small" data-testid="logout" title=${text.signOut} aria-label=${text.signOut}
              @click=${() => void this.play.signOut()}><span class="long">${text.signOut}</span><span class="short">${icon(OUT)}</span></button>`
            : nothing
        }
      </header>
    `;
  }

  private messages(): TemplateResult {
    const unread = this.play.client?.messages.unread ?? 0;
    const words = text.messages.open(unread);
    return html`<button class="plain icon" title=${words} aria-label=${words} data-testid="open-messages" data-unread=${unread}
      @click=${() => this.play.openMessages()}>${icon(MAIL)}
      ${unread > 0 ? html`<span class="badge" aria-hidden="true">${unread}</span>` : nothing}</button>`;
  }

  private connection(): TemplateResult {
    const { connection, isCutOff, whyCutOff } = this.play;
    // One word for as long as it lasts: what each attempt comes to is not spoken.
    const words = text.connection[isCutOff ? whyCutOff : connection.state];
    return html`
      <span class="connection" data-testid="connection" data-state=${connection.state} role="status" title=${words}>
        <i aria-hidden="true"></i><span class="state">${words}</span>
      </span>
    `;
  }

  private page(): TemplateResult {
    const { play } = this;
    const { page } = play.route;
    if (page === "reset" || page === "verify") {
      return html`<bs-mail-link .play=${play} .purpose=${page}></bs-mail-link>`;
    }
    if (!play.account) return html`<bs-welcome .play=${play}></bs-welcome>`;
    if (play.route.page === "room") return html`<bs-room .play=${play} .roomId=${play.route.roomId}></bs-room>`;
    if (page === "wallet") return html`<bs-wallet .play=${play}></bs-wallet>`;
    if (page === "history") return this.later.draw("bs-history", () => html`<bs-history .play=${play}></bs-history>`);
    if (page === "profile") return this.later.draw("bs-profile", () => html`<bs-profile .play=${play}></bs-profile>`);
    if (play.route.page === "replay") {
      const { gameType, roomId } = play.route;
      return this.later.draw(
        "bs-replay",
        () => html`<bs-replay .play=${play} .gameType=${gameType} .roomId=${roomId}></bs-replay>`,
      );
    }
    return html`<bs-lobby .play=${play}></bs-lobby>`;
  }

  private readonly home = (event: MouseEvent) => this.goTo(event, "lobby");
  private readonly openWallet = (event: MouseEvent) => this.goTo(event, "wallet");

  /** Unless it is to be opened elsewhere. */
  private goTo(event: MouseEvent, page: "lobby" | "wallet"): void {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    this.play.go({ page });
  }

  static override styles = [
    ui,
    css`
      header {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        max-width: 72rem;
        margin: 0 auto;
        padding: var(--space-3) var(--space-4);
      }
      .brand {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        color: inherit;
        font-size: var(--text-l);
        font-weight: 800;
        letter-spacing: -0.02em;
        text-decoration: none;
        white-space: nowrap;
      }
      .balance {
        display: inline-flex;
        align-items: center;
        gap: var(--space-2);
        padding: 6px 14px;
        border-radius: var(--radius-pill);
        background: var(--surface);
        border: 1px solid var(--line);
        color: inherit;
        font-weight: 750;
        text-decoration: none;
        white-space: nowrap;
        transition: border-color var(--fast);
      }
      .balance:hover {
        border-color: var(--accent);
      }
      .plus {
        display: grid;
        place-items: center;
        width: 22px;
        height: 22px;
        margin-right: -6px;
        border-radius: 50%;
        background: var(--sun);
        color: var(--on-sun);
        font-weight: 800;
        line-height: 1;
      }
      .user {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        min-width: 0;
        padding: 0 var(--space-2);
        font-weight: 600;
      }
      .name {
        max-width: 11rem;
      }
      .connection {
        display: inline-flex;
        align-items: center;
        gap: 6px;
        font-size: var(--text-s);
        font-weight: 600;
        color: var(--text-2);
        white-space: nowrap;
      }
      .connection i {
        width: 9px;
        height: 9px;
        border-radius: 50%;
        background: var(--warn);
      }
      .connection[data-state="online"] i {
        background: var(--good);
        box-shadow: 0 0 0 3px color-mix(in srgb, var(--good) 22%, transparent);
      }
      .connection[data-state="closed"] i {
        background: var(--bad);
      }
      .connection:is([data-state="waiting"], [data-state="connecting"]) i {
        animation: pulse 1s infinite alternate;
      }
      @keyframes pulse {
        to {
          opacity: 0.25;
        }
      }
      .icon {
        min-width: 42px;
        padding: 0;
      }
      svg {
        display: block;
        width: 22px;
        fill: none;
        stroke: currentColor;
        stroke-width: 2;
        stroke-linecap: round;
        stroke-linejoin: round;
      }
      .games {
        display: grid;
        place-items: center;
        width: 42px;
        min-height: 42px;
        border-radius: var(--radius-pill);
        color: inherit;
      }
      .games:hover {
        background: var(--surface-3);
      }
      .moon {
        width: 18px;
        height: 18px;
        border-radius: 50%;
        border: 2px solid currentColor;
        background: linear-gradient(90deg, currentColor 50%, transparent 50%);
      }
      .skip:not(:focus) {
        position: absolute;
        clip-path: inset(50%);
      }
      .skip:focus {
        position: absolute;
        top: 0;
        left: 0;
        z-index: 3;
        padding: var(--space-2) var(--space-4);
        border-radius: 0 0 var(--radius-m) 0;
        background: var(--surface);
        color: var(--text);
        font-weight: 650;
      }
      main:focus-visible {
        outline: none;
      }
      main {
        max-width: 72rem;
        margin: 0 auto;
        padding: var(--space-4) var(--space-4) var(--space-7);
      }
      .short {
        display: none;
      }
      .icon .badge {
        margin: -14px -6px 0 -14px;
      }
      @media (max-width: 46rem) {
        .short {
          display: inline;
          font-size: var(--text-l);
        }
        .long,
        .brand span,
        .name,
        .plus,
        .guest,
        .games {
          display: none;
        }
        .connection .state {
          position: absolute;
          width: 1px;
          height: 1px;
          overflow: hidden;
          clip-path: inset(50%);
        }
        header {
          flex-wrap: wrap;
          gap: var(--space-1);
          padding-inline: var(--space-3);
        }
        .connection {
          margin-right: var(--space-2);
        }
        .user {
          flex: none;
        }
        .balance {
          padding: 6px 10px;
        }
        header button.small {
          min-width: 42px;
          min-height: 42px;
          padding: 0;
        }
      }
      /* All of it on one line, on small phones too. */
      @media (max-width: 24rem) {
        .user {
          padding: 0;
        }
        .connection {
          margin-right: 0;
        }
        .icon,
        header button.small {
          min-width: 38px;
        }
      }
    `,
  ];
}

customElements.define("bs-app", App);
