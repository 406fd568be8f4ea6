//! What was written to and by a user, and in the lobby.

use super::ApiState;
use super::client::Bearer;
use super::page::{self, Page};
use super::problem::Problem;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use blazing_sun_backbone::messages::LOBBY_ID;
use blazing_sun_domain::UserId;
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
    pub timestamp: String,
}

pub(super) async fn mine(
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

pub(super) async fn of_lobby(
    State(state): State<ApiState>,
    Bearer(_): Bearer,
    Path(lobby_id): Path<String>,
    asked: Result<Query<Page>, QueryRejection>,
) -> Result<Json<LobbyMessages>, Problem> {
    let before = page::before(asked)?;
    if lobby_id != LOBBY_ID {
        let detail = format!("There is no such lobby; the one for all is `{LOBBY_ID}`.");
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "lobby_not_found",
            detail,
        ));
    }
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
