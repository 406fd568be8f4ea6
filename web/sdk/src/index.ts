// biome-ignore-all assist/source/organizeImports: in groups, each by what it is for
// What is read and checked of rooms, which needs no connection.
export { commitmentOf, Draws } from "./fairness.js";
export { userIdOf } from "./frames.js";
export type { Fairness, Member, Pause, Person, Role, RoomPhase, RoomResult, RoomView, Turn } from "./room.js";
export { roleIn } from "./room.js";
export { scoresOf } from "./room_members.js";
export type { ChatView } from "./room_chat.js";
export { CHAT_CHANNELS, isWritable, readableChannels } from "./room_chat.js";
export { foldRoom } from "./room_fold.js";
export type { FairnessReport, SeatReport } from "./fairness_check.js";
export { checkFairness, isContradicted } from "./fairness_check.js";
export { ServerClock } from "./clock.js";
export { Transcripts } from "./transcripts.js";

// The connection, and what is known over it.
export type { NextOptions } from "./client.js";
export { Client, connect } from "./client.js";
export type { Answer } from "./answers.js";
export { backoffMs } from "./backoff.js";
export type { ConnectionState, ConnectionStatus } from "./connection.js";
export type { Unsubscribe } from "./emitter.js";
export { CommandIds } from "./ids.js";
export type { Invitation, Invitations } from "./invitations.js";
export type { Lobby } from "./lobby.js";
export type { Conversation, Messages } from "./messages.js";
export { LOBBY_ID } from "./messages.js";
export type { ConnectionSettings, ConnectOptions, Identity, Timing, TokenHolder, TokenSource } from "./options.js";
export type { CommandHandle } from "./pending.js";
export type { QuickMatch, QuickMatchEnd, QuickMatchStatus, QuickMatchTerms } from "./quick_match.js";
export type { LocalRefusalCode, RefusalCode } from "./refusal.js";
export { Refusal, SignedOut } from "./refusal.js";
export type { Rooms } from "./rooms.js";
export type { SignedIn } from "./sign_in.js";
export type { SocketConstructor, SocketLike } from "./socket.js";
export type { KeyValueStorage } from "./storage.js";
export { MemoryStorage } from "./storage.js";
export type { Store } from "./store.js";
export type { Payment, ReturnAddresses, Wallet } from "./wallet.js";
export { isOnItsWay, isOpen } from "./wallet.js";

// Accounts, over the HTTP API.
export type { SessionOptions } from "./session.js";
export { ApiProblem, Session } from "./session.js";
export type * from "./rest.js";

export type * from "./wire.js";
