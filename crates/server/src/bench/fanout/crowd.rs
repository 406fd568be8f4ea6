//! The publisher's and the subscribers' connections, all in one room.

use super::FanoutOptions;
use crate::bench::command::{self, CommandIds};
use crate::bench::sockets::Sockets;
use crate::bench::{authenticate, until_all, until_each};
use anyhow::Context;
use std::net::SocketAddr;

/// The publisher's place among the members.
pub const PUBLISHER: usize = 0;
const ERRORS_MAX: usize = 3;

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// `relay.say`, which all get as it is.
    Relay,
    /// A seated player of Bigger Dice is ready, or no longer.
    Ready,
}

/// One connection of a room's member.
struct Member {
    connection: usize,
    token: String,
    /// Another connection of the same user comes before it.
    is_second: bool,
}

/// All of them.
pub struct Crowd {
    server: SocketAddr,
    pub(super) sockets: Sockets,
    members: Vec<Member>,
    /// The member of each connection that ever was.
    pub(super) member_of: Vec<usize>,
    /// When each member's connection was closed, by either side.
    pub(super) closed_ns: Vec<Option<u64>>,
    is_stalled: Vec<bool>,
    talk: Talk,
    room_field: String,
    pub(super) ids: CommandIds,
    pad: String,
    said: u64,
    text: String,
    errors: Vec<String>,
}

