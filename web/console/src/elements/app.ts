import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { changeTheme } from "../../../shared/theme.js";
import { Console } from "../console.js";
import { find } from "../find.js";
import { deepAll, isTyping, moveRow, openRow } from "../keys.js";
import { BASE, type PlainPage, pathOf, sectionOf } from "../routes.js";
import { text } from "../texts.js";
import { wordsFor } from "../words.js";
import { draw } from "./pages.js";
import "./sign_in.js";
import { ui } from "./ui.js";

/** In the order in which they are looked for, in groups. */
const NAV: readonly (readonly PlainPage[])[] = [
  ["overview"],
  ["topics", "groups", "dead-letters", "outbox", "members"],
  ["trace", "rooms", "players", "money"],
  ["settings", "log"],
];

export class App extends LitElement {
  static override properties = {
    found: { state: true },
    isFinding: { state: true },
    isMenuOpen: { state: true },
  };
  private readonly console = new Console();
  /** What finding came to, where it came to nothing. */
  declare private found: string;
  declare private isFinding: boolean;
  declare private isMenuOpen: boolean;
  private path: string | undefined;

  constructor() {
    super();
    this.found = "";
    this.isFinding = false;
    this.isMenuOpen = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.console.subscribe(() => this.requestUpdate());
    addEventListener("keydown", this.pressed);
    this.addEventListener("click", this.clicked);
    void this.console.restore();
  }

  override render(): TemplateResult {
    const { console } = this;
    if (console.standing !== "operator") {
      return html`<main><bc-sign-in .console=${console}></bc-sign-in></main>`;
    }
    return html`
      ${this.header()}
      <div class="body">
        ${this.navigation()}
        <main id="content" tabindex="-1" data-testid="content" data-page=${console.route.page}>${draw(console)}</main>
      </div>
      ${this.toasts()}
      <p class="unseen" role="status" data-testid="announcer">${console.announcement}</p>`;
  }

  /** Whoever goes to another page with the keyboard goes on at its beginning. */
  protected override updated(): void {
    const { route, path, standing } = this.console;
    document.title = standing === "operator" ? text.titleOf(route) : text.brand;
    const isOther = this.path !== undefined && this.path !== path;
    this.path = path;
    if (!isOther) return;
    this.isMenuOpen = false;
    this.found = "";
    scrollTo(0, 0);
    this.renderRoot.querySelector("main")?.focus({ preventScroll: true });
  }

  private header(): TemplateResult {
    return html`<header>
      <a class="skip" href="#content" @click=${this.skip}>${text.skip}</a>
      <button class="plain menu" aria-expanded=${this.isMenuOpen} aria-controls="nav" aria-label=${text.menu} data-testid="menu"
        @click=${() => {
          this.isMenuOpen = !this.isMenuOpen;
        }}>☰</button>
      <a class="brand" href=${BASE}><img src="/kafka/favicon.svg" alt="" width="24" height="24" /><span>${text.brand}</span></a>
      <form class="find" role="search" @submit=${this.find}>
        <label class="unseen" for="find">${text.find.label}</label>
        <input id="find" name="id" type="search" placeholder=${text.find.placeholder} autocomplete="off" spellcheck="false"
          aria-describedby="find-said" aria-busy=${this.isFinding} data-testid="find" @input=${() => {
            this.found = "";
          }} />
        <kbd aria-hidden="true">/</kbd>
        <p id="find-said" class=${this.found ? "said" : "unseen"} role="status" data-testid="find-said">${this.found}</p>
      </form>
      <span class="soft clock" title=${text.utcHint}>${text.utc}</span>
      <button class="plain" aria-label=${text.theme} title=${text.theme} data-testid="theme" @click=${changeTheme}>◐</button>
      <span class="who ellipsis" data-testid="operator"><bdi>${this.console.username}</bdi></span>
      <button class="small" data-testid="sign-out" @click=${() => void this.console.signOut()}>${text.signOut}</button>
    </header>`;
  }

  private navigation(): TemplateResult {
    const section = sectionOf(this.console.route);
    const isNowhere = this.console.route.page === "nowhere";
    return html`<nav id="nav" aria-label=${text.menu} class=${this.isMenuOpen ? "open" : ""}>${NAV.map(
      (group) =>
        html`<ul>${group.map((page) => {
          const isHere = page === section && !isNowhere;
          return html`<li><a href=${pathOf({ page })} aria-current=${isHere ? "page" : nothing} data-testid=${`nav-${page}`}>
          ${text.nav[page]}</a></li>`;
        })}</ul>`,
    )}</nav>`;
  }

  private toasts(): TemplateResult {
    return html`<div class="toasts" role="status">${this.console.toasts.map(
      ({ id, kind, message }) => html`<div class=${`toast ${kind}`} data-testid="toast"><span>${message}</span>
        <button class="plain small" aria-label=${text.dismiss} @click=${() => this.console.dismiss(id)}>×</button></div>`,
    )}</div>`;
  }

  private readonly find = async (event: SubmitEvent) => {
    event.preventDefault();
    if (this.isFinding) return;
    const form = event.target as HTMLFormElement;
    const wanted = String(new FormData(form).get("id") ?? "").trim();
    if (wanted === "") return;
    this.isFinding = true;
    this.found = text.find.looking;
    try {
      const path = await find(this.console.api, wanted);
      this.found = path === undefined ? text.find.nothing(wanted) : "";
      if (path === undefined) return;
      form.reset();
      this.console.go(path);
    } catch (error) {
      this.found = wordsFor(error);
    } finally {
      this.isFinding = false;
    }
  };

