// The wire's names and fields as types. Readers tolerate unknown fields, so every frame is open.

export type UserId = string;
export type RoomId = string;
/** RFC 3339, UTC. */
export type Timestamp = string;
/** Integer minor units. */
export type Cents = number;

export type RoomStatus = "waiting" | "in_progress" | "finished" | "abandoned";
export type ChatChannel = "lobby" | "players" | "spectators";

export interface UserRef {
  user_id: UserId;
  username: string;
  /** A bot of the house; left out for people. */
  is_bot?: boolean;
}

export interface Player extends UserRef {
  avatar_id?: string | null;
  score?: number;
  is_ready?: boolean;
  joined_at?: Timestamp;
}

/** A room as `room_state` carries it. */
export interface RoomSnapshot {
  room_id: RoomId;
  room_name: string;
  game_type: string;
  status: RoomStatus;
  host_id: UserId;
  players: Player[];
  lobby: Player[];
  spectators?: UserId[];
  spectators_data?: UserRef[];
  /** How many watch, where more than are listed do. */
  spectator_count?: number;
  banned_users?: (UserId | UserRef)[];
  /** The same, with the names that they had. */
  banned_users_data?: UserRef[];
  selected_players?: (UserId | UserRef)[];
  auto_players?: (UserId | UserRef)[];
  muted_users?: (UserId | UserRef)[];
  current_turn?: UserId | null;
  turn_number?: number;
  turn_deadline?: Timestamp | null;
  /** All seats are taken: by then everyone selected has to be ready. */
  ready_deadline?: Timestamp | null;
  /** The commitments are frozen: by then the seeds have to be revealed. */
  seeds_deadline?: Timestamp | null;
  created_at?: Timestamp;
  started_at?: Timestamp | null;
  finished_at?: Timestamp | null;
  winner_id?: UserId | null;
  is_password_protected?: boolean;
  /** Wanted seats. */
  player_count?: number;
  max_players?: number;
  allow_spectators?: boolean;
  max_spectators?: number;
  entry_fee_cents?: Cents;
  prize_cents?: Cents;
  seed_commitment?: string;
  room_seq?: number;
  recovered?: boolean;
  /** The host asked for the house's bot; left out where not. */
  invites_bot?: boolean;
}

/** A line of the list of rooms. */
export interface RoomSummary {
  room_id: RoomId;
  room_name: string;
  game_type: string;
  host_id: UserId;
  host_name: string;
  status: RoomStatus;
  player_count: number;
  spectator_count: number;
  max_players: number;
  is_password_protected: boolean;
  allow_spectators: boolean;
  entry_fee_cents: Cents;
  prize_cents?: Cents;
  /** Bots among the players; left out where there are none. */
  bot_count?: number;
  invites_bot?: boolean;
  can_rejoin?: boolean;
  rejoin_role?: string | null;
}

/** A message in a room's chat. */
export interface ChatMessage extends UserRef {
  channel: ChatChannel;
  message_id: string;
  avatar_id?: string | null;
  content: string;
  is_system?: boolean;
  timestamp: Timestamp;
}

/** A message between two users, as it is sent and as the API keeps it. */
export interface DirectMessage {
  message_id: string;
  sender_id: UserId;
  sender_username: string;
  recipient_id: UserId;
  recipient_username: string;
  content: string;
  timestamp: Timestamp;
  /** Whether its recipient has marked it as read; left out of what has just been sent. */
  is_read?: boolean;
}

export interface LobbyMessage extends UserRef {
  lobby_id: string;
  message_id: string;
  content: string;
  timestamp: Timestamp;
}

/**
 * How a payment stands; it only moves on. `requested`: there is no page to pay on yet. `session_created`: it can be paid,
 * or is on its way. `disputed` is told beside the others.
 */
export type PaymentStatus =
  | "requested"
  | "session_created"
  | "failed"
  | "expired"
  | "success"
  | "refunded"
  | "disputed";

/** A payment of one's own, as it is told at each change. */
export interface PaymentChange {
  request_id: string;
  status: PaymentStatus;
  amount_cents: Cents;
  currency: string;
  /** How much of it was paid back. */
  refunded_cents?: Cents;
  /** Where to pay, while it can be paid. */
  session_url?: string | null;
  /** Why it failed, for people to read. */
  error_message?: string | null;
}

/** The last 24 hours, 7 days or 30 days. */
export type Period = "day" | "week" | "month";

/** How much a user wants to pay in at most; without an amount there is no limit. */
export interface DepositLimit {
  period: Period;
  amount_cents?: Cents | null;
  /** What was paid in, or may still be. */
  used_cents: Cents;
  /** What will be in force. */
  pending?: { amount_cents?: Cents | null; from: Timestamp } | null;
}

