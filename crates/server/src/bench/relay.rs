//! Rooms of the game `relay`: a command's JSON comes back unchanged to both players. A delivery is
//! recognised by a mark in it, so that no frame is parsed.

use super::command::CommandIds;
use super::machine::Machine;
use super::report::Round;
use super::sockets::{Arrived, Outbox, Sockets};
use super::{
    HEARTBEAT, HEARTBEAT_NS, RoomsOptions, SECOND_NS, STALLED_NS, Tokens, Window, authenticate,
    command, is_refusal, until_all,
};
use anyhow::Context;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

const MARK: &[u8] = b"@@";
const BOTH: u8 = 0b11;

/// Measures; the same connections and rooms serve all rounds.
pub fn run(
    options: &RoomsOptions,
    gateways: &[SocketAddr],
    machine: &Machine,
    tokens: &mut Tokens,
) -> anyhow::Result<Vec<Round>> {
    let mut sockets = Sockets::new()?;
    let connections = options.rooms * 2;
    for connection in 0..connections {
        let token = tokens.next().with_context(|| {
            let why = tokens.ended_because().unwrap_or_default();
            format!("{connections} users are needed: {why}")
        })?;
        // The two of a room are at different gateways, where there are several.
        let (player, room) = (connection / options.rooms, connection % options.rooms);
        let index = sockets.open(gateways[(player + room) % gateways.len()])?;
        sockets.text(index, authenticate(&token).as_bytes());
    }
    until_all(&mut sockets, 0..connections, br#""system.authenticated""#)?;
    let mut rooms = Rooms::new(options);
    for player in 0..2 {
        for room in 0..options.rooms {
            rooms.join(&mut sockets, room, player);
        }
        let joined = player * options.rooms..(player + 1) * options.rooms;
        until_all(&mut sockets, joined, br#""games.event.room_state""#)?;
    }
    (0..options.rounds)
        .map(|_| rooms.round(&mut sockets, options, machine))
        .collect()
}

#[derive(Clone, Copy)]
struct Sent {
    /// When it was due (paced) or sent.
    at_ns: u64,
    /// Which players have its event.
    got: u8,
}

struct Room {
    fields: String,
    /// The oldest command that has not arrived at both; those before it have.
    oldest: u64,
    sent: VecDeque<Sent>,
}

struct Rooms {
    rooms: Vec<Room>,
    ids: CommandIds,
    payload_pad: String,
    text: String,
    body: String,
    finder: memchr::memmem::Finder<'static>,
    closed_loop: bool,
}

impl Rooms {
    fn new(options: &RoomsOptions) -> Rooms {
        let run = uuid::Uuid::new_v4().simple().to_string();
        let room = |number| Room {
            fields: format!(r#""room_id":"bench-{}-{number}""#, &run[..12]),
            oldest: 0,
            sent: VecDeque::new(),
        };
        let around = r#"{"m":"@@0000000000","pad":""}"#.len();
        Rooms {
            rooms: (0..options.rooms).map(room).collect(),
            ids: CommandIds::new(),
            payload_pad: "x".repeat(options.payload_bytes.saturating_sub(around)),
            text: String::new(),
            body: String::new(),
            finder: memchr::memmem::Finder::new(MARK),
            closed_loop: options.rate.is_none(),
        }
    }

    fn join(&mut self, sockets: &mut Sockets, room: usize, player: usize) {
        let id = self.ids.next();
        command::text(&mut self.text, "join_room", id, &self.rooms[room].fields);
        sockets.text(player * self.rooms.len() + room, self.text.as_bytes());
    }

    /// Makes the room's next command, and says whose turn it is to send it.
    fn next(&mut self, room: usize, at_ns: u64) -> usize {
        let Room {
            fields,
            oldest,
            sent,
        } = &mut self.rooms[room];
        let sequence = *oldest + sent.len() as u64;
        sent.push_back(Sent { at_ns, got: 0 });
        self.body.clear();
        self.body.push_str(fields);
        self.body.push_str(r#","data":{"m":"@@"#);
        push_ten_digits(&mut self.body, sequence);
        self.body.push_str(r#"","pad":""#);
        self.body.push_str(&self.payload_pad);
        self.body.push_str(r#""}"#);
        let id = self.ids.next();
        command::text(&mut self.text, "relay.say", id, &self.body);
        (sequence % 2) as usize * self.rooms.len() + room
    }

    fn arrived(
        &mut self,
        (index, now_ns): (usize, u64),
        arrived: Arrived<'_>,
        window: &Window,
        round: &mut Round,
        outbox: &mut Outbox,
    ) {
        let text = match arrived {
            Arrived::Text(text) => text,
            Arrived::Closed(why) => return round.error(why.as_bytes()),
            Arrived::Open => return,
        };
        let Some(sequence) = self
            .finder
            .find(text)
            .and_then(|at| ten_digits(&text[at + MARK.len()..]))
        else {
            if is_refusal(text) {
                round.error(text);
            }
            return;
        };
        let (room, player) = (index % self.rooms.len(), index / self.rooms.len());
        let Room { oldest, sent, .. } = &mut self.rooms[room];
        let place = sequence
            .checked_sub(*oldest)
            .and_then(|place| sent.get_mut(place as usize));
        let Some(command) = place.filter(|command| command.got & (1 << player) == 0) else {
            round.doubled += 1;
            return;
        };
        command.got |= 1 << player;
        if command.got != BOTH {
            return;
        }
        if window.holds(now_ns) {
            round.completed(now_ns.saturating_sub(command.at_ns));
        }
        let newest = sequence + 1 == *oldest + sent.len() as u64;
        while sent.front().is_some_and(|command| command.got == BOTH) {
            sent.pop_front();
            *oldest += 1;
        }
        if self.closed_loop && newest && now_ns < window.end_ns {
            let sender = self.next(room, now_ns);
            outbox.text(sender, self.text.as_bytes());
        }
    }

    fn round(
        &mut self,
        sockets: &mut Sockets,
        options: &RoomsOptions,
        machine: &Machine,
    ) -> anyhow::Result<Round> {
        let start_ns = sockets.now_ns();
        let mut window = Window::after(start_ns, options);
        let mut round = Round::default();
        let gap_ns = options.rate.map(|rate| SECOND_NS as f64 / rate);
        let (mut paced, mut next_check_ns, mut heartbeat_ns) = (0u64, start_ns, start_ns);
        if self.closed_loop {
            for room in 0..self.rooms.len() {
                self.send(sockets, room, None);
            }
        }
        loop {
            let now_ns = sockets.now_ns();
            if now_ns >= window.end_ns {
                break;
            }
            window.tick(now_ns, machine);
            let mut wait_ns = (window.end_ns - now_ns).min(SECOND_NS / 50);
            if let Some(gap_ns) = gap_ns {
                loop {
                    let due_ns = start_ns + (paced as f64 * gap_ns) as u64;
                    if due_ns > now_ns {
                        wait_ns = wait_ns.min(due_ns - now_ns);
                        break;
                    }
                    let room = (paced % self.rooms.len() as u64) as usize;
                    self.send(sockets, room, Some(due_ns));
                    paced += 1;
                }
            }
            self.take(sockets, wait_ns, &window, &mut round)?;
            if now_ns >= next_check_ns {
                next_check_ns = now_ns + SECOND_NS / 2;
                self.free_stalled(sockets, now_ns);
            }
            if now_ns >= heartbeat_ns + HEARTBEAT_NS {
                heartbeat_ns = now_ns;
                (0..self.rooms.len() * 2).for_each(|index| sockets.text(index, HEARTBEAT));
            }
        }
        window.finish(sockets.now_ns(), machine, &mut round);
        let drained_ns = sockets.now_ns() + STALLED_NS;
        while self.rooms.iter().any(|room| !room.sent.is_empty()) && sockets.now_ns() < drained_ns {
            self.take(sockets, SECOND_NS / 50, &window, &mut round)?;
        }
        for room in &mut self.rooms {
            let missing = |command: &Sent| u64::from((command.got ^ BOTH).count_ones());
            round.lost += room.sent.iter().map(missing).sum::<u64>();
            room.oldest += room.sent.len() as u64;
            room.sent.clear();
        }
        Ok(round)
    }

    fn send(&mut self, sockets: &mut Sockets, room: usize, due_ns: Option<u64>) {
        let sender = self.next(room, due_ns.unwrap_or_else(|| sockets.now_ns()));
        sockets.text(sender, self.text.as_bytes());
    }

    fn take(
        &mut self,
        sockets: &mut Sockets,
        wait_ns: u64,
        window: &Window,
        round: &mut Round,
    ) -> anyhow::Result<()> {
        sockets.poll(
            Duration::from_nanos(wait_ns),
            &mut |index, now_ns, arrived, outbox| {
                self.arrived((index, now_ns), arrived, window, round, outbox);
            },
        )
    }

    /// One loss must not end a room's closed loop.
    fn free_stalled(&mut self, sockets: &mut Sockets, now_ns: u64) {
        if !self.closed_loop {
            return;
        }
        for room in 0..self.rooms.len() {
            let newest = self.rooms[room].sent.back();
            if newest.is_none_or(|newest| now_ns > newest.at_ns + STALLED_NS) {
                self.send(sockets, room, None);
            }
        }
    }
}

fn push_ten_digits(text: &mut String, number: u64) {
    let mut divisor = 1_000_000_000;
    while divisor > 0 {
        text.push(char::from(b'0' + (number / divisor % 10) as u8));
        divisor /= 10;
    }
}

fn ten_digits(text: &[u8]) -> Option<u64> {
    text.first_chunk::<10>()?
        .iter()
        .try_fold(0u64, |number, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + u64::from(digit - b'0'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> RoomsOptions {
        RoomsOptions {
            url: String::new(),
            game: None,
            rooms: 2,
            seconds: 1.0,
            warmup: 0.0,
            rate: None,
            rounds: 1,
            payload_bytes: 300,
            tokens: None,
            gateways: Vec::new(),
            watched: Vec::new(),
        }
    }

    fn deliver(rooms: &mut Rooms, index: usize, sequence: u64, round: &mut Round) {
        let window = Window {
            from_ns: 0,
            end_ns: 0,
            started: None,
        };
        let text =
            format!(r#"{{"type":"games.event.relay.said","data":{{"m":"@@{sequence:010}"}}}}"#);
        let arrived = Arrived::Text(text.as_bytes());
        rooms.arrived((index, 1), arrived, &window, round, &mut Outbox::default());
    }

    #[test]
    fn a_command_carries_its_mark_in_a_payload_of_the_asked_size() {
        let mut rooms = Rooms::new(&options());
        assert_eq!(rooms.next(1, 7), 1);
        assert_eq!(rooms.next(1, 7), 3, "players take turns");
        let command: serde_json::Value = serde_json::from_str(&rooms.text).unwrap();
        assert_eq!(command["type"], "games.command.relay.say");
        assert_eq!(command["data"].to_string().len(), 300);
        assert_eq!(command["data"]["m"], "@@0000000001");
    }

    #[test]
    fn a_second_delivery_to_the_same_player_counts_as_doubled() {
        let mut rooms = Rooms::new(&options());
        let mut round = Round::default();
        rooms.next(0, 0);
        deliver(&mut rooms, 0, 0, &mut round);
        deliver(&mut rooms, 2, 0, &mut round);
        assert_eq!(round.doubled, 0);
        deliver(&mut rooms, 2, 0, &mut round);
        rooms.next(0, 0);
        deliver(&mut rooms, 0, 1, &mut round);
        deliver(&mut rooms, 0, 1, &mut round);
        assert_eq!(round.doubled, 2);
    }

    #[test]
    fn refusals_and_lost_connections_are_errors() {
        let mut rooms = Rooms::new(&options());
        let window = Window {
            from_ns: 0,
            end_ns: 0,
            started: None,
        };
        let mut round = Round::default();
        for arrived in [
            Arrived::Text(br#"{"type":"games.event.error","code":"not_in_room"}"#),
            Arrived::Closed("end of stream"),
            Arrived::Text(br#"{"type":"system.ack"}"#),
        ] {
            rooms.arrived((0, 1), arrived, &window, &mut round, &mut Outbox::default());
        }
        assert_eq!(round.errors, 2);
    }
}
