//! I8 by search: every player has secrets, and nobody else's transcript and no topic may hold them.

use crate::Violation;
use crate::transcript::Transcript;
use serde_json::Value;
use std::collections::HashMap;

/// Secrets and whose they are.
#[derive(Debug, Default)]
pub struct Canaries(HashMap<String, i64>);

impl Canaries {
    /// Adds a text that only this user may ever hear.
    pub fn add(&mut self, secret: String, user: i64) {
        self.0.insert(secret, user);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Looks for others' secrets in what one connection heard.
    pub fn search(&self, transcript: &Transcript, found: &mut Vec<Violation>) {
        for frame in &transcript.frames {
            strings(frame, &mut |text| {
                if let Some(owner) = self.0.get(text).filter(|owner| **owner != transcript.user) {
                    let what = format!(
                        "user {} heard a secret of {owner}: {frame}",
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
