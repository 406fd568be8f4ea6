//! What stands between the tables.

pub(super) const HEAD: &str = "\
# The protocol

What browsers and the server say to each other, and what the server's parts say to each other over topics. This page is made
by `make generated` from the types that stand on the wire, as are the documents beside it:

- [AsyncAPI 3.0](contract/asyncapi.json): the socket and the topics, every message with its schema and an example;
- [OpenAPI 3.1](contract/openapi.json): the HTTP API, which signs in, pays in and reads;
- JSON Schemas, one a message, under `contract/schemas/`: [room_state](contract/schemas/games.event.room_state.json), for one;
- TypeScript's types under `web/sdk/src/generated/`: `contract.ts` of the socket, `rest.ts` of the HTTP API.

A running server has this page at `/docs`, and the documents below it. Conventions: field names are exact; a field marked `?` may
be left out, and by clients be null; unknown fields are passed over by whoever reads; money is whole minor units (`amount_cents`); ids of users are numbers
below 2^53 as text, and as numbers in records without an envelope.

";

pub(super) const SOCKET: &str = "\
## The socket

`GET /ws`, upgraded to a WebSocket. All frames are JSON text: an object with a `type`.

1. The server speaks first: `system.welcome`, with the server's time, from which a client takes its countdowns.
2. Within 5 s the client sends `system.authenticate` with an access token (from the HTTP API, good for 15 min); `system.authenticated`
   answers. What the user missed follows, room by room: what was said since the `room_seq` that the client names, or `room_state`.
3. The client sends commands, each with a `command_id` that it made. `system.ack` says that a command is durable; what came of it
   follows as events, or as a refusal that carries the `command_id`. Sent again with the same id a command changes nothing and gets
   the same answer. Ids older than an hour are refused as `command_expired`.
4. Every 10 s the client sends `system.heartbeat`; a connection that was silent for 20 s is closed. After 12 s of silence
   it is sent a ping of the WebSocket's, whose answer counts as a word. To stay signed in, the client authenticates again, as the same
   user, before the token's end.

**Order.** Events that all of a room get are numbered by `room_seq`, from 1 on and without holes. A narrower one has `after_seq`: the
number of the room-wide event before it. A client that finds a hole asks with `system.resume`; what the server no longer has in memory
it replaces by `room_state` (`recovered` is false): whoever gets that forgets what they knew of the room. Events that come twice have
the same `event_id`. The state of a running game follows its `room_state`, for that viewer.

**Closing.** 1000: bye. 1002, 1003, 1007: not a text frame of JSON. 1008: not signed in, signed in as another, or too slow. 1009: a message
too long. 1012: the server drains; come back at once. 1013: too busy; come back later.

**Limits.** A message has at most 64 fields and nests 32 deep; how long and how many there may be is configured
(`docs/configuration.md`, `gateway`). One too many is answered with `rate_limited`; who goes on is cut off.
";

pub(super) const COMMANDS: &str = "\
Beside its own fields a command has a `command_id`: a UUIDv7, whose time must be within an hour of the server's. A client that sends
none gets one that it does not know, and can not tell what answers it.

A command is refused with `games.event.error` (`chat.event.error` for `chat.command.…`), at the connection that it came from. Beside
what stands with each, any may be refused as `unavailable`, `internal`, `invalid_format`, `unknown_command` or `command_expired`.
Where several refusals apply, the first of the [list](#error-codes) is given.
";

pub(super) const ASKED: &str = "\
These are the gateway's own; they have no `command_id` and go no further.
";

pub(super) const ROOM_COMMANDS: &str = "\
A room's `host` selects who plays; each selected player pays the fee, which stays in escrow until the room ends. Passwords are sealed by
the gateway before they go anywhere.
";

pub(super) const GAME_COMMANDS: &str = "\
`games.command.<game>.<move>`: a game names its moves itself; the HTTP API lists each game's moves with their schemas
(`GET /api/v1/games`). These are those of the games that come with the program.
";

pub(super) const WALLET_COMMANDS: &str = "\
Money that a player really has. What may be paid in is bounded by the house's rules and the player's own limits.
";

pub(super) const EVENTS: &str = "\
An event's frame is its `type`, these fields, and its own:

";

pub(super) const ROOM_EVENTS: &str = "\
Everyone in the room gets them where nothing else is said.
";

pub(super) const DICE: &str = "\
2 to 10 seats; the highest roll of a round takes a point, and 10 points the prize. Those tied for the highest roll again until one wins.
A turn takes 5 s, then the server rolls. Each roll can be recomputed once the seeds are revealed: see `docs/fairness.md`.
";

pub(super) const CELLS: &str = "\
2 seats; five games take the prize. X begins, and X and O swap each game. A turn takes 60 s, then the game is lost. Who is gone is
waited for, up to 10 min in all.
";

pub(super) const TYPES: &str = "\
What several messages have in them.
";

pub(super) const CODES: &str = "\
The codes of `games.event.error` and `chat.event.error`, in order of precedence.
";

pub(super) const TOPICS: &str = "\
Every topic has the same number of partitions, 12 unless configured otherwise, and records go to the partition of their key by murmur2, as
Kafka's own producers put them; events go to the partition of the command's room or user. All but payments, checkouts and dead letters
are in the [envelope](#the-envelope). Readers pass over fields that they do not know, and answer event types that they do not know with
an error, never with a stall.
";

pub(super) const HEADERS: &str = "\
Texts, so that a record can be routed without being parsed.

";

pub(super) const ENVELOPE: &str = "\
See [EventEnvelope](#eventenvelope). A command's payload is its fields and its `command_id`; an event's begins with its `type`, less the
`games.event.` and the like, and has `room_id`, `room_seq` or `after_seq`, and `command_id` as its frame has them. The gateway makes the
frame of it: the envelope's `event_type` as its `type`, `event_id`, `correlation_id`, `timestamp`, and all of the payload. Where a
payload has a field of one of these names, that one stands.

";

pub(super) const RECORDS: &str = "\
Raw JSON, keyed by the user. A record that comes again has the same `event_id` or `request_id` and changes nothing.

";

pub(super) const BETWEEN: &str = "\
Events that no socket gets; of the actor's or of the whole process.

";
