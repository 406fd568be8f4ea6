import type { RoomView } from "./room.js";
import { roleIn } from "./room.js";
import type { ChatChannel, ChatMessage, Frame, UserId } from "./wire.js";

export const CHAT_CHANNELS: readonly ChatChannel[] = ["lobby", "players", "spectators"];
const MESSAGES_KEPT = 200;

/** A room's messages that this client has seen, by channel, the newest last. */
export type ChatView = Readonly<Record<ChatChannel, readonly ChatMessage[]>>;

export const NO_CHAT: ChatView = { lobby: [], players: [], spectators: [] };

/** The same object where the frame is not about chat. */
export function foldChat(chat: ChatView, frame: Frame): ChatView {
  if (frame.type === "games.event.chat_message") return withMessages(chat, frame.channel, [frame]);
  if (frame.type === "games.event.chat_history" && Array.isArray(frame.messages)) {
    return withMessages(chat, frame.channel, frame.messages, true);
  }
  return chat;
}

/** What was there before, without what comes again; history comes before what this client saw happen. */
function withMessages(chat: ChatView, channel: unknown, messages: readonly unknown[], areEarlier = false): ChatView {
  if (!isChannel(channel)) return chat;
  const read = messages.filter(isMessage);
  const ids = new Set(read.map((message) => message.message_id));
  const known = chat[channel].filter((message) => !ids.has(message.message_id));
  const all = areEarlier ? [...read, ...known] : [...known, ...read];
  return { ...chat, [channel]: all.slice(-MESSAGES_KEPT) };
}

function isChannel(value: unknown): value is ChatChannel {
  return CHAT_CHANNELS.includes(value as ChatChannel);
}

function isMessage(value: unknown): value is ChatMessage {
  const message = value as Partial<ChatMessage> | null;
  return typeof message === "object" && typeof message?.message_id === "string" && typeof message.content === "string";
}

/** The channels that `userId` may read. */
export function readableChannels(room: RoomView, userId: UserId): ChatChannel[] {
  switch (roleIn(room, userId)) {
    case "player":
      return ["lobby", "players"];
    case "spectator":
      return ["lobby", "players", "spectators"];
    case "lobby":
      return ["lobby"];
    case "none":
      return [];
  }
}

/** Whether `userId` may write there; who is muted may nowhere, which is not asked here. */
export function isWritable(room: RoomView, userId: UserId, channel: ChatChannel): boolean {
  const role = roleIn(room, userId);
  switch (channel) {
    case "lobby":
      return role !== "none" && room.status === "waiting";
    case "players":
      return role === "player";
    case "spectators":
      return role === "spectator";
  }
}
