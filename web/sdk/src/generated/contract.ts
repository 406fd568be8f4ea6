// Made by `make generated` from the types that stand on the wire; see crates/contract/src/typescript.rs. Changes here are
// lost. Objects may have more fields than these: whoever reads them passes over what it does not know.

/** An amount in minor units (cents). */
export type Cents = number;

/** A channel of a room's chat. */
export type ChatChannel =
  /** Before play: everyone in the room writes and reads. */
  | "lobby"
  /** Who has a seat writes; spectators read too. */
  | "players"
  /** Spectators alone. */
  | "spectators";

/** Somebody wrote into a channel of the room's chat. */
export interface ChatMessage {
  /** Where. */
  channel: ChatChannel;
  /** As it was written: a client shows it as text. */
  content: string;
  /** Whether the room itself says it. */
  is_system: boolean;
  /** Unlike any other's. */
  message_id: string;
  /** When. */
  timestamp: Timestamp;
  /** Who. */
  user_id: UserId;
  /** Who, by name. */
  username: string;
}

/** The client's own id of a command, a UUIDv7: the key under which its effect happens once. */
export type CommandId = string;

/** SHA-256 of a seed, which binds to it without showing it: in hex. */
export type Commitment = string;

/** A player's limit for a period. */
export interface DepositLimit {
  /** None: no limit. */
  amount_cents?: Cents;
  /** What will be in force. */
  pending?: PendingLimit;
  /** For what. */
  period: Period;
  /** What was paid in, or may still be. */
  used_cents: Cents;
}

/** Why the gateway itself refuses a message. */
export type GatewayCode =
  /** The message is no JSON object, or one of its fields is not what it has to be. */
  | "invalid_format"
  /** There is no such command, or clients may not send it. */
  | "unknown_command"
  /** The connection is not signed in. */
  | "unauthenticated"
  /** The access token is not valid, or not any more. */
  | "auth_failed"
  /** More messages than may come in that time. */
  | "rate_limited"
  /** The log does not take it now; try again. */
  | "unavailable";

/** A player's sign. */
export type Mark =
  /** Begins. */
  | "X"
  /** Follows. */
  | "O";

/** A limit that is not in force yet. */
export interface PendingLimit {
  /** None: no limit. */
  amount_cents?: Cents;
  /** When it will be. */
  from: Timestamp;
}

/** What a limit is for. */
export type Period =
  /** 24 hours. */
  | "day"
  /** 7 days. */
  | "week"
  /** 30 days. */
  | "month";

/** A player, in a room's lists and in events. */
export interface Player {
  /** Whether it is a bot of the house; left out where it is not. */
  is_bot?: boolean;
  /** Whether a selected player has said to be ready. */
  is_ready: boolean;
  /** When the player came into the room. */
  joined_at: Timestamp;
  /** Points in the running game. */
  score: number;
  /** The user. */
  user_id: UserId;
  /** The name shown to others. */
  username: string;
}

/** How to recompute a roll once the seeds are revealed. */
export interface Proof {
  /** The draw's counter. */
  nonce: number;
}

/** The closed set of refusal codes, in order of precedence: where several apply, the first is given. */
export type RefusalCode =
  /** The machine cannot take it now; try again. */
  | "unavailable"
  /** A game's own code failed; the room goes on unchanged. */
  | "internal"
  /** A field is missing or of the wrong type. */
  | "invalid_format"
  /** No such command. */
  | "unknown_command"
  /** The command is too old, or from the future. */
  | "command_expired"
  /** No such game here. */
  | "unknown_game"
  /** A room's name is empty, too long or has control characters. */
  | "invalid_name"
  /** A number of players that the game does not play with. */
  | "invalid_player_count"
  /** In as many rooms as one may be. */
  | "too_many_rooms"
  /** No way to pay is set up. */
  | "payments_unavailable"
  /** The player wanted to be kept out for this long. */
  | "self_excluded"
  /** No such room. */
  | "room_not_found"
  /** Several rooms have this name. */
  | "ambiguous_room_name"
  /** No such lobby. */
  | "lobby_not_found"
  /** No such user. */
  | "user_not_found"
  /** No payment of one's own. */
  | "payment_not_found"
  /** The other's account is closed or banned. */
  | "account_closed"
  /** Banned from this room. */
  | "banned"
  /** Already in this room. */
  | "already_in_room"
  /** Not in this room. */
  | "not_in_room"
  /** Too often in too short a time. */
  | "rate_limited"
  /** The password does not match. */
  | "wrong_password"
  /** Not the host. */
  | "not_host"
  /** Oneself as the target. */
  | "cannot_target_self"
  /** The room does not play this game. */
  | "wrong_game"
  /** The game has begun. */
  | "game_in_progress"
  /** The game has not begun. */
  | "game_not_started"
  /** Another's turn. */
  | "not_your_turn"
  /** The game's rules forbid the move. */
  | "invalid_move"
  /** The target is not in the lobby. */
  | "player_not_in_lobby"
  /** The target has been selected already. */
  | "already_selected"
  /** The target is not selected. */
  | "not_selected"
  /** The revealed seed is not the one committed to. */
  | "seed_mismatch"
  /** The payment is paid, on its way, or at its end. */
  | "payment_not_open"
  /** Somebody selected is not ready. */
  | "not_all_ready"
  /** Fewer players than the game needs. */
  | "not_enough_players"
  /** No room for another player. */
  | "room_full"
  /** Not an address of this deployment. */
  | "invalid_url"
  /** Not an amount that can be paid in. */
  | "invalid_amount"
  /** More than the player or the operator wanted to be paid in. */
  | "deposit_limit"
  /** A seat costs something else than was agreed to, or wins another share. */
  | "fee_changed"
  /** Less money than the fee. */
  | "insufficient_balance"
  /** The room takes no spectators. */
  | "spectators_not_allowed"
  /** No room for another spectator. */
  | "spectators_full"
  /** Not a spectator. */
  | "not_a_spectator"
  /** The target is not banned. */
  | "not_banned"
  /** The chat channel is not for this one. */
  | "channel_access_denied"
  /** Muted by the host. */
  | "muted"
  /** A text past its bound. */
  | "too_long";

