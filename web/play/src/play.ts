import {
  type Account,
  backoffMs,
  type Client,
  type ConnectionStatus,
  connect,
  type GameInfo,
  type Invitation,
  type QuickMatchEnd,
  Refusal,
  Session,
  SignedOut,
  type UserId,
} from "@blazing-sun/client";
import { GameModules, gamePage } from "./games.js";
import { Rematches } from "./rematch.js";
import type { RoomFilters } from "./room_filters.js";
import { pathOf, type Route, routeOf } from "./routes.js";
import { SigningOut } from "./signing_out.js";
import { Tabs } from "./tabs.js";
import { text } from "./texts.js";
import { tabTitle } from "./title.js";
import { Wallet } from "./wallet.js";
import { wordsFor } from "./words.js";

export interface Toast {
  readonly id: number;
  readonly kind: "bad" | "info";
  readonly message: string;
}

/** Somebody whose card is open; with a room where the card is about that room too. */
export interface ShownPerson {
  readonly userId: string;
  readonly username: string;
  readonly roomId?: string;
}

const TOAST_MS = 6_000;
/** The close code of a server that drains (RFC 6455: service restart). */
const RESTARTING = 1012;
/** Refusals after which an invitation leads nowhere. */
const NO_WAY_IN = new Set(["room_not_found", "game_in_progress", "banned"]);

/** The page's state outside of any element: who is signed in, the connection, the address, what is told. */
export class Play {
  readonly session = new Session();
  private readonly signingOut = new SigningOut(() => this.session.logout());
  client: Client | undefined;
  account: Account | undefined;
  games: readonly GameInfo[] = [];
  connection: ConnectionStatus = { state: "connecting" };
  /** Whether it is known if somebody is signed in. */
  isRestored = false;
  isUnreachable = false;
  /** The connection is lost and not back. */
  private isLost = false;
  private isRestarting = false;
  /** Another tab has signed in or out: what this one has of its own is not to be gone by. */
  private isReplaced = false;
  /** The room that was made to play against the bot: it begins without another touch. */
  botRoomId: string | undefined;
  readonly rematches = new Rematches(this);
  readonly wallet = new Wallet(this);
  readonly gameModules = new GameModules(() => this.changed());
  person: ShownPerson | undefined;
  /** The messages are open; with a user where that one's are. */
  talk: { readonly userId?: string } | undefined;
  isAccountOpen = false;
  route: Route = routeOf(location.pathname);
  toasts: readonly Toast[] = [];
  /** Announced, and not over. */
  maintenance: { readonly startsAt: Date; readonly message: string } | undefined;
  /** What is said to those who do not see it, by the page's live region. */
  announcement = "";

  private readonly listeners = new Set<() => void>();
  /** Who another tab said last to be signed in. */
  private told: UserId | null | undefined;
  private readonly tabs = new Tabs((userId) => {
    this.told = userId;
    if (this.isRestored && this.isOutdated) void this.reenter();
  });
  private restoring: Promise<void> = Promise.resolve();
  private toastCount = 0;
  /** Which rooms the lobby shows, also after a look elsewhere. */
  roomFilters: RoomFilters = {};
  /** Grows with whatever may have moved the balance. */
  moneyVersion = 0;

