//! Requests and answers as they travel: one JSON object a line, each with the protocol's version. A
//! connection may ask any number of times, one after the other.

use blazing_sun_backbone::deliveries::DeliveriesAsked;
use blazing_sun_backend::store::operators::Outcome;
use blazing_sun_domain::{Cents, CommandId, RoomId, UserId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Of the protocol. Fields and requests are only added within one version.
pub const VERSION: u32 = 1;
/// Bytes of a line.
pub const LINE_BYTES_MAX: u64 = 64 * 1024;

/// What tools do by themselves, and have noted in the operators' log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noting {
    /// A copy of the folder.
    Backup,
    /// Schemas brought up to date.
    Migrate,
}

impl Noting {
    /// As the operators' log names it.
    pub fn action(self) -> &'static str {
        match self {
            Noting::Backup => "backup",
            Noting::Migrate => "migrate",
        }
    }
}

/// How far that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It begins.
    Asked,
    /// It is done.
    Done,
    /// It failed.
    Failed,
}

impl From<Stage> for Outcome {
    fn from(stage: Stage) -> Outcome {
        match stage {
            Stage::Asked => Outcome::Asked,
            Stage::Done => Outcome::Done,
            Stage::Failed => Outcome::Failed,
        }
    }
}

/// What can be asked. A user is an id, an email, or `@` and a name.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request {
    /// A user's profile.
    ShowUser {
        /// Whose.
        user: String,
    },
    /// A new user.
    CreateUser {
        /// Below 2^53; none: the next one.
        #[serde(default)]
        id: Option<UserId>,
        /// The name shown to others.
        username: String,
        /// To sign in with.
        #[serde(default)]
        credentials: Option<Credentials>,
        /// None: `player`, or `guest` without credentials.
        #[serde(default)]
        roles: Vec<String>,
    },
    /// A role given or taken.
    ChangeRole {
        /// Whose.
        user: String,
        /// Which.
        role: String,
        /// From now on.
        has_it: bool,
    },
    /// A ban, at once.
    Ban {
        /// Whom.
        user: String,
        /// Kept with the account.
        #[serde(default)]
        reason: Option<String>,
    },
    /// A ban lifted.
    Unban {
        /// Whom.
        user: String,
    },
    /// The end of all of a user's sign-ins.
    SignOut {
        /// Whose.
        user: String,
    },
    /// How far the gateway has read the event topics; nothing where none runs.
    GatewayPositions,
    /// What the gateway handed to sockets.
    AskGateways {
        /// Of which records.
        asked: DeliveriesAsked,
    },
    /// How much the running server holds in memory: rooms, queues, connections.
    Held,
    /// A row of what a tool does by itself; its place is answered.
    Note {
        /// What that is.
        noting: Noting,
        /// How far it has come.
        stage: Stage,
        /// An object, without secrets.
        detail: Value,
    },
    /// A room's end: all fees go back.
    CloseRoom {
        /// Which.
        room_id: RoomId,
        /// For the log.
        reason: String,
    },
    /// A dead letter's record appended once more, once.
    RetryDeadLetter {
        /// Partition and offset of the letter.
        id: String,
    },
    /// A dead letter discarded.
    DiscardDeadLetter {
        /// Partition and offset of the letter.
        id: String,
        /// Kept in the operators' log.
        reason: String,
    },
    /// An access token.
    Token {
        /// For whom.
        user: String,
        /// None: as configured for sign-ins.
        #[serde(default)]
        minutes: Option<u32>,
    },
    /// All that can be changed without a restart.
    Settings,
    /// A setting changed; none: as configured again.
    ChangeSetting {
        /// Which.
        name: String,
        /// To what.
        #[serde(default)]
        value: Option<Value>,
    },
    /// Maintenance announced.
    StartMaintenance {
        /// When, in milliseconds since 1970; none: now.
        #[serde(default)]
        starts_at_ms: Option<i64>,
        /// For players.
        message: String,
    },
    /// Maintenance over.
    EndMaintenance,
    /// Demo money, once for each command id.
    Credit {
        /// For whom.
        user: String,
        /// How much.
        amount_cents: Cents,
        /// Kept in the command's record.
        #[serde(default)]
        reason: Option<String>,
        /// A UUID, best of version 7.
        command_id: CommandId,
    },
}

impl Request {
    /// Whether it comes to the same when it is done twice.
    pub fn is_repeatable(&self) -> bool {
        match self {
            // The second time there is none to end.
            Request::CreateUser { .. }
            | Request::EndMaintenance
            | Request::Note { .. }
            | Request::RetryDeadLetter { .. }
            | Request::DiscardDeadLetter { .. } => false,
            Request::ShowUser { .. }
            | Request::ChangeRole { .. }
            | Request::Ban { .. }
            | Request::Unban { .. }
            | Request::SignOut { .. }
            | Request::GatewayPositions
            | Request::AskGateways { .. }
            | Request::Held
            | Request::CloseRoom { .. }
            | Request::Settings
            | Request::ChangeSetting { .. }
            | Request::StartMaintenance { .. }
            | Request::Token { .. }
            | Request::Credit { .. } => true,
        }
    }
}

/// Email and password of a new account.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// The email.
    pub email: String,
    /// The password, which is hashed where it arrives.
    pub password: String,
}

