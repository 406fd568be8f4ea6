//! `blazing-sun trace`, `rooms` and `room`: what became of a command, and how rooms stand. What is read is read where it
//! is kept, beside a running server and without; what is done is asked of the deployment.

use crate::brokers::postgres_options;
use crate::cli::{RoomAction, RoomListArgs, TraceArgs};
use crate::config::Mode;
use crate::data_dir::existing_database;
use crate::operator::{Failure, Request, Target};
use crate::place::Place;
use anyhow::bail;
use blazing_sun_backbone::deliveries::DeliveriesAsked;
use blazing_sun_backbone::log::EventLog;
use blazing_sun_backend::store::overview::{Overview, RoomFilter};
use blazing_sun_backend::store::postgres::{PgOverview, PgPool, PgReads};
use blazing_sun_backend::store::reads::ReadSide;
use blazing_sun_backend::store::sqlite::{SqliteAccess, SqliteOverview, SqliteReads, check};
use blazing_sun_console::messages::on_one_line;
use blazing_sun_console::{
    Budget, GatewayAnswers, OperatorRoom, RoomClosed, RoomDetails, Sources, StepKind, StepPlace,
    Trace, TraceError, TraceGateway, ask_gateways, find_trace, room_details,
};
use blazing_sun_domain::{Games, RoomId};
use serde_json::json;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// A tool has time.
const BUDGET: Budget = Budget {
    records: 20_000_000,
    time: Duration::from_secs(60),
};
/// Events that `room show` prints.
const EVENTS_SHOWN: usize = 50;
const PAGE: u32 = 200;

/// What tools read.
struct Readers {
    log: Arc<dyn EventLog>,
    overview: Arc<dyn Overview>,
    reads: Arc<dyn ReadSide>,
}

impl Readers {
    async fn at(place: &Place) -> anyhow::Result<Readers> {
        let log = place.log().await?;
        Ok(match place {
            Place::Folder(folder) => {
                let database = existing_database(folder)?;
                check(&database)?;
                let access = SqliteAccess::read_only(&database);
                Readers {
                    log,
                    overview: Arc::new(SqliteOverview::new(access.clone())),
                    reads: Arc::new(SqliteReads::new(access)),
                }
            }
            Place::Cluster(config) => {
                if config.database.url.is_none() {
                    bail!(
                        "DATABASE_URL (`database.url`) is missing: what there is to read is in PostgreSQL"
                    );
                }
                let pool = PgPool::new(&postgres_options(&config.database)?)?;
                Readers {
                    log,
                    overview: Arc::new(PgOverview::new(pool.clone())),
                    reads: Arc::new(PgReads::new(pool)),
                }
            }
        })
    }
}

/// What became of a command, and whether anything is known of it.
pub async fn trace(args: &TraceArgs, games: &Games, json: bool) -> anyhow::Result<(String, bool)> {
    let place = args.data.place()?;
    let readers = Readers::at(&place).await?;
    let sources = Sources {
        log: &*readers.log,
        overview: &*readers.overview,
        reads: &*readers.reads,
        games,
    };
    let found = find_trace(&sources, &args.id, BUDGET).await;
    let mut trace = found.map_err(|error| match error {
        TraceError::InvalidId(_) => {
            anyhow::Error::from(Failure::new("invalid_id", error.to_string()))
        }
        other => {
            let text = format!("{:#}", anyhow::Error::from(other));
            Failure::new("unavailable", text).into()
        }
    })?;
    if let Some(asked) = trace.question()
        && let Some(answers) = gateways_answer(&place, &*readers.log, asked).await
    {
        trace.take(answers);
    }
    let text = match json {
        true => serde_json::to_string(&trace)?,
        false => words_of(&trace),
    };
    Ok((text, !trace.steps.is_empty()))
}

/// What gateways say of their sockets; nothing where none runs or can be asked.
async fn gateways_answer(
    place: &Place,
    log: &dyn EventLog,
    asked: DeliveriesAsked,
) -> Option<GatewayAnswers> {
    let answers = match place {
        Place::Folder(folder) => {
            let request = Request::AskGateways { asked };
            let answers = Target::ask_running(folder, &request).await;
            answers.map_err(anyhow::Error::from)
        }
        Place::Cluster(_) => {
            let answers = ask_gateways(log, &asked).await;
            answers.map(Some).map_err(anyhow::Error::from)
        }
    };
    answers.unwrap_or_else(|error| {
        let error = format!("{error:#}");
        tracing::warn!(error, "gateways can not be asked what they sent");
        None
    })
}

fn words_of(trace: &Trace) -> String {
    let mut out = String::new();
    for step in &trace.steps {
        let what = serde_json::to_value(step.what).unwrap_or_default();
        let what = what.as_str().unwrap_or_default().replace('_', " ");
        let _ = writeln!(
            out,
            "{}  {:>7} ms  {:>+6} ms  {what:<11}  {}{}",
            step.at,
            step.since_start_ms,
            step.since_previous_ms,
            on_one_line((&*step.title).into()),
            place_of(&step.place),
        );
        let traceparent = step.data["traceparent"].as_str();
        if let Some(traceparent) = traceparent.filter(|_| step.what == StepKind::Record) {
            let _ = writeln!(
                out,
                "{:>51}traceparent {}",
                "",
                on_one_line(traceparent.into())
            );
        }
    }
    for gateway in &trace.gateways {
        let _ = writeln!(out, "{}", words_of_gateway(gateway));
    }
    if !trace.steps.is_empty() {
        out.push('\n');
    }
    let _ = write!(out, "{}", on_one_line((&*trace.verdict).into()));
    if !trace.complete {
        let _ = write!(
            out,
            "\n({} records were looked through, and there are more)",
            trace.scanned
        );
    }
    out
}

