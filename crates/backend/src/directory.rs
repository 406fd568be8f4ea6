//! The list of rooms, read on a connection of its own so that no batch ever waits for it.

use crate::engine::ListAnswers;
use crate::partition::ListQuery;
use crate::store::StoreError;
use crate::store::sqlite::open_reader;
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_backbone::messages::room_list_body;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Rooms in one answer.
pub(crate) const ROOMS_MAX: usize = 200;

/// The thread that reads the directory; it ends when the last sender is gone.
pub struct Directory {
    queries: Sender<ListQuery>,
}

impl Directory {
    /// Starts the thread; answers are put where the engine finds them, and `log` is woken.
    pub(crate) fn start(path: &Path, log: SqliteLog) -> std::io::Result<(Directory, ListAnswers)> {
        let (queries, receiver) = channel();
        let answers = ListAnswers::default();
        let (path, out) = (path.to_owned(), answers.clone());
        std::thread::Builder::new()
            .name("directory".to_owned())
            .spawn(move || answer_all(&path, &receiver, &out, &log))?;
        Ok((Directory { queries }, answers))
    }

    pub(crate) fn sender(&self) -> Sender<ListQuery> {
        self.queries.clone()
    }
}

fn answer_all(path: &Path, queries: &Receiver<ListQuery>, answers: &ListAnswers, log: &SqliteLog) {
    let mut connection = None;
    while let Ok(query) = queries.recv() {
        let answer = (|| {
            let connection = match &connection {
                Some(connection) => connection,
                None => connection.insert(open_reader(path)?),
            };
            room_list(connection, &query)
        })();
        let body = match answer {
            Ok(rooms) => Some(room_list_body(rooms)),
            Err(error) => {
                tracing::error!(error = %error, correlation_id = query.correlation_id, user.id = %query.user, "the directory could not be read");
                connection = None;
                None
            }
        };
        answers.lock().push((query, body));
        log.wake();
    }
}

/// The rooms as `room_list` has them for this user: those to join first, then the newest.
fn room_list(connection: &Connection, query: &ListQuery) -> Result<Vec<Value>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT summary, membership FROM room_directory
         LEFT JOIN room_member ON room_member.room_id = room_directory.room_id AND user_id = ?1
         WHERE ?2 IS NULL OR game_type = ?2
         ORDER BY membership IS NULL, status = 'waiting' DESC, listed_ms DESC, room_directory.room_id LIMIT ?3",
    )?;
    let game_type = query.game_type.as_deref();
    let mut rows = statement.query(params![
        query.user.get() as i64,
        game_type,
        ROOMS_MAX as i64
    ])?;
    let mut rooms = Vec::new();
    while let Some(row) = rows.next()? {
        let summary: String = row.get(0)?;
        let role: Option<String> = row.get(1)?;
        rooms.push(listed(&summary, role.as_deref())?);
    }
    Ok(rooms)
}

/// A line of `room_list`: the room's summary, and how its reader stands to it.
pub(crate) fn listed(summary: &str, role: Option<&str>) -> Result<Value, StoreError> {
    let mut room: Value = serde_json::from_str(summary)
        .map_err(|error| StoreError::Corrupt(format!("a room's summary: {error}")))?;
    room["can_rejoin"] = json!(role.is_some());
    room["rejoin_role"] = match role {
        Some("left") => json!("player"),
        role => json!(role),
    };
    Ok(room)
}
