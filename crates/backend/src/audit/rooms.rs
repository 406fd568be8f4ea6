//! Room by room: what came in went out again as it must, and every room is running or archived.

use super::frame::LogFrame;
use super::ledger::{COLUMNS, TransferRow};
use super::log::LoggedRoom;
use super::progress::Progress;
use super::{AuditCheck, Result, has_table};
use crate::store::sqlite::quarantined_room;
use blazing_sun_domain::room::{Action, Input};
use blazing_sun_domain::{Cents, TransferKind};
use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, HashMap};

/// What is said of a room's saved state; the rest of it is the rules' own.
#[derive(Deserialize)]
struct SavedRoom {
    config: SavedConfig,
    roster: SavedRoster,
    room_seq: u64,
}

#[derive(Deserialize)]
struct SavedConfig {
    entry_fee: i64,
}

#[derive(Deserialize)]
struct SavedRoster {
    seats: Vec<SavedSeat>,
}

#[derive(Deserialize)]
struct SavedSeat {
    paid: i64,
}

/// What stands in the store for a room.
enum Kept {
    /// It has ended: what a seat cost, and the winner's share in percent.
    Archived { terms: Option<(i64, u8)> },
    /// It runs, and was saved as of a batch.
    Saved {
        batch_no: u64,
        state: Option<SavedRoom>,
    },
    /// It runs, and recovery makes it again from its inputs alone.
    Journaled,
    /// Nothing, though it was there.
    Lost,
}

/// What moved in a room so far.
#[derive(Default)]
struct Moved {
    /// By user and selection: the fee, until it is refunded.
    held: BTreeMap<(i64, u32), i64>,
    selections: BTreeMap<i64, u32>,
    fee: i64,
    prize: i64,
    rake: i64,
    escrow: i64,
    is_settled: bool,
    /// By batch, in order: what the escrow holds after it.
    history: Vec<(u64, i64)>,
}

/// Checks all rooms; answers with what is said of their money and of their being there.
pub(super) fn check(
    connection: &Connection,
    frame: &LogFrame,
    logged: &HashMap<String, LoggedRoom>,
    progress: &Progress<'_>,
) -> Result<(AuditCheck, AuditCheck)> {
    let mut pass = Rooms {
        connection,
        frame,
        logged,
        money: AuditCheck::new(
            "in every room fees are refunded once or split into prize and rake, and an ended room holds nothing",
        ),
        known: AuditCheck::new("every room is running or archived, and listed accordingly"),
    };
    let mut statement = connection.prepare(&format!(
        "SELECT {COLUMNS} FROM ledger_transfer WHERE room_id IS NOT NULL ORDER BY room_id, id"
    ))?;
    let mut rows = statement.query([])?;
    let mut current: Option<(String, Moved)> = None;
    while let Some(row) = rows.next()? {
        progress.step();
        let row = TransferRow::read(row)?;
        let room = row.room.clone().unwrap_or_default();
        if current.as_ref().is_none_or(|(name, _)| *name != room) {
            if let Some((name, moved)) = current.take() {
                pass.take(&name, Some(&moved))?;
            }
            current = Some((room, Moved::default()));
        }
        if let Some((_, moved)) = &mut current {
            pass.money.expect(true, String::new);
            if let Some(wrong) = moved.add(&row) {
                pass.money.differ(|| wrong);
            }
        }
    }
    if let Some((name, moved)) = current.take() {
        pass.take(&name, Some(&moved))?;
    }
    pass.check_rooms_without_money()?;
    pass.check_lists()?;
    Ok((pass.money, pass.known))
}

impl Moved {
    /// Adds a transfer; answers with what is wrong about it.
    fn add(&mut self, row: &TransferRow) -> Option<String> {
        let (key, amount) = (&row.key, row.amount);
        let slot = (row.user.unwrap_or(-1), row.nth().unwrap_or(0));
        let was_settled = self.is_settled;
        let mut wrong = None;
        let change = match row.kind()? {
            TransferKind::Fee => {
                let count = self.selections.entry(slot.0).or_default();
                *count += 1;
                if *count != slot.1 {
                    let count = *count;
                    wrong = Some(format!(
                        "transfer {key} is the {count}. fee of its player here"
                    ));
                    self.selections.insert(slot.0, slot.1);
                }
                if self.fee != 0 && self.fee != amount {
                    wrong = Some(format!(
                        "transfer {key} is of {amount}, others of {}",
                        self.fee
                    ));
                }
                self.fee = amount;
                self.held.insert(slot, amount);
                amount
            }
            TransferKind::Refund => {
                match self.held.remove(&slot) {
                    Some(fee) if fee == amount => {}
                    Some(fee) => {
                        wrong = Some(format!("transfer {key} is of {amount}, its fee of {fee}"));
                    }
                    None => wrong = Some(format!("transfer {key} gives back no fee that is held")),
                }
                -amount
            }
            TransferKind::Prize => {
                if self.prize != 0 {
                    wrong = Some(format!("transfer {key} is the room's second prize"));
                }
                if !self.held.keys().any(|(user, _)| *user == slot.0) {
                    wrong = Some(format!("transfer {key} goes to no paid seat"));
                }
                self.prize += amount;
                self.is_settled = true;
                -amount
            }
            TransferKind::Rake => {
                self.rake += amount;
                self.is_settled = true;
                -amount
            }
            _ => return None,
        };
        if was_settled && !matches!(row.kind(), Some(TransferKind::Rake)) {
            wrong = wrong.or_else(|| Some(format!("transfer {key} moves money after the pay-out")));
        }
        self.escrow += change;
        self.history.push((row.batch_no, self.escrow));
        wrong
    }

