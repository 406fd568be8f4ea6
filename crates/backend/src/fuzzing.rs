//! What corpora and fuzzers run: each function takes any bytes, and panics where something does not hold.

use crate::accounts::{Email, NewPassword, Username};
use crate::api::fuzz_body;
use crate::inbox::Inbox;
use crate::names::{self, ROOM_NAME_CHARS_MAX, USERNAME_CHARS_MAX};
use crate::partition::JournalRecord;
use blazing_sun_domain::room::Input;

/// A record of the engine's own topic.
pub fn journal_record(bytes: &[u8]) {
    let Ok(record) = serde_json::from_slice::<JournalRecord>(bytes) else {
        return;
    };
    if let Some(room) = record.room
        && let Ok(input) = serde_json::from_str::<Input>(room.input.get())
    {
        let written = serde_json::to_string(&input).expect("an input is JSON");
        let again: Input = serde_json::from_str(&written).expect("what was written reads");
        assert_eq!(
            serde_json::to_string(&again).expect("an input is JSON"),
            written
        );
    }
}

/// A user's saved answers.
pub fn inbox(bytes: &[u8]) {
    if let Ok(inbox) = Inbox::load(bytes) {
        let saved = inbox.save();
        let again = Inbox::load(&saved).expect("what was saved loads");
        assert_eq!(again.save(), saved);
    }
}

/// The JSON body of a request to register.
pub fn http_body(bytes: &[u8]) {
    for text in fuzz_body(bytes, &["email", "password", "username"]) {
        let _ = (
            Email::parse(&text),
            NewPassword::parse(&text),
            Username::parse(&text),
        );
    }
}

/// A name of a user or room: what passes is what was typed, in bounds, and passes again.
pub fn name(bytes: &[u8]) {
    let typed = String::from_utf8_lossy(bytes);
    for chars_max in [USERNAME_CHARS_MAX, ROOM_NAME_CHARS_MAX] {
        if let Ok(name) = names::checked(&typed, chars_max) {
            assert!(typed.contains(name) && (1..=chars_max).contains(&name.chars().count()));
            assert!(!name.chars().any(char::is_control));
            assert_eq!(names::checked(name, chars_max), Ok(name));
        }
    }
}
