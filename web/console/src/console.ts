import { ApiProblem, Session, SignedOut } from "@blazing-sun/client";
import { Api } from "./api.js";
import { BASE, type Route, routeOf } from "./routes.js";
import { text } from "./texts.js";
import type { Me } from "./types.js";

/** Who is before the console; `stranger` is signed in as a player. */
export type Standing = "unknown" | "unreachable" | "nobody" | "stranger" | "operator";

export interface Toast {
  readonly id: number;
  readonly kind: "good" | "bad";
  readonly message: string;
}

const TOAST_MS = 6_000;
const TRY_AGAIN_MS = 3_000;

/** The console's state outside of any element: who is signed in, the address, what is told. */
export class Console {
  readonly session = new Session();
  readonly api = new Api({
    token: async (options) => {
      try {
        return await this.session.token(options);
      } catch (error) {
        if (error instanceof SignedOut) this.stands("nobody");
        throw error;
      }
    },
  });
  standing: Standing = "unknown";
  me: Me | undefined;
  /** The deployment's, as it is told to whoever signs in. */
  get currency(): string {
    return this.session.account?.currency ?? "eur";
  }

  path = location.pathname;
  query = new URLSearchParams(location.search);
  toasts: readonly Toast[] = [];
  /** What is said to those who do not see it. */
  announcement = "";
  private readonly listeners = new Set<() => void>();
  private toastCount = 0;

  constructor() {
    addEventListener("popstate", () => this.follow());
  }

  get route(): Route {
    return routeOf(this.path);
  }

  get username(): string {
    return this.me?.username ?? this.session.account?.username ?? "";
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.listeners) listener();
  }

  /** Finds out who is signed in, again and again until the server says. */
  async restore(): Promise<void> {
    try {
      if (await this.session.restore()) await this.enter();
      else this.stands("nobody");
    } catch {
      this.stands("unreachable");
      setTimeout(() => void this.restore(), TRY_AGAIN_MS);
    }
  }

  async signIn(email: string, password: string): Promise<void> {
    await this.session.login(email, password);
    await this.enter();
  }

  async signOut(): Promise<void> {
    try {
      await this.session.logout();
    } finally {
      this.me = undefined;
      this.stands("nobody");
    }
  }

  /** To another address of the console, which the browser's way back leads back from. */
  go(address: string, { replace = false } = {}): void {
    if (replace) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.follow();
  }

  /** Whether it is an address of the console. */
  static has(path: string): boolean {
    return path === BASE || path.startsWith(`${BASE}/`);
  }

  tell(kind: Toast["kind"], message: string): void {
    const toast = { id: ++this.toastCount, kind, message };
    this.toasts = [...this.toasts, toast];
    this.changed();
    setTimeout(() => this.dismiss(toast.id), TOAST_MS);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
    this.changed();
  }

  announce(words: string): void {
    this.announcement = words;
    this.changed();
  }

  async copy(copied: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(copied);
      this.announce(text.copied);
      this.tell("good", text.copied);
    } catch {
      this.tell("bad", text.notCopied);
    }
  }

  private async enter(): Promise<void> {
    try {
      this.me = await this.api.get<Me>("me");
      this.stands("operator");
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 403) this.stands("stranger");
      else throw error;
    }
  }

  private stands(standing: Standing): void {
    this.standing = standing;
    this.changed();
  }

  private follow(): void {
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
    this.changed();
  }
}
