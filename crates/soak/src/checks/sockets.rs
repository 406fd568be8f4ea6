//! I5 and I8 of one connection: what it hears is what the topics say, in their order, and for it.

use super::Events;
use crate::Violation;
use crate::history::{number, text};
use crate::transcript::Transcript;
use serde_json::{Map, Value};

const ORDER: &str = "I5 order";
const PRIVATE: &str = "I8 private";

/// Checks what came over one connection, and forgets it.
pub fn check_transcript(transcript: &mut Transcript, events: &Events, found: &mut Vec<Violation>) {
    let frames = std::mem::take(&mut transcript.frames);
    for (at, frame) in frames.iter().enumerate() {
        let user = transcript.user;
        let kind = text(&frame["type"]);
        let differ = |invariant, what: &str| {
            let before = trail(&frames[..at], &frame["room_id"]);
            Violation::of(
                invariant,
                format!("user {user}: {what}: {frame}, after {before}"),
            )
        };
        if kind.ends_with(".error") {
            // The server names commands that have no id, and then the asking socket alone tells.
            // Without a socket it is for all of the user's: a match that could not be paid for.
            let is_for_all = frame["socket_id"] == "";
            let asked_here = is_for_all
                || frame["command_id"].as_str().is_none_or(|id| {
                    transcript.sent.contains(id)
                        || (transcript.sent_nameless && frame["socket_id"] == *transcript.socket_id)
                });
            if !asked_here {
                found.push(differ(PRIVATE, "heard the refusal of another socket"));
            }
        }
        let Some(id) = frame["event_id"].as_str() else {
            continue;
        };
        let Some(envelope) = events.recent.get(id) else {
            found.push(differ(ORDER, "heard what no topic has"));
            continue;
        };
        if *frame != frame_of(envelope) {
            let what = format!("heard otherwise than the topic says: {envelope}");
            found.push(differ(ORDER, &what));
        }
        let audience = &envelope["audience"];
        if matches!(text(&audience["type"]), "user" | "users") {
            let named = audience["user_ids"].as_array();
            let is_named = |users: &Vec<Value>| users.iter().any(|id| number(id) == Some(user));
            if !named.is_some_and(is_named) {
                found.push(differ(PRIVATE, "heard what is for others"));
            }
        }
        if kind == "chat.event.lobby_message" && !transcript.has_watched {
            found.push(differ(
                PRIVATE,
                "heard the lobby's chat without watching it",
            ));
        }
        let payload = &envelope["payload"];
        let room = text(&payload["room_id"]).to_owned();
        if kind == "games.event.not_in_room" {
            transcript.known.remove(&room);
        } else if kind == "games.event.room_state" {
            let seq = payload["room"]["room_seq"].as_u64().unwrap_or_default();
            if transcript
                .known
                .get(&room)
                .is_some_and(|known| seq < *known)
            {
                found.push(differ(ORDER, "heard a state older than what it knew"));
            }
            transcript.known.insert(room, seq);
        } else if audience["type"] == "room" {
            let seq = payload["room_seq"].as_u64().unwrap_or_default();
            match transcript.known.insert(room, seq) {
                Some(known) if seq == known + 1 => {}
                Some(known) => {
                    let what = format!("heard {seq} after {known}");
                    found.push(differ(ORDER, &what));
                }
                None => found.push(differ(ORDER, "heard of a room before its state")),
            }
        } else if let (Some(after), Some(known)) =
            (payload["after_seq"].as_u64(), transcript.known.get(&room))
            && after > *known
            // It goes to who is not in the room, or not any more.
            && kind != "games.event.room_invited"
        {
            found.push(differ(
                ORDER,
                "heard what came after something it did not hear",
            ));
        }
    }
}

/// What was heard of a room before, in short.
fn trail(frames: &[Value], room: &Value) -> String {
    let about = |frame: &&Value| frame["room_id"] == *room || frame["room_id"].is_null();
    let mut last: Vec<String> = frames
        .iter()
        .rev()
        .filter(about)
        .take(12)
        .map(|frame| {
            let seq = frame["room_seq"]
                .as_u64()
                .or(frame["room"]["room_seq"].as_u64());
            let seq = seq.or(frame["after_seq"].as_u64());
            let kind = text(&frame["type"]).replacen("games.event.", "", 1);
            format!(
                "{kind} {}",
                seq.map_or_else(String::new, |seq| seq.to_string())
            )
        })
        .collect();
    last.reverse();
    last.join(", ")
}

/// The frame that an event is sent as.
pub fn frame_of(envelope: &Value) -> Value {
    let mut frame = Map::new();
    frame.insert("type".to_owned(), envelope["event_type"].clone());
    for name in ["event_id", "correlation_id", "timestamp"] {
        frame.insert(name.to_owned(), envelope[name].clone());
    }
    for (name, value) in envelope["payload"].as_object().into_iter().flatten() {
        if name != "type" {
            frame.insert(name.clone(), value.clone());
        }
    }
    Value::Object(frame)
}
