//! What the bots share: who waits in the lobby, and which bot has which room.

use super::lobby::{Due, Lobby};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Rooms of one bot: the server lets nobody into more.
pub const ROOMS_OF_BOT_MAX: usize = 16;
/// Rooms of one host with a bot in them, so that nobody takes all bots.
const ROOMS_OF_HOST_MAX: usize = 2;
/// A room that no bot was free for is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// A bot that has not come into its room by then, or not back into it after a cut, does not come.
const COME_WITHIN: Duration = Duration::from_secs(60);

/// A room to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which.
    pub room_id: String,
    /// What the bot's open rooms may cost together, this one included.
    pub fees_cents: i64,
}

/// A room that a bot has or is on its way to.
#[derive(Debug)]
struct Held {
    bot: usize,
    host_id: String,
    fee_cents: i64,
    /// Until when it is kept for a bot that is not there.
    lapses_at: Option<Instant>,
}

#[derive(Debug)]
struct State {
    lobby: Lobby,
    held: BTreeMap<String, Held>,
    is_online: Vec<bool>,
}

impl State {
    fn let_go(&mut self, bot: usize, room_id: &str) {
        if self.held.get(room_id).is_some_and(|held| held.bot == bot) {
            self.held.remove(room_id);
        }
    }
}

/// What the bots share.
#[derive(Debug)]
pub struct House {
    rooms_max: usize,
    desks: Vec<mpsc::Sender<Order>>,
    /// The bot that watches the lobby for all: one that is online, as long as it is.
    watcher: watch::Sender<Option<usize>>,
    state: Mutex<State>,
}

