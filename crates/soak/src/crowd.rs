//! A crowd: many random players and spectators in all games that the server has, who talk in every channel and
//! moderate, with quick matches and disconnects; then everybody ends what was begun, and nothing may be left.

use crate::Violation;
use crate::crew::{Crew, Crowd, KnownGame};
use crate::history::text;
use crate::run::{Report, Watch, launch};
use blazing_sun_harness::TestServer;
use fastrand::Rng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Players rest up to so long between two things that they do.
const RESTS: Duration = Duration::from_millis(900);
/// Ends what was begun: a game without its players takes up to some forty turns of a second each.
const ENDED_WITHIN: Duration = Duration::from_secs(120);
/// What the server may hold more than after the first part: answers that are kept of each user, and what
/// its allocator keeps for itself.
const GROWN_BYTES_MAX: u64 = 64 << 20;

/// How long a crowd plays at least: until it has talked in all channels of a room, and was answered so often.
const CHANNELS: usize = 3;
const ANSWERS_MIN: u64 = 500;
/// A crowd that has not by then does not.
const PLAYED_WITHIN: Duration = Duration::from_secs(180);

/// What came of it.
#[derive(Debug)]
pub struct Crowded {
    /// Players at a time.
    pub players: usize,
    /// How long they played at least, in all.
    pub played: Duration,
    /// How long the last part took to end.
    pub ended_in: Duration,
    /// Games that were played, and rooms that were opened.
    pub games: Vec<String>,
    /// How much memory the server had before anybody came, and after each of the two parts.
    pub levels_bytes: [u64; 3],
    /// Messages in rooms, by channel.
    pub messages: BTreeMap<String, u64>,
    /// As of kill rounds.
    pub report: Report,
}

impl fmt::Display for Crowded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {:#x}, crowd of {} for {:.0?} in {}: {} commands, {} frames of {} events, ended in {:.1?}",
            self.report.seed,
            self.players,
            self.played,
            self.games.join(", "),
            self.report.commands,
            self.report.deliveries,
            self.report.events,
            self.ended_in,
        )?;
        let messages = self.messages.iter();
        let messages: Vec<String> = messages
            .map(|(channel, count)| format!("{channel} {count}"))
            .collect();
        writeln!(f, "  messages    {} in rooms", messages.join(", "))?;
        writeln!(
            f,
            "  secrets     {} looked for everywhere",
            self.report.secrets
        )?;
        let [empty, first, second] = self.levels_bytes.map(|bytes| bytes / 1_024);
        writeln!(
            f,
            "  memory      {empty} KiB empty, {first} KiB after a quarter of the time, {second} KiB after all"
        )?;
        write!(f, "  violations  {}", self.report.violations.len())?;
        for violation in self.report.violations.iter().take(20) {
            let text: String = violation.to_string().chars().take(1_500).collect();
            write!(f, "\n    {text}")?;
        }
        Ok(())
    }
}

/// Lets so many play for so long.
pub async fn crowd(seed: u64, players: usize, time: Duration) -> anyhow::Result<Crowded> {
    // A game that panics on purpose would otherwise have the program read its debug symbols, which stay in memory.
    let quiet = [("RUST_BACKTRACE", "0".to_owned())];
    let mut server = TestServer::launch(launch(&quiet)).await;
    let database = server.data_dir().join("blazing-sun.db");
    let known = games_of(&server).await?;
    let empty_bytes = server.resident_bytes();
    let games = known.iter().map(|game| game.name.clone()).collect();
    let mut crew = gather(&server, known, players, seed).await;
    let mut violations = Vec::new();
    let mut levels_bytes = [empty_bytes, 0, 0];
    let mut ended_in = Duration::ZERO;
    for (part, level) in [(time / 4, 1), (time * 3 / 4, 2)] {
        crew.shared.wind_down(false);
        tokio::time::sleep(part).await;
        if level == 2 {
            // Whoever misses something says what: the report counts both.
            let enough = crew.shared.channels_and_answers(CHANNELS, ANSWERS_MIN);
            let _ = tokio::time::timeout(PLAYED_WITHIN, enough).await;
        }
        crew.shared.wind_down(true);
        let begun = Instant::now();
        violations.extend(nothing_left(&server).await);
        ended_in = begun.elapsed();
        levels_bytes[level] = server.resident_bytes();
    }
    if levels_bytes[2].saturating_sub(levels_bytes[1]) > GROWN_BYTES_MAX {
        let what = format!("{levels_bytes:?} bytes before, and after each part");
        violations.push(Violation::of("memory", what));
    }
    crew.dismiss().await;
    server.terminate().await;
    let mut watch = Watch::of_any_game();
    violations.extend(watch.look(&database, &crew)?);
    violations.extend(Watch::audit(&database)?);
    violations.extend(no_money_left(&database)?);
    let mut report = Report {
        seed,
        took: time + ended_in,
        violations,
        ..Report::default()
    };
    watch.count_into(&mut report);
    report.deliveries = crew.shared.counts.frames.load(Ordering::Relaxed);
    report.secrets = watch.secrets() + crew.with_canaries(|canaries| canaries.count() as u64);
    report.guests = crew.shared.counts.guests.load(Ordering::Relaxed);
    Ok(Crowded {
        players,
        played: time,
        ended_in,
        games,
        levels_bytes,
        messages: watch.messages().clone(),
        report,
    })
}

