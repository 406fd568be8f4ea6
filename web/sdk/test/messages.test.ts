import { describe, expect, it } from "vitest";
import { eventually, online, useScriptedServer } from "./client_harness.js";

useScriptedServer();

describe("messages", () => {
  const direct = (id: string, from: string, to: string, fields: object = {}) => ({
    type: "chat.event.message_received",
    event_id: `e-${id}`,
    message_id: id,
    sender_id: from,
    sender_username: `user ${from}`,
    recipient_id: to,
    recipient_username: `user ${to}`,
    content: `<i>${id}</i>`,
    timestamp: `2026-01-01T00:00:0${id}Z`,
    ...fields,
  });

  it("are sorted into conversations, unread until they are marked, and sent like any command", async () => {
    const [started, connection] = await online();
    const { messages } = started;
    const sent = messages.send("9", "hello");
    const command = await connection.frame("chat.command.send_message");
    expect(command).toMatchObject({ recipient_id: "9", content: "hello" });
    connection.send(direct("2", "7", "9", { correlation_id: command.command_id }));
    await sent;
    connection.send(direct("3", "9", "7"));
    connection.send(direct("4", "8", "7"));
    await eventually(() => expect(messages.unread).toBe(2));
    messages.addHistory([
      { ...direct("1", "9", "7", { is_read: true }) } as never,
      { ...direct("3", "9", "7") } as never,
    ]);
    expect(messages.conversations().map(({ userId }) => userId)).toEqual(["8", "9"]);
    const nine = messages.conversation("9");
    expect(nine).toMatchObject({ username: "user 9", unread: 1 });
    expect(nine?.messages.map(({ message_id }) => message_id)).toEqual(["1", "2", "3"]);
    messages.markRead("9");
    expect(messages.conversation("9")?.unread).toBe(0);
    expect(await connection.frame("chat.command.mark_read")).toMatchObject({ message_ids: ["3"] });
    messages.markRead("9");
    expect(connection.untaken("chat.command.mark_read")).toBe(0);
  });

  it("show who is typing until they have written, and tell it no more often than is of use", async () => {
    const [started, connection] = await online();
    const { messages } = started;
    connection.send({ type: "chat.event.typing", user_id: "9", username: "nina" });
    await eventually(() => expect(messages.conversation("9")?.typingUntil).toBeGreaterThan(started.clock.now()));
    connection.send(direct("1", "9", "7"));
    await eventually(() => expect(messages.conversation("9")?.typingUntil).toBe(0));
    for (let key = 0; key < 5; key++) messages.typing("9");
    await connection.frame("chat.command.typing");
    messages.sendToLobby("all").catch(() => {});
    await connection.frame("chat.command.send_lobby_message");
    expect(connection.untaken("chat.command.typing")).toBe(0);
  });

  it("of the lobby are kept once each, in the order of time", async () => {
    const [started, connection] = await online();
    const said = (id: string) => ({
      lobby_id: "main",
      message_id: id,
      user_id: "9",
      username: "nina",
      content: id,
      timestamp: `2026-01-01T00:00:0${id}Z`,
    });
    connection.send({ type: "chat.event.lobby_message", event_id: "l2", ...said("2") });
    await eventually(() => expect(started.messages.lobby()).toHaveLength(1));
    started.messages.addLobbyMessages([said("1"), said("2")]);
    expect(started.messages.lobby().map(({ content }) => content)).toEqual(["1", "2"]);
  });

  it("that are refused reject with the code and the words", async () => {
    const [started, connection] = await online();
    const sent = started.messages.send("9", "x");
    const refused = expect(sent).rejects.toMatchObject({ code: "too_long", message: "The text is too long" });
    const { command_id } = await connection.frame("chat.command.send_message");
    connection.send({ type: "chat.event.error", code: "too_long", message: "The text is too long", command_id });
    await refused;
  });
});
