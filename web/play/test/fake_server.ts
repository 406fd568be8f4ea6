import type { Account } from "@blazing-sun/client";
import { expect, vi } from "vitest";

export function user(user_id: string, username: string, balance_cents = 5_000): Account {
  return { user_id, username, roles: [], email: null, is_email_verified: false, balance_cents, currency: "eur" };
}

export type Frame = Record<string, unknown> & { type: string };

/** The socket of a page; the test is the server behind it. */
export class FakeSocket {
  static readonly all: FakeSocket[] = [];
  readyState = 1;
  onmessage: (event: { data: string }) => void = () => {};
  onclose: (event: { code: number }) => void = () => {};
  readonly sent: Frame[] = [];
  private taken = 0;

  constructor() {
    FakeSocket.all.push(this);
  }

  /** The one that was opened as the so many-th. */
  static async opened(number: number): Promise<FakeSocket> {
    await vi.waitFor(() => expect(FakeSocket.all).toHaveLength(number), { timeout: 5_000, interval: 5 });
    return FakeSocket.all[number - 1] as FakeSocket;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  says(frame: object): void {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  signIn({ user_id, username }: Account): void {
    const timestamp = new Date().toISOString();
    this.says({ type: "system.welcome", timestamp });
    this.says({ type: "system.authenticated", user_id, username, roles: [], timestamp });
  }

  /** The next command of the page, whatever it sends beside commands. */
  async command(name: string): Promise<Frame> {
    const commands = () =>
      this.sent.filter(({ command_id, type }) => command_id && type !== "games.command.list_rooms");
    await vi.waitFor(() => expect(commands().length).toBeGreaterThan(this.taken), { timeout: 5_000, interval: 5 });
    const command = commands()[this.taken++] as Frame;
    expect(command.type).toBe(name.includes(".") ? name : `games.command.${name}`);
    return command;
  }
}

/** What the API answers to everybody: that `current` is signed in, and `more` by path; null is not found. */
export function stubServer(current: () => Account, more: Readonly<Record<string, unknown>> = {}): void {
  FakeSocket.all.length = 0;
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("fetch", async (input: string) => {
    const user = current();
    const answers: Record<string, unknown> = {
      "auth/refresh": { access_token: `token-${user.user_id}`, expires_in: 900, user },
      me: { user },
      "me/balance": { balance_cents: user.balance_cents, currency: "eur" },
      games: { games: [] },
      ...more,
    };
    const answer = answers[input.replace("/api/v1/", "")];
    return new Response(JSON.stringify(answer), { status: answer === null ? 404 : 200 });
  });
}
