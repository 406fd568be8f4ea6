import { afterEach, beforeEach, expect, it, vi } from "vitest";
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
