import { parseJson } from "./frames.js";
import { LOBBY_ID } from "./messages.js";
import { SignedOut } from "./refusal.js";
import type {
  Account,
  Balance,
  DirectMessage,
  GameInfo,
  GameTranscript,
  ListedRoom,
  LobbyMessage,
  PaymentTerms,
  PlayedGames,
  Rest,
  Statistics,
  Transactions,
} from "./rest.js";
import type { RoomId } from "./wire.js";

/** A problem document (RFC 9457), or an answer that was none. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "ApiProblem";
  }
}

export interface SessionOptions {
  /** Where the API is; the page's own origin if left out. */
  origin?: string;
  fetch?: typeof fetch;
  now?: () => number;
  timeoutMs?: number;
  /** Ends every request that is under way once it aborts, and any later one at once. */
  signal?: AbortSignal;
}

const REFRESH_COOKIE = "blazing_sun_refresh=";
const RENEW_BEFORE_MS = 2 * 60_000;

/**
 * Who is signed in, over the HTTP API. The access token lives in memory alone; the refresh token is a cookie that
 * no script can read.
 */
export class Session {
  #grant: Rest.Grant | undefined;
  #expiresAtMs = 0;
  #renewal: Promise<Rest.Grant> | undefined;
  /** Where the API is; empty: the page's own origin. */
  readonly origin: string;
  /** Outside of browsers, which keep it from scripts: the refresh token. */
  #cookie: string | undefined;
  readonly #fetch: typeof fetch;
  readonly #now: () => number;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;

  constructor(options: SessionOptions = {}) {
    this.origin = (options.origin ?? "").replace(/\/+$/, "");
    const given = options.fetch ?? globalThis.fetch;
    this.#fetch = (input, init) => given(input, init);
    this.#now = options.now ?? Date.now;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#signal = options.signal;
  }

  get account(): Account | undefined {
    return this.#grant?.user;
  }

  guest(username?: string): Promise<Account> {
    return this.#enter("auth/guest", { username: username || null } satisfies Rest.NewGuest);
  }

  login(email: string, password: string): Promise<Account> {
    return this.#enter("auth/login", { email, password } satisfies Rest.Credentials);
  }

  register(email: string, password: string, username: string): Promise<Account> {
    return this.#enter("auth/register", { email, password, username } satisfies Rest.Registration);
  }

  /** Has a link for a new password sent, if there is an account with this address. */
  async forgotPassword(email: string): Promise<void> {
    await this.#request("auth/password-reset", { email } satisfies Rest.PasswordReset);
  }

  /** Chooses a new password by the token of a link, and signs in. */
  resetPassword(token: string, password: string): Promise<Account> {
    return this.#enter("auth/password-reset", { token, password } satisfies Rest.PasswordReset);
  }

  /** Has a link sent that shows the own address to be right. */
  async askVerification(): Promise<void> {
    await this.#authorized("auth/verify-email", {} satisfies Rest.Verification);
  }

  /** Shows an address to be right by the token of a link. */
  async verifyEmail(token: string): Promise<void> {
    await this.#request("auth/verify-email", { token } satisfies Rest.Verification);
  }

  /** Gives the guest who is signed in an address and a password: the same user, with all that is theirs. */
  async upgrade(email: string, password: string, username?: string): Promise<Account> {
    const body = { email, password, username: username || null } satisfies Rest.Upgrade;
    return this.#keep(await this.#authorized<Rest.Grant>("auth/upgrade", body)).user;
  }

  /** The account of an earlier visit, or null. */
  async restore(): Promise<Account | null> {
    try {
      return (await this.#refresh()).user;
    } catch (error) {
      if (error instanceof SignedOut) return null;
      throw error;
    }
  }

  async logout(): Promise<void> {
    await this.#forget();
    await this.#request("auth/logout", {});
  }

  /** Ends every sign-in of this user, on all devices; access tokens that were given out last a few minutes longer. */
  async logoutEverywhere(): Promise<void> {
    await this.#authorized("auth/logout-everywhere", {});
    await this.#forget();
  }

  async #forget(): Promise<void> {
    // What a renewal brings would be kept.
    await this.#renewal?.catch(() => {});
    this.#grant = undefined;
  }

