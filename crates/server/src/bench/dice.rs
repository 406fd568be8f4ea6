//! Whole games of Bigger Dice: rooms are made, seats paid for, dice rolled as soon as it is one's
//! turn, prizes won. Whoever can no longer pay the fee makes place for a new guest.

mod frame;
mod table;

use super::command::{self, CommandIds};
use super::machine::Machine;
use super::report::Round;
use super::sockets::{Arrived, Outbox, Sockets};
use super::{
    HEARTBEAT, HEARTBEAT_NS, RoomsOptions, SECOND_NS, SETUP_NS, STALLED_NS, Tokens, Window,
    authenticate,
};
use anyhow::bail;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use table::{Next, Player, Table};

const RETRY_NS: u64 = SECOND_NS / 2;

/// Measures; rooms play on from round to round.
pub fn run(
    options: &RoomsOptions,
    gateways: &[SocketAddr],
    machine: &Machine,
    tokens: &mut Tokens,
    fee_cents: i64,
    notes: &mut Vec<String>,
) -> anyhow::Result<Vec<Round>> {
    let mut hall = Hall::open(options, gateways, tokens, fee_cents)?;
    if hall.tables.len() < options.rooms {
        notes.push(format!(
            "only {} of {} rooms found two players",
            hall.tables.len(),
            options.rooms
        ));
    }
    notes.push("commands are rolls; what it takes to set up a game is not counted".to_owned());
    let mut rounds = Vec::with_capacity(options.rounds);
    for _ in 0..options.rounds {
        rounds.push(hall.round(options, machine)?);
    }
    Ok(rounds)
}

/// A roll that may be sent.
struct Turn {
    table: usize,
    side: usize,
    since_ns: u64,
}

struct Hall<'a> {
    gateways: &'a [SocketAddr],
    sockets: Sockets,
    tokens: &'a mut Tokens,
    tables: Vec<Table>,
    /// The table and side of each connection.
    places: Vec<(usize, usize)>,
    desk: Desk,
}

/// What a table's progress needs and leaves behind.
struct Desk {
    ids: CommandIds,
    fee_cents: i64,
    closed_loop: bool,
    rolling: bool,
    turns: VecDeque<Turn>,
    empty_seats: Vec<(usize, usize)>,
    refused: Vec<(u64, usize, String)>,
    text: String,
}

