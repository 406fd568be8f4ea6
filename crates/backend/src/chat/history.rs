//! What a running room keeps of its chat: the newest messages of each channel, beside the room and not
//! in it, so that deciding a command copies none of them.

use super::{Meter, Rate};
use blazing_sun_domain::room::{Action, Channel, Effects};
use blazing_sun_domain::{Millis, UserId};
use rustc_hash::FxHashMap;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, VecDeque};

/// Messages that a channel keeps, …
const MESSAGES_MAX: usize = 100;
/// … and their bytes.
const BYTES_MAX: usize = 32 * 1024;

/// A channel's newest messages, oldest first: the bodies of `chat_message`.
#[derive(Debug, Default)]
struct History {
    messages: VecDeque<Box<RawValue>>,
    bytes: usize,
}

impl History {
    fn push(&mut self, message: Box<RawValue>) {
        self.bytes += message.get().len();
        self.messages.push_back(message);
        while self.messages.len() > MESSAGES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.messages.pop_front() else {
                break;
            };
            self.bytes -= oldest.get().len();
        }
    }
}

/// What one user has taken of a room's chat.
#[derive(Debug, Default)]
struct Taken {
    written: Meter,
    asked: Meter,
}

/// A room's chat, as long as the room runs.
#[derive(Debug, Default)]
pub(crate) struct RoomChat {
    channels: BTreeMap<Channel, History>,
    /// Not saved: after a restart everybody has rested.
    taken: FxHashMap<UserId, Taken>,
}

impl RoomChat {
    /// Keeps what an input has said.
    pub(crate) fn note(&mut self, action: &Action, effects: &Effects) {
        let Action::Chat { channel, .. } = action else {
            return;
        };
        for event in &effects.events {
            if let Ok(message) = RawValue::from_string(event.body.get().to_owned()) {
                self.channels.entry(*channel).or_default().push(message);
            }
        }
    }

    /// The newest messages of a channel, oldest first.
    pub(crate) fn newest(&self, channel: Channel, limit: Option<u32>) -> Vec<&RawValue> {
        let Some(history) = self.channels.get(&channel) else {
            return Vec::new();
        };
        let limit = limit.map_or(MESSAGES_MAX, |limit| limit as usize);
        let skipped = history.messages.len().saturating_sub(limit);
        let newest = history.messages.iter().skip(skipped);
        newest.map(|message| &**message).collect()
    }

    /// Whether the user may write another message now; it counts.
    pub(crate) fn may_write(&mut self, user: UserId, rate: Rate, now: Millis) -> bool {
        self.taken.entry(user).or_default().written.take(rate, now)
    }

    /// Whether the user may ask for another history now; it counts.
    pub(crate) fn may_ask(&mut self, user: UserId, rate: Rate, now: Millis) -> bool {
        self.taken.entry(user).or_default().asked.take(rate, now)
    }

    /// For a snapshot; nothing where nobody has said anything.
    pub(crate) fn save(&self) -> Option<Vec<u8>> {
        let channels = self.channels.iter();
        let saved: BTreeMap<_, _> = channels
            .map(|(channel, history)| (channel, &history.messages))
            .collect();
        let is_empty = saved.is_empty();
        (!is_empty).then(|| serde_json::to_vec(&saved).expect("messages are JSON objects"))
    }

    /// From a snapshot.
    pub(crate) fn load(saved: &[u8]) -> Result<RoomChat, serde_json::Error> {
        let saved: BTreeMap<Channel, Vec<Box<RawValue>>> = serde_json::from_slice(saved)?;
        let mut chat = RoomChat::default();
        for (channel, messages) in saved {
            let history = chat.channels.entry(channel).or_default();
            messages
                .into_iter()
                .for_each(|message| history.push(message));
        }
        Ok(chat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Box<RawValue> {
        RawValue::from_string(format!("{{\"content\":\"{text}\"}}")).unwrap()
    }

    fn texts(chat: &RoomChat, limit: Option<u32>) -> Vec<String> {
        let newest = chat.newest(Channel::Players, limit);
        newest
            .iter()
            .map(|message| message.get().to_owned())
            .collect()
    }

    #[test]
    fn the_oldest_go_and_the_rest_comes_back_from_a_snapshot() {
        let mut chat = RoomChat::default();
        assert_eq!(chat.save(), None);
        let players = chat.channels.entry(Channel::Players).or_default();
        (0..MESSAGES_MAX + 5).for_each(|n| players.push(message(&n.to_string())));
        assert_eq!(texts(&chat, None).len(), MESSAGES_MAX);
        assert_eq!(texts(&chat, None)[0], r#"{"content":"5"}"#);
        assert_eq!(texts(&chat, Some(1)), [r#"{"content":"104"}"#]);
        assert!(texts(&chat, Some(0)).is_empty());
        assert!(chat.newest(Channel::Lobby, None).is_empty());
        let again = RoomChat::load(&chat.save().unwrap()).unwrap();
        assert_eq!(texts(&again, None), texts(&chat, None));

        let long = "x".repeat(BYTES_MAX / 2);
        let players = chat.channels.entry(Channel::Players).or_default();
        (0..3).for_each(|_| players.push(message(&long)));
        assert_eq!(texts(&chat, None).len(), 1, "two are longer than may be");
    }

    #[test]
    fn writing_and_asking_are_counted_apart_and_for_each_user() {
        let (rate, now) = (
            Rate {
                per_second: 1,
                burst: 1,
            },
            Millis(0),
        );
        let (ann, bob) = (UserId::new(1).unwrap(), UserId::new(2).unwrap());
        let mut chat = RoomChat::default();
        assert!(chat.may_write(ann, rate, now) && !chat.may_write(ann, rate, now));
        assert!(chat.may_ask(ann, rate, now) && !chat.may_ask(ann, rate, now));
        assert!(chat.may_write(bob, rate, now));
        assert!(chat.may_write(ann, rate, Millis(1_000)));
    }
}
