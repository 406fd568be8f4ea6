//! `blazing-sun replay`: a room played again from its journal, and held against ledger and topics.

use crate::cli::ReplayArgs;
use crate::export::Readable;
use crate::place::Place;
use anyhow::{Context, bail};
use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backend::replay::{ReplayError, ReplayReport, ReplayedEvent, replay};
use blazing_sun_console::messages::on_one_line;
use blazing_sun_domain::{Games, RoomId};
use serde_json::json;
use std::fmt;
use std::io::{self, Write};

/// Replays and prints; whether nothing differs.
pub async fn run(args: &ReplayArgs, games: &Games, out: &mut impl Write) -> anyhow::Result<bool> {
    let room: RoomId = args
        .room
        .parse()
        .with_context(|| format!("`{}` is no room's id", args.room))?;
    let place = args.data.place()?;
    let keys = match (&args.keys, &place) {
        (Some(keys), _) => keys.clone(),
        (None, Place::Folder(folder)) => folder.join("keys"),
        (None, Place::Cluster(config)) => match &config.keys {
            Some(keys) => keys.clone(),
            None => bail!("BLAZING_SUN_KEYS is missing: the file with the deployment's keys"),
        },
    };
    let readable = Readable::at(place, games).await?;
    let keys =
        Keys::load(&keys).context("the room's secret opens with the deployment's keys alone")?;
    let mut take = |event: &ReplayedEvent<'_>| -> io::Result<()> {
        writeln!(out, "{}", line_of(event, args.json)?)
    };
    let report = replay(&readable.database, &room, games, &keys.sealer(), &mut take)?;
    if args.json {
        let mut summary = json!(report);
        summary["equal"] = report.is_equal().into();
        writeln!(out, "{}", json!({ "summary": summary }))?;
    } else {
        write!(out, "{}", Printed(&report))?;
    }
    Ok(report.is_equal())
}

/// Whether this room was played by rules that this program does not have.
pub fn is_of_another_version(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(
            ReplayError::OtherVersion { .. }
                | ReplayError::UnknownVersion { .. }
                | ReplayError::UnknownGame { .. }
        )
    )
}

/// An event as one line, with nothing in it that a terminal would obey: players typed parts of it.
fn line_of(event: &ReplayedEvent<'_>, json: bool) -> io::Result<String> {
    let line = if json {
        serde_json::to_string(event)?
    } else {
        let ReplayedEvent {
            input,
            timestamp,
            event_type,
            payload,
            ..
        } = event;
        format!("{input:>5}  {timestamp}  {event_type}  {payload}")
    };
    Ok(on_one_line(line.into()).into_owned())
}

struct Printed<'a>(&'a ReplayReport);

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let (room, game) = (&report.room_id, &report.game_type);
        let ends = if report.is_over { "ended" } else { "runs" };
        // A name is whatever its host typed.
        let name = report.room_name.escape_debug();
        writeln!(f, "\nroom {room} \"{name}\", {game}, {ends}")?;
        match (&report.winner_username, report.winner_id) {
            (Some(name), Some(id)) => {
                writeln!(f, "winner     {} (user {id})", name.escape_debug())?
            }
            _ => writeln!(f, "winner     none")?,
        }
        for transfer in &report.transfers {
            let (from, to) = (&transfer.from, &transfer.to);
            let (kind, amount) = (transfer.kind, transfer.amount_cents);
            writeln!(f, "{kind:<10} {amount} cents, {from} to {to}")?;
        }
        let digest = match report.digest_is_right {
            Some(true) => "SHA-256 right",
            Some(false) => "SHA-256 WRONG",
            None if report.is_over => "without a SHA-256: it was kept before there was one",
            None => "without a SHA-256: in the log alone, or begun before there was one",
        };
        writeln!(
            f,
            "journal    {} inputs, {} events, {digest}",
            report.inputs, report.events
        )?;
        let (compared, expired) = (report.records_compared, report.records_expired);
        writeln!(
            f,
            "topics     {compared} records compared, {expired} have expired, {} answers to commands that changed nothing",
            report.answers
        )?;
        for difference in &report.differences {
            writeln!(f, "WRONG      {}", on_one_line(difference.into()))?;
        }
        match report.differences.len() {
            0 if expired > 0 => writeln!(f, "equal, as far as the topics are kept"),
            0 => writeln!(f, "equal"),
            count => writeln!(f, "{count} differences"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use serde_json::value::RawValue;

    #[test]
    fn what_players_typed_is_shown_and_not_obeyed() {
        let text = "{\"room_name\":\"\u{202e}a\u{9b}2J\",\n\"b\":1}";
        let payload = RawValue::from_string(text.to_owned()).unwrap();
        let event = ReplayedEvent {
            input: 3,
            timestamp: "2024-01-20T10:30:01.000Z".to_owned(),
            event_type: "games.event.room_created".to_owned(),
            audience: RawValue::NULL,
            payload: &payload,
        };
        for json in [false, true] {
            let line = line_of(&event, json).unwrap();
            let shown = r#"{"room_name":"\u202ea\u009b2J", "b":1}"#;
            assert!(line.contains(shown), "{line:?}");
        }
        let line = line_of(&event, true).unwrap();
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["payload"]["room_name"], "\u{202e}a\u{9b}2J");

        let report = ReplayReport {
            room_id: "r".to_owned(),
            room_name: "Room".to_owned(),
            game_type: "g".to_owned(),
            is_over: true,
            winner_id: None,
            winner_username: None,
            transfers: Vec::new(),
            inputs: 1,
            events: 1,
            digest_is_right: None,
            records_compared: 0,
            records_expired: 0,
            answers: 0,
            differences: vec!["room_name: archived is \u{1b}[2J".to_owned()],
        };
        let printed = Printed(&report).to_string();
        assert!(
            printed.contains("WRONG      room_name: archived is \\u001b[2J\n"),
            "{printed:?}"
        );
    }
}
