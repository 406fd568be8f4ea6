//! One room after the other with the same two seats: what each event leads to.

use super::super::report::Round;
use super::super::sockets::Outbox;
use super::Desk;
use super::frame;

const BOTH: u8 = 0b11;
const HOST: usize = 0;
const OTHER: usize = 1;
/// What a guest begins with.
const GUEST_CENTS: i64 = 5_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    SigningIn,
    Opening,
    Joining,
    Playing,
    Retired,
}

/// A seat's user.
pub struct Player {
    connection: usize,
    user_id: String,
    balance_cents: i64,
    /// Of the room's events, the last one seen.
    room_seq: i64,
    last_command: String,
    over: bool,
}

struct Roll {
    sent_ns: u64,
    got: u8,
}

/// A room's two players.
pub struct Table {
    players: [Player; 2],
    phase: Phase,
    room: String,
    roll: Option<Roll>,
    turn: Option<usize>,
}

/// What the hall must do.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait.
    Nothing,
    /// This side may roll.
    Turn(usize),
    /// Both have the roll; this side may roll next.
    Rolled {
        /// When it was sent or due.
        sent_ns: u64,
        /// Whose turn came before the roll had arrived at both.
        turn: Option<usize>,
    },
    /// The last command must be sent again later.
    Limited,
    /// These sides cannot pay the fee.
    EmptySeats(Vec<usize>),
}

impl Player {
    /// Who will sign in on this connection.
    pub fn on(connection: usize) -> Player {
        Player {
            connection,
            user_id: String::new(),
            balance_cents: GUEST_CENTS,
            room_seq: 0,
            last_command: String::new(),
            over: false,
        }
    }

    /// Keeps a command, should it have to be sent again.
    pub fn remember(&mut self, command: &str) {
        self.last_command.clear();
        self.last_command.push_str(command);
    }
}

impl Table {
    /// Both are signing in.
    pub fn new(players: [Player; 2]) -> Table {
        Table {
            players,
            phase: Phase::SigningIn,
            room: String::new(),
            roll: None,
            turn: None,
        }
    }

    /// Whether nothing holds up the start of measuring.
    pub fn is_playing(&self) -> bool {
        matches!(self.phase, Phase::Playing | Phase::Retired)
    }

    /// Whether a roll has not arrived at both.
    pub fn is_waiting(&self) -> bool {
        self.roll.is_some() && self.phase != Phase::Retired
    }

    /// Plays no more.
    pub fn retire(&mut self) {
        self.phase = Phase::Retired;
    }

    /// The connection of a side.
    pub fn connection(&self, side: usize) -> usize {
        self.players[side].connection
    }

    /// The last command of a side, and its connection.
    pub fn last_command(&self, side: usize) -> (usize, &str) {
        (
            self.players[side].connection,
            &self.players[side].last_command,
        )
    }

    /// A new user takes the seat.
    pub fn replace(&mut self, side: usize, player: Player) {
        self.players[side] = player;
        self.phase = Phase::SigningIn;
    }

    /// Forgets a roll; how many deliveries of it are missing.
    pub fn give_up_roll(&mut self) -> u64 {
        self.roll
            .take()
            .map_or(0, |roll| u64::from((roll.got ^ BOTH).count_ones()))
    }

    /// Makes the roll in the desk's text; to be sent on the connection that is returned.
    pub fn roll(&mut self, side: usize, at_ns: u64, desk: &mut Desk) -> usize {
        self.roll = Some(Roll {
            sent_ns: at_ns,
            got: 0,
        });
        desk.command(&mut self.players[side], "bigger_dice.roll", &self.room);
        self.players[side].connection
    }

