import type { Answer } from "./answers.js";
import type { Client } from "./client.js";
import type { Unsubscribe } from "./emitter.js";
import { userIdOf } from "./frames.js";
import { inOrder } from "./order.js";
import type { CommandHandle } from "./pending.js";
import type { DirectMessage, LobbyMessage } from "./rest.js";
import { DerivedStore, type Store } from "./store.js";
import type { UserId } from "./wire.js";

/** What this user and one other have written to each other. */
export interface Conversation {
  readonly userId: UserId;
  readonly username: string;
  /** The newest last. */
  readonly messages: readonly DirectMessage[];
  /** Of the other's messages, those that this user has not read. */
  readonly unread: number;
  /** Until when the other counts as typing, in milliseconds of server time; 0 where not. */
  readonly typingUntil: number;
}

/** The lobby that everybody is in. */
export const LOBBY_ID = "main";
const TYPING_SHOWN_MS = 4_000;
const TYPING_SENT_EVERY_MS = 2_500;
const LOBBY_MESSAGES_KEPT = 200;
/** As many as one mark_read names. */
const READ_AT_ONCE_MAX = 100;

/** Direct messages by the other user, and the lobby's chat, as far as this client has seen them. */
export class Messages {
  readonly #byUser = new Map<UserId, Conversation>();
  #inLobby: readonly LobbyMessage[] = [];
  readonly #conversations = new DerivedStore((): readonly Conversation[] =>
    inOrder(this.#byUser.values(), ({ messages }) => messages.at(-1)?.timestamp ?? "").reverse(),
  );
  /** The conversations, the one with the newest message first. */
  readonly store: Store<readonly Conversation[]> = this.#conversations;
  readonly #typingSent = new Map<UserId, number>();

  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
    client.on("chat.event.message_received", (frame) => {
      this.addHistory([frame]);
      const author = userIdOf(frame.sender_id);
      if (author !== this.#client.me) this.#setTyping(author, 0);
    });
    client.on("chat.event.messages_read", (frame) => this.#read(frame.message_ids));
    client.on("chat.event.typing", (frame) => {
      const userId = userIdOf(frame.user_id);
      if (!this.#byUser.has(userId)) this.open(userId, frame.username);
      this.#setTyping(userId, client.clock.now() + TYPING_SHOWN_MS);
    });
    client.on("chat.event.lobby_message", (frame) => this.addLobbyMessages([frame]));
  }

  onChange(listener: () => void): Unsubscribe {
    return this.store.subscribe(listener);
  }

  /** The one with the newest message first. */
  conversations(): readonly Conversation[] {
    return this.store.getSnapshot();
  }

  conversation(userId: UserId): Conversation | undefined {
    return this.#byUser.get(userId);
  }

  get unread(): number {
    return [...this.#byUser.values()].reduce((sum, each) => sum + each.unread, 0);
  }

  lobby(): readonly LobbyMessage[] {
    return this.#inLobby;
  }

  /** Begins an empty conversation, where there is none. */
  open(userId: UserId, username: string): Conversation {
    const known = this.#byUser.get(userId);
    if (known) return known;
    const conversation = { userId, username, messages: [], unread: 0, typingUntil: 0 };
    this.#byUser.set(userId, conversation);
    this.#conversations.change();
    return conversation;
  }

  send(userId: UserId, content: string): CommandHandle<Answer<"chat.command.send_message">> {
    this.#typingSent.delete(userId);
    return this.#client.command("chat.command.send_message", { recipient_id: userId, content });
  }

  sendToLobby(content: string): CommandHandle<Answer<"chat.command.send_lobby_message">> {
    return this.#client.command("chat.command.send_lobby_message", { lobby_id: LOBBY_ID, content });
  }

  /** Tells the other that this user is typing; not more often than is of use. */
  typing(userId: UserId): void {
    const now = Date.now();
    if (now - (this.#typingSent.get(userId) ?? 0) < TYPING_SENT_EVERY_MS) return;
    this.#typingSent.set(userId, now);
    // Without a wait for an answer, of which there is none: later it would be of no use.
    this.#client.send({ type: "chat.command.typing", recipient_id: userId });
  }

  /** Marks what the other wrote as read, here at once and on the server. */
  markRead(userId: UserId): void {
    const conversation = this.#byUser.get(userId);
    if (!conversation || conversation.unread === 0) return;
    const ids = conversation.messages.filter((each) => this.#isUnread(each)).map((each) => each.message_id);
    this.#read(ids);
    for (let at = 0; at < ids.length; at += READ_AT_ONCE_MAX) {
      const some = ids.slice(at, at + READ_AT_ONCE_MAX);
      this.#client.command("chat.command.mark_read", { message_ids: some }).catch(() => {
        // Read again after the next sign-in, they are unread, and marked then.
      });
    }
  }

  /** Takes in what the API keeps: after each sign-in, for these events are not sent again. */
  addHistory(messages: readonly DirectMessage[]): void {
    for (const message of messages) {
      const isMine = userIdOf(message.sender_id) === this.#client.me;
      const userId = userIdOf(isMine ? message.recipient_id : message.sender_id);
      const username = (isMine ? message.recipient_username : message.sender_username) || userId;
      const known = this.#byUser.get(userId);
      const earlier = known?.messages.find((each) => each.message_id === message.message_id);
      const is_read = message.is_read || earlier?.is_read || false;
      this.#keep(userId, {
        userId,
        username,
        messages: merged(known?.messages ?? [], [{ ...message, is_read }]),
        typingUntil: known?.typingUntil ?? 0,
      });
    }
    this.#conversations.change();
  }

  addLobbyMessages(messages: readonly LobbyMessage[]): void {
    this.#inLobby = merged(this.#inLobby, messages).slice(-LOBBY_MESSAGES_KEPT);
    this.#conversations.change();
  }

  #isUnread(message: DirectMessage): boolean {
    return !message.is_read && userIdOf(message.recipient_id) === this.#client.me;
  }

  #read(messageIds: readonly string[]): void {
    const ids = new Set(messageIds);
    for (const [userId, known] of this.#byUser) {
      if (!known.messages.some((each) => ids.has(each.message_id))) continue;
      const messages = known.messages.map((each) => (ids.has(each.message_id) ? { ...each, is_read: true } : each));
      this.#keep(userId, { ...known, messages });
    }
    this.#conversations.change();
  }

  #setTyping(userId: UserId, typingUntil: number): void {
    const known = this.#byUser.get(userId);
    if (!known || known.typingUntil === typingUntil) return;
    this.#byUser.set(userId, { ...known, typingUntil });
    this.#conversations.change();
  }

  #keep(userId: UserId, conversation: Omit<Conversation, "unread">): void {
    const unread = conversation.messages.filter((each) => this.#isUnread(each)).length;
    this.#byUser.set(userId, { ...conversation, unread });
  }
}

/** Both lists without doubles, in the order of time; of two with one id the later given counts. */
function merged<T extends { message_id: string; timestamp: string }>(before: readonly T[], more: readonly T[]): T[] {
  const byId = new Map([...before, ...more].map((message) => [message.message_id, message]));
  return inOrder(byId.values(), ({ timestamp }) => timestamp);
}