export interface DepositLimits {
  /** One for each period, the shortest first. */
  limits: DepositLimit[];
  /** Until when the user is excluded by their own wish. */
  excluded_until?: Timestamp | null;
}

interface InRoom {
  room_id: RoomId;
}

/** Events by their type; the value is the payload beside the frame's own fields. */
export interface Events {
  "games.event.error": { code: string; message: string; socket_id?: string; command_id?: string };
  "games.event.command_applied": { command_id: string; room_id?: RoomId };
  "games.event.room_created": InRoom & {
    room_name: string;
    game_type: string;
    host_id: UserId;
    host_username: string;
    is_password_protected: boolean;
    player_count: number;
    allow_spectators: boolean;
    entry_fee_cents: Cents;
    prize_cents: Cents;
    seed_commitment?: string;
    invites_bot?: boolean;
  };
  "games.event.room_updated": Partial<RoomSummary> & InRoom;
  "games.event.room_removed": InRoom & { room_name?: string; reason?: "game_started" | "abandoned" | "cancelled" };
  "games.event.room_list": { rooms: RoomSummary[] };
  "games.event.room_state": { room: RoomSnapshot; room_id?: RoomId; recovered?: boolean };
  "games.event.lobby_joined": InRoom & { player: Player };
  "games.event.host_changed": InRoom & { host_id: UserId; host_username: string };
  "games.event.player_selected": InRoom & { player: Player };
  "games.event.player_deselected": InRoom & UserRef;
  "games.event.selected_players_updated": InRoom & { selected_players: (UserId | UserRef)[] };
  "games.event.player_ready": InRoom & UserRef;
  "games.event.player_ready_changed": InRoom & UserRef & { is_ready: boolean };
  "games.event.game_starting": InRoom & { players: (UserId | UserRef)[]; deadline?: Timestamp };
  "games.event.seeds_requested": InRoom & {
    seed_commitment: string;
    /** In seat order; null for a seat without a seed. */
    commitments: (string | null)[];
    deadline: Timestamp;
  };
  "games.event.seed_renewed": InRoom & { seed_commitment: string; previous_server_seed?: string };
  "games.event.seed_voided": InRoom & { user_id: UserId };
  "games.event.seed_revealed": InRoom & { server_seed: string; seed_commitment: string };
  "games.event.game_started": InRoom & {
    game_type: string;
    players: UserRef[];
    first_turn?: UserId | null;
    /** In seat order; null for a seat without a seed. */
    seeds?: (string | null)[];
    commitments?: (string | null)[];
  };
  "games.event.turn_changed": InRoom & {
    current_turn: UserId | null;
    turn_number?: number;
    deadline?: Timestamp | null;
  };
  "games.event.player_rejoined": InRoom & UserRef;
  "games.event.player_left": InRoom & UserRef & { host_id?: UserId };
  "games.event.player_kicked": InRoom & UserRef;
  "games.event.player_banned": InRoom & UserRef;
  "games.event.player_unbanned": InRoom & UserRef;
  "games.event.player_auto_enabled": InRoom & UserRef;
  "games.event.player_auto_disabled": InRoom & UserRef;
  "games.event.player_disconnected": InRoom & UserRef & { timeout_at?: Timestamp | null };
  "games.event.removed_from_game": InRoom & { user_id: UserId; reason: string; message: string };
  "games.event.spectator_joined": InRoom & UserRef & { spectator_id?: UserId; spectator_count?: number };
  "games.event.spectator_left": InRoom & UserRef & { spectator_count?: number };
  "games.event.spectator_kicked": InRoom & UserRef & { spectator_count?: number };
  /** In place of who comes and goes where many watch; it names them once they are few again. */
  "games.event.spectators_updated": InRoom & { spectator_count: number; spectators_data?: UserRef[] };
  "games.event.user_muted": InRoom & { target_user_id: UserId; target_username: string };
  "games.event.user_unmuted": InRoom & { target_user_id: UserId; target_username: string };
  "games.event.chat_message": InRoom & ChatMessage;
  "games.event.chat_history": InRoom & { channel: ChatChannel; messages: ChatMessage[] };
  "games.event.not_in_room": InRoom & {
    room_name?: string;
    status?: RoomStatus;
    is_password_protected?: boolean;
    allow_spectators?: boolean;
  };
  "games.event.quick_match_waiting": { game_type: string; waiting: number; is_waiting?: boolean };
  /** Somebody opened a room and wants this user in it: no password is asked for. */
  "games.event.room_invited": InRoom & {
    room_name: string;
    game_type: string;
    host_id: UserId;
    host_username: string;
    max_players: number;
    entry_fee_cents: Cents;
    prize_cents: Cents;
    /** The room that it opens anew, where it is a rematch. */
    rematch_of?: RoomId | null;
  };
  "games.event.bigger_dice.rolled": InRoom & {
    player_id: UserId;
    player_username: string;
    roll: number;
    new_score: number;
    proof?: { nonce: number };
  };
  "games.event.bigger_dice.round_result": InRoom & {
    rolls: [UserId, number][];
    winner_id?: UserId | null;
    is_tie: boolean;
    is_tiebreaker: boolean;
    tiebreaker_players: (UserId | UserRef)[];
    scores: [UserId, number][];
  };
  "games.event.bigger_dice.tiebreaker_started": InRoom & { tied_players: (UserId | UserRef)[]; tied_roll: number };
  "games.event.bigger_dice.state": InRoom & {
    round_number: number;
    current_rolls: [UserId, number][] | Record<UserId, number>;
    pending_rollers: UserId[];
    is_tiebreaker: boolean;
  };
  "games.event.bigger_dice.game_over": InRoom & {
    winner_id: UserId;
    winner_username: string;
    final_scores: [UserId, string, number][];
    prize_cents: Cents;
  };
  "games.event.tic_tac_toe.moved": InRoom & {
    player_id: UserId;
    player_username: string;
    position: number;
    mark: "X" | "O";
    board: ("X" | "O" | null)[];
  };
  "games.event.tic_tac_toe.game_result": InRoom & {
    winner_id?: UserId | null;
    winner_username?: string | null;
    winning_line?: number[] | null;
    is_draw: boolean;
    scores: [UserId, number][];
    game_number: number;
    next_first_player?: UserId | null;
  };
  "games.event.tic_tac_toe.turn_timeout": InRoom & { player_id: UserId; player_username: string };
  "games.event.tic_tac_toe.game_paused": InRoom & {
    player_id: UserId;
    player_username: string;
    timeout_at?: Timestamp | null;
  };
  "games.event.tic_tac_toe.game_resumed": InRoom & { player_id?: UserId; player_username?: string };
  "games.event.tic_tac_toe.match_ended": InRoom & {
    winner_id: UserId | null;
    winner_username: string | null;
    final_scores: [UserId, string, number][];
    prize_cents: Cents;
  };
  "games.event.tic_tac_toe.match_cancelled": InRoom & { reason: string; refunds?: [UserId, Cents][] };
  "games.event.tic_tac_toe.state": InRoom & {
    board: ("X" | "O" | null)[];
    player_x_id: UserId;
    player_o_id: UserId;
    current_turn: UserId;
    scores: [UserId, number][];
    game_number: number;
    move_deadline?: Timestamp | null;
    is_paused?: boolean;
    disconnected_player?: UserId | null;
  };
  "chat.event.error": { code: string; message: string; command_id?: string };
  /** To both, whoever wrote it. */
  "chat.event.message_received": DirectMessage;
  "chat.event.lobby_message": LobbyMessage;
  "chat.event.typing": UserRef;
  "chat.event.messages_read": { message_ids: string[]; command_id?: string };
  "wallet.event.balance_changed": {
    balance_cents: Cents;
    change_cents: Cents;
    currency: string;
    reason: string;
    room_id?: RoomId | null;
  };
  "wallet.event.top_up": PaymentChange;
  "wallet.event.limits": DepositLimits;
  "system.event.maintenance": { starts_at: Timestamp; message: string };
}

