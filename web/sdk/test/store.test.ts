import { expect, it, vi } from "vitest";
import type { Store } from "../src/index.js";
import { eventually, joined, online, roomState, useScriptedServer } from "./client_harness.js";

useScriptedServer();

/** What React's useSyncExternalStore asks for: one snapshot between two changes, and to hear of each. */
function watched<T>({ getSnapshot, subscribe }: Store<T>): { heard: T[]; off: () => void } {
  const heard = [getSnapshot()];
  const off = subscribe(() => {
    const snapshot = getSnapshot();
    expect(getSnapshot()).toBe(snapshot);
    if (snapshot !== heard.at(-1)) heard.push(snapshot);
  });
  expect(getSnapshot()).toBe(getSnapshot());
  return { heard, off };
}

it("of the connection tells each state", async () => {
  const [started, connection] = await online();
  const { heard, off } = watched(started.statusStore);
  connection.cut();
  await eventually(() =>
    expect(heard.map(({ state }) => state).slice(0, 3)).toEqual(["online", "waiting", "connecting"]),
  );
  off();
  const { length } = heard;
  started.close();
  expect(heard).toHaveLength(length);
});

it("of rooms changes with each of them, one's own with itself", async () => {
  const [started, connection] = await online();
  const all = watched(started.rooms.store);
  const one = watched(started.rooms.storeOf("r1"));
  const other = watched(started.rooms.storeOf("r2"));
  connection.send(roomState());
  connection.send(joined(4, "8"));
  await eventually(() => expect(started.rooms.get("r1")?.roomSeq).toBe(4));
  expect(all.heard.map((rooms) => rooms.map(({ roomSeq }) => roomSeq))).toEqual([[], [3], [4]]);
  expect(one.heard.map((room) => room?.roomSeq)).toEqual([undefined, 3, 4]);
  expect(other.heard).toEqual([undefined]);
  expect(started.rooms.all()).toBe(started.rooms.store.getSnapshot());
  started.rooms.forget("r1");
  expect(all.heard.at(-1)).toEqual([]);
  expect(one.heard.at(-1)).toBeUndefined();
});

it("of the lobby is watched while somebody is subscribed", async () => {
  const [started, connection] = await online();
  const { subscribe, getSnapshot } = started.lobby.store;
  expect(getSnapshot()).toBe(getSnapshot());
  const changed = vi.fn();
  const off = subscribe(changed);
  expect(await connection.frame("system.lobby")).toMatchObject({ watch: true });
  const { command_id } = await connection.frame("games.command.list_rooms");
  connection.send({ type: "games.event.room_list", correlation_id: command_id, rooms: [{ room_id: "r1" }] });
  await eventually(() => expect(changed).toHaveBeenCalled());
  expect(getSnapshot()).toMatchObject([{ room_id: "r1" }]);
  expect(getSnapshot()).toBe(getSnapshot());
  off();
  expect(await connection.frame("system.lobby")).toMatchObject({ watch: false });
});

it("of conversations, payments, invitations and the match keep what they gave until it changes", async () => {
  const [started, connection] = await online();
  const { messages, wallet, invitations, quickMatch } = started;
  const conversations = watched(messages.store);
  const payments = watched(wallet.store);
  const asked = watched(invitations.store);
  const match = watched(quickMatch.store);
  connection.send({
    type: "chat.event.message_received",
    event_id: "m1",
    message_id: "1",
    sender_id: "9",
    sender_username: "nina",
    recipient_id: "7",
    recipient_username: "ada",
    content: "hello",
    timestamp: "2026-01-01T00:00:00Z",
  });
  const payment = { request_id: "p1", status: "requested", amount_cents: 500, currency: "eur" };
  connection.send({ type: "wallet.event.top_up", event_id: "p", timestamp: "2026-01-01T00:00:00Z", ...payment });
  await eventually(() => expect(wallet.payments()).toHaveLength(1));
  expect(conversations.heard.map(({ length }) => length)).toEqual([0, 1]);
  expect(payments.heard.map(({ length }) => length)).toEqual([0, 1]);
  expect(asked.heard).toEqual([[]]);
  quickMatch.start("bigger_dice");
  expect(match.heard).toEqual([null, { gameType: "bigger_dice", waiting: 0 }]);
});
