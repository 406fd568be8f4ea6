//! Every statement that a partition's owner sends, prepared once a connection.

use futures_util::future::try_join_all;
use tokio_postgres::{Client, Error, Statement};

macro_rules! statements {
    ($($name:ident => $sql:literal,)*) => {
        /// A statement of a partition's owner.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Sql { $($name,)* }

        const TEXTS: &[&str] = &[$($sql,)*];
    };
}

statements! {
    Fence => "SELECT 1 FROM partition_owner WHERE partition = $1 AND epoch = $2 AND batch_no = $3 FOR UPDATE",
    Balances => "SELECT account, balance FROM account_balance WHERE account = ANY($1) ORDER BY account FOR UPDATE",
    BalancesUnlocked => "SELECT account, balance FROM account_balance WHERE account = ANY($1)",
    Transferred => "SELECT key FROM ledger_transfer WHERE key = ANY($1)",
    RoomsOf => "SELECT user_id, room_id FROM room_member
        WHERE user_id = ANY($1) AND membership <> 'left' ORDER BY user_id, room_id",
    Users => "SELECT id, username, status FROM users WHERE id = ANY($1)",
    RoomsNamed => "SELECT asked.name, found.room_id FROM unnest($1::text[]) AS asked (name)
        CROSS JOIN LATERAL (SELECT room_id FROM room_directory WHERE room_name = asked.name
                            ORDER BY room_id LIMIT 2) AS found",
    EndedRooms => "SELECT room_id, room_name FROM room_archive WHERE room_id = ANY($1)",
    Wallets => "SELECT user_id, owed_cents, limits, excluded_until_ms FROM wallet WHERE user_id = ANY($1)",
    TopUps => "SELECT request_id, user_id, amount_cents, currency, status, session_id, session_url,
               payment_intent_id, payment, refunded_cents, requested_ms, finished_ms, error
        FROM top_up WHERE request_id = ANY($1)",
    Disputes => "SELECT request_id, dispute_id, user_id, amount_cents, facts, state, held_cents, short_cents
        FROM top_up_dispute WHERE request_id = ANY($1) ORDER BY request_id, dispute_id",
    OpenTopUps => "SELECT request_id, user_id, amount_cents, currency, status, session_id, session_url,
               payment_intent_id, payment, refunded_cents, requested_ms, finished_ms, error
        FROM top_up WHERE user_id = ANY($1) AND status IN ('requested', 'session_created')",
    PaidTopUps => "SELECT request_id, user_id, amount_cents, currency, status, session_id, session_url,
               payment_intent_id, payment, refunded_cents, requested_ms, finished_ms, error
        FROM top_up WHERE user_id = ANY($1) AND payment IS NOT NULL AND finished_ms > $2",

    MoveOn => "UPDATE partition_owner SET batch_no = $2, alive_ms = $3, floor = $4,
        published_upto = greatest(published_upto, $5) WHERE partition = $1",
    Offsets => "INSERT INTO partition_offset (partition, topic, next_offset, newest_ms)
        SELECT $1::int, topic, next, newest
        FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS given (topic, next, newest)
        ON CONFLICT (partition, topic) DO UPDATE SET next_offset = excluded.next_offset,
            newest_ms = greatest(partition_offset.newest_ms, excluded.newest_ms)",
    Forwarded => "INSERT INTO partition_forwarded (partition, source, topic, seq)
        SELECT $1::int, source, topic, seq
        FROM unnest($2::int[], $3::text[], $4::bigint[]) AS given (source, topic, seq)
        ON CONFLICT (partition, source, topic) DO UPDATE SET seq = excluded.seq",
    Positions => "INSERT INTO outbox_position (partition, topic, target, next_seq)
        SELECT $1::int, topic, target, next
        FROM unnest($2::text[], $3::int[], $4::bigint[]) AS given (topic, target, next)
        ON CONFLICT (partition, topic, target) DO UPDATE SET next_seq = excluded.next_seq",
    NewAccounts => "INSERT INTO account_balance (account, balance)
        SELECT account, 0 FROM unnest($1::text[]) AS given (account) ORDER BY account ON CONFLICT DO NOTHING",
    LockAccounts => "SELECT 1 FROM account_balance WHERE account = ANY($1) ORDER BY account FOR UPDATE",
    Transfers => "INSERT INTO ledger_transfer (key, kind, from_account, to_account, amount_cents, room_id, user_id,
                                     correlation_id, partition, batch_no, at_ms)
        SELECT key, kind, from_account, to_account, amount, room_id, user_id, correlation_id, $9::int, $10::bigint,
               $11::bigint
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bigint[],
                    $8::text[]) WITH ORDINALITY
             AS given (key, kind, from_account, to_account, amount, room_id, user_id, correlation_id, place)
        ORDER BY place",
    ChangeBalances => "UPDATE account_balance SET balance = account_balance.balance + given.change
        FROM unnest($1::text[], $2::bigint[]) AS given (account, change)
        WHERE account_balance.account = given.account",
    Batch => "INSERT INTO batch (partition, batch_no, commit_no, at_ms, consumed, records)
        VALUES ($1, $2, nextval('batch_commit_no'), $3, $4, $5)",
    Rooms => "INSERT INTO room_snapshot (room_id, partition, batch_no, sealed_secret, password_mac, journal_parts,
                                   journal_digest, chat, state)
        SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::bytea[], $6::bigint[],
                             $7::bytea[], $8::bytea[], $9::bytea[])
        ON CONFLICT (room_id) DO UPDATE SET partition = excluded.partition, batch_no = excluded.batch_no,
            sealed_secret = excluded.sealed_secret, password_mac = excluded.password_mac,
            journal_parts = excluded.journal_parts, journal_digest = excluded.journal_digest,
            chat = excluded.chat, state = excluded.state",
    Journals => "INSERT INTO room_journal (room_id, part, inputs)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[])",
    PutMembers => "INSERT INTO room_member (user_id, room_id, membership)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])
        ON CONFLICT (user_id, room_id) DO UPDATE SET membership = excluded.membership",
    RemoveMembers => "DELETE FROM room_member USING unnest($1::bigint[], $2::text[]) AS given (user_id, room_id)
        WHERE room_member.user_id = given.user_id AND room_member.room_id = given.room_id",
    Archives => "INSERT INTO room_archive (room_id, partition, game_type, room_name, game_version, rules_version,
                                  ended_ms, sealed_secret, digest, inputs)
        SELECT room_id, partition, game_type, room_name, game_version, rules_version, ended_ms, sealed_secret,
               digest,
               coalesce((SELECT string_agg(part.inputs, ''::bytea ORDER BY part.part)
                         FROM room_journal AS part WHERE part.room_id = given.room_id), ''::bytea) || last_inputs
        FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
                    $8::text[], $9::bytea[], $10::bytea[])
             AS given (room_id, partition, game_type, room_name, game_version, rules_version, ended_ms,
                       sealed_secret, digest, last_inputs)
        ON CONFLICT (room_id) DO UPDATE SET partition = excluded.partition, game_type = excluded.game_type,
            room_name = excluded.room_name, game_version = excluded.game_version,
            rules_version = excluded.rules_version, ended_ms = excluded.ended_ms,
            sealed_secret = excluded.sealed_secret, inputs = excluded.inputs, digest = excluded.digest",
    ForgetJournals => "DELETE FROM room_journal WHERE room_id = ANY($1)",
    ForgetSnapshots => "DELETE FROM room_snapshot WHERE room_id = ANY($1)",
    ForgetMembers => "DELETE FROM room_member WHERE room_id = ANY($1)",
    Quarantine => "INSERT INTO room_quarantine (room_id, partition, batch_no, since_ms, inputs)
        SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::text[])
        ON CONFLICT (room_id) DO UPDATE SET batch_no = excluded.batch_no,
            inputs = room_quarantine.inputs || excluded.inputs",
    Release => "DELETE FROM room_quarantine WHERE room_id = ANY($1)",
    PutListings => "INSERT INTO room_directory (room_id, room_name, game_type, status, summary, listed_ms)
        SELECT room_id, room_name, game_type, status, summary, $6::bigint
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
             AS given (room_id, room_name, game_type, status, summary)
        ON CONFLICT (room_id) DO UPDATE SET room_name = excluded.room_name, status = excluded.status,
            summary = excluded.summary",
    RemoveListings => "DELETE FROM room_directory WHERE room_id = ANY($1)",
    PutQueues => "INSERT INTO quick_queue (game_type, state) SELECT * FROM unnest($1::text[], $2::bytea[])
        ON CONFLICT (game_type) DO UPDATE SET state = excluded.state",
    RemoveQueues => "DELETE FROM quick_queue WHERE game_type = ANY($1)",
    PutInboxes => "INSERT INTO inbox_snapshot (partition, user_id, batch_no, answers)
        SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bytea[])
        ON CONFLICT (partition, user_id) DO UPDATE SET batch_no = excluded.batch_no, answers = excluded.answers",
    RemoveInboxes => "DELETE FROM inbox_snapshot USING unnest($1::int[], $2::bigint[]) AS given (partition, user_id)
        WHERE inbox_snapshot.partition = given.partition AND inbox_snapshot.user_id = given.user_id",
    PutPresence => "INSERT INTO presence (partition, user_id, gateway_id, boot_id, connection_id)
        SELECT $1::int, user_id, gateway_id, boot_id, connection_id
        FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[])
             AS given (user_id, gateway_id, boot_id, connection_id)
        ON CONFLICT (partition, user_id, connection_id) DO UPDATE SET gateway_id = excluded.gateway_id,
            boot_id = excluded.boot_id",
    RemovePresence => "DELETE FROM presence USING unnest($2::bigint[], $3::text[]) AS given (user_id, connection_id)
        WHERE presence.partition = $1 AND presence.user_id = given.user_id
          AND presence.connection_id = given.connection_id",
    PutLastOnline => "INSERT INTO user_online (user_id, last_ms) SELECT DISTINCT user_id, $2::bigint
        FROM unnest($1::bigint[]) AS given (user_id)
        ON CONFLICT (user_id) DO UPDATE SET last_ms = greatest(user_online.last_ms, excluded.last_ms)",
    DirectMessages => "INSERT INTO direct_message (message_id, sender_id, sender_username, recipient_id,
                                    recipient_username, content, sent_ms)
        SELECT message_id, sender_id, sender_username, recipient_id, recipient_username, content, sent_ms
        FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bigint[])
             WITH ORDINALITY AS given (message_id, sender_id, sender_username, recipient_id, recipient_username,
                                       content, sent_ms, place)
        ORDER BY place",
    LobbyMessages => "INSERT INTO lobby_message (message_id, lobby_id, user_id, username, content, sent_ms)
        SELECT message_id, lobby_id, user_id, username, content, sent_ms
        FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[])
             WITH ORDINALITY AS given (message_id, lobby_id, user_id, username, content, sent_ms, place)
        ORDER BY place",
    MessagesRead => "UPDATE direct_message SET read_ms = $3
        FROM unnest($1::bigint[], $2::uuid[]) AS given (reader, message_id)
        WHERE direct_message.message_id = given.message_id AND direct_message.recipient_id = given.reader
          AND direct_message.read_ms IS NULL",
    PutWallets => "INSERT INTO wallet (user_id, owed_cents, limits, excluded_until_ms)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[])
        ON CONFLICT (user_id) DO UPDATE SET owed_cents = excluded.owed_cents, limits = excluded.limits,
            excluded_until_ms = excluded.excluded_until_ms",
    PutTopUps => "INSERT INTO top_up (request_id, user_id, amount_cents, currency, status, session_id, session_url,
                            payment_intent_id, payment, refunded_cents, requested_ms, finished_ms, error)
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[])
        ON CONFLICT (request_id) DO UPDATE SET status = excluded.status, session_id = excluded.session_id,
            session_url = excluded.session_url, payment_intent_id = excluded.payment_intent_id,
            payment = excluded.payment, refunded_cents = excluded.refunded_cents,
            finished_ms = excluded.finished_ms, error = excluded.error",
    PutDisputes => "INSERT INTO top_up_dispute (request_id, dispute_id, user_id, amount_cents, facts, state, held_cents,
                                    short_cents)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::int[], $6::text[], $7::bigint[],
                             $8::bigint[])
        ON CONFLICT (request_id, dispute_id) DO UPDATE SET facts = excluded.facts, state = excluded.state,
            held_cents = excluded.held_cents, short_cents = excluded.short_cents",
    // What another partition deletes just now is left to it.
    SweepDirect => "DELETE FROM direct_message WHERE id IN (
            SELECT id FROM direct_message
            WHERE sent_ms < $1 AND id <= (SELECT min(id) FROM direct_message) + $2
            ORDER BY id FOR UPDATE SKIP LOCKED)",
    SweepLobby => "DELETE FROM lobby_message WHERE id IN (
            SELECT id FROM lobby_message
            WHERE sent_ms < $1 AND id <= (SELECT min(id) FROM lobby_message) + $2
            ORDER BY id FOR UPDATE SKIP LOCKED)",
}

/// The prepared statements of a connection.
pub(super) struct Statements(Vec<Statement>);

impl Statements {
    /// Prepares all, in one round trip.
    pub(super) async fn prepare(client: &Client) -> Result<Statements, Error> {
        let all = TEXTS.iter().map(|sql| client.prepare(sql));
        try_join_all(all).await.map(Statements)
    }

    pub(super) fn get(&self, sql: Sql) -> &Statement {
        &self.0[sql as usize]
    }
}
