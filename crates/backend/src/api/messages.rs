//! What was written to and by a user, and in the lobby.

use super::ApiState;
use super::client::Bearer;
use super::endpoint::{CURSOR_EXAMPLE, Endpoint, cursor, example_user, next_page};
use super::page::{self, Page};
use super::problem::Problem;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use blazing_sun_backbone::messages::LOBBY_ID;
use blazing_sun_backbone::rest::problem::{INVALID_FORMAT, LOBBY_NOT_FOUND};
use blazing_sun_backbone::rest::{Access, Answer, Operation, Parameter, Place, Tag};
use blazing_sun_domain::UserId;
use schemars::json_schema;
use serde::Serialize;

/// `GET me/messages`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DirectMessages {
    /// Newest first, sent and received.
    pub messages: Vec<DirectMessageEntry>,
    /// How many of all received ones are unread.
    pub unread_count: u64,
    /// For `?cursor=`, to read on; null at the end.
    pub next_cursor: Option<String>,
}

/// A direct message.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DirectMessageEntry {
    /// For `mark_read`.
    pub message_id: String,
    /// Who wrote it.
    pub sender_id: UserId,
    /// The writer's name then.
    pub sender_username: String,
    /// To whom.
    pub recipient_id: UserId,
    /// The reader's name then.
    pub recipient_username: String,
    /// As it was written.
    pub content: String,
    /// RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// Whether its recipient has marked it as read; the writer does not learn it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_read: Option<bool>,
}

/// `GET lobbies/{lobby_id}/messages`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct LobbyMessages {
    /// Newest first.
    pub messages: Vec<LobbyMessageEntry>,
    /// For `?cursor=`, to read on; null at the end.
    pub next_cursor: Option<String>,
}

/// A message in the lobby.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct LobbyMessageEntry {
    /// Where.
    pub lobby_id: String,
    /// Unlike any other's.
    pub message_id: String,
    /// Who wrote it.
    pub user_id: UserId,
    /// The writer's name then.
    pub username: String,
    /// As it was written.
    pub content: String,
    /// RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
}

/// Messages.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let at = "2026-01-31T20:15:00.000Z";
    let message_id = "0190a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b";
    let direct = DirectMessages {
        messages: vec![DirectMessageEntry {
            message_id: message_id.to_owned(),
            sender_id: UserId::new(42).unwrap_or(UserId::SYSTEM),
            sender_username: "Bo".to_owned(),
            recipient_id: example_user(),
            recipient_username: "Ada".to_owned(),
            content: "Another round?".to_owned(),
            timestamp: at.to_owned(),
            is_read: Some(false),
        }],
        unread_count: 1,
        next_cursor: None,
    };
    let lobby = LobbyMessages {
        messages: vec![LobbyMessageEntry {
            lobby_id: LOBBY_ID.to_owned(),
            message_id: message_id.to_owned(),
            user_id: example_user(),
            username: "Ada".to_owned(),
            content: "Who plays dice?".to_owned(),
            timestamp: at.to_owned(),
        }],
        next_cursor: Some(CURSOR_EXAMPLE.to_owned()),
    };
    let lobby_id = Parameter {
        place: Place::Path,
        name: "lobby_id",
        description: "Which lobby; there is one, for all.",
        is_required: true,
        schema: json_schema!({ "type": "string", "minLength": 1 }),
        example: LOBBY_ID.into(),
    };
    let get = |path, id| {
        Operation::get(path, id, Tag::Messages)
            .access(Access::Bearer)
            .parameter(cursor())
            .refuses(&[INVALID_FORMAT])
    };
    vec![
        Endpoint::new(
            get("/api/v1/me/messages", "directMessages")
                .says(
                    "List direct messages",
                    "Sent and received, newest first, 50 to a page.",
                )
                .answers(
                    Answer::json(200, "A page of them.", &direct).link(next_page("directMessages")),
                ),
            mine,
        ),
        Endpoint::new(
            get("/api/v1/lobbies/{lobby_id}/messages", "lobbyMessages")
                .says(
                    "List what was written in the lobby",
                    "Newest first, 50 to a page.",
                )
                .parameter(lobby_id)
                .answers(Answer::json(200, "A page of it.", &lobby))
                .refuses(&[LOBBY_NOT_FOUND]),
            of_lobby,
        ),
    ]
}

async fn mine(
    State(state): State<ApiState>,
    Bearer(claims): Bearer,
    asked: Result<Query<Page>, QueryRejection>,
) -> Result<Json<DirectMessages>, Problem> {
    let before = page::before(asked)?;
    let reads = &state.0.reads;
    let found = reads
        .direct_messages(claims.sub, before, page::ROWS + 1)
        .await?;
    let unread_count = reads.unread_messages(claims.sub).await?;
    let (found, next_cursor) = page::cut(found, |placed| placed.position);
    let messages = found.into_iter().map(|placed| {
        let (message, read_at) = placed.message;
        DirectMessageEntry {
            message_id: message.message_id.to_string(),
            sender_id: message.sender_id,
            sender_username: message.sender_username,
            recipient_id: message.recipient_id,
            recipient_username: message.recipient_username,
            content: message.content.0,
            timestamp: message.timestamp.to_string(),
            is_read: (message.recipient_id == claims.sub).then_some(read_at.is_some()),
        }
    });
    Ok(Json(DirectMessages {
        messages: messages.collect(),
        unread_count,
        next_cursor,
    }))
}

async fn of_lobby(
    State(state): State<ApiState>,
    Bearer(_): Bearer,
    lobby_id: Result<Path<String>, PathRejection>,
    asked: Result<Query<Page>, QueryRejection>,
) -> Result<Json<LobbyMessages>, Problem> {
    let before = page::before(asked)?;
    let lobby_id = lobby_id.ok().map(|Path(lobby_id)| lobby_id);
    let Some(lobby_id) = lobby_id.filter(|lobby_id| lobby_id == LOBBY_ID) else {
        let detail = format!("There is no such lobby; the one for all is `{LOBBY_ID}`.");
        return Err(Problem::new(LOBBY_NOT_FOUND, detail));
    };
    let found = state
        .0
        .reads
        .lobby_messages(&lobby_id, before, page::ROWS + 1)
        .await?;
    let (found, next_cursor) = page::cut(found, |placed| placed.position);
    let messages = found.into_iter().map(|placed| LobbyMessageEntry {
        lobby_id: placed.message.lobby_id,
        message_id: placed.message.message_id.to_string(),
        user_id: placed.message.user_id,
        username: placed.message.username,
        content: placed.message.content.0,
        timestamp: placed.message.timestamp.to_string(),
    });
    Ok(Json(LobbyMessages {
        messages: messages.collect(),
        next_cursor,
    }))
}