/** As what somebody comes back into a room. */
export type RejoinRole =
  /** Seated, or selected. */
  | "player"
  /** In the lobby. */
  | "lobby"
  /** Among the spectators. */
  | "spectator";

/** Why a room is no longer listed. */
export type RemovalReason =
  /** Play has begun. */
  | "game_started"
  /** Nobody is left. */
  | "abandoned"
  /** Closed before its end. */
  | "cancelled";

/** A seed that may be seen: 32 bytes in hex. */
export type RevealedSeed = string;

/** A room. Ours are UUIDs; other programs may use any short name. */
export type RoomId = string;

/** The whole room, as `room_state` carries it. */
export interface RoomSnapshot {
  /** Whether others may watch. */
  allow_spectators: boolean;
  /** Whose seat the server plays. */
  auto_players: UserId[];
  /** Who may not come in. */
  banned_users: UserId[];
  /** The same, with the names that they had; left out where nobody is banned. */
  banned_users_data?: UserRef[];
  /** When the room was opened. */
  created_at: Timestamp;
  /** Whose turn it is. */
  current_turn?: UserId;
  /** What a seat costs. */
  entry_fee_cents: Cents;
  /** Its game. */
  game_type: string;
  /** Its host. */
  host_id: UserId;
  /** Whether the host asks for the house's bot; left out where not. */
  invites_bot?: boolean;
  /** Whether joining asks for a password. */
  is_password_protected: boolean;
  /** Who waits, in the order of coming. */
  lobby: Player[];
  /** How many may watch. */
  max_spectators: number;
  /** Who may not chat. */
  muted_users: UserId[];
  /** Seats wanted; at an open table, the people at it. */
  player_count: number;
  /** Who is selected or seated, in seat order. */
  players: Player[];
  /** What the winner gets: of what is paid in play, of all seats before. */
  prize_cents: Cents;
  /** By when everyone selected has to be ready: all seats are taken. */
  ready_deadline?: Timestamp;
  /** Always false: whoever gets this has to replace what they knew. */
  recovered: boolean;
  /** The room. */
  room_id: RoomId;
  /** Its name. */
  room_name: string;
  /** The last room-wide event that this state contains. */
  room_seq: number;
  /** The commitment to the server seed in force. */
  seed_commitment: Commitment;
  /** By when the seeds have to be revealed: the commitments are frozen. */
  seeds_deadline?: Timestamp;
  /** The ids of `players`, before play and in it. */
  selected_players: UserId[];
  /** How many watch; left out where nobody does. */
  spectator_count?: number;
  /** Who watches; of many the first 50, in the order of coming. */
  spectators: UserId[];
  /** The same, with names. */
  spectators_data: Player[];
  /** When play began. */
  started_at?: Timestamp;
  /** Where it stands. */
  status: RoomStatus;
  /** When the server moves instead. */
  turn_deadline?: Timestamp;
  /** From 1; 0 before play. */
  turn_number: number;
}

/** Where a room stands. */
export type RoomStatus =
  /** Before play. */
  | "waiting"
  /** In play. */
  | "in_progress"
  /** Played to the end. */
  | "finished"
  /** Ended otherwise. */
  | "abandoned";

/** A room in the list. */
export interface RoomSummary {
  /** Whether others may watch. */
  allow_spectators: boolean;
  /** Bots among the people; left out where there are none. */
  bot_count?: number;
  /** Whether the one who asks is, or was, in it. */
  can_rejoin: boolean;
  /** What a seat costs. */
  entry_fee_cents: Cents;
  /** Its game. */
  game_type: string;
  /** Its host. */
  host_id: UserId;
  /** Its host's name. */
  host_name: string;
  /** Whether the host asks for the house's bot; left out where not. */
  invites_bot?: boolean;
  /** Whether joining asks for a password. */
  is_password_protected: boolean;
  /** Seats. */
  max_players: number;
  /** People in lobby and seats. */
  player_count: number;
  /** What the winner gets if all seats are taken. */
  prize_cents: Cents;
  /** As what. */
  rejoin_role: RejoinRole | null;
  /** The room. */
  room_id: RoomId;
  /** Its name. */
  room_name: string;
  /** People watching. */
  spectator_count: number;
  /** Where it stands. */
  status: RoomStatus;
}

/** A room and the last `room_seq` that the client has of it. */
export interface Seen {
  /** The room. */
  room_id: RoomId;
  /** 0 where it is left out: nothing. */
  room_seq?: number | null;
}

/** An instant: RFC 3339, UTC. */
export type Timestamp = string;

/** A user: a number below 2^53 as text. Records without an envelope have it as a number; both are read. */
export type UserId = string;

/** A player by id and name. */
export interface UserRef {
  /** Whether it is a bot of the house; left out where it is not. */
  is_bot?: boolean;
  /** The user. */
  user_id: UserId;
  /** The name shown to others. */
  username: string;
}

