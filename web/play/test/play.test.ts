import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Play } from "../src/play.js";

const user = (user_id: string, username: string, balance_cents: number) => ({
  user_id,
  username,
  roles: [],
  balance_cents,
  currency: "eur",
});
const ADA = user("1", "ada", 5_000);
const BOB = user("2", "bob", 700);

class FakeSocket {
  static readonly all: FakeSocket[] = [];
  readyState = 1;
  onmessage: (event: { data: string }) => void = () => {};
  onclose: (event: { code: number }) => void = () => {};
  readonly sent: { type: string }[] = [];
  constructor() {
    FakeSocket.all.push(this);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.readyState = 3;
  }
  signIn({ user_id, username }: typeof ADA): void {
    const timestamp = new Date().toISOString();
    this.onmessage({ data: JSON.stringify({ type: "system.welcome", timestamp }) });
    this.onmessage({ data: JSON.stringify({ type: "system.authenticated", user_id, username, roles: [], timestamp }) });
  }
}

/** Whom the browser's cookie and so the API knows. */
let current = ADA;
let play: Play | undefined;

beforeEach(() => {
  current = ADA;
  FakeSocket.all.length = 0;
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("fetch", async (input: string) => {
    const grant = { access_token: `token-${current.user_id}`, expires_in: 900, user: current };
    const answers: Record<string, unknown> = {
      "auth/refresh": grant,
      me: { user: current },
      "me/balance": { balance_cents: current.balance_cents, currency: "eur" },
      games: { games: [] },
    };
    return new Response(JSON.stringify(answers[input.replace("/api/v1/", "")]));
  });
});

afterEach(() => {
  play?.client?.close();
  vi.unstubAllGlobals();
});

async function socket(number: number): Promise<FakeSocket> {
  await vi.waitFor(() => expect(FakeSocket.all).toHaveLength(number), { timeout: 5_000, interval: 5 });
  return FakeSocket.all[number - 1] as FakeSocket;
}

it("goes on as another user who has signed in, with that one's name and balance", async () => {
  play = new Play();
  await play.restore();
  expect(play.account).toEqual(ADA);
  const first = await socket(1);
  first.signIn(ADA);
  const client = play.client;
  const roll = client?.command("games.command.bigger_dice.roll", { room_id: "r" });
  const refused = expect(roll).rejects.toMatchObject({ code: "signed_out" });

  current = BOB;
  first.onclose({ code: 1006 });
  const second = await socket(2);
  second.signIn(BOB);
  await refused;
  await vi.waitFor(() => expect(play?.account).toEqual(BOB));
  expect(play.client).not.toBe(client);
  const third = await socket(3);
  third.signIn(BOB);
  expect(play.connection.state).toBe("online");
  expect(play.toasts.map((toast) => toast.message)).toEqual(["You are now signed in as bob."]);
  expect([...second.sent, ...third.sent].map(({ type }) => type)).toEqual([
    "system.authenticate",
    "system.authenticate",
  ]);
});
