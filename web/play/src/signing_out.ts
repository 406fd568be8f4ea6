import { backoffMs } from "@blazing-sun/client";

const KEY = "blazing-sun.signing-out";
const PAUSES = { minMs: 1_000, maxMs: 60_000, random: Math.random };

/**
 * A sign-out that the server has not heard of yet. Only it can take the cookie away, so that until then every tab of
 * this browser, also after a reload, has to act as if it were gone.
 */
export class SigningOut {
  /** Where storage is blocked, for as long as the page lives. */
  private isDueHere = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempts = 0;

  constructor(private readonly logout: () => Promise<void>) {
    addEventListener("online", () => this.again());
  }

  get isDue(): boolean {
    try {
      return localStorage.getItem(KEY) !== null;
    } catch {
      return this.isDueHere;
    }
  }

  begin(): void {
    this.isDueHere = true;
    try {
      localStorage.setItem(KEY, "due");
    } catch {
      // Kept by this page alone.
    }
  }

  /** It is done, or somebody has signed in since. */
  drop(): void {
    clearTimeout(this.timer);
    this.isDueHere = false;
    this.attempts = 0;
    try {
      localStorage.removeItem(KEY);
    } catch {
      // Then there is none.
    }
  }

  /** Asks the server, and later once more where it does not hear. */
  async attempt(): Promise<void> {
    clearTimeout(this.timer);
    try {
      await this.logout();
      this.drop();
    } catch (error) {
      this.timer = setTimeout(() => this.again(), backoffMs(this.attempts++, PAUSES));
      throw error;
    }
  }

  private again(): void {
    if (this.isDue) void this.attempt().catch(() => {});
  }
}
