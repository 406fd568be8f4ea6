//! Commands under ids of their own, kept until they are answered: after a cut they are sent again.

use blazing_sun_domain::Millis;
use serde_json::Value;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// An answer that has not come by then is asked for again.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// After a server that was busy.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Nobody needs an answer any more.
const GIVE_UP_AFTER: Duration = Duration::from_secs(600);

/// A command that is not answered.
#[derive(Debug)]
struct Unanswered {
    id: String,
    room_id: Option<String>,
    text: String,
    made: Instant,
    send_at: Instant,
}

/// What became of a command.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The room that it was about.
    pub room_id: Option<String>,
    /// Why it was refused; none: it was done.
    pub refusal: Option<String>,
    /// It had been done before, and its effect may be past.
    pub is_repeated: bool,
}

/// The commands of one player.
#[derive(Debug, Default)]
pub struct Commands {
    unanswered: Vec<Unanswered>,
    /// What the server's clock is ahead of this one.
    ahead_ms: i64,
}

impl Commands {
    /// Takes the server's time from a frame that tells it.
    pub fn set_clock(&mut self, server: &Value, now: Millis) {
        let server = server
            .as_str()
            .and_then(|text| text.parse::<jiff::Timestamp>().ok());
        if let Some(server) = server {
            self.ahead_ms = server.as_millisecond() - now.0;
        }
    }

    /// A new command; [`Commands::take_due`] gives it out.
    pub fn add(
        &mut self,
        name: &str,
        room_id: Option<&str>,
        mut fields: Value,
        wall: Millis,
        now: Instant,
    ) {
        let id = self.id(wall);
        fields["type"] = format!("games.command.{name}").into();
        fields["command_id"] = id.as_str().into();
        if let Some(room_id) = room_id {
            fields["room_id"] = room_id.into();
        }
        self.unanswered.push(Unanswered {
            id,
            room_id: room_id.map(str::to_owned),
            text: fields.to_string(),
            made: now,
            send_at: now,
        });
    }

    fn id(&self, wall: Millis) -> String {
        let made = u64::try_from(wall.0 + self.ahead_ms).unwrap_or_default();
        let random = Uuid::new_v4().into_bytes();
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&random[..10]);
        // The version's bits of the random id are not random.
        bytes[6] = random[10];
        let id = uuid::Builder::from_unix_timestamp_millis(made, &bytes);
        id.into_uuid().to_string()
    }

    /// Whether a command about this room is not answered.
    pub fn is_waiting_for(&self, room_id: &str) -> bool {
        let is_of = |command: &Unanswered| command.room_id.as_deref() == Some(room_id);
        self.unanswered.iter().any(is_of)
    }

    /// A new connection: everything unanswered goes again, in its order.
    pub fn send_all_again(&mut self, now: Instant) {
        self.unanswered
            .iter_mut()
            .for_each(|command| command.send_at = now);
    }

    /// What is to be sent now.
    pub fn take_due(&mut self, now: Instant) -> Vec<String> {
        self.unanswered
            .retain(|command| now < command.made + GIVE_UP_AFTER);
        let mut texts = Vec::new();
        for command in &mut self.unanswered {
            if command.send_at <= now {
                command.send_at = now + ANSWER_WITHIN;
                texts.push(command.text.clone());
            }
        }
        texts
    }

    /// When something is to be sent next.
    pub fn next_due(&self) -> Option<Instant> {
        self.unanswered.iter().map(|command| command.send_at).min()
    }

    /// Whether the frame answers a command, and how.
    pub fn take(&mut self, frame: &Value, now: Instant) -> Option<Answer> {
        let kind = frame["type"].as_str().unwrap_or_default();
        if kind == "system.ack" {
            return None;
        }
        let names = |field: &str, id: &str| frame[field].as_str() == Some(id);
        let at = self.unanswered.iter().position(|command| {
            names("command_id", &command.id) || names("correlation_id", &command.id)
        })?;
        let refusal = kind
            .ends_with(".error")
            .then(|| frame["code"].as_str().unwrap_or_default().to_owned());
        if matches!(refusal.as_deref(), Some("rate_limited" | "unavailable")) {
            self.unanswered[at].send_at = now + AGAIN_AFTER;
            return None;
        }
        let command = self.unanswered.remove(at);
        Some(Answer {
            room_id: command.room_id,
            refusal,
            is_repeated: kind == "games.event.command_applied",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sent(commands: &mut Commands, now: Instant) -> Vec<String> {
        let texts = commands.take_due(now).into_iter();
        texts
            .map(|text| {
                let frame: Value = serde_json::from_str(&text).unwrap();
                frame["command_id"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    #[test]
    fn a_command_keeps_its_id_until_it_is_answered() {
        let (mut commands, start) = (Commands::default(), Instant::now());
        commands.add("ready", Some("r"), json!({}), Millis(1_000), start);
        let first = sent(&mut commands, start);
        assert_eq!(first.len(), 1);
        assert!(sent(&mut commands, start).is_empty(), "once");
        assert_eq!(sent(&mut commands, start + ANSWER_WITHIN), first);
        commands.send_all_again(start + ANSWER_WITHIN);
        assert_eq!(sent(&mut commands, start + ANSWER_WITHIN), first);
        let ack = json!({ "type": "system.ack", "command_id": first[0] });
        assert_eq!(commands.take(&ack, start), None);
        assert!(commands.is_waiting_for("r") && !commands.is_waiting_for("s"));
        let busy =
            json!({ "type": "system.error", "command_id": first[0], "code": "rate_limited" });
        assert_eq!(commands.take(&busy, start), None);
        assert_eq!(sent(&mut commands, start + AGAIN_AFTER), first);
        let event =
            json!({ "type": "games.event.player_ready_changed", "correlation_id": first[0] });
        let answer = commands.take(&event, start).unwrap();
        assert_eq!(
            (answer.room_id.as_deref(), answer.refusal),
            (Some("r"), None)
        );
        assert!(!commands.is_waiting_for("r"));
        assert_eq!(commands.take(&event, start), None);
    }

    #[test]
    fn a_refusal_is_an_answer_and_nothing_is_sent_for_ever() {
        let (mut commands, start) = (Commands::default(), Instant::now());
        commands.add("leave_room", Some("r"), json!({}), Millis(0), start);
        let id = sent(&mut commands, start).remove(0);
        let refused =
            json!({ "type": "games.event.error", "command_id": id, "code": "not_in_room" });
        let answer = commands.take(&refused, start).unwrap();
        assert_eq!(answer.refusal.as_deref(), Some("not_in_room"));
        commands.add("leave_room", Some("r"), json!({}), Millis(0), start);
        assert!(commands.take_due(start + GIVE_UP_AFTER).is_empty());
        assert_eq!(commands.next_due(), None);
    }

    #[test]
    fn ids_are_of_the_servers_time() {
        let (mut commands, now) = (Commands::default(), Millis(1_705_746_600_000));
        commands.set_clock(&json!("2024-01-20T11:30:00.250Z"), now);
        commands.add("ready", None, json!({}), now, Instant::now());
        let id: Uuid = sent(&mut commands, Instant::now())
            .remove(0)
            .parse()
            .unwrap();
        assert_eq!(id.get_version_num(), 7);
        let made = id.get_timestamp().unwrap().to_unix();
        assert_eq!(made, (1_705_750_200, 250_000_000));
    }
}