export type EventType = keyof Events;

/** What every event frame carries beside its payload. */
export interface FrameMeta {
  event_id?: string;
  correlation_id?: string | null;
  timestamp?: Timestamp;
  room_seq?: number;
  after_seq?: number;
}

/** An event as it arrives; of several types, a union that `type` tells apart. */
export type EventFrame<T extends EventType = EventType> = { [K in T]: { type: K } & FrameMeta & Events[K] }[T];

/** A frame whose type this package may not know. */
export interface Frame extends FrameMeta {
  type: string;
  [field: string]: unknown;
}

/** Commands by their type; the value is their fields beside command_id. */
export interface Commands {
  "games.command.create_room": {
    game_type: string;
    room_name: string;
    password?: string;
    max_players?: number;
    allow_spectators?: boolean;
    /** Asks for the house's bot to come at once. */
    invites_bot?: boolean;
  };
  "games.command.join_room": { room_id?: RoomId; room_name?: string; password?: string };
  /** Each is told at once, and comes in without a password; a rematch names the room that it opens anew. */
  "games.command.invite_players": InRoom & { target_user_ids: UserId[]; rematch_of?: RoomId };
  "games.command.quick_match": { game_type: string; cancel?: boolean };
  "games.command.list_rooms": { game_type?: string };
  "games.command.rejoin_room": InRoom;
  "games.command.leave_room": InRoom;
  "games.command.join_as_spectator": { room_id?: RoomId; room_name?: string; password?: string };
  "games.command.leave_spectate": InRoom;
  "games.command.select_player": InRoom & { target_user_id: UserId };
  "games.command.deselect_player": InRoom & { target_user_id: UserId };
  "games.command.ready": InRoom & { is_ready?: boolean; seed_commitment?: string };
  "games.command.reveal_seed": InRoom & { client_seed: string };
  "games.command.start_game": InRoom;
  "games.command.kick_player": InRoom & { target_user_id: UserId };
  "games.command.kick_spectator": InRoom & { target_user_id: UserId };
  "games.command.ban_player": InRoom & { target_user_id: UserId };
  "games.command.unban_player": InRoom & { target_user_id: UserId };
  "games.command.mute_user": InRoom & { target_user_id: UserId };
  "games.command.unmute_user": InRoom & { target_user_id: UserId };
  "games.command.select_spectator": InRoom & { target_user_id: UserId };
  "games.command.become_spectator": InRoom & { target_user_id?: UserId };
  "games.command.become_player": InRoom & { target_user_id?: UserId };
  "games.command.send_chat": InRoom & { channel: ChatChannel; content: string };
  "games.command.get_chat_history": InRoom & { channel: ChatChannel; limit?: number };
  "games.command.bigger_dice.roll": InRoom;
  "games.command.bigger_dice.enable_auto_play": InRoom & { enabled?: boolean };
  "games.command.tic_tac_toe.move": InRoom & { position: number };
  "chat.command.send_message": { recipient_id: UserId; content: string };
  "chat.command.send_lobby_message": { lobby_id: string; content: string };
  "chat.command.typing": { recipient_id: UserId };
  "chat.command.mark_read": { message_ids: string[] };
  "wallet.command.top_up": { amount_cents: Cents; success_url?: string; cancel_url?: string };
  /** The payment stays open until it is told to be `expired`. */
  "wallet.command.cancel_top_up": { request_id: string };
  /** Null: no limit. A lower one counts at once, a higher one a day later. */
  "wallet.command.set_deposit_limit": { period: Period; amount_cents: Cents | null };
  /** 1 to 1825 days, which nobody shortens. */
  "wallet.command.exclude_self": { days: number };
}