  constructor() {
    addEventListener("popstate", () => this.follow(routeOf(location.pathname)));
    for (const network of ["online", "offline"]) addEventListener(network, () => this.changed());
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Finds out who is signed in, again and again until the server says. */
  restore(): Promise<void> {
    this.restoring = this.untilRestored();
    return this.restoring;
  }

  private async untilRestored(): Promise<void> {
    for (let attempt = 0; !this.isRestored; attempt++) {
      try {
        const account = await this.whoIsSignedIn();
        this.isRestored = true;
        this.isReplaced = false;
        this.isUnreachable = false;
        if (account && !this.signingOut.isDue) this.resume(account);
      } catch {
        this.isUnreachable = true;
        this.changed();
        const pauseMs = backoffMs(attempt, { minMs: 500, maxMs: 10_000, random: Math.random });
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    this.changed();
  }

  private get isOutdated(): boolean {
    return this.told !== (this.account?.user_id ?? null);
  }

  private async whoIsSignedIn(): Promise<Account | null> {
    // The tab that says so tells the server itself, which need not know yet.
    if (this.told === null) return null;
    if (this.signingOut.isDue) {
      // The cookie may still be good, but whoever pressed the button is not to be found signed in.
      await this.signingOut.attempt().catch(() => {});
      return null;
    }
    if (this.isReplaced || !this.session.account) return this.session.restore();
    try {
      return await this.session.me();
    } catch (error) {
      if (error instanceof SignedOut) return null;
      throw error;
    }
  }

  /** As somebody who has just signed in, whose cookie is in place of any earlier one. */
  enter(account: Account): void {
    this.signingOut.drop();
    this.told = account.user_id;
    this.resume(account);
  }

  private resume(account: Account): void {
    this.client?.close();
    this.account = account;
    this.tabs.tell(account.user_id);
    this.moneyVersion += 1;
    const client = connect({
      url: `${location.origin.replace(/^http/, "ws")}/ws`,
      token: (why) => this.session.token(why),
    });
    this.client = client;
    client.onStatus((status) => {
      if (this.client === client) this.statusChanged(status);
    });
    client.on("wallet.event.balance_changed", (frame) => {
      this.moneyVersion += 1;
      this.setBalance(frame.balance_cents, frame.currency);
    });
    client.on("system.event.maintenance", ({ starts_at, message, is_over }) => {
      this.maintenance = is_over ? undefined : { startsAt: new Date(starts_at), message };
      this.changed();
    });
    this.wallet.attach(client);
    client.messages.onChange(() => this.changed());
    client.rooms.onChange(() => {
      document.title = tabTitle(this);
    });
    client.invitations.onChange(() => {
      void this.rematches.settle();
      this.changed();
    });
    client.quickMatch.onChange(() => this.changed());
    client.quickMatch.onEnd((end) => this.matched(end));
    this.changed();
  }

  async signOut(): Promise<void> {
    this.client?.close();
    this.forget();
    this.signingOut.begin();
    this.tabs.tell(null);
    this.go({ page: "lobby" });
    try {
      await this.signingOut.attempt();
    } catch (error) {
      this.complain(error);
    }
  }

  /** Here and on every other device; whether it was done. */
  async signOutEverywhere(): Promise<boolean> {
    if (!(await this.run(this.session.logoutEverywhere()))) return false;
    this.client?.close();
    this.forget();
    this.tabs.tell(null);
    this.go({ page: "lobby" });
    this.tell(text.profile.everywhereDone);
    return true;
  }

  /** Replacing the present address leaves no way back to it. */
  go(route: Route, how: "push" | "replace" = "push"): void {
    if (pathOf(route) !== location.pathname) history[`${how}State`](null, "", pathOf(route));
    this.follow(route);
  }

  /** Goes where a link leads, unless it is to be opened elsewhere. */
  follows(event: MouseEvent, route: Route): void {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    this.go(route);
  }

  /** Leaves these pages, in this tab. */
  leaveFor(address: string): void {
    location.assign(address);
  }

  gameInfo(gameType: string): GameInfo | undefined {
    return this.games.find((game) => game.game_type === gameType);
  }

  /** What a game is called: by its page, or by the server. */
  titleOf(gameType: string): string {
    const info = this.gameInfo(gameType);
    const shipped = info?.page ? this.gameModules.titleOf(info.page) : undefined;
    return gamePage(gameType)?.title ?? shipped ?? info?.name ?? gameType;
  }

  showPerson(person: ShownPerson | undefined): void {
    this.person = person;
    this.changed();
  }

  showAccount(isOpen: boolean): void {
    this.isAccountOpen = isOpen;
    this.changed();
  }

  /** What has changed about the account, if somebody is signed in. */
  async rereadAccount(): Promise<void> {
    // What is being read right now may be older than what has changed.
    await this.restoring;
    if (!this.account) return;
    this.account = await this.session.me();
    this.changed();
  }

  openMessages(userId?: string, username = userId ?? ""): void {
    if (userId !== undefined) this.client?.messages.open(userId, username);
    this.talk = userId === undefined ? {} : { userId };
    this.changed();
  }

  closeMessages(): void {
    this.talk = undefined;
    this.changed();
  }

  /** Joins the rematch, which is consent to its fee: what is pressed has to name it. */
  async acceptInvitation({ roomId }: Invitation, how?: "replace"): Promise<boolean> {
    const { client } = this;
    if (!client) return false;
    try {
      await client.command("games.command.join_room", { room_id: roomId });
    } catch (error) {
      if (error instanceof Refusal && NO_WAY_IN.has(error.code)) client.invitations.drop(roomId);
      this.complain(error);
      return false;
    }
    client.invitations.drop(roomId);
    this.go({ page: "room", roomId }, how);
    return true;
  }

  private matched(end: QuickMatchEnd): void {
    if ("problem" in end) {
      this.complain(end.problem);
      return;
    }
    this.tell(text.quickFound);
    this.go({ page: "room", roomId: end.roomId });
  }

  get currency(): string {
    return this.account?.currency ?? this.games[0]?.currency ?? "eur";
  }

  /** Gives a command and tells of a refusal; whether it was done. */
  async run(command: Promise<unknown>): Promise<boolean> {
    try {
      await command;
      return true;
    } catch (error) {
      this.complain(error);
      return false;
    }
  }

  complain(error: unknown): void {
    // The new fee is shown where it is to be agreed to.
    if (error instanceof Refusal && error.code === "fee_changed") void this.reread();
    this.toast("bad", wordsFor(error));
  }

  tell(message: string): void {
    this.toast("info", message);
  }

  /** Has it read out; the same once more too. */
  announce(message: string): void {
    this.announcement = message === this.announcement ? `${message}\u00a0` : message;
    this.changed();
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
    this.changed();
  }

  private toast(kind: Toast["kind"], message: string): void {
    this.toastCount += 1;
    const id = this.toastCount;
    this.toasts = [...this.toasts.filter((toast) => toast.message !== message), { id, kind, message }].slice(-4);
    setTimeout(() => this.dismiss(id), TOAST_MS);
    this.announce(message);
  }

  /** From a loss on until it is connected again, and also between two attempts. */
  get isCutOff(): boolean {
    return this.isLost && this.connection.state !== "online" && this.connection.state !== "closed";
  }

  get whyCutOff(): "lost" | "offline" | "restarting" {
    if (!navigator.onLine) return "offline";
    return this.isRestarting ? "restarting" : "lost";
  }

  private statusChanged(status: ConnectionStatus): void {
    this.connection = status;
    if (status.state === "waiting") {
      // What an attempt failed for while the server was away says nothing of why it went.
      this.isRestarting = status.error?.cause === RESTARTING || (this.isLost && this.isRestarting);
      this.isLost = true;
    }
    if (status.state === "online") this.isLost = false;
    if (status.state === "online") {
      // Said again after each sign-in, as long as it lasts.
      this.maintenance = undefined;
      this.moneyVersion += 1;
      this.wallet.online();
      void this.reread();
      if (this.client) void this.rereadMessages(this.client);
    }
    if (status.state === "closed" && status.reason !== "closed") {
      this.forget();
      // A session that still has an account has another's: this browser signed in as somebody else meanwhile.
      if (status.reason === "signed_out" && this.session.account) void this.reenter();
      else this.tell(text.signedOutElsewhere);
    }
    this.changed();
  }

  /** Goes on as whoever is signed in now. */
  private async reenter(): Promise<void> {
    let told: typeof this.told;
    do {
      told = this.told;
      this.client?.close();
      this.forget();
      this.isReplaced = true;
      this.isRestored = false;
      await this.restore();
    } while (told !== this.told && this.isOutdated);
    this.tell(this.account ? text.signedInElsewhere(this.account.username) : text.signedOutElsewhere);
  }

  /** Events without a room are not repeated after a lost connection, so they are read again. */
  private async reread(): Promise<void> {
    try {
      const before = this.moneyVersion;
      const [balance, games] = await Promise.all([this.session.balance(), this.session.games()]);
      this.games = games;
      // What has been announced in the meantime is newer than what was read.
      if (this.moneyVersion === before) this.setBalance(balance.balance_cents, balance.currency);
      else this.changed();
    } catch {
      // The next connection reads them again.
    }
  }

  /** What was written while this page was away; balance and games do not wait for it. */
  private async rereadMessages(client: Client): Promise<void> {
    const [direct, lobby] = await Promise.allSettled([this.session.messages(), this.session.lobbyMessages()]);
    if (this.client !== client) return;
    if (direct.status === "fulfilled") client.messages.addHistory(direct.value);
    if (lobby.status === "fulfilled") client.messages.addLobbyMessages(lobby.value);
  }

  private setBalance(cents: number, currency: string | undefined): void {
    if (!this.account) return;
    this.account = { ...this.account, balance_cents: cents, currency: currency ?? this.account.currency };
    this.changed();
  }

  private forget(): void {
    this.client = undefined;
    this.isLost = false;
    this.account = undefined;
    this.person = undefined;
    this.talk = undefined;
    this.isAccountOpen = false;
    this.rematches.clear();
    this.wallet.clear();
    this.changed();
  }

  private follow(route: Route): void {
    const left = this.route;
    this.route = route;
    if (left.page === "room" && this.client?.rooms.get(left.roomId)?.phase === "over") {
      this.client.rooms.forget(left.roomId);
    }
    this.changed();
  }

  changed(): void {
    document.title = tabTitle(this);
    for (const listener of [...this.listeners]) listener();
  }
}