/// What is noticed of a planted fault while so many play for so long; nobody ends what was begun.
pub async fn crowd_under(
    fault: &str,
    seed: u64,
    players: usize,
    time: Duration,
) -> anyhow::Result<Report> {
    let planted = [("BLAZING_SUN_FAULT", fault.to_owned())];
    let mut server = TestServer::launch(launch(&planted)).await;
    let database = server.data_dir().join("blazing-sun.db");
    let known = games_of(&server).await?;
    let mut crew = gather(&server, known, players, seed).await;
    tokio::time::sleep(time).await;
    crew.dismiss().await;
    server.terminate().await;
    let mut watch = Watch::of_any_game();
    let mut report = Report {
        seed,
        rounds: 1,
        took: time,
        violations: watch.look(&database, &crew)?,
        ..Report::default()
    };
    watch.count_into(&mut report);
    Ok(report)
}

/// A crowd that has begun to play.
async fn gather(server: &TestServer, games: Vec<KnownGame>, players: usize, seed: u64) -> Crew {
    let mut random = Rng::with_seed(seed);
    let fee_cents_max = 1_000;
    let crew = Crew::hire(
        server.address(),
        players,
        &mut random,
        fee_cents_max,
        Duration::ZERO,
    )
    .await;
    crew.shared.be_a_crowd(Crowd {
        games,
        rests: RESTS,
    });
    crew.all_back().await;
    crew
}

async fn games_of(server: &TestServer) -> anyhow::Result<Vec<KnownGame>> {
    let answer = server
        .http()
        .get(server.url("/api/v1/games"))
        .send()
        .await?;
    let answer: Value = answer.json().await?;
    let games = answer["games"].as_array().into_iter().flatten();
    let moves = |game: &Value| {
        let moves = game["moves"].as_object().into_iter().flatten();
        moves
            .map(|(name, schema)| (name.clone(), schema.clone()))
            .collect()
    };
    Ok(games
        .map(|game| KnownGame {
            name: text(&game["game_type"]).to_owned(),
            moves: moves(game),
        })
        .collect())
}

/// Waits until no room, queue or frame is left in the server's memory.
async fn nothing_left(server: &TestServer) -> Option<Violation> {
    let until = Instant::now() + ENDED_WITHIN;
    loop {
        let held = server.held().await;
        let left = ["rooms", "deadlines", "queued"].map(|table| &held["backend"][table]);
        let kept = ["rooms", "ring_bytes", "follows"].map(|table| &held["gateway"][table]);
        if left.iter().chain(&kept).all(|count| **count == 0) {
            return None;
        }
        if Instant::now() > until {
            return Some(Violation::of("left behind", held.to_string()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// All that was paid is a player's again, or the house's; and no list names a room.
fn no_money_left(database: &std::path::Path) -> anyhow::Result<Vec<Violation>> {
    let connection = blazing_sun_backend::store::sqlite::open_reader(database)?;
    let mut found = Vec::new();
    for (what, query) in [
        (
            "cents in escrow",
            "SELECT coalesce(sum(balance), 0) FROM account_balance WHERE account LIKE 'escrow/%'",
        ),
        ("rooms in the list", "SELECT count(*) FROM room_directory"),
        ("members of rooms", "SELECT count(*) FROM room_member"),
        ("queues", "SELECT count(*) FROM quick_queue"),
    ] {
        let left: i64 = connection.query_row(query, [], |row| row.get(0))?;
        if left != 0 {
            found.push(Violation::of("left behind", format!("{left} {what}")));
        }
    }
    Ok(found)
}