export type CommandType = keyof Commands;

/** The games whose commands and events are typed here. */
export type KnownGame = CommandType extends infer C
  ? C extends `games.command.${infer G}.${string}`
    ? G
    : never
  : never;

/** A command or event of another game, or one that is a `string` and no more to the compiler. */
export type OpenType<T extends string, Kind extends "command" | "event"> = string extends T
  ? T
  : T extends `games.${Kind}.${KnownGame}.${string}`
    ? never
    : T extends `games.${Kind}.${string}.${string}`
      ? T
      : never;

/** Why a server refuses a command. */
export type WireRefusalCode =
  | "unavailable"
  | "internal"
  | "invalid_format"
  | "unknown_command"
  | "command_expired"
  | "unknown_game"
  | "invalid_name"
  | "invalid_player_count"
  | "too_many_rooms"
  | "payments_unavailable"
  | "self_excluded"
  | "room_not_found"
  | "ambiguous_room_name"
  | "lobby_not_found"
  | "user_not_found"
  | "payment_not_found"
  | "account_closed"
  | "banned"
  | "already_in_room"
  | "not_in_room"
  | "rate_limited"
  | "wrong_password"
  | "not_host"
  | "cannot_target_self"
  | "wrong_game"
  | "game_in_progress"
  | "game_not_started"
  | "not_your_turn"
  | "invalid_move"
  | "player_not_in_lobby"
  | "already_selected"
  | "not_selected"
  | "seed_mismatch"
  | "payment_not_open"
  | "not_all_ready"
  | "not_enough_players"
  | "room_full"
  | "invalid_url"
  | "invalid_amount"
  | "deposit_limit"
  | "insufficient_balance"
  | "spectators_not_allowed"
  | "spectators_full"
  | "not_a_spectator"
  | "not_banned"
  | "channel_access_denied"
  | "muted"
  | "too_long"
  | "too_large";
