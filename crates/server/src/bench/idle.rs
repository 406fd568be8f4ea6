//! Connections at rest: what one of them costs the server's memory, and how fast new ones get in.

use super::accounts::{self, Accounts};
use super::command::{self, CommandIds};
use super::figures::{Figures, Used, saturated};
use super::machine::{self, Machine};
use super::sockets::{Arrived, Sockets};
use super::{Played, SECOND_NS, SETUP_NS, address_of, authenticate};
use anyhow::bail;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// So many are on their way in at once.
const OPENING_MAX: usize = 64;
/// What a server with its limits takes from one address.
const LIMITED_CONNECTIONS: usize = 150;
const LIMITED_USERS: usize = 10;
const AUTHENTICATED: &[u8] = br#"{"type":"system.authenticated""#;
const ROOM_STATE: &[u8] = br#"{"type":"games.event.room_state""#;

/// A load.
#[derive(Debug, Clone)]
pub struct IdleOptions {
    /// `http://ADDR:PORT`
    pub url: String,
    /// How many.
    pub connections: usize,
    /// Members of each room; 0: in no room.
    pub room_size: usize,
    /// Seconds of rest before the memory is read.
    pub seconds: f64,
    /// How often to measure.
    pub rounds: usize,
    /// Access tokens, one a line; none: guests are signed in.
    pub tokens: Option<PathBuf>,
}

struct Round {
    connect_s: f64,
    join_s: f64,
    used: Used,
    resident_at_once: Option<u64>,
    resident: Option<u64>,
    lost: u64,
}

/// Measures.
pub fn run(options: &IdleOptions) -> anyhow::Result<Figures> {
    let server = address_of(&options.url)?;
    let accounts = Accounts::at(&options.url)?;
    let offers_relay = accounts
        .games()?
        .iter()
        .any(|game| game.game_type == Played::Relay.name());
    let (mut options, mut notes) = (options.clone(), Vec::new());
    if !offers_relay {
        options.connections = options.connections.min(LIMITED_CONNECTIONS);
        options.room_size = 0;
        notes.push(format!(
            "the server runs with its limits (start it with --bench to lift them): at most {LIMITED_CONNECTIONS} \
             connections, and in no room"
        ));
    }
    let wanted = options.connections;
    let guests_max = if offers_relay { wanted } else { LIMITED_USERS };
    let (users, why) = accounts::users(options.tokens.as_deref(), accounts, wanted, guests_max)?;
    if users.len() < wanted {
        if options.room_size > 0 {
            bail!(
                "rooms need a user for each connection, and there are {}: {why}",
                users.len()
            );
        }
        notes.push(format!("{} users share the connections {why}", users.len()));
    }
    let machine = Machine::beside(server);
    let load_average = machine::load_average();
    let before = machine.resident_bytes();
    let rounds = (0..options.rounds)
        .map(|_| round(&options, server, &users, &machine))
        .collect::<anyhow::Result<Vec<Round>>>()?;
    let mut figures = report(&options, before, &rounds, &machine);
    figures.load_average = load_average;
    figures.notes = notes;
    if options.rounds > 1 {
        figures.notes.push(
            "the memory of all rounds counts from before the first, so later ones hold what their predecessors left"
                .to_owned(),
        );
    }
    Ok(figures)
}

fn report(
    options: &IdleOptions,
    before: Option<u64>,
    rounds: &[Round],
    machine: &Machine,
) -> Figures {
    let count = options.connections as f64;
    let rooms = match options.room_size {
        0 => "in no room".to_owned(),
        size => format!("in rooms of {size}"),
    };
    let title = format!(
        "{} connections {rooms}, {} rounds, {:.1} s at rest",
        options.connections, options.rounds, options.seconds
    );
    let asked = json!({ "connections": options.connections, "room_size": options.room_size });
    let mut figures = Figures::new(title, asked);
    figures.rounds = rounds.len();
    let each = |resident: Option<u64>| Some((resident? as f64 - before? as f64) / count);
    let at_rest = rounds.iter().map(|round| each(round.resident));
    figures.add_visible("bytes_per_connection", 0, at_rest);
    let at_once = rounds.iter().map(|round| each(round.resident_at_once));
    figures.add_visible("bytes_before_rest", 0, at_once);
    let rates = rounds.iter().map(|round| count / round.connect_s);
    figures.add("connections_per_s", 0, rates);
    let cost = rounds.iter().map(|round| {
        let cores = round.used.server;
        cores.map(|cores| cores * 1e6 * round.connect_s / count)
    });
    figures.add_visible("server_us_per_connection", 1, cost);
    if options.room_size > 0 {
        let joins = rounds.iter().map(|round| count / round.join_s);
        figures.add("joins_per_s", 0, joins);
    }
    let used: Vec<Used> = rounds.iter().map(|round| round.used).collect();
    figures.add_used(&used);
    let megabytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / 1e6);
    figures.add_visible("server_mb_before", 1, [megabytes(before)].into_iter());
    let held = rounds.iter().map(|round| megabytes(round.resident));
    figures.add_visible("server_mb_at_rest", 1, held);
    figures.count("lost", rounds.iter().map(|round| round.lost).sum(), true);
    let cores = machine.server().map(|_| machine.server_cores());
    figures.limited_by = saturated(&used, cores)
        .unwrap_or("nothing was saturated: the time of a sign-in's way")
        .to_owned();
    figures
}

