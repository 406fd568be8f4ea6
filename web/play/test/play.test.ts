import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Play } from "../src/play.js";
import { FakeSocket, stubServer, user } from "./fake_server.js";

const ADA = user("1", "ada");
const BOB = user("2", "bob", 700);

/** Whom the browser's cookie and so the API knows. */
let current = ADA;
let play: Play | undefined;

beforeEach(() => {
  current = ADA;
  stubServer(() => current);
});

afterEach(() => {
  play?.client?.close();
  localStorage.clear();
  vi.unstubAllGlobals();
});

it("goes on as another user who has signed in, with that one's name and balance", async () => {
  play = new Play();
  await play.restore();
  expect(play.account).toEqual(ADA);
  const first = await FakeSocket.opened(1);
  first.signIn(ADA);
  const client = play.client;
  const roll = client?.command("games.command.bigger_dice.roll", { room_id: "r" });
  const refused = expect(roll).rejects.toMatchObject({ code: "signed_out" });

  current = BOB;
  first.onclose({ code: 1006 });
  const second = await FakeSocket.opened(2);
  second.signIn(BOB);
  await refused;
  await vi.waitFor(() => expect(play?.account).toEqual(BOB));
  expect(play.client).not.toBe(client);
  const third = await FakeSocket.opened(3);
  third.signIn(BOB);
  expect(play.connection.state).toBe("online");
  expect(play.toasts.map((toast) => toast.message)).toEqual(["You are now signed in as bob."]);
  expect([...second.sent, ...third.sent].map(({ type }) => type)).toEqual([
    "system.authenticate",
    "system.authenticate",
  ]);
});

describe("signing out while the server cannot be reached", () => {
  let asked: string[] = [];
  let isReachable = false;
  const told: unknown[] = [];
  const channels: EventTarget[] = [];

  beforeEach(() => {
    asked = [];
    told.length = 0;
    channels.length = 0;
    isReachable = false;
    class Channel extends EventTarget {
      constructor() {
        super();
        channels.push(this);
      }

      postMessage(message: unknown): void {
        told.push(message);
      }
    }
    vi.stubGlobal("BroadcastChannel", Channel);
    const answer = fetch;
    vi.stubGlobal("fetch", async (input: string) => {
      asked.push(input.replace("/api/v1/", ""));
      if (input.endsWith("auth/logout") && !isReachable) throw new TypeError("fetch failed");
      return answer(input);
    });
  });

  async function signedOut(): Promise<void> {
    play = new Play();
    await play.restore();
    expect(play.account).toEqual(ADA);
    told.length = 0;
    await play.signOut();
  }

  it("keeps a reload from signing in again, and is done as soon as the server hears of it", async () => {
    await signedOut();
    asked = [];
    const reloaded = new Play();
    await reloaded.restore();
    expect(reloaded.account).toBeUndefined();
    expect(reloaded.isRestored).toBe(true);
    expect(asked).toEqual(["auth/logout"]);

    isReachable = true;
    dispatchEvent(new Event("online"));
    await vi.waitFor(() => expect(localStorage).toHaveLength(0));
    const next = new Play();
    await next.restore();
    expect(next.account).toEqual(ADA);
    next.client?.close();
  });

  it("is told to the other tabs at once", async () => {
    play = new Play();
    await play.restore();
    told.length = 0;
    void play.signOut();
    expect(told).toEqual([null]);
  });

  it("is heard of another tab, whatever the server still says, until somebody signs in", async () => {
    play = new Play();
    await play.restore();
    asked = [];
    channels[0]?.dispatchEvent(new MessageEvent("message", { data: null }));
    await vi.waitFor(() => expect(play?.isRestored && play.account).toBeUndefined());
    expect(asked).toEqual([]);
    current = BOB;
    channels[0]?.dispatchEvent(new MessageEvent("message", { data: BOB.user_id }));
    await vi.waitFor(() => expect(play?.account).toEqual(BOB));
  });

  it("does not outlast the next sign-in", async () => {
    await signedOut();
    current = BOB;
    play?.enter(BOB);
    expect(told.at(-1)).toBe(BOB.user_id);
    asked = [];
    dispatchEvent(new Event("online"));
    const reloaded = new Play();
    await reloaded.restore();
    expect(reloaded.account).toEqual(BOB);
    expect(asked).not.toContain("auth/logout");
    reloaded.client?.close();
  });
});
