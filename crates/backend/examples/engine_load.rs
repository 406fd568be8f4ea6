//! Loads the engine alone, without a gateway: what a command costs behind the log, with records as a
//! gateway makes them and a reader of `games.events`.
//!
//! `cargo run --release -p blazing-sun-backend --example engine_load -- [--game bigger_dice]
//! [--commands N] [--rooms N] [--in-flight N | --rate N]` prints commands per second, the engine
//! thread's CPU time and, at a rate, how long commands take until they are durable. Under `valgrind --tool=callgrind --separate-threads=yes`, the difference between two runs
//! with different `--commands`, by the number of commands, is the instructions of one command.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool")]

use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backbone::log::sqlite::SqliteLogOptions;
use blazing_sun_backbone::log::{EventLog, HeadersBuilder, NewRecord, Start, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_backend::engine::{Engine, EngineOptions};
use blazing_sun_domain::{Cents, GameDefinition, Millis};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const PARTITIONS: u32 = 12;
/// The fewest rolls in which a game of two can end.
const ROLLS_PER_GAME: usize = 20;

/// A command as a gateway appends it; `fields` is JSON text without braces.
fn command(user: usize, event_type: &str, room: &str, fields: &str) -> NewRecord {
    let (event_id, command_id) = (Uuid::now_v7(), Uuid::now_v7());
    let socket_id = Uuid::from_u128(user as u128);
    let mut headers = HeadersBuilder::default();
    headers
        .push("event_id", event_id.to_string())
        .push("event_type", event_type)
        .push("correlation_id", command_id.to_string())
        .push("room_id", room);
    let now = blazing_sun_backbone::clock::now();
    let comma = if fields.is_empty() { "" } else { "," };
    let payload = format!(
        concat!(
            r#"{{"event_id":"{event_id}","event_type":"{event_type}","timestamp":"{now}","#,
            r#""correlation_id":"{command_id}","producer":"ws_gateway","#,
            r#""actor":{{"user_id":"{user}","username":"Guest {user}","socket_id":"{socket_id}","roles":["guest"]}},"#,
            r#""audience":{{"type":"room","user_ids":[],"room_id":"{room}","game_id":null}},"#,
            r#""payload":{{"command_id":"{command_id}","room_id":"{room}"{comma}{fields}}}}}"#,
        ),
        event_id = event_id,
        event_type = event_type,
        now = now,
        command_id = command_id,
        user = user,
        socket_id = socket_id,
        room = room,
        comma = comma,
        fields = fields,
    );
    NewRecord {
        topic: Topic::new(topics::GAMES_COMMANDS),
        partition: None,
        key: room.to_owned().into(),
        headers: headers.build(),
        payload: payload.into(),
    }
}

/// Appends in lots that are in flight together, each waited for.
struct Load {
    log: Arc<dyn EventLog>,
    in_flight: usize,
    /// Commands a second, one by one, instead of lots.
    rate: Option<f64>,
}

impl Load {
    /// One by one, each when it is due.
    fn pace(&self, commands: impl Iterator<Item = NewRecord>, rate: f64) {
        let (done, times) = mpsc::channel();
        let begin = Instant::now();
        for (at, record) in commands.enumerate() {
            let due = begin + Duration::from_secs_f64(at as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let done = done.clone();
            let appended = Box::new(move |outcome: Result<_, _>| {
                outcome.map(drop).unwrap();
                done.send(due.elapsed()).unwrap();
            });
            self.log.append(vec![record], appended).unwrap();
        }
        drop(done);
        let mut times: Vec<Duration> = times.iter().collect();
        times.sort();
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
        println!(
            "p50 {:.2} p90 {:.2} p99 {:.2} p99.9 {:.2} max {:.2} ms",
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999),
            at(1.0)
        );
    }

    fn send(&self, commands: impl Iterator<Item = NewRecord>) {
        if let Some(rate) = self.rate {
            return self.pace(commands, rate);
        }
        let mut commands = commands.peekable();
        while commands.peek().is_some() {
            let lot: Vec<NewRecord> = commands.by_ref().take(self.in_flight).collect();
            let (done, all_done) = mpsc::channel();
            for record in lot {
                let done = done.clone();
                let appended = Box::new(move |outcome: Result<_, _>| {
                    outcome.map(drop).unwrap();
                    drop(done);
                });
                self.log.append(vec![record], appended).unwrap();
            }
            drop(done);
            // Ends when the last callback has dropped its sender.
            let _: Result<(), _> = all_done.recv();
        }
    }
}

struct Options {
    game: String,
    commands: usize,
    rooms: usize,
    in_flight: usize,
    rate: Option<f64>,
}

fn options() -> Options {
    let mut options = Options {
        game: "relay".to_owned(),
        commands: 200_000,
        rooms: 100,
        in_flight: 32,
        rate: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap();
        match name.as_str() {
            "--game" => options.game = value,
            "--commands" => options.commands = value.parse().unwrap(),
            "--rooms" => options.rooms = value.parse().unwrap(),
            "--in-flight" => options.in_flight = value.parse().unwrap(),
            "--rate" => options.rate = Some(value.parse().unwrap()),
            _ => panic!("unknown option {name}"),
        }
    }
    options
}

fn relay(load: &Load, options: &Options) {
    let rooms = options.rooms;
    let name = |room: usize| format!("bench-0123456789ab-{room}");
    let joins = (0..rooms * 2)
        .map(|user| command(1 + user, "games.command.join_room", &name(user % rooms), ""));
    load.send(joins);
    let pad = "x".repeat(273);
    measured(options.commands, || {
        load.send((0..options.commands).map(|at| {
            let (room, turn) = (at % rooms, at / rooms);
            let user = 1 + room + turn % 2 * rooms;
            let data = format!(r#""data":{{"m":"@@{turn:010}","pad":"{pad}"}}"#);
            command(user, "games.command.relay.say", &name(room), &data)
        }));
    });
}

/// Rolls of games that all run side by side; as many games as the commands need.
fn bigger_dice(load: &Load, options: &Options) {
    let games = options.rooms;
    let rolls = options.commands.min(games * ROLLS_PER_GAME);
    let name = |game: usize| format!("0190a5d8-0000-8000-8000-{game:012}");
    let user = |game: usize, seat: usize| 1 + game * 2 + seat;
    load.send((0..games * 2).map(|at| {
        let (id, key) = (1 + at, (1 + at).to_string());
        let fields = format!(r#""user_id":"{id}","username":"Guest {id}""#);
        command(id, "wallet.command.demo_grant", &key, &fields)
    }));
    for step in 0..6 {
        load.send((0..games).map(|game| {
            let room = name(game);
            let (host, other) = (user(game, 0), user(game, 1));
            match step {
                0 => {
                    let fields = format!(r#""game_type":"bigger_dice","room_name":"Room {game}""#);
                    command(host, "games.command.create_room", &room, &fields)
                }
                1 => command(other, "games.command.join_room", &room, ""),
                2 | 3 => {
                    let target = user(game, step - 2);
                    let fields = format!(r#""target_user_id":"{target}""#);
                    command(host, "games.command.select_player", &room, &fields)
                }
                _ => {
                    let player = user(game, step - 4);
                    command(player, "games.command.ready", &room, r#""is_ready":true"#)
                }
            }
        }));
    }
    measured(rolls, || {
        load.send((0..rolls).map(|at| {
            let (game, turn) = (at % games, at / games);
            let player = user(game, turn % 2);
            command(player, "games.command.bigger_dice.roll", &name(game), "")
        }));
    });
}

/// CPU time of the engine's thread, in clock ticks of 10 ms.
fn engine_ticks() -> u64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return 0;
    };
    let stats =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let of_engine = stats.filter_map(|stat| {
        let after = stat.split_once("(engine) ")?.1.to_owned();
        let fields: Vec<u64> = after
            .split(' ')
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        Some(fields.get(11)? + fields.get(12)?)
    });
    of_engine.sum()
}

fn measured(commands: usize, run: impl FnOnce()) {
    let (begin, before) = (Instant::now(), engine_ticks());
    run();
    let (seconds, ticks) = (begin.elapsed().as_secs_f64(), engine_ticks() - before);
    println!(
        "{commands} commands: {:.0} a second, {:.2} µs of the engine's CPU each",
        commands as f64 / seconds,
        ticks as f64 * 10_000.0 / commands.max(1) as f64,
    );
}

fn main() {
    let options = options();
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::load_or_create(&dir.path().join("keys"), Millis(0)).unwrap();
    let mut games = blazing_sun_domain::games::built_in();
    games.insert(GameDefinition::of::<blazing_sun_domain::games::relay::Relay>());
    let engine = Engine::start(EngineOptions {
        path: dir.path().join("db"),
        partitions: PARTITIONS,
        games,
        sealer: keys.sealer(),
        mac: keys.cluster_mac(),
        demo_grant: Cents(5_000),
        currency: "eur".to_owned(),
        wallet: Default::default(),
        log: SqliteLogOptions::default(),
        gone_ms: 2_000,
        gone_after_restart_ms: 10_000,
        gateway_silence_ms: 6_000,
        limits: Default::default(),
        chat: Default::default(),
        live: Default::default(),
    })
    .unwrap();
    let load = Load {
        log: engine.log(),
        in_flight: options.in_flight,
        rate: options.rate,
    };
    let events = Topic::new(topics::GAMES_EVENTS);
    let from = (0..PARTITIONS).map(|partition| (events.clone(), partition, Start::End));
    let mut subscription = load.log.subscribe(from.collect()).unwrap();
    let reader = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (mut count, mut bytes) = (0_u64, 0_u64);
            while let Ok(records) = subscription.next().await {
                count += records.len() as u64;
                bytes += records
                    .iter()
                    .map(|record| record.payload.len() as u64)
                    .sum::<u64>();
            }
            (count, bytes)
        })
    });
    match options.game.as_str() {
        "relay" => relay(&load, &options),
        "bigger_dice" => bigger_dice(&load, &options),
        other => panic!("unknown game {other}"),
    }
    let batches = *engine.committed().borrow();
    let of_file = |end: &str| {
        let path = dir.path().join(format!("db{end}"));
        std::fs::metadata(path).map_or(0, |file| file.len()) >> 20
    };
    let (database, wal) = (of_file(""), of_file("-wal"));
    engine.stop();
    drop((load, engine));
    let (count, bytes) = reader.join().unwrap();
    println!(
        "{batches} batches; {count} events of {bytes} bytes read; file {database} MiB, WAL {wal} MiB"
    );
}