impl Crowd {
    /// Signs all in, and into a new room.
    pub fn gather(
        server: SocketAddr,
        talk: Talk,
        users: &[String],
        options: &FanoutOptions,
    ) -> anyhow::Result<Crowd> {
        let count = options.subscribers + 1;
        let run = uuid::Uuid::new_v4().simple().to_string();
        let around = r#"{"pad":""}"#.len();
        let mut crowd = Crowd {
            server,
            sockets: Sockets::new()?,
            members: Vec::with_capacity(count),
            member_of: Vec::with_capacity(count),
            closed_ns: vec![None; count],
            is_stalled: vec![false; count],
            talk,
            room_field: format!(r#""room_id":"bench-{}""#, &run[..12]),
            ids: CommandIds::new(),
            pad: "x".repeat(options.payload_bytes.saturating_sub(around)),
            said: 0,
            text: String::new(),
            errors: Vec::new(),
        };
        for member in 0..count {
            // The publisher's user is nobody else's, where there are enough.
            let user = match member {
                0 => 0,
                _ => (1 + (member - 1) % (users.len() - 1).max(1)).min(users.len() - 1),
            };
            crowd.members.push(Member {
                connection: 0,
                token: users[user].clone(),
                is_second: member >= users.len(),
            });
            crowd.open(member)?;
            crowd.sockets.beat();
        }
        until_all(&mut crowd.sockets, 0..count, br#""system.authenticated""#)?;
        crowd.enter_room()?;
        Ok(crowd)
    }

    fn open(&mut self, member: usize) -> anyhow::Result<()> {
        let connection = self.sockets.open(self.server)?;
        self.member_of.push(member);
        self.members[member].connection = connection;
        (self.closed_ns[member], self.is_stalled[member]) = (None, false);
        let sign_in = authenticate(&self.members[member].token);
        self.sockets.text(connection, sign_in.as_bytes());
        Ok(())
    }

    fn enter_room(&mut self) -> anyhow::Result<()> {
        match self.talk {
            Talk::Relay => {
                self.command(PUBLISHER, "join_room", &self.room_field.clone());
                self.answer(PUBLISHER, "games.event.room_state")?;
            }
            Talk::Ready => self.open_table()?,
        }
        for member in 1..self.members.len() {
            if !self.members[member].is_second {
                self.command(member, "join_room", &self.room_field.clone());
            }
        }
        let all = 1..self.members.len();
        until_all(&mut self.sockets, all, br#""games.event.room_state""#)
    }

    /// A room of Bigger Dice with the publisher on its one taken seat.
    fn open_table(&mut self) -> anyhow::Result<()> {
        self.command(
            PUBLISHER,
            "create_room",
            r#""game_type":"bigger_dice","room_name":"bench""#,
        );
        let state = self.answer(PUBLISHER, "games.event.room_state")?;
        let state: serde_json::Value = serde_json::from_slice(&state)?;
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let room = text(&state["room"]["room_id"]).context("a room's state names no room")?;
        let host = text(&state["room"]["host_id"]).context("a room's state names no host")?;
        self.room_field = format!(r#""room_id":"{room}""#);
        let seat = format!(r#"{},"target_user_id":"{host}""#, self.room_field);
        self.command(PUBLISHER, "select_player", &seat);
        self.answer(PUBLISHER, "games.event.player_selected")?;
        Ok(())
    }

    /// Waits for an event at one connection.
    fn answer(&mut self, member: usize, event_type: &str) -> anyhow::Result<Vec<u8>> {
        let wanted = format!(r#"{{"type":"{event_type}""#);
        let connection = self.members[member].connection;
        let mut found = Vec::new();
        until_each(
            &mut self.sockets,
            connection..connection + 1,
            wanted.as_bytes(),
            &mut |text| found = text.to_vec(),
        )?;
        Ok(found)
    }

    fn command(&mut self, member: usize, name: &str, fields: &str) {
        let id = self.ids.next();
        command::text(&mut self.text, name, id, fields);
        self.sockets
            .text(self.members[member].connection, self.text.as_bytes());
    }

    /// Connections of those who listen.
    pub fn subscribers(&self) -> usize {
        self.members.len() - 1
    }

    /// The start of a frame that is a delivery.
    pub fn delivery(&self) -> &'static [u8] {
        match self.talk {
            Talk::Relay => br#"{"type":"games.event.relay.said""#,
            Talk::Ready => br#"{"type":"games.event.player_ready_changed""#,
        }
    }

    /// Publishes once; gives the number that its deliveries carry.
    pub fn publish(&mut self) -> u32 {
        let id = self.ids.next();
        self.said += 1;
        let (name, rest) = match self.talk {
            Talk::Relay => ("relay.say", format!(r#","data":{{"pad":"{}"}}"#, self.pad)),
            Talk::Ready => {
                let ready = !self.said.is_multiple_of(2);
                ("set_ready", format!(r#","is_ready":{ready}"#))
            }
        };
        let fields = format!("{}{rest}", self.room_field);
        command::text(&mut self.text, name, id, &fields);
        let connection = self.members[PUBLISHER].connection;
        self.sockets.text(connection, self.text.as_bytes());
        command::number_of(&id)
    }

    /// Stops to read from a member's connection.
    pub fn stall(&mut self, member: usize) -> anyhow::Result<()> {
        self.is_stalled[member] = true;
        self.sockets.stall(self.members[member].connection)
    }

    /// Closes a member's connection.
    pub fn close(&mut self, member: usize) {
        self.sockets.close(self.members[member].connection);
        self.closed_ns[member].get_or_insert(self.sockets.now_ns());
    }

    /// Notes that a connection is gone; of one that is not read that is no error.
    pub fn lost(&mut self, member: usize, at_ns: u64, why: &str) {
        self.closed_ns[member] = Some(at_ns);
        if !self.is_stalled[member] {
            self.error(format!("a connection ended: {why}"));
        }
    }

    /// Keeps the first few.
    pub fn error(&mut self, error: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        }
    }

    /// Opens those again that were closed; gives how many.
    pub fn reopen(&mut self) -> anyhow::Result<u64> {
        let closed: Vec<usize> = (0..self.members.len())
            .filter(|member| self.closed_ns[*member].is_some())
            .collect();
        let first_new = self.member_of.len();
        for member in &closed {
            self.open(*member)?;
            // Whoever was gone for long has left the room; the others hear that they are in it.
            self.command(*member, "join_room", &self.room_field.clone());
        }
        let all_new = first_new..self.member_of.len();
        until_all(&mut self.sockets, all_new, br#""games.event.room_state""#)?;
        Ok(closed.len() as u64)
    }

    /// The first of what went wrong.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }
}