  /** A token that is good for some minutes, renewed where needed: what `connect` asks for. */
  async token({ refused = false }: { refused?: boolean } = {}): Promise<string> {
    if (!refused && this.#grant && this.#now() < this.#expiresAtMs - RENEW_BEFORE_MS) return this.#grant.access_token;
    return (await this.#refresh()).access_token;
  }

  async me(): Promise<Account> {
    return (await this.#authorized<Rest.Me>("me")).user;
  }

  balance(): Promise<Balance> {
    return this.#authorized("me/balance");
  }

  /** The ledger of the own balance, in pages. */
  transactions(cursor?: string): Promise<Transactions> {
    return this.#authorized(withCursor("me/transactions", cursor));
  }

  /** Ended games that the user had a paid seat in, of one game if named, in pages. */
  playedGames(gameType?: string, cursor?: string): Promise<PlayedGames> {
    const path = gameType === undefined ? "me/games" : historyOf(gameType);
    return this.#authorized(withCursor(path, cursor));
  }

  /** An ended game once more, as the user saw it. */
  transcript(gameType: string, roomId: RoomId): Promise<GameTranscript> {
    return this.#authorized(`${historyOf(gameType)}/${encodeURIComponent(roomId)}`);
  }

  statistics(): Promise<Statistics> {
    return this.#authorized("me/statistics");
  }

  limits(): Promise<Rest.DepositLimits> {
    return this.#authorized("me/limits");
  }

  paymentTerms(): Promise<PaymentTerms> {
    return this.#request("checkout/terms");
  }

  /** Those that may still be paid, the newest first. */
  async openPayments(): Promise<Rest.Payment[]> {
    return (await this.#authorized<Rest.OpenPayments>("checkout/sessions")).payments;
  }

  payment(requestId: string): Promise<Rest.Payment> {
    return this.#authorized(`checkout/sessions/${encodeURIComponent(requestId)}`);
  }

  async games(): Promise<GameInfo[]> {
    return (await this.#request<Rest.GameList>("games", undefined, this.#grant?.access_token)).games;
  }

  /** The newest direct messages, sent and received, the newest first. */
  async messages(cursor?: string): Promise<DirectMessage[]> {
    const page = await this.#authorized<Rest.DirectMessages>(withCursor("me/messages", cursor));
    return page.messages;
  }

  /** The newest messages of a lobby, the newest first. */
  async lobbyMessages(lobbyId = LOBBY_ID, cursor?: string): Promise<LobbyMessage[]> {
    const path = withCursor(`lobbies/${encodeURIComponent(lobbyId)}/messages`, cursor);
    return (await this.#authorized<Rest.LobbyMessages>(path)).messages;
  }

  async rooms(): Promise<ListedRoom[]> {
    return (await this.#authorized<Rest.RoomList>("rooms")).rooms;
  }

  async #enter(path: string, body: object): Promise<Account> {
    return this.#keep(await this.#request<Rest.Grant>(path, body)).user;
  }

  #keep(grant: Rest.Grant): Rest.Grant {
    this.#grant = grant;
    this.#expiresAtMs = this.#now() + grant.expires_in * 1000;
    return grant;
  }

  /** One renewal at a time, across tabs too: each uses the cookie up and replaces it. */
  #refresh(): Promise<Rest.Grant> {
    this.#renewal ??= exclusively(async () => {
      try {
        return this.#keep(await this.#request<Rest.Grant>("auth/refresh", {}));
      } catch (error) {
        if ([401, 403].includes(statusOf(error))) {
          this.#grant = undefined;
          throw new SignedOut();
        }
        throw error;
      }
    }).finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async #authorized<T>(path: string, body?: object): Promise<T> {
    try {
      return await this.#request<T>(path, body, await this.token());
    } catch (error) {
      if (statusOf(error) !== 401) throw error;
      return this.#request<T>(path, body, await this.token({ refused: true }));
    }
  }

  async #request<T>(path: string, body?: object, token?: string): Promise<T> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (body) headers["content-type"] = "application/json";
    if (token) headers.authorization = `Bearer ${token}`;
    if (this.#cookie && path.startsWith("auth/")) headers.cookie = this.#cookie;
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    const response = await this.#fetch(`${this.origin}/api/v1/${path}`, {
      method: body ? "POST" : "GET",
      headers,
      credentials: "same-origin",
      signal: this.#signal ? AbortSignal.any([this.#signal, timeout]) : timeout,
      body: body ? JSON.stringify(body) : null,
    });
    const kept = response.headers.getSetCookie?.().find((cookie) => cookie.startsWith(REFRESH_COOKIE));
    if (kept) this.#cookie = kept.split(";", 1)[0];
    const answer = parseJson(await response.text());
    if (response.ok) return answer as T;
    const problem = (answer ?? {}) as { readonly [Field in keyof Rest.Problem]?: unknown };
    const code = String(problem.code ?? `http_${response.status}`);
    throw new ApiProblem(response.status, code, String(problem.detail ?? problem.title ?? code));
  }
}

function statusOf(error: unknown): number {
  return error instanceof ApiProblem ? error.status : 0;
}

function historyOf(gameType: string): string {
  return `games/${encodeURIComponent(gameType)}/history`;
}

function withCursor(path: string, cursor: string | undefined): string {
  return cursor === undefined ? path : `${path}?cursor=${encodeURIComponent(cursor)}`;
}

function exclusively<T>(work: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  return locks ? (locks.request("blazing-sun.refresh", work) as Promise<T>) : work();
}