impl House {
    /// One desk a bot, where its orders go.
    pub fn new(lobby: Lobby, rooms_max: usize, desks: Vec<mpsc::Sender<Order>>) -> House {
        House {
            rooms_max,
            watcher: watch::Sender::new(None),
            state: Mutex::new(State {
                lobby,
                held: BTreeMap::new(),
                is_online: vec![false; desks.len()],
            }),
            desks,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a bot can be sent somewhere. One that cannot watches the lobby no more, and its rooms are
    /// kept for a while.
    pub fn set_online(&self, bot: usize, is_online: bool, now: Instant) {
        let mut state = self.state();
        if let Some(known) = state.is_online.get_mut(bot) {
            *known = is_online;
        }
        if !is_online {
            let held = state.held.values_mut().filter(|held| held.bot == bot);
            held.for_each(|held| {
                held.lapses_at.get_or_insert(now + COME_WITHIN);
            });
        }
        let online = &state.is_online;
        self.watcher.send_if_modified(|watcher| {
            let still = watcher.filter(|bot| online[*bot]);
            let next = still.or_else(|| online.iter().position(|is| *is));
            std::mem::replace(watcher, next) != next
        });
    }

    /// Which bot watches the lobby, and every change of it.
    pub fn watcher(&self) -> watch::Receiver<Option<usize>> {
        self.watcher.subscribe()
    }

    /// Whether this bot watches the lobby.
    pub fn is_watcher(&self, bot: usize) -> bool {
        *self.watcher.borrow() == Some(bot)
    }

    /// The lobby was not watched for a while.
    pub fn forget_lobby(&self, now: Instant) {
        self.state().lobby.forget(now);
    }

    /// There is no such room.
    pub fn forget_room(&self, bot: usize, room_id: &str) {
        let mut state = self.state();
        state.let_go(bot, room_id);
        state.lobby.remove(room_id);
    }

    /// Notes what a frame of the lobby says.
    pub fn note_lobby(&self, frame: &Value, now: Instant) {
        self.state().lobby.take(frame, now);
    }

    /// A bot is in a room.
    pub fn hold(&self, bot: usize, room_id: String, host_id: String, fee_cents: i64) {
        let held = Held {
            bot,
            host_id,
            fee_cents,
            lapses_at: None,
        };
        let mut state = self.state();
        // Where two bots met in a room, it counts once.
        if state.held.get(&room_id).is_none_or(|held| held.bot == bot) {
            state.held.insert(room_id, held);
        }
    }

    /// The bot is not in the room any more, and none goes there before then.
    pub fn release(&self, bot: usize, room_id: &str, rests_until: Instant, now: Instant) {
        let mut state = self.state();
        state.let_go(bot, room_id);
        state.lobby.rest(room_id, rests_until, now);
    }

    /// When a room is due next.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        self.state().lobby.next_due(now)
    }

    /// Sends bots to the rooms that are due.
    pub fn give_out(&self, now: Instant) {
        let mut state = self.state();
        state
            .held
            .retain(|_, held| held.lapses_at.is_none_or(|at| now < at));
        for due in state.lobby.due(now) {
            if state.held.contains_key(&due.room_id) {
                continue;
            }
            let is_sent = self
                .bot_for(&state, &due)
                .is_some_and(|bot| self.send(&mut state, bot, &due, now));
            if !is_sent {
                state.lobby.rest(&due.room_id, now + LOOK_AGAIN, now);
            }
        }
    }

    /// The bot with the fewest rooms, if one may come.
    fn bot_for(&self, state: &State, due: &Due) -> Option<usize> {
        let of_host = state
            .held
            .values()
            .filter(|held| held.host_id == due.host_id);
        if state.held.len() >= self.rooms_max || of_host.count() >= ROOMS_OF_HOST_MAX {
            return None;
        }
        let rooms_of = |bot: usize| state.held.values().filter(|held| held.bot == bot).count();
        let online = (0..self.desks.len()).filter(|bot| state.is_online[*bot]);
        let free = online.map(|bot| (rooms_of(bot), bot));
        let (_, bot) = free.filter(|(rooms, _)| *rooms < ROOMS_OF_BOT_MAX).min()?;
        Some(bot)
    }

    fn send(&self, state: &mut State, bot: usize, due: &Due, now: Instant) -> bool {
        let of_bot = state.held.values().filter(|held| held.bot == bot);
        let fees: i64 = of_bot.map(|held| held.fee_cents).sum();
        let order = Order {
            room_id: due.room_id.clone(),
            fees_cents: fees.saturating_add(due.fee_cents),
        };
        if self.desks[bot].try_send(order).is_err() {
            return false;
        }
        let held = Held {
            bot,
            host_id: due.host_id.clone(),
            fee_cents: due.fee_cents,
            lapses_at: Some(now + COME_WITHIN),
        };
        state.held.insert(due.room_id.clone(), held);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn house(bots: usize, rooms_max: usize) -> (House, Vec<mpsc::Receiver<Order>>) {
        let (desks, orders) = (0..bots).map(|_| mpsc::channel(64)).unzip();
        let house = House::new(Lobby::new(Duration::ZERO), rooms_max, desks);
        (0..bots).for_each(|bot| house.set_online(bot, true, Instant::now()));
        (house, orders)
    }

    fn open(house: &House, room_id: &str, host_id: &str, now: Instant) {
        let created = json!({
            "type": "games.event.room_created", "room_id": room_id, "game_type": "bigger_dice",
            "host_id": host_id, "entry_fee_cents": 1_000,
        });
        house.note_lobby(&created, now);
        house.give_out(now);
    }

    fn sent(orders: &mut mpsc::Receiver<Order>) -> Vec<(String, i64)> {
        let order = || orders.try_recv().ok();
        std::iter::from_fn(order)
            .map(|order| (order.room_id, order.fees_cents))
            .collect()
    }

    #[test]
    fn rooms_are_shared_out_and_none_gets_two_bots() {
        let ((house, mut orders), now) = (house(2, 50), Instant::now());
        for host in ["a", "b", "c"] {
            open(&house, host, host, now);
        }
        house.give_out(now);
        assert_eq!(
            sent(&mut orders[0]),
            [("a".to_owned(), 1_000), ("c".to_owned(), 2_000)]
        );
        assert_eq!(sent(&mut orders[1]), [("b".to_owned(), 1_000)]);
    }

    #[test]
    fn too_many_rooms_wait_until_one_is_free() {
        let ((house, mut orders), now) = (house(1, 2), Instant::now());
        for host in ["a", "b", "c"] {
            open(&house, host, host, now);
        }
        assert_eq!(sent(&mut orders[0]).len(), 2);
        house.release(0, "a", now + COME_WITHIN, now);
        house.give_out(now + LOOK_AGAIN);
        assert_eq!(sent(&mut orders[0]), [("c".to_owned(), 2_000)]);
    }

    #[test]
    fn no_host_takes_all_bots_and_no_bot_is_in_more_rooms_than_it_may() {
        let ((house, mut orders), now) = (house(1, 50), Instant::now());
        for room in ["a", "b", "c"] {
            open(&house, room, "one", now);
        }
        assert_eq!(sent(&mut orders[0]).len(), ROOMS_OF_HOST_MAX);
        for host in 0..20 {
            open(&house, &format!("r{host}"), &format!("h{host}"), now);
        }
        assert_eq!(
            sent(&mut orders[0]).len(),
            ROOMS_OF_BOT_MAX - ROOMS_OF_HOST_MAX
        );
    }

    #[test]
    fn a_bot_that_is_away_is_sent_nowhere_and_one_that_does_not_come_is_replaced() {
        let ((house, mut orders), now) = (house(1, 50), Instant::now());
        house.set_online(0, false, now);
        open(&house, "a", "a", now);
        assert!(sent(&mut orders[0]).is_empty());
        house.set_online(0, true, now);
        house.give_out(now + LOOK_AGAIN);
        assert_eq!(sent(&mut orders[0]).len(), 1);
        let later = now + LOOK_AGAIN + COME_WITHIN;
        house.give_out(later);
        assert_eq!(sent(&mut orders[0]).len(), 1);
        house.hold(0, "a".to_owned(), "a".to_owned(), 1_000);
        house.give_out(later + COME_WITHIN);
        assert!(sent(&mut orders[0]).is_empty());
    }

    #[test]
    fn one_bot_watches_the_lobby_as_long_as_any_is_online() {
        let ((house, _orders), now) = (house(3, 50), Instant::now());
        let mut told = house.watcher();
        let mut watchers: Vec<(Vec<usize>, bool)> = Vec::new();
        for (bot, is_online) in [(0, false), (0, true), (1, false), (2, false), (0, false)] {
            house.set_online(bot, is_online, now);
            let watching = (0..3).filter(|bot| house.is_watcher(*bot));
            watchers.push((watching.collect(), told.has_changed().expect("a house")));
            told.mark_unchanged();
        }
        let expected = [
            (vec![1], true),
            (vec![1], false),
            (vec![0], true),
            (vec![0], false),
            (vec![], true),
        ];
        assert_eq!(watchers, expected);
    }

    #[test]
    fn rooms_of_a_bot_that_does_not_come_back_go_to_others() {
        let ((house, mut orders), now) = (house(2, 50), Instant::now());
        open(&house, "a", "a", now);
        assert_eq!(sent(&mut orders[0]).len(), 1);
        house.hold(0, "a".to_owned(), "a".to_owned(), 1_000);
        house.set_online(0, false, now);
        house.give_out(now);
        assert!(sent(&mut orders[1]).is_empty(), "it may come back");
        house.give_out(now + COME_WITHIN);
        assert_eq!(sent(&mut orders[1]).len(), 1);
        house.hold(0, "a".to_owned(), "a".to_owned(), 1_000);
        house.release(0, "a", now, now);
        house.give_out(now + COME_WITHIN);
        assert!(sent(&mut orders[1]).is_empty(), "it is there");
    }

    #[test]
    fn a_room_that_does_not_exist_is_not_looked_at_again() {
        let ((house, mut orders), now) = (house(1, 1), Instant::now());
        open(&house, "ghost", "a", now);
        assert_eq!(sent(&mut orders[0]).len(), 1);
        house.forget_room(0, "ghost");
        house.give_out(now + COME_WITHIN * 2);
        assert!(sent(&mut orders[0]).is_empty());
        open(&house, "b", "b", now);
        assert_eq!(sent(&mut orders[0]), [("b".to_owned(), 1_000)]);
    }

    #[test]
    fn rooms_that_a_bot_is_found_in_count_with_their_fees() {
        let ((house, mut orders), now) = (house(1, 50), Instant::now());
        house.hold(0, "a".to_owned(), "a".to_owned(), 3_000);
        open(&house, "b", "b", now);
        assert_eq!(sent(&mut orders[0]), [("b".to_owned(), 4_000)]);
    }
}
