//! What was heard, held against what the topics say.

use super::scene::{STRANGER, WATCHER};
use blazing_sun_harness::text;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An event's type without what all of its family have.
pub fn short(event_type: &str) -> String {
    event_type
        .replacen("games.event.", "", 1)
        .replacen("event.", "", 1)
}

/// What was heard, held against what the topics say.
pub struct Heard<'a> {
    transcripts: &'a BTreeMap<&'static str, Vec<Value>>,
    events: &'a [Value],
    /// Who has heard an event.
    by_event: BTreeMap<&'a str, Vec<&'static str>>,
    user_ids: &'a BTreeMap<&'static str, String>,
}

impl<'a> Heard<'a> {
    pub fn new(
        transcripts: &'a BTreeMap<&'static str, Vec<Value>>,
        events: &'a [Value],
        user_ids: &'a BTreeMap<&'static str, String>,
    ) -> Heard<'a> {
        let mut by_event: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
        for (name, frames) in transcripts {
            for id in frames.iter().filter_map(|frame| frame["event_id"].as_str()) {
                by_event.entry(id).or_default().push(name);
            }
        }
        Heard {
            transcripts,
            events,
            by_event,
            user_ids,
        }
    }

    fn heard_by(&self, event: &Value) -> &[&'static str] {
        let id = event["event_id"].as_str().expect("an id");
        self.by_event.get(id).map_or(&[], Vec::as_slice)
    }

    fn caused_by<'b>(&'b self, id: &'b str) -> impl Iterator<Item = &'a Value> + 'b {
        let events = self.events.iter();
        events.filter(move |event| event["correlation_id"] == id)
    }

    /// One line an event, as [`does`](super::scene::Scene::does) takes them.
    fn lines(&self, id: &str) -> Vec<String> {
        let line = |event: &Value| {
            let name = short(&text(&event["event_type"]));
            let audience = text(&event["audience"]["type"]);
            let heard = self.heard_by(event);
            if audience == "broadcast" && event["payload"]["room_id"].is_string() {
                return format!("{name} broadcast");
            }
            match heard.is_empty() {
                true => format!("{name} {audience}: nobody"),
                false => format!("{name} {audience}: {}", heard.join(" ")),
            }
        };
        self.caused_by(id).map(line).collect()
    }

    pub fn check(&self, what: &str, id: &str, told: &str) {
        let lines = self.lines(id);
        let mut wanted = Vec::new();
        for line in told.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let certain = line.replacen("?", "", 1);
            if certain == line || lines.get(wanted.len()) == Some(&certain) {
                wanted.push(certain);
            }
        }
        assert_eq!(
            lines.join("\n"),
            wanted.join("\n"),
            "what {what} causes, on the left, and what it is to cause"
        );
    }

    /// That a command of the preparations was not refused.
    pub fn check_done(&self, what: &str, id: &str) {
        let mut caused = self.caused_by(id);
        let refused = caused.find(|event| text(&event["event_type"]).ends_with(".error"));
        assert_eq!(refused, None, "{what}");
    }

    /// The id of a command is known to who sent it and to who hears an event of it.
    pub fn check_id(&self, by: &str, command: &str, id: &str) {
        for (name, frames) in self.transcripts {
            for frame in frames.iter().filter(|frame| holds(frame, id)) {
                let kind = text(&frame["type"]);
                let is_answer = matches!(&*kind, "system.ack" | "system.error");
                let mut caused = self.caused_by(id);
                let is_event = caused.any(|event| event["event_id"] == frame["event_id"]);
                let is_known = is_event || (is_answer && *name == by);
                assert!(is_known, "{name} hears of {by}'s {command}: {frame}");
            }
        }
    }

    /// Whatever caused an event: nobody hears it whom its audience leaves out.
    pub fn check_audiences(&self) {
        for event in self.events {
            let audience = &event["audience"];
            let named = audience["user_ids"].as_array().into_iter().flatten();
            let named: Vec<&Value> = named.collect();
            let is_about_room = event["payload"]["room_id"].is_string();
            for name in self.heard_by(event) {
                let is_named = named.iter().any(|id| **id == self.user_ids[name].as_str());
                let is_meant = match &*text(&audience["type"]) {
                    "user" | "users" => is_named,
                    "broadcast" => *name == WATCHER || !is_about_room,
                    _ => ![WATCHER, STRANGER].contains(name),
                };
                assert!(is_meant, "{name} hears {event}");
            }
        }
    }

    /// Everybody hears of a room in its order.
    pub fn check_order(&self) {
        let place_of: BTreeMap<&str, usize> = self
            .events
            .iter()
            .enumerate()
            .filter(|(_, event)| {
                let is_about_room = event["payload"]["room_id"].is_string();
                let kind = text(&event["event_type"]);
                is_about_room
                    && event["audience"]["type"] != "broadcast"
                    && !kind.starts_with("wallet.")
                    && !kind.ends_with(".error")
            })
            .map(|(at, event)| (event["event_id"].as_str().expect("an id"), at))
            .collect();
        for (name, frames) in self.transcripts {
            let mut last: BTreeMap<String, usize> = BTreeMap::new();
            for frame in frames {
                let Some(at) = frame["event_id"].as_str().and_then(|id| place_of.get(id)) else {
                    continue;
                };
                let before = last.insert(text(&frame["room_id"]), *at);
                assert!(
                    before.is_none_or(|before| before < *at),
                    "{name} hears {frame} too late"
                );
            }
        }
    }

    /// Whose transcripts hold the text.
    pub fn hearers(&self, text: &str) -> BTreeSet<&'static str> {
        let transcripts = self.transcripts.iter();
        let hearers = transcripts.filter(|(_, frames)| frames.iter().any(|f| holds(f, text)));
        hearers.map(|(name, _)| *name).collect()
    }
}

/// Whether the text stands anywhere in it.
fn holds(frame: &Value, wanted: &str) -> bool {
    match frame {
        Value::String(text) => text.contains(wanted),
        Value::Array(values) => values.iter().any(|value| holds(value, wanted)),
        Value::Object(fields) => fields.values().any(|value| holds(value, wanted)),
        _ => false,
    }
}