    /// Goes on with what has come.
    pub fn take(
        &mut self,
        side: usize,
        text: &[u8],
        desk: &mut Desk,
        round: &mut Round,
        outbox: &mut Outbox,
    ) -> Next {
        let kind = frame::kind(text);
        if self.phase == Phase::Retired {
            return Next::Nothing;
        }
        if kind != b"games.event.room_state" && kind != b"games.event.command_applied" {
            self.check_sequence(side, text, round);
        }
        match kind {
            b"system.authenticated" => {
                let id = frame::string(text, br#""user_id":""#).unwrap_or_default();
                self.players[side].user_id = String::from_utf8_lossy(id).into_owned();
                self.open_if_ready(desk, outbox)
            }
            b"wallet.event.balance_changed" => {
                let balance = frame::number(text, br#""balance_cents":"#);
                self.players[side].balance_cents = balance.unwrap_or(0);
                Next::Nothing
            }
            b"games.event.room_state" => {
                self.entered(side, text, desk, outbox);
                Next::Nothing
            }
            b"games.event.game_starting" => {
                let fields = format!(r#"{},"is_ready":true"#, self.room);
                self.send(side, "ready", &fields, desk, outbox);
                Next::Nothing
            }
            b"games.event.turn_changed" => self.turn_changed(side, text),
            b"games.event.bigger_dice.rolled" => self.rolled(side, round),
            b"games.event.seed_revealed" => self.ended(side, desk, round, outbox),
            b"games.event.error" | b"system.error" => self.refused(text, round),
            _ => Next::Nothing,
        }
    }

    fn check_sequence(&mut self, side: usize, text: &[u8], round: &mut Round) {
        let Some(room_seq) = frame::number(text, br#""room_seq":"#) else {
            return;
        };
        let last = std::mem::replace(&mut self.players[side].room_seq, room_seq);
        if last > 0 && room_seq > last + 1 {
            round.lost += (room_seq - last - 1).unsigned_abs();
        } else if last > 0 && room_seq <= last {
            round.doubled += 1;
        }
    }

    fn send(
        &mut self,
        side: usize,
        name: &str,
        fields: &str,
        desk: &mut Desk,
        outbox: &mut Outbox,
    ) {
        desk.command(&mut self.players[side], name, fields);
        outbox.text(self.players[side].connection, desk.text.as_bytes());
    }

    fn open_if_ready(&mut self, desk: &mut Desk, outbox: &mut Outbox) -> Next {
        let signed_in = self.players.iter().all(|player| !player.user_id.is_empty());
        if self.phase == Phase::SigningIn && signed_in {
            self.open(desk, outbox);
        }
        Next::Nothing
    }

    fn open(&mut self, desk: &mut Desk, outbox: &mut Outbox) {
        self.phase = Phase::Opening;
        (self.roll, self.turn) = (None, None);
        for player in &mut self.players {
            (player.room_seq, player.over) = (0, false);
        }
        let fields = format!(
            r#""game_type":"bigger_dice","room_name":"bench {}","max_players":2"#,
            self.players[HOST].user_id
        );
        self.send(HOST, "create_room", &fields, desk, outbox);
    }

    fn entered(&mut self, side: usize, text: &[u8], desk: &mut Desk, outbox: &mut Outbox) {
        match (self.phase, side) {
            (Phase::Opening, HOST) => {
                self.phase = Phase::Joining;
                let id = frame::string(text, br#""room_id":""#).unwrap_or_default();
                self.room = format!(r#""room_id":"{}""#, String::from_utf8_lossy(id));
                let fields = self.room.clone();
                self.send(OTHER, "join_room", &fields, desk, outbox);
            }
            (Phase::Joining, OTHER) => {
                for target in [HOST, OTHER] {
                    let target = &self.players[target].user_id;
                    let fields = format!(r#"{},"target_user_id":"{target}""#, self.room);
                    self.send(HOST, "select_player", &fields, desk, outbox);
                }
            }
            _ => {}
        }
    }

    fn turn_changed(&mut self, side: usize, text: &[u8]) -> Next {
        self.phase = Phase::Playing;
        let turn = frame::string(text, br#""current_turn":""#).unwrap_or_default();
        if turn != self.players[side].user_id.as_bytes() {
            Next::Nothing
        } else if self.roll.is_some() {
            self.turn = Some(side);
            Next::Nothing
        } else {
            Next::Turn(side)
        }
    }

    fn rolled(&mut self, side: usize, round: &mut Round) -> Next {
        // Without a roll of ours the server has rolled, a turn's time being over.
        let Some(roll) = &mut self.roll else {
            return Next::Nothing;
        };
        if roll.got & (1 << side) != 0 {
            round.doubled += 1;
        }
        roll.got |= 1 << side;
        if roll.got != BOTH {
            return Next::Nothing;
        }
        let sent_ns = roll.sent_ns;
        self.roll = None;
        Next::Rolled {
            sent_ns,
            turn: self.turn.take(),
        }
    }

    fn ended(
        &mut self,
        side: usize,
        desk: &mut Desk,
        round: &mut Round,
        outbox: &mut Outbox,
    ) -> Next {
        self.players[side].over = true;
        if !self.players.iter().all(|player| player.over) {
            return Next::Nothing;
        }
        round.games += 1;
        let poor = |side: &usize| self.players[*side].balance_cents < desk.fee_cents;
        let poor: Vec<usize> = [HOST, OTHER].into_iter().filter(poor).collect();
        if poor.is_empty() {
            self.open(desk, outbox);
            return Next::Nothing;
        }
        Next::EmptySeats(poor)
    }

    fn refused(&mut self, text: &[u8], round: &mut Round) -> Next {
        match frame::string(text, br#""code":""#) {
            Some(b"rate_limited" | b"unavailable") => Next::Limited,
            // A prize may still be on its way when the next game is set up: play on with others.
            Some(b"insufficient_balance") => Next::EmptySeats(vec![HOST, OTHER]),
            _ => {
                round.error(text);
                self.retire();
                Next::Nothing
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> (Table, Desk, Round, Outbox) {
        let mut players = [Player::on(0), Player::on(1)];
        players[HOST].user_id = "1".into();
        players[OTHER].user_id = "2".into();
        let table = Table {
            phase: Phase::Playing,
            ..Table::new(players)
        };
        (
            table,
            Desk::new(1_000, true),
            Round::default(),
            Outbox::default(),
        )
    }

    #[test]
    fn a_roll_is_complete_once_both_have_it_and_the_next_turn_follows() {
        let (mut table, mut desk, mut round, mut outbox) = started();
        let mut take = |table: &mut Table, desk: &mut Desk, side, text: &str| {
            table.take(side, text.as_bytes(), desk, &mut round, &mut outbox)
        };
        let turn = r#"{"type":"games.event.turn_changed","room_seq":1,"current_turn":"1"}"#;
        assert_eq!(take(&mut table, &mut desk, OTHER, turn), Next::Nothing);
        assert_eq!(take(&mut table, &mut desk, HOST, turn), Next::Turn(HOST));
        assert_eq!(table.roll(HOST, 5, &mut desk), 0);
        let rolled = r#"{"type":"games.event.bigger_dice.rolled","room_seq":2,"roll":3}"#;
        let turn = r#"{"type":"games.event.turn_changed","room_seq":3,"current_turn":"2"}"#;
        assert_eq!(take(&mut table, &mut desk, OTHER, rolled), Next::Nothing);
        assert_eq!(take(&mut table, &mut desk, OTHER, turn), Next::Nothing);
        let both = Next::Rolled {
            sent_ns: 5,
            turn: Some(OTHER),
        };
        assert_eq!(take(&mut table, &mut desk, HOST, rolled), both);
        assert_eq!(round.lost + round.doubled, 0);
    }

    #[test]
    fn gaps_and_repeats_in_a_room_are_counted() {
        let (mut table, mut desk, mut round, mut outbox) = started();
        for room_seq in [1, 2, 5, 5] {
            let text = format!(r#"{{"type":"games.event.x","room_seq":{room_seq}}}"#);
            table.take(HOST, text.as_bytes(), &mut desk, &mut round, &mut outbox);
        }
        assert_eq!((round.lost, round.doubled), (2, 1));
    }

    #[test]
    fn who_cannot_pay_makes_place() {
        let (mut table, mut desk, mut round, mut outbox) = started();
        let mut take = |table: &mut Table, side, text: &str| {
            table.take(side, text.as_bytes(), &mut desk, &mut round, &mut outbox)
        };
        take(
            &mut table,
            OTHER,
            r#"{"type":"wallet.event.balance_changed","balance_cents":600}"#,
        );
        take(&mut table, HOST, r#"{"type":"games.event.seed_revealed"}"#);
        let next = take(&mut table, OTHER, r#"{"type":"games.event.seed_revealed"}"#);
        assert_eq!(next, Next::EmptySeats(vec![OTHER]));
    }
}
