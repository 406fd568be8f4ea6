//! I8 by search: every secret has its readers, and nobody else's transcript may hold it.

use crate::Violation;
use crate::transcript::Transcript;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// Secrets and who may hear them.
#[derive(Debug, Default)]
pub struct Canaries(HashMap<String, BTreeSet<i64>>);

impl Canaries {
    /// Adds a text that only this user may ever hear, and other users for whom it was added.
    pub fn add(&mut self, secret: String, user: i64) {
        self.0.entry(secret).or_default().insert(user);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Looks for others' secrets in what one connection heard.
    pub fn search(&self, transcript: &Transcript, found: &mut Vec<Violation>) {
        for frame in &transcript.frames {
            strings(frame, &mut |text| {
                let readers = self.0.get(text);
                if let Some(readers) = readers.filter(|users| !users.contains(&transcript.user)) {
                    let what = format!(
                        "user {} heard a secret of {readers:?}: {frame}",
                        transcript.user
                    );
                    found.push(Violation::of("I8 private", what));
                }
            });
        }
    }
}

fn strings(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(values) => values.iter().for_each(|value| strings(value, each)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, each)),
        _ => {}
    }
}
