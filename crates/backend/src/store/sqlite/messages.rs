//! What users write to each other and in the lobby, in the embedded store.

use crate::store::reads::Placed;
use crate::store::{Recipient, StoreError, Writes};
use blazing_sun_backbone::messages::{Content, DirectMessage, LobbyMessage};
use blazing_sun_domain::{Millis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

/// Expired messages that one sweep deletes of each kind at most, so that no batch takes long.
const DELETED_AT_ONCE: u32 = 500;

/// Writes what a batch holds of messages.
pub(super) fn write(connection: &Connection, writes: &Writes) -> Result<(), StoreError> {
    for message in &writes.direct_messages {
        write_direct(connection, message)?;
    }
    for message in &writes.lobby_messages {
        write_to_lobby(connection, message)?;
    }
    for (reader, message_ids) in &writes.messages_read {
        for id in message_ids {
            write_read(connection, *reader, *id, writes.now)?;
        }
    }
    if let Some(kept_from) = writes.messages_kept_from {
        delete_before(connection, kept_from)?;
    }
    Ok(())
}

fn write_direct(connection: &Connection, message: &DirectMessage) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO direct_message
             (message_id, sender_id, sender_username, recipient_id, recipient_username, content, sent_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            message.message_id.as_bytes(),
            message.sender_id.get() as i64,
            message.sender_username,
            message.recipient_id.get() as i64,
            message.recipient_username,
            message.content.0,
            message.timestamp.0,
        ])?;
    Ok(())
}

fn write_to_lobby(connection: &Connection, message: &LobbyMessage) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO lobby_message (message_id, lobby_id, user_id, username, content, sent_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            message.message_id.as_bytes(),
            message.lobby_id,
            message.user_id.get() as i64,
            message.username,
            message.content.0,
            message.timestamp.0,
        ])?;
    Ok(())
}

fn write_read(
    connection: &Connection,
    reader: UserId,
    message_id: Uuid,
    now: Millis,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE direct_message SET read_ms = ?3
             WHERE message_id = ?1 AND recipient_id = ?2 AND read_ms IS NULL",
        )?
        .execute(params![message_id.as_bytes(), reader.get() as i64, now.0])?;
    Ok(())
}

fn delete_before(connection: &Connection, kept_from: Millis) -> Result<(), StoreError> {
    // Ids grow with time, so that the oldest are found without an index of times.
    for table in ["direct_message", "lobby_message"] {
        connection
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE sent_ms < ?1
                 AND id <= (SELECT min(id) FROM {table}) + ?2"
            ))?
            .execute(params![kept_from.0, DELETED_AT_ONCE])?;
    }
    Ok(())
}

/// Somebody to write to.
pub(super) fn recipient(
    connection: &Connection,
    user: UserId,
) -> Result<Option<Recipient>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT username, status FROM users WHERE id = ?1")?;
    let found = statement.query_row([user.get() as i64], |row| {
        Ok(Recipient {
            username: row.get(0)?,
            is_active: row.get_ref(1)?.as_str()? == "active",
        })
    });
    Ok(found.optional()?)
}

/// The newest messages from and to a user, newest first, each with when it was read.
pub(super) fn of_user(
    connection: &Connection,
    user: UserId,
    before: i64,
    limit: u32,
) -> Result<Vec<Placed<(DirectMessage, Option<Millis>)>>, StoreError> {
    // Each half by its own index, and no more of it than is asked for.
    let half = |side: &str| {
        format!(
            "SELECT * FROM (SELECT * FROM direct_message WHERE {side} = ?1 AND id < ?2
             ORDER BY id DESC LIMIT ?3)"
        )
    };
    let query = format!(
        "SELECT id, message_id, sender_id, sender_username, recipient_id, recipient_username, content,
                sent_ms, read_ms
         FROM ({} UNION ALL {}) ORDER BY id DESC LIMIT ?3",
        half("sender_id"),
        half("recipient_id")
    );
    let mut statement = connection.prepare_cached(&query)?;
    let rows = statement.query_map(params![user.get() as i64, before, limit], |row| {
        let message = DirectMessage {
            message_id: Uuid::from_bytes(row.get(1)?),
            sender_id: user_of(row, 2)?,
            sender_username: row.get(3)?,
            recipient_id: user_of(row, 4)?,
            recipient_username: row.get(5)?,
            content: Content(row.get(6)?),
            timestamp: Millis(row.get(7)?),
        };
        let read_at = row.get::<_, Option<i64>>(8)?.map(Millis);
        Ok(Placed {
            position: row.get(0)?,
            message: (message, read_at),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many messages to a user are unread.
pub(super) fn unread(connection: &Connection, user: UserId) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM direct_message WHERE recipient_id = ?1 AND read_ms IS NULL",
    )?;
    let count: i64 = statement.query_row([user.get() as i64], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// The newest messages of a lobby, newest first.
pub(super) fn of_lobby(
    connection: &Connection,
    lobby_id: &str,
    before: i64,
    limit: u32,
) -> Result<Vec<Placed<LobbyMessage>>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, message_id, lobby_id, user_id, username, content, sent_ms FROM lobby_message
         WHERE lobby_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![lobby_id, before, limit], |row| {
        Ok(Placed {
            position: row.get(0)?,
            message: LobbyMessage {
                message_id: Uuid::from_bytes(row.get(1)?),
                lobby_id: row.get(2)?,
                user_id: user_of(row, 3)?,
                username: row.get(4)?,
                content: Content(row.get(5)?),
                timestamp: Millis(row.get(6)?),
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn user_of(row: &Row<'_>, column: usize) -> rusqlite::Result<UserId> {
    let id: i64 = row.get(column)?;
    let user = u64::try_from(id).ok().and_then(UserId::new);
    user.ok_or(rusqlite::Error::IntegralValueOutOfRange(column, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_delete_some_at_a_time_until_only_what_is_kept_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let mut connection =
            crate::store::sqlite::open_writer(&directory.path().join("store.db")).unwrap();
        crate::store::sqlite::migrate(&mut connection).unwrap();
        connection
            .pragma_update(None, "foreign_keys", "OFF")
            .unwrap();
        let sent = 2 * DELETED_AT_ONCE + 1;
        for number in 0..=sent {
            let message = LobbyMessage {
                lobby_id: "main".to_owned(),
                message_id: Uuid::from_u128(u128::from(number)),
                user_id: UserId::new(7).unwrap(),
                username: "ann".to_owned(),
                content: Content("hello".to_owned()),
                timestamp: Millis(if number == sent { 9 } else { 1 }),
            };
            write_to_lobby(&connection, &message).unwrap();
        }
        let left = || -> u32 {
            let query = "SELECT count(*) FROM lobby_message";
            connection.query_row(query, [], |row| row.get(0)).unwrap()
        };
        delete_before(&connection, Millis(5)).unwrap();
        assert!((2..=sent).contains(&left()), "{} are left", left());
        for _ in 0..2 {
            delete_before(&connection, Millis(5)).unwrap();
        }
        assert_eq!(left(), 1);
    }
}