  private readonly skip = (event: MouseEvent) => {
    event.preventDefault();
    event.stopPropagation();
    this.renderRoot.querySelector("main")?.focus();
  };

  /** The console's own links lead there without the page being loaded anew, unless they are to open elsewhere. */
  private readonly clicked = (event: MouseEvent) => {
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!isPlain || event.defaultPrevented) return;
    const link = event.composedPath().find((each): each is HTMLAnchorElement => each instanceof HTMLAnchorElement);
    if (!link || link.origin !== location.origin || !Console.has(link.pathname) || link.download) return;
    event.preventDefault();
    this.console.go(link.pathname + link.search);
  };

  private readonly pressed = (event: KeyboardEvent) => {
    if (event.defaultPrevented || isTyping(event) || deepAll(this.renderRoot, "dialog[open]").length > 0) return;
    if (event.key === "/") this.renderRoot.querySelector<HTMLInputElement>("#find")?.focus();
    else if (event.key === "j") moveRow(this.renderRoot, 1);
    else if (event.key === "k") moveRow(this.renderRoot, -1);
    else if (event.key !== "Enter" || !openRow()) return;
    event.preventDefault();
  };

  static override styles = [
    ui,
    css`
      header {
        position: sticky;
        top: 0;
        z-index: 2;
        display: flex;
        align-items: center;
        gap: var(--space-3);
        padding: var(--space-2) var(--space-4);
        border-bottom: 1px solid var(--line);
        background: var(--surface);
      }
      .menu {
        display: none;
      }
      .brand {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        color: inherit;
        font-weight: 750;
        text-decoration: none;
        white-space: nowrap;
      }
      .find {
        position: relative;
        flex: 1;
        max-width: 40rem;
        margin-inline: auto;
      }
      kbd {
        position: absolute;
        top: 7px;
        right: 8px;
        padding: 0 6px;
        border: 1px solid var(--line);
        border-radius: 4px;
        color: var(--text-2);
        font-size: 0.78rem;
      }
      input:focus ~ kbd {
        display: none;
      }
      .said {
        position: absolute;
        top: calc(100% + 4px);
        left: 0;
        right: 0;
        padding: var(--space-2) var(--space-3);
        border: 1px solid var(--line);
        border-radius: var(--radius-s);
        background: var(--surface);
        box-shadow: var(--shadow);
        overflow-wrap: anywhere;
      }
      .who {
        max-width: 10rem;
        font-weight: 600;
      }
      .body {
        display: grid;
        grid-template-columns: 14rem minmax(0, 1fr);
      }
      nav {
        position: sticky;
        top: 51px;
        align-self: start;
        height: calc(100dvh - 51px);
        padding: var(--space-3) var(--space-2);
        overflow-y: auto;
      }
      nav ul + ul {
        margin-top: var(--space-3);
        padding-top: var(--space-3);
        border-top: 1px solid var(--line);
      }
      nav a {
        display: block;
        padding: 5px var(--space-3);
        border-radius: var(--radius-s);
        color: inherit;
        font-weight: 550;
        text-decoration: none;
      }
      nav a:hover {
        background: var(--surface-2);
      }
      nav a[aria-current] {
        background: var(--surface-3);
        font-weight: 700;
      }
      main {
        min-width: 0;
        min-height: calc(100dvh - 51px);
        padding: var(--space-4) var(--space-5) var(--space-6);
        border-left: 1px solid var(--line);
      }
      main:focus-visible {
        outline: none;
      }
      .skip:not(:focus) {
        position: absolute;
        clip-path: inset(50%);
      }
      .skip:focus {
        position: absolute;
        z-index: 4;
        padding: var(--space-2) var(--space-4);
        background: var(--surface);
      }
      .toasts {
        position: fixed;
        right: var(--space-4);
        bottom: var(--space-4);
        z-index: 3;
        display: grid;
        gap: var(--space-2);
      }
      .toast {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        max-width: 26rem;
        padding: var(--space-2) var(--space-3);
        border: 1px solid var(--line);
        border-radius: var(--radius-s);
        background: var(--surface);
        box-shadow: var(--shadow);
      }
      .toast.bad {
        border-color: var(--bad);
        color: var(--bad);
      }
      @media (max-width: 52rem) {
        header {
          flex-wrap: wrap;
          gap: var(--space-2);
          padding-inline: var(--space-3);
        }
        .menu {
          display: inline-flex;
          padding: 0 var(--space-2);
        }
        .clock,
        kbd {
          display: none;
        }
        .brand {
          flex: 1;
        }
        .find {
          order: 9;
          flex: 1 0 100%;
        }
        .who {
          display: none;
        }
        .body {
          grid-template-columns: minmax(0, 1fr);
        }
        nav {
          display: none;
          position: static;
          height: auto;
          border-bottom: 1px solid var(--line);
        }
        nav.open {
          display: block;
        }
        main {
          padding: var(--space-3);
          border-left: none;
        }
      }
    `,
  ];
}

customElements.define("bc-app", App);