/// How far the gateway has read a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayPosition {
    /// Its topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The next offset.
    pub next: u64,
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Failure {
    /// Whether the request may have been done nevertheless.
    pub fn is_uncertain(&self) -> bool {
        matches!(self.code.as_str(), "unavailable" | "failed")
    }

    /// A failure of this kind.
    pub fn new(code: &str, message: impl Into<String>) -> Failure {
        Failure {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

#[derive(Serialize)]
struct Asked<'a> {
    v: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(flatten)]
    request: &'a Request,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
    #[serde(default)]
    by: Option<String>,
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    ok: Option<Value>,
    #[serde(default)]
    error: Option<Failure>,
}

/// A request's line, and whose it is: the name that the operators' log takes.
pub fn line_of_request(request: &Request, by: Option<&str>) -> Result<String, serde_json::Error> {
    let asked = Asked {
        v: VERSION,
        by,
        request,
    };
    Ok(format!("{}\n", serde_json::to_string(&asked)?))
}

/// A request from its line, and whose it says to be. What it says is never quoted: it may hold a password.
pub fn read_request(line: &str) -> Result<(Request, Option<String>), Failure> {
    let invalid = |what: &str| Failure::new("invalid_request", what);
    let version: Version =
        serde_json::from_str(line).map_err(|_| invalid("a request is a JSON object with `v`"))?;
    if version.v != VERSION {
        return Err(other_version("this server speaks", VERSION, version.v));
    }
    let request = serde_json::from_str(line).map_err(|_| {
        invalid("there is no such request, or a field of it is missing or ill-typed")
    })?;
    Ok((request, version.by))
}

/// An answer's line.
pub fn line_of_answer(answer: &Result<Value, Failure>) -> String {
    let answer = match answer {
        Ok(ok) => json!({ "v": VERSION, "ok": ok }),
        Err(error) => json!({ "v": VERSION, "error": error }),
    };
    format!("{answer}\n")
}

/// An answer from its line.
pub fn read_answer<T: DeserializeOwned>(line: &str) -> Result<T, Failure> {
    let failed = |what: &str| Failure::new("failed", format!("the server answered {what}"));
    let version: Version = serde_json::from_str(line).map_err(|_| failed("no JSON object"))?;
    if version.v != VERSION {
        return Err(other_version("this program speaks", VERSION, version.v));
    }
    let answered: Answered =
        serde_json::from_str(line).map_err(|_| failed("neither `ok` nor `error`"))?;
    match (answered.ok, answered.error) {
        (_, Some(failure)) => Err(failure),
        (Some(ok), None) => {
            serde_json::from_value(ok).map_err(|error| failed(&format!("something else: {error}")))
        }
        (None, None) => Err(failed("neither `ok` nor `error`")),
    }
}

fn other_version(who: &str, own: u32, other: u32) -> Failure {
    let message = format!(
        "{who} version {own} of the operator protocol, the other side {other}: use the program that the server runs"
    );
    Failure::new("other_version", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_pinned() {
        let request = Request::Credit {
            user: "7".to_owned(),
            amount_cents: Cents(250),
            reason: Some("sorry".to_owned()),
            command_id: CommandId(uuid::Uuid::from_u128(1)),
        };
        let line = line_of_request(&request, None).unwrap();
        assert_eq!(
            line,
            "{\"v\":1,\"op\":\"credit\",\"user\":\"7\",\"amount_cents\":250,\"reason\":\"sorry\",\
             \"command_id\":\"00000000-0000-0000-0000-000000000001\"}\n"
        );
        let (read, by) = read_request(&line).unwrap();
        assert_eq!(by, None);
        assert_eq!(line_of_request(&read, None).unwrap(), line);
        let signed = line_of_request(&Request::Held, Some("ada")).unwrap();
        assert_eq!(signed, "{\"v\":1,\"by\":\"ada\",\"op\":\"held\"}\n");
        assert_eq!(read_request(&signed).unwrap().1.as_deref(), Some("ada"));
        assert_eq!(
            line_of_answer(&Ok(json!({ "a": 1 }))),
            "{\"ok\":{\"a\":1},\"v\":1}\n"
        );
        let failure = Failure::new("user_not_found", "there is no user `7`");
        let line = line_of_answer(&Err(failure.clone()));
        assert_eq!(
            line,
            "{\"error\":{\"code\":\"user_not_found\",\"message\":\"there is no user `7`\"},\"v\":1}\n"
        );
        assert_eq!(read_answer::<Value>(&line), Err(failure));
    }

    #[test]
    fn what_is_no_request_is_refused_without_being_quoted() {
        let code = |line: &str| read_request(line).err().map(|failure| failure.code);
        for line in [
            "",
            "x",
            "[]",
            "{}",
            "{\"v\":\"1\"}",
            "{\"v\":1}",
            "{\"v\":1,\"op\":\"dance\"}",
        ] {
            assert_eq!(code(line).as_deref(), Some("invalid_request"), "{line}");
        }
        let secret = read_request("{\"v\":1,\"op\":\"credit\",\"user\":{\"a\":\"secret\"}}");
        assert!(!secret.err().unwrap().message.contains("secret"));
        assert_eq!(
            code("{\"v\":2,\"op\":\"dance\"}").as_deref(),
            Some("other_version")
        );
    }

    #[test]
    fn what_is_no_answer_is_a_failure() {
        for line in ["", "x", "{\"v\":1}", "{\"v\":1,\"ok\":\"text\"}"] {
            let failure = read_answer::<Vec<u8>>(line).unwrap_err();
            assert_eq!(failure.code, "failed", "{line}");
        }
        assert_eq!(
            read_answer::<Value>("{\"v\":3}").unwrap_err().code,
            "other_version"
        );
    }
}
