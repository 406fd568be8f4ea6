//! Typed identifiers and instants. Nowhere else does a bare string or integer stand for one of them.

use crate::json::digits;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use uuid::Uuid;

/// Why a string or number is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Not a decimal number below 2^53.
    #[error("a user id is a decimal number below 2^53, got `{0}`")]
    User(String),
    /// Empty, too long, or with a character outside `A-Z a-z 0-9 _ - .`.
    #[error("a room id is 1 to 64 characters of A-Z, a-z, 0-9, `_`, `-`, `.`, got `{0}`")]
    Room(String),
    /// Not a UUID.
    #[error("a command id is a UUID, got `{0}`")]
    Command(String),
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A user. Written as a decimal string, read from a string or an integer; below 2^53 so that
/// every JSON reader keeps it exact. 0 is the system itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UserId(u64);

impl UserId {
    /// The system as an actor.
    pub const SYSTEM: UserId = UserId(0);
    const LIMIT: u64 = 1 << 53;

    /// The user with this number, if it is below 2^53.
    pub fn new(id: u64) -> Option<UserId> {
        (id < Self::LIMIT).then_some(UserId(id))
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UserId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digits =
            !text.is_empty() && text.len() <= 16 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|_| digits)
            .and_then(UserId::new)
            .ok_or_else(|| InvalidId::User(shown(text)))
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(digits(self.0, &mut [0; 20])) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UserIdVisitor;

        impl Visitor<'_> for UserIdVisitor {
            type Value = UserId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a user id below 2^53, as a string or an integer")
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<UserId, E> {
                UserId::new(id).ok_or_else(|| E::custom(InvalidId::User(id.to_string())))
            }

            fn visit_i64<E: de::Error>(self, id: i64) -> Result<UserId, E> {
                let number = u64::try_from(id).ok().and_then(UserId::new);
                number.ok_or_else(|| E::custom(InvalidId::User(id.to_string())))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<UserId, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(UserIdVisitor)
    }
}

impl schemars::JsonSchema for UserId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UserId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A user: a number below 2^53 as text. Records without an envelope have it as a number; both are read.",
            "type": "string", "pattern": "^[0-9]{1,16}$",
        })
    }
}

/// A room. Ours are UUIDs; other programs may use any short name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(Arc<str>);

impl RoomId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RoomId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
            return Err(InvalidId::Room(shown(text)));
        }
        Ok(RoomId(text.into()))
    }
}

impl Serialize for RoomId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RoomId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RoomIdVisitor;

        impl Visitor<'_> for RoomIdVisitor {
            type Value = RoomId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a room id as a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RoomId, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(RoomIdVisitor)
    }
}

impl schemars::JsonSchema for RoomId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RoomId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A room. Ours are UUIDs; other programs may use any short name.",
            "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$",
        })
    }
}

/// The client's own id of a command (UUIDv7): the key under which its effect happens once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub Uuid);

impl CommandId {
    /// When the client made the id, if it is a UUIDv7.
    pub fn made_at(&self) -> Option<Millis> {
        let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
        (self.0.get_version_num() == 7).then(|| {
            Millis(
                i64::try_from(seconds).unwrap_or(i64::MAX / 2_000) * 1_000
                    + i64::from(nanos / 1_000_000),
            )
        })
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CommandId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Uuid::try_parse(text)
            .map(CommandId)
            .map_err(|_| InvalidId::Command(shown(text)))
    }
}

impl schemars::JsonSchema for CommandId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CommandId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "The client's own id of a command, a UUIDv7: the key under which its effect happens once.",
            "type": "string", "format": "uuid",
        })
    }
}

/// An instant: milliseconds since the Unix epoch, UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The instant `milliseconds` later.
    pub fn plus(self, milliseconds: i64) -> Millis {
        Millis(self.0.saturating_add(milliseconds))
    }
}

/// A year from 0 to 9999 as RFC 3339 has it, in bytes.
const TIMESTAMP: &[u8; 24] = b"0000-00-00T00:00:00.000Z";

/// Puts the decimal digits of a number over those that stand there.
fn put_digits(digits: &mut [u8], mut number: i64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + number.rem_euclid(10) as u8;
        number /= 10;
    }
}

impl Millis {
    /// Hands `take` the instant as RFC 3339, UTC, milliseconds.
    pub(crate) fn with_text<T>(
        self,
        take: impl FnOnce(fmt::Arguments<'_>, Option<&str>) -> T,
    ) -> T {
        let (days, of_day) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        // Days to a civil date, counted in 400-year eras that begin on 1 March 0000.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
        let (second, milli) = (of_day / 1_000 % 60, of_day % 1_000);
        let mut text = *TIMESTAMP;
        let places = [
            (0..4, year),
            (5..7, month),
            (8..10, day),
            (11..13, hour),
            (14..16, minute),
            (17..19, second),
            (20..23, milli),
        ];
        for (place, number) in places {
            put_digits(&mut text[place], number);
        }
        let is_usual = (0..10_000).contains(&year);
        let usual = std::str::from_utf8(&text).ok().filter(|_| is_usual);
        take(
            format_args!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
            ),
            usual,
        )
    }
}

impl fmt::Display for Millis {
    /// RFC 3339, UTC, milliseconds: `2024-01-20T10:30:01.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|any, usual| match usual {
            Some(text) => f.write_str(text),
            None => f.write_fmt(any),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_read_from_both_forms_and_write_as_strings() {
        let both: Vec<UserId> = serde_json::from_str(r#"["7", 7]"#).unwrap();
        assert_eq!(both[0], both[1]);
        assert_eq!(serde_json::to_string(&both).unwrap(), r#"["7","7"]"#);
        for bad in [
            "-1",
            "9007199254740992",
            "\"\"",
            "\"1e3\"",
            "\"+1\"",
            "1.5",
            "null",
            "\" 1\"",
        ] {
            assert!(serde_json::from_str::<UserId>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn room_ids_are_short_and_plain() {
        assert!("room-abc123".parse::<RoomId>().is_ok());
        for bad in ["", "a b", "é", "a/b", &"x".repeat(65)] {
            assert!(bad.parse::<RoomId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn instants_print_as_rfc_3339() {
        assert_eq!(Millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            Millis(1_705_746_601_000).to_string(),
            "2024-01-20T10:30:01.000Z"
        );
        assert_eq!(
            Millis(951_782_399_999).to_string(),
            "2000-02-28T23:59:59.999Z"
        );
        assert_eq!(
            Millis(951_782_400_000).to_string(),
            "2000-02-29T00:00:00.000Z"
        );
        assert_eq!(Millis(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }

    proptest::proptest! {
        #[test]
        fn instants_and_users_are_written_as_formatted(ms in -99_999_999_999_999_i64..999_999_999_999_999, user in 0..1_u64 << 53) {
            let instant = Millis(ms);
            let any = instant.with_text(|any, _| any.to_string());
            proptest::prop_assert_eq!(instant.to_string(), any);
            let user = UserId::new(user).unwrap();
            proptest::prop_assert_eq!(serde_json::to_string(&user).unwrap(), format!("\"{user}\""));
        }
    }

    #[test]
    fn a_version_7_command_id_tells_when_it_was_made() {
        let id: CommandId = "018d2661-3aa8-7000-8000-000000000000".parse().unwrap();
        assert_eq!(id.made_at(), Some(Millis(0x018d_2661_3aa8)));
        let version_4: CommandId = "7c8f2d1e-9f3b-4c1a-8b1a-0123456789ab".parse().unwrap();
        assert_eq!(version_4.made_at(), None);
    }
}