    fn escrow_after(&self, batch_no: u64) -> i64 {
        let upto = self.history.iter().take_while(|(at, _)| *at <= batch_no);
        upto.last().map_or(0, |(_, escrow)| *escrow)
    }
}

struct Rooms<'a> {
    connection: &'a Connection,
    frame: &'a LogFrame,
    logged: &'a HashMap<String, LoggedRoom>,
    money: AuditCheck,
    known: AuditCheck,
}

impl Rooms<'_> {
    fn take(&mut self, room: &str, moved: Option<&Moved>) -> Result<()> {
        let kept = self.kept(room)?;
        let nothing = Moved::default();
        let moved = moved.unwrap_or(&nothing);
        let logged = self.logged.get(room);
        let escrow = moved.escrow;
        self.known.expect(!matches!(kept, Kept::Lost), || {
            let end = match logged {
                Some(logged) if logged.has_ended => "has ended and is not archived".to_owned(),
                Some(_) => {
                    "is neither saved nor archived, nor opened since the last save".to_owned()
                }
                None => "is neither saved nor archived, nor in the log".to_owned(),
            };
            format!("room {room}, with {escrow} in escrow, {end}")
        });
        self.money.expect(escrow >= 0, || {
            format!("room {room} has {escrow} in escrow")
        });
        match &kept {
            Kept::Archived { terms } => self.take_archived(room, moved, *terms)?,
            Kept::Saved { batch_no, state } => {
                self.take_saved(room, moved, *batch_no, state.as_ref())?;
            }
            Kept::Journaled | Kept::Lost => {}
        }
        if matches!(kept, Kept::Saved { .. } | Kept::Journaled) {
            if moved.is_settled {
                self.known
                    .differ(|| format!("room {room} was paid out and is not archived"));
            }
            let is_listed = self.has("SELECT 1 FROM room_directory WHERE room_id = ?1", room)?;
            if escrow > 0 && !is_listed {
                self.known.differ(|| {
                    format!("room {room}, with {escrow} in escrow, is not in room_directory")
                });
            }
        }
        Ok(())
    }

    fn take_archived(&mut self, room: &str, moved: &Moved, terms: Option<(i64, u8)>) -> Result<()> {
        self.money.expect(moved.escrow == 0, || {
            format!("room {room} has ended with {} in escrow", moved.escrow)
        });
        let Some((entry_fee, percent)) = terms else {
            self.known.differ(|| {
                format!("room {room}: its archived inputs do not begin with its creation")
            });
            return Ok(());
        };
        let is_priced = moved.fee == 0 || moved.fee == entry_fee;
        self.money.expect(is_priced, || {
            let fee = moved.fee;
            format!("room {room}: a seat cost {entry_fee}, the fee was {fee}")
        });
        if moved.is_settled {
            let pot: i64 = moved.held.values().sum();
            let prize = Cents(pot).percent(percent.min(100)).0;
            let is_split = (moved.prize, moved.rake) == (prize, pot - prize);
            self.money.expect(is_split, || {
                let (paid, rake, due) = (moved.prize, moved.rake, pot - prize);
                format!(
                    "room {room}: of {pot}, {percent} % are {prize} and leave {due}; the prize was {paid}, the rake {rake}"
                )
            });
        }
        let has_rest = self.has("SELECT 1 FROM room_snapshot WHERE room_id = ?1", room)?
            || self.has("SELECT 1 FROM room_journal WHERE room_id = ?1", room)?;
        if has_rest {
            self.known
                .differ(|| format!("room {room} is archived, and saved as running as well"));
        }
        Ok(())
    }

    fn take_saved(
        &mut self,
        room: &str,
        moved: &Moved,
        batch_no: u64,
        state: Option<&SavedRoom>,
    ) -> Result<()> {
        let Some(state) = state else {
            self.known
                .differ(|| format!("room {room}: its saved state can not be read"));
            return Ok(());
        };
        let saved: i64 = state.roster.seats.iter().map(|seat| seat.paid).sum();
        let right = moved.escrow_after(batch_no);
        self.money.expect(saved == right, || {
            format!(
                "room {room}, as saved in batch {batch_no}, holds {saved}; by its transfers {right}"
            )
        });
        let entry_fee = state.config.entry_fee;
        self.money
            .expect(moved.fee == 0 || moved.fee == entry_fee, || {
                let fee = moved.fee;
                format!("room {room}: a seat costs {entry_fee}, the fee was {fee}")
            });
        let logged = self.logged.get(room).map(|logged| logged.last_seq);
        let last_seq = logged.filter(|seq| *seq > 0 || self.frame.is_whole());
        if let Some(last_seq) = last_seq.or(self.frame.is_whole().then_some(0)) {
            self.known.expect(last_seq >= state.room_seq, || {
                let saved = state.room_seq;
                format!("room {room} was saved with room_seq {saved}, the log's last is {last_seq}")
            });
        }
        let parts = self
            .connection
            .prepare_cached(
                "SELECT journal_parts, (SELECT count(*) FROM room_journal AS part
                 WHERE part.room_id = saved.room_id AND part.part < journal_parts)
                 FROM room_snapshot AS saved WHERE room_id = ?1",
            )?
            .query_row([room], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })?;
        self.known.expect(parts.0 == parts.1, || {
            let (wanted, found) = parts;
            format!("room {room} has {found} of the {wanted} parts of its journal")
        });
        Ok(())
    }

    /// What the store has of a room, or recovery will make of it.
    fn kept(&self, room: &str) -> Result<Kept> {
        let archived = self
            .connection
            .prepare_cached(
                "SELECT coalesce(substr(inputs, 1, instr(inputs, x'0a')), x'')
                 FROM room_archive WHERE room_id = ?1",
            )?
            .query_row([room], |row| row.get::<_, Vec<u8>>(0))
            .optional()?;
        if let Some(first) = archived {
            let terms = match serde_json::from_slice::<Input>(&first).map(|input| input.action) {
                Ok(Action::Create {
                    room_id,
                    entry_fee,
                    prize_percent,
                    ..
                }) if room_id.as_str() == room => Some((entry_fee.0, prize_percent)),
                _ => None,
            };
            return Ok(Kept::Archived { terms });
        }
        let saved = self
            .connection
            .prepare_cached("SELECT batch_no, state FROM room_snapshot WHERE room_id = ?1")?
            .query_row([room], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            })
            .optional()?;
        let logged = self.logged.get(room);
        if logged.is_some_and(|logged| logged.has_ended) {
            return Ok(Kept::Lost);
        }
        if let Some((batch_no, state)) = saved {
            return Ok(Kept::Saved {
                batch_no: batch_no.max(0) as u64,
                state: serde_json::from_slice(&state).ok(),
            });
        }
        let opened = logged.and_then(|logged| logged.opened);
        Ok(
            if opened.is_some_and(|batch_no| batch_no >= self.frame.floor)
                || self.opening_is_kept(room)?
            {
                Kept::Journaled
            } else {
                Kept::Lost
            },
        )
    }

    /// Whether a room that can not be loaded is kept from its opening on.
    fn opening_is_kept(&self, room: &str) -> Result<bool> {
        #[derive(Deserialize)]
        struct First {
            o: Option<IgnoredAny>,
        }
        let Ok(room_id) = room.parse() else {
            return Ok(false);
        };
        let kept = quarantined_room(self.connection, &room_id)?;
        let first = kept.as_ref().and_then(|kept| kept.inputs.lines().next());
        let first = first.map(serde_json::from_str::<First>);
        Ok(first.is_some_and(|first| first.is_ok_and(|first| first.o.is_some())))
    }

    fn has(&self, sql: &str, room: &str) -> Result<bool> {
        Ok(self.connection.prepare_cached(sql)?.exists([room])?)
    }

    /// Rooms that the log or the store tells of and the ledger does not.
    fn check_rooms_without_money(&mut self) -> Result<()> {
        let paying = "SELECT 1 FROM ledger_transfer WHERE room_id = ?1";
        for room in self.logged.keys() {
            if !self.has(paying, room)? {
                self.take(room, None)?;
            }
        }
        let mut statement = self
            .connection
            .prepare("SELECT room_id FROM room_snapshot")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let room: String = row.get(0)?;
            if !self.logged.contains_key(&room) && !self.has(paying, &room)? {
                self.take(&room, None)?;
            }
        }
        Ok(())
    }

    /// Lists tell of running rooms alone.
    fn check_lists(&mut self) -> Result<()> {
        for table in [
            "room_directory",
            "room_member",
            "room_journal",
            "room_quarantine",
        ] {
            if !has_table(self.connection, table)? {
                continue;
            }
            let sql = format!("SELECT DISTINCT room_id FROM {table}");
            let mut statement = self.connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let room: String = row.get(0)?;
                let kept = self.kept(&room)?;
                let runs = matches!(kept, Kept::Saved { .. } | Kept::Journaled);
                self.known.expect(runs, || {
                    format!("{table} tells of room {room}, which does not run")
                });
            }
        }
        Ok(())
    }
}