/// Opens all, rests, and leaves everything as it was.
fn round(
    options: &IdleOptions,
    server: SocketAddr,
    users: &[String],
    machine: &Machine,
) -> anyhow::Result<Round> {
    let mut crowd = Crowd {
        sockets: Sockets::new()?,
        ids: CommandIds::new(),
        text: String::new(),
        run: uuid::Uuid::new_v4().simple().to_string(),
        lost: 0,
    };
    let all: Vec<usize> = (0..options.connections).collect();
    let sign_ins: Vec<String> = users.iter().map(|token| authenticate(token)).collect();
    let (before, start_ns) = (machine.sample(), crowd.sockets.now_ns());
    crowd.connect(options.connections, server, &sign_ins)?;
    let since = |crowd: &Crowd, from_ns: u64| {
        (crowd.sockets.now_ns() - from_ns).max(1) as f64 / SECOND_NS as f64
    };
    let connect_s = since(&crowd, start_ns);
    let used = Used::between(connect_s, &before, &machine.sample());
    let join_ns = crowd.sockets.now_ns();
    if let Some(rooms) = options.connections.checked_div(options.room_size) {
        let rooms = rooms.max(1);
        // Whoever comes first makes the room.
        for first in [true, false] {
            let some: Vec<usize> = all
                .iter()
                .copied()
                .filter(|connection| (*connection < rooms) == first)
                .collect();
            crowd.each_command("join_room", &some, rooms, ROOM_STATE)?;
        }
    }
    let join_s = since(&crowd, join_ns);
    let resident_at_once = machine.resident_bytes();
    crowd.rest((options.seconds * SECOND_NS as f64) as u64)?;
    let resident = machine.resident_bytes();
    let lost = crowd.lost;
    if let Some(rooms) = options.connections.checked_div(options.room_size) {
        let left = br#"{"type":"system.ack""#;
        crowd.each_command("leave_room", &all, rooms.max(1), left)?;
    }
    Ok(Round {
        connect_s,
        join_s,
        used,
        resident_at_once,
        resident,
        lost,
    })
}

struct Crowd {
    sockets: Sockets,
    ids: CommandIds,
    text: String,
    run: String,
    lost: u64,
}

impl Crowd {
    /// Opens and signs in so many, some at once.
    fn connect(
        &mut self,
        count: usize,
        server: SocketAddr,
        sign_ins: &[String],
    ) -> anyhow::Result<()> {
        let (mut begun, mut done, mut refusal) = (0, 0, None);
        let late_ns = self.sockets.now_ns() + SETUP_NS.max(count as u64 * SECOND_NS / 100);
        while done < count {
            self.sockets.beat();
            while begun < count && begun - done < OPENING_MAX {
                self.sockets.begin(server)?;
                begun += 1;
            }
            self.sockets.poll(
                Duration::from_millis(50),
                &mut |index, _, arrived, outbox| match arrived {
                    Arrived::Open => {
                        outbox.text(index, sign_ins[index % sign_ins.len()].as_bytes());
                    }
                    Arrived::Text(text) if text.starts_with(AUTHENTICATED) => done += 1,
                    Arrived::Text(text) if super::is_refusal(text) => {
                        refusal = Some(String::from_utf8_lossy(text).into_owned());
                    }
                    Arrived::Text(_) => {}
                    Arrived::Closed(why) => refusal = Some(why.to_owned()),
                },
            )?;
            if let Some(refusal) = refusal {
                bail!("{done} of {count} connections were signed in, then: {refusal}");
            }
            if self.sockets.now_ns() > late_ns {
                bail!("only {done} of {count} connections were signed in in time");
            }
        }
        Ok(())
    }

    /// Sends a command about its room from each of these connections, some at once, and waits for what begins like this.
    fn each_command(
        &mut self,
        name: &str,
        connections: &[usize],
        rooms: usize,
        answer: &[u8],
    ) -> anyhow::Result<()> {
        let mut answered = vec![false; connections.iter().max().map_or(0, |last| last + 1)];
        let (mut sent, mut done, mut refusal) = (0, 0, None);
        let late_ns = self.sockets.now_ns() + SETUP_NS;
        while done < connections.len() {
            self.sockets.beat();
            while sent < connections.len() && sent - done < OPENING_MAX {
                let connection = connections[sent];
                let fields = format!(
                    r#""room_id":"bench-{}-{}""#,
                    &self.run[..12],
                    connection % rooms
                );
                let id = self.ids.next();
                command::text(&mut self.text, name, id, &fields);
                self.sockets.text(connection, self.text.as_bytes());
                sent += 1;
            }
            self.sockets.poll(
                Duration::from_millis(50),
                &mut |index, _, arrived, _| match arrived {
                    Arrived::Text(text) if text.starts_with(answer) => {
                        if let Some(answered) = answered.get_mut(index) {
                            done += usize::from(!std::mem::replace(answered, true));
                        }
                    }
                    Arrived::Text(text) if super::is_refusal(text) => {
                        refusal = Some(String::from_utf8_lossy(text).into_owned());
                    }
                    Arrived::Text(_) | Arrived::Open => {}
                    Arrived::Closed(why) => refusal = Some(why.to_owned()),
                },
            )?;
            if let Some(refusal) = refusal {
                bail!("{name}: {refusal}");
            }
            if self.sockets.now_ns() > late_ns {
                bail!("{name}: {} answers did not come", connections.len() - done);
            }
        }
        Ok(())
    }

    /// Sends nothing but signs of life.
    fn rest(&mut self, span_ns: u64) -> anyhow::Result<()> {
        let start_ns = self.sockets.now_ns();
        let mut lost = 0;
        while self.sockets.now_ns() < start_ns + span_ns {
            self.sockets.beat();
            self.sockets
                .poll(Duration::from_millis(20), &mut |_, _, arrived, _| {
                    lost += u64::from(matches!(arrived, Arrived::Closed(_)));
                })?;
        }
        self.lost += lost;
        Ok(())
    }
}