impl<'a> Hall<'a> {
    fn open(
        options: &RoomsOptions,
        gateways: &'a [SocketAddr],
        tokens: &'a mut Tokens,
        fee_cents: i64,
    ) -> anyhow::Result<Hall<'a>> {
        let mut hall = Hall {
            gateways,
            sockets: Sockets::new()?,
            tokens,
            tables: Vec::new(),
            places: Vec::new(),
            desk: Desk::new(fee_cents, options.rate.is_none()),
        };
        for table in 0..options.rooms {
            let (Some(host), Some(other)) = (hall.tokens.next(), hall.tokens.next()) else {
                break;
            };
            let players = [
                hall.seat(&host, (table, 0))?,
                hall.seat(&other, (table, 1))?,
            ];
            hall.tables.push(Table::new(players));
        }
        if hall.tables.is_empty() {
            let why = hall.tokens.ended_because().unwrap_or_default();
            bail!("two users are needed at least: {why}");
        }
        let window = Window {
            from_ns: u64::MAX,
            end_ns: u64::MAX,
            started: None,
        };
        let mut round = Round::default();
        let deadline_ns = hall.sockets.now_ns() + SETUP_NS;
        while !hall.tables.iter().all(Table::is_playing) {
            hall.turn(SECOND_NS / 50, &window, &mut round)?;
            if round.errors > 0 {
                bail!("the games could not be set up: {}", round.first_error());
            }
            if hall.sockets.now_ns() > deadline_ns {
                let waiting = hall
                    .tables
                    .iter()
                    .filter(|table| !table.is_playing())
                    .count();
                bail!(
                    "{waiting} of {} games did not begin within 60 s",
                    hall.tables.len()
                );
            }
        }
        Ok(hall)
    }

    fn seat(&mut self, token: &str, place: (usize, usize)) -> anyhow::Result<Player> {
        let at = (place.0 + place.1) % self.gateways.len();
        let connection = self.sockets.open(self.gateways[at])?;
        self.places.push(place);
        self.sockets
            .text(connection, authenticate(token).as_bytes());
        Ok(Player::on(connection))
    }

    fn round(&mut self, options: &RoomsOptions, machine: &Machine) -> anyhow::Result<Round> {
        let start_ns = self.sockets.now_ns();
        let mut window = Window::after(start_ns, options);
        let mut round = Round::default();
        let gap_ns = options.rate.map(|rate| (SECOND_NS as f64 / rate) as u64);
        let (mut slot_ns, mut heartbeat_ns) = (start_ns, start_ns);
        self.desk.rolling = true;
        loop {
            let now_ns = self.sockets.now_ns();
            if now_ns >= window.end_ns {
                break;
            }
            window.tick(now_ns, machine);
            let mut wait_ns = (window.end_ns - now_ns).min(SECOND_NS / 50);
            while let Some(turn) = self.desk.turns.front() {
                let due_ns = turn.since_ns.max(slot_ns);
                if due_ns > now_ns {
                    wait_ns = wait_ns.min(due_ns - now_ns);
                    break;
                }
                if let Some(turn) = self.desk.turns.pop_front() {
                    self.roll(&turn, due_ns);
                }
                slot_ns = gap_ns.map_or(slot_ns, |gap_ns| due_ns + gap_ns);
            }
            self.turn(wait_ns, &window, &mut round)?;
            if now_ns >= heartbeat_ns + HEARTBEAT_NS {
                heartbeat_ns = now_ns;
                (0..self.places.len()).for_each(|index| self.sockets.text(index, HEARTBEAT));
            }
        }
        self.desk.rolling = false;
        window.finish(self.sockets.now_ns(), machine, &mut round);
        let drained_ns = self.sockets.now_ns() + STALLED_NS;
        while self.tables.iter().any(Table::is_waiting) && self.sockets.now_ns() < drained_ns {
            self.turn(SECOND_NS / 50, &window, &mut round)?;
        }
        for table in &mut self.tables {
            round.lost += table.give_up_roll();
        }
        Ok(round)
    }

    fn roll(&mut self, turn: &Turn, due_ns: u64) {
        let table = &mut self.tables[turn.table];
        let connection = table.roll(turn.side, due_ns, &mut self.desk);
        self.sockets.text(connection, self.desk.text.as_bytes());
    }

    /// Takes what has come, sends again what was refused for its rate, fills empty seats.
    fn turn(&mut self, wait_ns: u64, window: &Window, round: &mut Round) -> anyhow::Result<()> {
        let Hall {
            sockets,
            tables,
            places,
            desk,
            ..
        } = self;
        sockets.poll(
            Duration::from_nanos(wait_ns),
            &mut |index, now_ns, arrived, outbox| {
                let (table, side) = places[index];
                match arrived {
                    Arrived::Text(text) => {
                        take(
                            tables,
                            (table, side),
                            now_ns,
                            text,
                            desk,
                            window,
                            round,
                            outbox,
                        );
                    }
                    Arrived::Open => {}
                    Arrived::Closed(why) => {
                        round.error(why.as_bytes());
                        tables[table].retire();
                    }
                }
            },
        )?;
        let now_ns = self.sockets.now_ns();
        while let Some(at) = self
            .desk
            .refused
            .iter()
            .position(|(due_ns, ..)| *due_ns <= now_ns)
        {
            let (_, connection, text) = self.desk.refused.swap_remove(at);
            self.sockets.text(connection, text.as_bytes());
        }
        while let Some((table, side)) = self.desk.empty_seats.last().copied() {
            let Some(token) = self.tokens.ready() else {
                break;
            };
            self.desk.empty_seats.pop();
            self.sockets.close(self.tables[table].connection(side));
            let player = self.seat(&token, (table, side))?;
            self.tables[table].replace(side, player);
        }
        Ok(())
    }
}

fn take(
    tables: &mut [Table],
    (at, side): (usize, usize),
    now_ns: u64,
    text: &[u8],
    desk: &mut Desk,
    window: &Window,
    round: &mut Round,
    outbox: &mut Outbox,
) {
    let table = &mut tables[at];
    match table.take(side, text, desk, round, outbox) {
        Next::Nothing => {}
        Next::Turn(side) if desk.rolling && desk.closed_loop && now_ns < window.end_ns => {
            let connection = table.roll(side, now_ns, desk);
            outbox.text(connection, desk.text.as_bytes());
        }
        Next::Turn(side) => desk.turns.push_back(Turn {
            table: at,
            side,
            since_ns: now_ns,
        }),
        Next::Rolled { sent_ns, turn } => {
            if window.holds(now_ns) {
                round.completed(now_ns.saturating_sub(sent_ns));
            }
            if let Some(side) = turn {
                desk.turns.push_back(Turn {
                    table: at,
                    side,
                    since_ns: now_ns,
                });
            }
        }
        Next::Limited => {
            round.limited += 1;
            let (connection, command) = table.last_command(side);
            desk.refused
                .push((now_ns + RETRY_NS, connection, command.to_owned()));
        }
        Next::EmptySeats(sides) => {
            desk.empty_seats
                .extend(sides.into_iter().map(|side| (at, side)));
        }
    }
}

impl Desk {
    fn new(fee_cents: i64, closed_loop: bool) -> Desk {
        Desk {
            ids: CommandIds::new(),
            fee_cents,
            closed_loop,
            rolling: false,
            turns: VecDeque::new(),
            empty_seats: Vec::new(),
            refused: Vec::new(),
            text: String::new(),
        }
    }

    /// Makes a command in `text`, and remembers it as the player's last.
    fn command(&mut self, player: &mut Player, name: &str, fields: &str) {
        let id = self.ids.next();
        command::text(&mut self.text, name, id, fields);
        player.remember(&self.text);
    }
}