/** What frames of events have beside the event's own fields; an event's own `timestamp` stands in its place. */
export interface EventMeta {
  /** For an event of a room that not all of the room get: the last room-wide event before it. */
  after_seq?: number;
  /** The command that it answers: to the one who sent it. */
  command_id?: CommandId;
  /** The command that it follows from, where it follows from one. */
  correlation_id: string | null;
  /** Unlike any other's: an event that comes again, after a resume, has the same. */
  event_id: string;
  /** The room that it is about. */
  room_id?: RoomId;
  /** Its place among the room's events, from 1 on and without holes; narrower events have none. */
  room_seq?: number;
  /** When. */
  timestamp: Timestamp;
}

/** What commands have beside their own fields. */
export interface CommandMeta {
  /** A UUIDv7 of the client's own: sent again with it, a command changes nothing and gets the same answer. The gateway makes one where it is left out. */
  command_id?: CommandId | null;
}

/** Every event's own fields, by its type. */
export interface Events {
  /** A room was opened. Broadcast. */
  "games.event.room_created": {
    /** Whether others may watch. */
    allow_spectators: boolean;
    /** What a seat costs. */
    entry_fee_cents: Cents;
    /** Its game. */
    game_type: string;
    /** Who opened it. */
    host_id: UserId;
    /** Who opened it, by name. */
    host_username: string;
    /** Whether the host asks for the house's bot; left out where not. */
    invites_bot?: boolean;
    /** Whether joining asks for a password. */
    is_password_protected: boolean;
    /** Seats wanted. */
    player_count: number;
    /** What the winner gets if all seats are taken. */
    prize_cents: Cents;
    /** The room that it is about. */
    room_id: RoomId;
    /** Its name. */
    room_name: string;
    /** The commitment to the first server seed. */
    seed_commitment: Commitment;
  };
  /** The host asks users who are not in the room into it; they need no password. To them and to the host. */
  "games.event.room_invited": {
    /** What a seat costs. */
    entry_fee_cents: Cents;
    /** Its game. */
    game_type: string;
    /** Who asks. */
    host_id: UserId;
    /** Who asks, by name. */
    host_username: string;
    /** Seats. */
    max_players: number;
    /** What the winner gets if all seats are taken. */
    prize_cents: Cents;
    /** The room that it opens anew, as the host says; left out where it is no rematch. */
    rematch_of?: RoomId;
    /** The room that it is about. */
    room_id: RoomId;
    /** Its name. */
    room_name: string;
  };
  /** A listed room's line has changed. Broadcast. */
  "games.event.room_updated": {
    /** Whether others may watch. */
    allow_spectators: boolean;
    /** Bots among the people; left out where there are none. */
    bot_count?: number;
    /** What a seat costs. */
    entry_fee_cents: Cents;
    /** Its game. */
    game_type: string;
    /** Its host. */
    host_id: UserId;
    /** Its host's name. */
    host_name: string;
    /** Whether the host asks for the house's bot; left out where not. */
    invites_bot?: boolean;
    /** Whether joining asks for a password. */
    is_password_protected: boolean;
    /** Seats. */
    max_players: number;
    /** People in lobby and seats. */
    player_count: number;
    /** What the winner gets if all seats are taken. */
    prize_cents: Cents;
    /** The room that it is about. */
    room_id: RoomId;
    /** Its name. */
    room_name: string;
    /** People watching. */
    spectator_count: number;
    /** Where it stands. */
    status: RoomStatus;
  };
  /** A room is no longer listed. Broadcast. */
  "games.event.room_removed": {
    /** Why. */
    reason: RemovalReason;
    /** The room that it is about. */
    room_id: RoomId;
    /** Its name. */
    room_name: string;
  };
  /** The whole room, for one user. */
  "games.event.room_state": {
    /** The room. */
    room: RoomSnapshot;
    /** The room that it is about. */
    room_id: RoomId;
  };
  /** The answer to one who asks for a room's state and is not in it. */
  "games.event.not_in_room": {
    /** Whether others may watch. */
    allow_spectators: boolean;
    /** Whether joining asks for a password. */
    is_password_protected: boolean;
    /** The room that it is about. */
    room_id: RoomId;
    /** The room's name. */
    room_name: string;
    /** Where it stands. */
    status: RoomStatus;
  };
  /** Somebody came into the lobby, from outside or from among the spectators. */
  "games.event.lobby_joined": {
    /** Who. */
    player: Player;
    /** The room that it is about. */
    room_id: RoomId;
  };
  /** Somebody left. */
  "games.event.player_left": {
    /** The room that it is about. */
    room_id: RoomId;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** The host sent somebody out, who may come back. A fee that was paid is refunded. */
  "games.event.player_kicked": {
    /** The room that it is about. */
    room_id: RoomId;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** The host let nobody of this name in any more; whoever was here is out. A fee that was paid is refunded. */
  "games.event.player_banned": {
    /** The room that it is about. */
    room_id: RoomId;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** Somebody who was banned may come in again. */
  "games.event.player_unbanned": {
    /** The room that it is about. */
    room_id: RoomId;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** Somebody may not chat here any more. */
  "games.event.user_muted": {
    /** The room that it is about. */
    room_id: RoomId;
    /** Who. */
    target_user_id: UserId;
    /** Who, by name. */
    target_username: string;
  };
  /** Somebody may chat here again. */
  "games.event.user_unmuted": {
    /** The room that it is about. */
    room_id: RoomId;
    /** Who. */
    target_user_id: UserId;
    /** Who, by name. */
    target_username: string;
  };
  /** Somebody watches now, coming from outside or out of the lobby. */
  "games.event.spectator_joined": {
    /** The room that it is about. */
    room_id: RoomId;
    /** How many watch now. */
    spectator_count: number;
    /** Who. */
    spectator_id: UserId;
    /** Who, by name. */
    spectator_name: string;
    /** Who, as in other events. */
    user_id: UserId;
    /** Who, by name, as in other events. */
    username: string;
  };
  /** Somebody watches no more. Where more than 50 watched, only the one who left is told. */
  "games.event.spectator_left": {
    /** The room that it is about. */
    room_id: RoomId;
    /** How many watch now. */
    spectator_count: number;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** The host sent a spectator out. */
  "games.event.spectator_kicked": {
    /** The room that it is about. */
    room_id: RoomId;
    /** How many watch now. */
    spectator_count: number;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** How many watch, at most once a second: above 50 in place of who comes and goes. */
  "games.event.spectators_updated": {
    /** The room that it is about. */
    room_id: RoomId;
    /** How many. */
    spectator_count: number;
    /** Who, in the order of coming: once they are no more than 50 again. */
    spectators_data?: Player[];
  };
  /** The host left or was removed; another hosts the room now. */
  "games.event.host_changed": {
    /** The new host. */
    host_id: UserId;
    /** The new host's name. */
    host_username: string;
    /** The room that it is about. */
    room_id: RoomId;
  };
  /** Somebody's last connection is gone, or somebody left the running game. */
  "games.event.player_disconnected": {
    /** The room that it is about. */
    room_id: RoomId;
    /** From when the absence counts: the server plays the seat, or the place before play is given up. */
    timeout_at: Timestamp | null;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** Somebody absent is back. */
  "games.event.player_rejoined": {
    /** The room that it is about. */
    room_id: RoomId;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** The host gave somebody a seat, and the fee is paid. */
  "games.event.player_selected": {
    /** Who. */
    player: Player;
    /** The room that it is about. */
    room_id: RoomId;
  };
  /** Somebody lost the seat, and the fee is refunded. */
  "games.event.player_deselected": {
    /** The room that it is about. */
    room_id: RoomId;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** Who has a seat after a change that took one. */
  "games.event.selected_players_updated": {
    /** The room that it is about. */
    room_id: RoomId;
    /** In seat order. */
    selected_players: UserId[];
  };
  /** The seats are taken and the one addressed has none. */
  "games.event.removed_from_game": {
    /** For a person. */
    message: string;
    /** For a program. */
    reason: string;
    /** The room that it is about. */
    room_id: RoomId;
    /** The one addressed. */
    user_id: UserId;
  };
  /** All seats are taken; who is not ready by the deadline loses the seat. */
  "games.event.game_starting": {
    /** When. */
    deadline: Timestamp;
    /** In seat order. */
    players: Player[];
    /** The room that it is about. */
    room_id: RoomId;
  };
  /** Somebody is ready, or not any more. */
  "games.event.player_ready_changed": {
    /** Now. */
    is_ready: boolean;
    /** The room that it is about. */
    room_id: RoomId;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** The commitments are frozen; their seeds are wanted by the deadline. */
  "games.event.seeds_requested": {
    /** In seat order; null for a seat that takes no part in the draw. */
    commitments: (Commitment | null)[];
    /** When. */
    deadline: Timestamp;
    /** The room that it is about. */
    room_id: RoomId;
    /** The commitment to the server seed of this game. */
    seed_commitment: Commitment;
  };
  /** Somebody did not reveal in time. */
  "games.event.seed_voided": {
    /** The room that it is about. */
    room_id: RoomId;
    /** Who. */
    user_id: UserId;
  };
  /** The set of selected players changed, and with it the server seed. */
  "games.event.seed_renewed": {
    /** The old one, which no game was played with. */
    previous_server_seed: RevealedSeed;
    /** The room that it is about. */
    room_id: RoomId;
    /** The commitment to the new one. */
    seed_commitment: Commitment;
  };
  /** Play begins. */
  "games.event.game_started": {
    /** The seats' commitments, in seat order. */
    commitments: (Commitment | null)[];
    /** Who begins. */
    first_turn?: UserId;
    /** The game. */
    game_type: string;
    /** In seat order. */
    players: UserRef[];
    /** The room that it is about. */
    room_id: RoomId;
    /** The seats' seeds, in seat order. */
    seeds: (RevealedSeed | null)[];
  };
  /** Somebody's turn has begun, or (with the same number) its deadline has moved. */
  "games.event.turn_changed": {
    /** Whose. */
    current_turn: UserId;
    /** When the server moves instead; null where the game sets no time. */
    deadline: Timestamp | null;
    /** The room that it is about. */
    room_id: RoomId;
    /** From 1. */
    turn_number: number;
  };
  /** The server plays somebody's seat because that player wants so. */
  "games.event.player_auto_enabled": {
    /** The room that it is about. */
    room_id: RoomId;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** The player plays again. */
  "games.event.player_auto_disabled": {
    /** The room that it is about. */
    room_id: RoomId;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** Somebody wrote into a channel of the room's chat. */
  "games.event.chat_message": {
    /** Where. */
    channel: ChatChannel;
    /** As it was written: a client shows it as text. */
    content: string;
    /** Whether the room itself says it. */
    is_system: boolean;
    /** Unlike any other's. */
    message_id: string;
    /** The room that it is about. */
    room_id: RoomId;
    /** When. */
    timestamp: Timestamp;
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** The room's last event, however it ended. */
  "games.event.seed_revealed": {
    /** The room that it is about. */
    room_id: RoomId;
    /** What had been published before play. */
    seed_commitment: Commitment;
    /** The seed that the game's draws came from. */
    server_seed: RevealedSeed;
  };
  /** A command was refused. To the one who sent it, at the connection that it came from. */
  "games.event.error": {
    /** For a program. */
    code: RefusalCode;
    /** For a person. */
    message: string;
    /** The connection that the command came from; empty: all of the user's. */
    socket_id: string;
  };
  /** The answer to a command that was sent again and whose answer had been an event of the room. */
  "games.event.command_applied": {
    /** The room's event that answered it. */
    room_seq: number;
  };
  /** The open rooms: those to come back to first, then those to join, the newest first. */
  "games.event.room_list": {
    /** 200 at most. */
    rooms: RoomSummary[];
  };
  /** What was written in a channel of the room's chat, the oldest first. */
  "games.event.chat_history": {
    /** Which channel. */
    channel: ChatChannel;
    /** Each as it was sent. */
    messages: ChatMessage[];
    /** The room that it is about. */
    room_id: RoomId;
  };
  /** How many wait for a game. To each who does, and to one who gave the place up. */
  "games.event.quick_match_waiting": {
    /** The game. */
    game_type: string;
    /** Whether the one addressed is among them. */
    is_waiting: boolean;
    /** How many. */
    waiting: number;
  };
  /** A command was refused. To the one who sent it, at the connection that it came from. */
  "chat.event.error": {
    /** For a program. */
    code: RefusalCode;
    /** For a person. */
    message: string;
    /** The connection that the command came from; empty: all of the user's. */
    socket_id: string;
  };
  /** A message from one user to another. To both of them, whoever wrote it. */
  "chat.event.message_received": {
    /** As it was written. */
    content: string;
    /** Unlike any other's. */
    message_id: string;
    /** To whom. */
    recipient_id: UserId;
    /** The reader's name then. */
    recipient_username: string;
    /** Who wrote it. */
    sender_id: UserId;
    /** The writer's name then. */
    sender_username: string;
    /** When. */
    timestamp: Timestamp;
  };
  /** A message in the lobby. To everyone. */
  "chat.event.lobby_message": {
    /** As it was written. */
    content: string;
    /** Where. */
    lobby_id: string;
    /** Unlike any other's. */
    message_id: string;
    /** When. */
    timestamp: Timestamp;
    /** Who wrote it. */
    user_id: UserId;
    /** The writer's name then. */
    username: string;
  };
  /** Somebody is writing to the one addressed. */
  "chat.event.typing": {
    /** Who. */
    user_id: UserId;
    /** Who, by name. */
    username: string;
  };
  /** Messages were marked as read: to the one who read them, at every connection. */
  "chat.event.messages_read": {
    /** Which. */
    message_ids: string[];
  };
  /** A player's money has changed, whatever by. */
  "wallet.event.balance_changed": {
    /** As it is now. */
    balance_cents: Cents;
    /** By how much it changed. */
    change_cents: Cents;
    /** Lower case. */
    currency: string;
    /** The transfer's kind: `fee`, `refund`, `prize`, `demo_grant`, `credit`, `top_up`, `top_up_refund`, … */
    reason: string;
  };
  /** How a payment stands. */
  "wallet.event.top_up": {
    /** How much. */
    amount_cents: Cents;
    /** Lower case. */
    currency: string;
    /** Why it failed. */
    error_message?: string;
    /** How much of it was paid back. */
    refunded_cents?: Cents;
    /** The request. */
    request_id: string;
    /** Where to pay, while it can be paid. */
    session_url?: string;
    /** `requested`, `session_created`, `success`, `failed`, `expired`, `refunded`, `disputed`. */
    status: string;
  };
  /** What a player may pay in. */
  "wallet.event.limits": {
    /** Until when the player is excluded. */
    excluded_until?: Timestamp;
    /** One for each period, the shortest first. */
    limits: DepositLimit[];
  };
  /** The server goes down for a while. */
  "system.event.maintenance": {
    /** It does not, or is back; left out where it goes down. */
    is_over?: boolean;
    /** For a person. */
    message: string;
    /** When. */
    starts_at: Timestamp;
  };
  /** Somebody rolled. */
  "games.event.bigger_dice.rolled": {
    /** The roller's points after this roll: one more where it decided the round. */
    new_score: number;
    /** Who rolled. */
    player_id: UserId;
    /** Who rolled, by name. */
    player_username: string;
    /** Where the roll stands in the stream of draws. */
    proof: Proof;
    /** 1 to 6. */
    roll: number;
    /** The room that it is about. */
    room_id: RoomId;
  };
  /** All have rolled. */
  "games.event.bigger_dice.round_result": {
    /** Whether several rolled the highest. */
    is_tie: boolean;
    /** Whether these were the rolls of a tie-breaker. */
    is_tiebreaker: boolean;
    /** Who rolled what, in the order of rolling. */
    rolls: [UserId, number][];
    /** The room that it is about. */
    room_id: RoomId;
    /** All points, in seat order. */
    scores: [UserId, number][];
    /** Who rolls again; empty without a tie. */
    tiebreaker_players: UserId[];
    /** Who took the point; none in a tie. */
    winner_id?: UserId;
  };
  /** Several rolled the highest, and roll again. */
  "games.event.bigger_dice.tiebreaker_started": {
    /** The room that it is about. */
    room_id: RoomId;
    /** Who rolls again, in order. */
    tied_players: UserId[];
    /** What they rolled. */
    tied_roll: number;
  };
  /** The game as it stands. */
  "games.event.bigger_dice.state": {
    /** Who has rolled what in this round. */
    current_rolls: [UserId, number][];
    /** Whether only the tied roll. */
    is_tiebreaker: boolean;
    /** Who is still to roll, in order. */
    pending_rollers: UserId[];
    /** The room that it is about. */
    room_id: RoomId;
    /** From 1. */
    round_number: number;
  };
  /** Somebody has the points that win. */
  "games.event.bigger_dice.game_over": {
    /** User, name and points, in seat order. */
    final_scores: [UserId, string, number][];
    /** What the winner gets, in minor units. */
    prize_cents: Cents;
    /** The room that it is about. */
    room_id: RoomId;
    /** Who won. */
    winner_id: UserId;
    /** Who won, by name. */
    winner_username: string;
  };
  /** The game was called off: everybody's fee goes back. */
  "games.event.bigger_dice.match_cancelled": {
    /** For a program: `all_players_gone`; `game_failed` where the server could not go on with the game; `closed_by_operator`. */
    reason: string;
    /** Who gets back how much, in seat order. */
    refunds: [UserId, Cents][];
    /** The room that it is about. */
    room_id: RoomId;
  };
  /** Somebody marked a cell. */
  "games.event.tic_tac_toe.moved": {
    /** All cells, row by row; null where one is free. */
    board: (Mark | null)[];
    /** The sign that stands there now. */
    mark: Mark;
    /** Who. */
    player_id: UserId;
    /** Who, by name. */
    player_username: string;
    /** 0 to 8, row by row. */
    position: number;
    /** The room that it is about. */
    room_id: RoomId;
  };
  /** A game of the match is over, and the next begins. */
  "games.event.tic_tac_toe.game_result": {
    /** Of the game that is over, from 1. */
    game_number: number;
    /** Whether nobody won. */
    is_draw: boolean;
    /** Who begins the next. */
    next_first_player: UserId;
    /** The room that it is about. */
    room_id: RoomId;
    /** All points, in seat order. */
    scores: [UserId, number][];
    /** Who won; null in a draw. */
    winner_id: UserId | null;
    /** Who won, by name. */
    winner_username: string | null;
    /** The three cells; null in a draw, and where time ran out. */
    winning_line: number[] | null;
  };
  /** Somebody's time is over, and with it the game of the match. */
  "games.event.tic_tac_toe.turn_timeout": {
    /** Who. */
    player_id: UserId;
    /** Who, by name. */
    player_username: string;
    /** The room that it is about. */
    room_id: RoomId;
  };
  /** The game as it stands. */
  "games.event.tic_tac_toe.state": {
    /** All cells, row by row; null where one is free. */
    board: (Mark | null)[];
    /** Whose turn it is. */
    current_turn: UserId;
    /** For whom; null where it does not wait. */
    disconnected_player: UserId | null;
    /** From 1. */
    game_number: number;
    /** Whether the game waits for somebody who is gone. */
    is_paused: boolean;
    /** When the turn is lost; null while the game waits. */
    move_deadline: Timestamp | null;
    /** Who plays O. */
    player_o_id: UserId;
    /** Who plays X. */
    player_x_id: UserId;
    /** The room that it is about. */
    room_id: RoomId;
    /** All points, in seat order. */
    scores: [UserId, number][];
  };
  /** The game waits for a player who is gone; told again, with the same player, when `timeout_at` has moved. */
  "games.event.tic_tac_toe.game_paused": {
    /** Who is gone. */
    player_id: UserId;
    /** Who is gone, by name. */
    player_username: string;
    /** The room that it is about. */
    room_id: RoomId;
    /** When the others win. */
    timeout_at: Timestamp;
  };
  /** Nobody is waited for any more. */
  "games.event.tic_tac_toe.game_resumed": {
    /** Who was the last that was waited for. */
    player_id: UserId;
    /** The same, by name. */
    player_username: string;
    /** The room that it is about. */
    room_id: RoomId;
  };
  /** The game is over. */
  "games.event.tic_tac_toe.match_ended": {
    /** User, name and points, in seat order. */
    final_scores: [UserId, string, number][];
    /** What the winner gets, in minor units; 0 in a draw, where everybody gets the fee back. */
    prize_cents: Cents;
    /** The room that it is about. */
    room_id: RoomId;
    /** Who won; null in a draw. */
    winner_id: UserId | null;
    /** Who won, by name. */
    winner_username: string | null;
  };
  /** The game was called off: everybody's fee goes back. */
  "games.event.tic_tac_toe.match_cancelled": {
    /** For a program: `all_players_gone`; `game_failed` where the server could not go on with the game; `closed_by_operator`. */
    reason: string;
    /** Who gets back how much, in seat order. */
    refunds: [UserId, Cents][];
    /** The room that it is about. */
    room_id: RoomId;
  };
}

/** Every command's own fields, by its type. */
export interface Commands {
  /** Opens a room; who opens it is its host, and waits in its lobby. */
  "games.command.create_room": {
    /** Whether others may watch; they may where it is left out. */
    allow_spectators?: boolean | null;
    /** What a seat is to cost: refused where it costs something else now. */
    entry_fee_cents?: Cents | null;
    /** A game of this server. */
    game_type: string;
    /** Asks for the house's bot to come at once; not where it is left out. */
    invites_bot?: boolean | null;
    /** Seats; the game's fewest where it is left out. */
    max_players?: number | null;
    /** What joining asks for; nothing where it is left out. */
    password?: string | null;
    /** As typed: 1 to 50 visible characters. */
    room_name: string;
  };
  /** Comes into a room's lobby. */
  "games.command.join_room": {
    /** Where the room asks for one. */
    password?: string | null;
    /** Which; where it is left out, `room_name` says it. */
    room_id?: RoomId | null;
    /** Its name, where no other room has the same. */
    room_name?: string | null;
  };
  /** Finds others who want to play at once; when enough wait, a room opens with all of them selected. */
  "games.command.quick_match": {
    /** Gives the place up instead. */
    cancel?: boolean | null;
    /** What a seat is to cost: refused where it costs something else now. Without it one agrees to what it costs when this is decided; nobody pays anything else. */
    entry_fee_cents?: Cents | null;
    /** The game. */
    game_type: string;
  };
  /** Asks for the rooms that are open. */
  "games.command.list_rooms": {
    /** Of one game; of all where it is left out. */
    game_type?: string | null;
  };
  /** Asks for a room's state, and says that one is back. */
  "games.command.rejoin_room": {
    /** Which. */
    room_id: RoomId;
  };
  /** Leaves a room. Before play a paid fee comes back; in play it does not. */
  "games.command.leave_room": {
    /** Which. */
    room_id: RoomId;
  };
  /** As host, asks users who are not in the room into it; they need no password. */
  "games.command.invite_players": {
    /** The room that this one opens anew, where it is a rematch. */
    rematch_of?: RoomId | null;
    /** Where to. */
    room_id: RoomId;
    /** Whom. */
    target_user_ids: UserId[];
  };
  /** Watches a room. */
  "games.command.join_as_spectator": {
    /** Where the room asks for one. */
    password?: string | null;
    /** Which; where it is left out, `room_name` says it. */
    room_id?: RoomId | null;
    /** Its name, where no other room has the same. */
    room_name?: string | null;
  };
  /** Watches a room. */
  "games.command.spectate": {
    /** Where the room asks for one. */
    password?: string | null;
    /** Which; where it is left out, `room_name` says it. */
    room_id?: RoomId | null;
    /** Its name, where no other room has the same. */
    room_name?: string | null;
  };
  /** Watches no more. */
  "games.command.leave_spectate": {
    /** Which. */
    room_id: RoomId;
  };
  /** Watches no more. */
  "games.command.stop_spectating": {
    /** Which. */
    room_id: RoomId;
  };
  /** Goes from the lobby among the spectators. */
  "games.command.become_spectator": {
    /** Where. */
    room_id: RoomId;
    /** Whom, as host; oneself where it is left out. */
    target_user_id?: UserId | null;
  };
  /** Goes from among the spectators into the lobby. */
  "games.command.become_player": {
    /** Where. */
    room_id: RoomId;
    /** Oneself: no other is taken. */
    target_user_id?: UserId | null;
  };
  /** As host, sends somebody from the lobby among the spectators. */
  "games.command.select_spectator": {
    /** Where. */
    room_id: RoomId;
    /** Whom. */
    target_user_id: UserId;
  };
  /** As host, gives somebody in the lobby a seat: the fee is taken. */
  "games.command.select_player": {
    /** Where. */
    room_id: RoomId;
    /** Whom. */
    target_user_id: UserId;
  };
  /** As host, takes the seat back: the fee is refunded. */
  "games.command.deselect_player": {
    /** Where. */
    room_id: RoomId;
    /** Whom. */
    target_user_id: UserId;
  };
  /** Says that one is ready to play, or not any more; with all ready, play begins. */
  "games.command.ready": {
    /** Whether one is; one is where it is left out. */
    is_ready?: boolean | null;
    /** The same, as other programs spell it. */
    ready?: boolean | null;
    /** Where. */
    room_id: RoomId;
    /** SHA-256 of one's own seed, for a part in the draw. */
    seed_commitment?: Commitment | null;
  };
  /** Says that one is ready to play, or not any more; with all ready, play begins. */
  "games.command.set_ready": {
    /** Whether one is; one is where it is left out. */
    is_ready?: boolean | null;
    /** The same, as other programs spell it. */
    ready?: boolean | null;
    /** Where. */
    room_id: RoomId;
    /** SHA-256 of one's own seed, for a part in the draw. */
    seed_commitment?: Commitment | null;
  };
  /** Reveals the seed behind the commitment, within 5 s of `seeds_requested`. */
  "games.command.reveal_seed": {
    /** 32 bytes, in hex. */
    client_seed: RevealedSeed;
    /** Where. */
    room_id: RoomId;
  };
  /** As host, begins below full seats, with at least the game's fewest, all of them ready. */
  "games.command.start_game": {
    /** Which. */
    room_id: RoomId;
  };
  /** As host, sends somebody out, who may come back. */
  "games.command.kick_player": {
    /** Where. */
    room_id: RoomId;
    /** Whom. */
    target_user_id: UserId;
  };
  /** As host, sends a spectator out, who may come back. */
  "games.command.kick_spectator": {
    /** Where. */
    room_id: RoomId;
    /** Whom. */
    target_user_id: UserId;
  };
  /** As host, sends somebody out for good. */
  "games.command.ban_player": {
    /** Where. */
    room_id: RoomId;
    /** Whom. */
    target_user_id: UserId;
  };
  /** As host, lets somebody in again. */
  "games.command.unban_player": {
    /** Where. */
    room_id: RoomId;
    /** Whom. */
    target_user_id: UserId;
  };
  /** As host, keeps somebody from writing in this room's chat. */
  "games.command.mute_user": {
    /** Where. */
    room_id: RoomId;
    /** Whom. */
    target_user_id: UserId;
  };
  /** As host, lets somebody write again. */
  "games.command.unmute_user": {
    /** Where. */
    room_id: RoomId;
    /** Whom. */
    target_user_id: UserId;
  };
  /** Writes into one of the room's chat channels. */
  "games.command.send_chat": {
    /** In which of its channels. */
    channel: ChatChannel;
    /** As typed. */
    content: string;
    /** Where. */
    room_id: RoomId;
  };
  /** Asks for what was written in a channel of the room. */
  "games.command.get_chat_history": {
    /** Of which channel. */
    channel: ChatChannel;
    /** The most messages, the newest ones; all that are kept where it is left out. */
    limit?: number | null;
    /** Where. */
    room_id: RoomId;
  };
  /** Writes to one user. */
  "chat.command.send_message": {
    /** As typed. */
    content: string;
    /** To whom. */
    recipient_id: UserId;
  };
  /** Writes to everyone who is connected. */
  "chat.command.send_lobby_message": {
    /** As typed. */
    content: string;
    /** `main`, the one lobby. */
    lobby_id: string;
  };
  /** Says that one is writing to somebody. */
  "chat.command.typing": {
    /** Who is to see it. */
    recipient_id: UserId;
  };
  /** Says that one has read messages. */
  "chat.command.mark_read": {
    /** Which. */
    message_ids: string[];
  };
  /** Asks for a page of the payment provider to pay in on. */
  "wallet.command.top_up": {
    /** How much. */
    amount_cents: Cents;
    /** Where to go instead. */
    cancel_url?: string | null;
    /** Where to go after paying: an address of this site. */
    success_url?: string | null;
  };
  /** Asks for a payment not to be made any more. It stays open until it is told to be `expired`. */
  "wallet.command.cancel_top_up": {
    /** The payment's request. */
    request_id: string;
  };
  /** Limits what one may pay in. A lower limit counts at once, a higher one a day later. */
  "wallet.command.set_deposit_limit": {
    /** Null: no limit. */
    amount_cents: Cents | null;
    /** For what. */
    period: Period;
  };
  /** Keeps oneself from playing and paying in, for days that nobody shortens. */
  "wallet.command.exclude_self": {
    /** For how long. */
    days: number;
  };
  /** Rolls the die. */
  "games.command.bigger_dice.roll": {
    /** Where. */
    room_id: RoomId;
  };
  /** Has the server play one's seat, or not any more. */
  "games.command.bigger_dice.enable_auto_play": {
    /** Or not any more; it does where it is left out. */
    enabled?: boolean | null;
    /** Where. */
    room_id: RoomId;
  };
  /** Makes the move `move`. */
  "games.command.tic_tac_toe.move": {
    /** 0 to 8, row by row. */
    position: number;
    /** Where. */
    room_id: RoomId;
  };
  /** Has the server play one's seat, or not any more. */
  "games.command.tic_tac_toe.enable_auto_play": {
    /** Or not any more; it does where it is left out. */
    enabled?: boolean | null;
    /** Where. */
    room_id: RoomId;
  };
}

/** What the gateway itself says, by its type. */
export interface ServerMessages {
  /** The first frame of every connection. */
  "system.welcome": {
    /** The connection, which is also the `socket_id` of what is said about it. */
    connection_id: string;
    /** The server's time, from which clients take their countdowns. */
    timestamp: Timestamp;
  };
  /** The connection is signed in. What the user missed follows, room by room. */
  "system.authenticated": {
    /** `player`, `guest`, `admin`, … */
    roles: string[];
    /** The server's time. */
    timestamp: Timestamp;
    /** Who. */
    user_id: UserId;
    /** The name shown to others. */
    username: string;
  };
  /** The answer to a heartbeat. */
  "system.heartbeat_ack": {
    /** The server's time. */
    timestamp: Timestamp;
  };
  /** A command is durable in the log: it will be decided, whatever fails meanwhile. What came of it follows as an event. */
  "system.ack": {
    /** Which. */
    command_id: string;
  };
  /** What the gateway itself refuses. */
  "system.error": {
    /** For a program. */
    code: GatewayCode;
    /** The command, where it is known which. */
    command_id?: string;
    /** For a person; it names the field that is wrong. */
    message: string;
  };
}

/** What the gateway itself takes, by its type. */
export interface ClientMessages {
  /** Signs the connection in, within 5 s of the welcome, or goes on with a fresher token of the same user. */
  "system.authenticate": {
    /** What the client has seen of which rooms. */
    resume?: Seen[] | null;
    /** An access token. */
    token: string;
  };
  /** Says that the client lives; every 10 s, for a connection that was silent for 20 s is closed. */
  "system.heartbeat": Record<never, never>;
  /** Asks for what was missed of rooms, at any time. */
  "system.resume": {
    /** What the client has seen of which. */
    rooms: Seen[];
  };
  /** Asks for changes to the list of rooms, or for no more of them. */
  "system.lobby": {
    /** One game; all of them where it is left out. */
    game_type?: string | null;
    /** Whether to watch. */
    watch: boolean;
  };
}

export type EventType = keyof Events;

/** An event as it comes in: tell which by its `type`. */
export type EventFrame<T extends EventType = EventType> = T extends EventType
  ? { type: T } & Omit<EventMeta, keyof Events[T]> & Events[T]
  : never;

export type CommandType = keyof Commands;

/** A command as it goes out. */
export type CommandFrame<T extends CommandType = CommandType> = T extends CommandType
  ? { type: T } & CommandMeta & Commands[T]
  : never;

export type ServerMessageType = keyof ServerMessages;

/** What the gateway itself says. */
export type ServerMessage<T extends ServerMessageType = ServerMessageType> = T extends ServerMessageType
  ? { type: T } & ServerMessages[T]
  : never;

export type ClientMessageType = keyof ClientMessages;

/** What the gateway itself takes. */
export type ClientMessage<T extends ClientMessageType = ClientMessageType> = T extends ClientMessageType
  ? { type: T } & ClientMessages[T]
  : never;

/** Why a command was refused, by a backend or by the gateway itself. */
export type ErrorCode = RefusalCode | GatewayCode;