fn words_of_gateway(gateway: &TraceGateway) -> String {
    let open = match gateway.is_connected {
        true => "the socket that it came by is open",
        false => "the socket that it came by is not one of them",
    };
    format!(
        "{}: the player has {} open now, {open}; sends are remembered since {}",
        on_one_line((&*gateway.gateway_id).into()),
        gateway.user_sockets,
        gateway.remembers_since,
    )
}

fn place_of(place: &StepPlace) -> String {
    let mut text = String::new();
    if let (Some(topic), Some(partition), Some(offset)) =
        (&place.topic, place.partition, place.offset)
    {
        let _ = write!(text, "  {topic}-{partition}@{offset}");
    }
    if let Some(batch_no) = place.batch_no.filter(|_| place.topic.is_none()) {
        let _ = write!(text, "  batch {batch_no}");
    }
    text
}

/// Rooms, as a table.
pub async fn rooms(args: &RoomListArgs, is_json: bool) -> anyhow::Result<String> {
    let readers = Readers::at(&args.data.place()?).await?;
    let ended = args.status.as_deref() == Some("ended");
    let filter = RoomFilter {
        ended,
        status: args.status.clone().filter(|_| !ended),
        game_type: args.game.clone(),
    };
    let (mut rooms, mut before) = (Vec::new(), None);
    while rooms.len() < args.max as usize {
        let wanted = PAGE.min(args.max - rooms.len() as u32);
        let page = readers.overview.rooms(&filter, before, wanted).await?;
        let is_last = page.len() < wanted as usize;
        before = page.last().map(|row| (row.at, row.room_id.clone()));
        rooms.extend(page.into_iter().map(OperatorRoom::of));
        if is_last {
            break;
        }
    }
    if is_json {
        return Ok(json!({ "rooms": rooms }).to_string());
    }
    let mut out = format!(
        "{:<36}  {:<11}  {:<16}  {:>7}  {:<24}  name",
        "room", "status", "game", "players", "updated"
    );
    for room in &rooms {
        let seats = match (room.players, room.max_players) {
            (Some(players), Some(max)) => format!("{players}/{max}"),
            _ => String::new(),
        };
        let status = match room.is_quarantined {
            true => "QUARANTINED",
            false => &room.status,
        };
        let _ = write!(
            out,
            "\n{:<36}  {status:<11}  {:<16}  {seats:>7}  {:<24}  {}",
            room.room_id,
            room.game_type,
            room.updated_at,
            on_one_line((&*room.room_name).into()),
        );
    }
    Ok(out)
}

/// Looks at a room, or ends it.
pub async fn room(action: &RoomAction, json: bool, target: &Target) -> Result<String, Failure> {
    match action {
        RoomAction::Show { room } => show(room, json, target).await,
        RoomAction::Close { room, reason } => {
            let request = Request::CloseRoom {
                room_id: room.clone(),
                reason: reason.clone(),
            };
            let closed: RoomClosed = target.ask(&request).await?;
            Ok(match (json, closed.is_new, &closed.command_id) {
                (true, ..) => json!(closed).to_string(),
                (false, true, Some(command)) => {
                    format!("room {room} is closed, all fees are back\ncommand {command}")
                }
                (false, ..) => format!("room {room} had ended before, nothing changed"),
            })
        }
    }
}

async fn show(room: &RoomId, json: bool, target: &Target) -> Result<String, Failure> {
    let place = match target.mode {
        Mode::Embedded => Place::Folder(target.config.server.data_dir.clone()),
        Mode::Distributed => Place::Cluster(Box::new(target.config.clone())),
    };
    let unavailable = |error: anyhow::Error| Failure::new("unavailable", format!("{error:#}"));
    let readers = Readers::at(&place).await.map_err(unavailable)?;
    let found = room_details(&*readers.overview, &*readers.log, room, None, EVENTS_SHOWN).await;
    let found = found.map_err(|error| unavailable(error.into()))?;
    let Some((details, _)) = found else {
        return Err(Failure::new(
            "room_not_found",
            format!("there is no room `{room}`"),
        ));
    };
    Ok(match json {
        true => json!(details).to_string(),
        false => words_of_room(&details),
    })
}

fn words_of_room(details: &RoomDetails) -> String {
    let RoomDetails {
        room,
        members,
        money,
        timeline,
        quarantined,
        ..
    } = details;
    let mut out = format!(
        "room       {}\nname       {}\ngame       {}\nstatus     {}\nupdated    {}\nescrow     {} cents",
        room.room_id,
        on_one_line((&*room.room_name).into()),
        room.game_type,
        room.status,
        room.updated_at,
        money.escrow_cents,
    );
    if let Some(since) = quarantined {
        let _ = write!(out, "\nquarantined since {since}");
    }
    for member in members {
        let name = member.username.as_deref().unwrap_or("no account");
        let name = on_one_line(name.into());
        let (user, membership) = (member.user_id, &member.membership);
        let _ = write!(out, "\nmember     {user}  {membership:<9}  {name}");
    }
    for entry in &money.entries {
        let (at, kind, amount) = (&entry.at, &entry.kind, entry.amount_cents);
        let (from, to) = (&entry.from, &entry.to);
        let _ = write!(
            out,
            "\nmoney      {at}  {kind:<6}  {amount} cents, {from} to {to}"
        );
    }
    for event in timeline.iter().rev() {
        let seq = event
            .room_seq
            .map(|seq| seq.to_string())
            .unwrap_or_default();
        let (at, what) = (&event.at, &event.event_type);
        let summary = on_one_line((&*event.summary).into());
        let _ = write!(out, "\nevent      {at}  {seq:>4}  {what}  {summary}");
    }
    out
}
