export { backoffMs } from "./backoff.js";
export type { NextOptions } from "./client.js";
export { Client, connect } from "./client.js";
export { ServerClock } from "./clock.js";
export type { ConnectionState, ConnectionStatus } from "./connection.js";
export type { Unsubscribe } from "./emitter.js";
export { commitmentOf, Draws } from "./fairness.js";
export type { FairnessReport, SeatReport } from "./fairness_check.js";
export { checkFairness, isContradicted } from "./fairness_check.js";
export { CommandIds } from "./ids.js";
export type { Invitation, Invitations } from "./invitations.js";
export type { Lobby } from "./lobby.js";
export type { Conversation, Messages } from "./messages.js";
export { LOBBY_ID } from "./messages.js";
export type { ConnectionSettings, ConnectOptions, Identity, Timing, TokenHolder, TokenSource } from "./options.js";
export type { CommandHandle } from "./pending.js";
export type { QuickMatch, QuickMatchEnd, QuickMatchStatus } from "./quick_match.js";
export type { LocalRefusalCode, RefusalCode } from "./refusal.js";
export { Refusal, SignedOut } from "./refusal.js";
export type { Fairness, Member, Pause, Person, Role, RoomPhase, RoomResult, RoomView, Turn } from "./room.js";
export { roleIn } from "./room.js";
export type { ChatView } from "./room_chat.js";
export { CHAT_CHANNELS, isWritable, readableChannels } from "./room_chat.js";
export { foldRoom } from "./room_fold.js";
export { scoresOf } from "./room_members.js";
export type { Rooms } from "./rooms.js";
export type {
  Account,
  Balance,
  GameInfo,
  PaymentTerms,
  SessionOptions,
  Transaction,
  Transactions,
} from "./session.js";
export { ApiProblem, Session } from "./session.js";
export type { SignedIn } from "./sign_in.js";
export type { SocketConstructor, SocketLike } from "./socket.js";
export type { KeyValueStorage } from "./storage.js";
export { MemoryStorage } from "./storage.js";
export type { Store } from "./store.js";
export { Transcripts } from "./transcripts.js";
export type { Payment, ReturnAddresses, Wallet } from "./wallet.js";
export { isOnItsWay, isOpen } from "./wallet.js";
export type * from "./wire.js";
export { userIdOf } from "./wire.js";
