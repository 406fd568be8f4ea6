//! What all chat stands on: what may be written, how often, and what a room keeps of it.

mod content;
mod history;
mod meter;

pub use content::{InvalidContent, checked};
pub(crate) use history::RoomChat;
pub(crate) use meter::Meter;
pub use meter::Rate;

/// What an operator can set about chat, with its defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatRules {
    /// Characters of one message.
    pub message_chars_max: usize,
    /// Messages of one user: in each room, and to others and the lobby together.
    pub messages: Rate,
    /// How often a user is told to be typing.
    pub typing: Rate,
    /// How long direct and lobby messages are kept.
    pub kept_ms: i64,
}

/// A day has so many milliseconds.
pub const DAY_MS: i64 = 86_400_000;

impl Default for ChatRules {
    fn default() -> ChatRules {
        ChatRules {
            message_chars_max: 500,
            messages: Rate {
                per_second: 1,
                burst: 8,
            },
            typing: Rate {
                per_second: 1,
                burst: 3,
            },
            kept_ms: 90 * DAY_MS,
        }
    }
}
