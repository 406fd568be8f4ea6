import type { ServerClock } from "./clock.js";
import type { Timing, TokenSource } from "./options.js";
import type { Frame } from "./wire.js";
import { userIdOf } from "./wire.js";

export interface SignedIn {
  userId: string;
  username: string;
  roles: string[];
}

const REFUSED_TOKENS_MAX = 3;

/** The token of a connection, and who it signed in. */
export class SignIn {
  /** What the next frame of signing in carries. */
  token = "";
  #signedIn: SignedIn | undefined;
  #refusals = 0;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  readonly #fetchToken: TokenSource;
  readonly #timing: Timing;
  readonly #clock: ServerClock;

  constructor(fetchToken: TokenSource, timing: Timing, clock: ServerClock) {
    this.#fetchToken = fetchToken;
    this.#timing = timing;
    this.#clock = clock;
  }

  /** Known from the first sign-in on. */
  get user(): SignedIn | undefined {
    return this.#signedIn;
  }

  /** A token for a new connection. */
  async fetch(): Promise<string> {
    return this.#fetchToken({ refused: this.#refusals > 0 });
  }

  /** Counts a refused token; whether it is to be tried again with another. */
  refuse(): boolean {
    this.#refusals += 1;
    return this.#refusals < REFUSED_TOKENS_MAX;
  }

  /** Takes in who the server says this is; false where it was somebody else before. */
  accept(frame: Frame): boolean {
    const user: SignedIn = {
      userId: userIdOf(frame.user_id),
      username: String(frame.username ?? ""),
      roles: Array.isArray(frame.roles) ? frame.roles.map(String) : [],
    };
    if (this.#signedIn !== undefined && this.#signedIn.userId !== user.userId) return false;
    this.#signedIn = user;
    this.#refusals = 0;
    return true;
  }

  /** Hands over another token before the present one expires, or the reason why there is none. */
  scheduleRenewal(renewed: (token: string) => void, failed: (error: unknown) => void): void {
    this.stopRenewal();
    const expiry = expiryOf(this.token);
    const due =
      expiry === undefined
        ? this.#timing.reauthenticateAfterMs
        : expiry - this.#clock.now() - this.#timing.reauthenticateBeforeMs;
    const renew = async () => {
      let token: string;
      try {
        token = await this.#fetchToken({ refused: false });
      } catch (error) {
        failed(error);
        return;
      }
      renewed(token);
    };
    this.#renewal = setTimeout(() => void renew(), Math.max(due, Math.min(5_000, this.#timing.reauthenticateAfterMs)));
  }

  stopRenewal(): void {
    clearTimeout(this.#renewal);
  }
}

/** The `exp` of a JWT in milliseconds; nothing here trusts it beyond a timer. */
function expiryOf(token: string): number | undefined {
  try {
    const body = token.split(".")[1] ?? "";
    const claims: unknown = JSON.parse(atob(body.replaceAll("-", "+").replaceAll("_", "/")));
    const exp = (claims as { exp?: unknown }).exp;
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
