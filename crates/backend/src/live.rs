//! What operators change of decisions while they are made: what seats in new rooms cost, and maintenance. An input that
//! is decided by it carries it, so that it is decided the same when it is read again.

use blazing_sun_backbone::live::{Announced, LiveSet};
use blazing_sun_domain::{Cents, GameDefinition, Games, Millis, Refusal, RefusalCode};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is in force. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Live(Arc<RwLock<Arc<LiveSet>>>);

/// What a seat in a game's new rooms costs, and what the winner gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// What a seat costs.
    pub entry_fee: Cents,
    /// The winner's share of the pot.
    pub prize_percent: u8,
}

/// The setting of what a seat in a game costs.
pub fn fee_setting(game: &str) -> String {
    format!("games.{game}.entry_fee_cents")
}

/// The setting of the winner's share in a game.
pub fn prize_setting(game: &str) -> String {
    format!("games.{game}.prize_percent")
}

impl Costs {
    /// Why somebody who agreed to this fee gets no seat: it is another now.
    pub fn refusal_of(&self, agreed_fee: Option<Cents>) -> Option<Refusal> {
        agreed_fee
            .is_some_and(|agreed| agreed != self.entry_fee)
            .then(|| RefusalCode::FeeChanged.into())
    }
}

impl Live {
    /// Decides by this from now on, unless something newer was heard. Whether it does.
    pub fn set(&self, set: LiveSet) -> bool {
        let mut now = self.0.write();
        let is_newer = set.revision > now.revision;
        if is_newer {
            *now = Arc::new(set);
        }
        is_newer
    }

    /// What is in force now, which stays as it is.
    pub fn as_it_is(&self) -> Live {
        Live(Arc::new(RwLock::new(self.get())))
    }

    /// Whether the other is the same one.
    pub fn is(&self, other: &Live) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// All that is set.
    pub fn get(&self) -> Arc<LiveSet> {
        self.0.read().clone()
    }

    /// What a game costs now.
    pub fn costs(&self, game: &GameDefinition) -> Costs {
        let set = self.get();
        let fee = set.get(&fee_setting(game.name)).map(Cents);
        let prize = set.get(&prize_setting(game.name));
        Costs {
            entry_fee: fee.unwrap_or(game.entry_fee),
            prize_percent: prize.unwrap_or(game.prize_percent),
        }
    }

    /// The games with what they cost now.
    pub fn priced(&self, games: &Games) -> Games {
        let mut priced = games.clone();
        for game in games.iter() {
            let Costs {
                entry_fee,
                prize_percent,
            } = self.costs(game);
            if let Some(game) = priced.get_mut(game.name) {
                (game.entry_fee, game.prize_percent) = (entry_fee, prize_percent);
            }
        }
        priced
    }

    /// When maintenance begins, if it was announced.
    pub fn maintenance_at(&self) -> Option<Millis> {
        Some(Millis(self.get().maintenance()?.starts_at_ms))
    }

    /// Why no room is made now.
    pub fn closed(&self, now: Millis) -> Option<Refusal> {
        let Announced {
            starts_at_ms,
            message,
        } = self.get().maintenance()?;
        (starts_at_ms <= now.0).then(|| {
            let since = Millis(starts_at_ms);
            let why = format!("Maintenance since {since}: no new games. {message}");
            Refusal::because(RefusalCode::Unavailable, why)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(revision: i64, settings: serde_json::Value) -> LiveSet {
        let settings = serde_json::from_value(settings).unwrap();
        LiveSet { revision, settings }
    }

    #[test]
    fn what_was_read_last_counts() {
        let live = Live::default();
        let games = blazing_sun_domain::games::built_in();
        let game = games.get("bigger_dice").unwrap();
        let usual = live.costs(game);
        assert!(live.set(set(2, json!({ "games.bigger_dice.entry_fee_cents": 250 }))));
        assert!(!live.set(set(1, json!({ "games.bigger_dice.entry_fee_cents": 1 }))));
        let other = json!({ "games.bigger_dice.entry_fee_cents": 2 });
        assert!(!live.set(set(2, other)), "a revision stands for one set");
        let costs = live.costs(game);
        assert_eq!(
            (costs.entry_fee, costs.prize_percent),
            (Cents(250), usual.prize_percent)
        );
        assert_eq!(
            live.priced(&games).get("bigger_dice").unwrap().entry_fee,
            Cents(250)
        );
        assert!(live.set(set(3, json!({ "games.bigger_dice.prize_percent": 55 }))));
        assert_eq!(
            (live.costs(game).entry_fee, live.costs(game).prize_percent),
            (usual.entry_fee, 55)
        );
    }

    #[test]
    fn what_was_taken_as_it_is_does_not_change() {
        let live = Live::default();
        live.set(set(1, json!({ "games.bigger_dice.entry_fee_cents": 250 })));
        let games = blazing_sun_domain::games::built_in();
        let game = games.get("bigger_dice").unwrap();
        let taken = live.as_it_is();
        live.set(set(
            2,
            json!({ "games.bigger_dice.entry_fee_cents": 5_000 }),
        ));
        assert_eq!(taken.costs(game).entry_fee, Cents(250));
        assert_eq!(live.costs(game).entry_fee, Cents(5_000));
    }

    #[test]
    fn maintenance_refuses_from_its_start_on() {
        let live = Live::default();
        assert_eq!(live.closed(Millis(100)), None);
        live.set(set(
            1,
            json!({ "maintenance": { "starts_at_ms": 100, "message": "Back soon." } }),
        ));
        assert_eq!(live.maintenance_at(), Some(Millis(100)));
        assert_eq!(live.closed(Millis(99)), None);
        let refusal = live.closed(Millis(100)).unwrap();
        assert_eq!(refusal.code, RefusalCode::Unavailable);
        let said = "Maintenance since 1970-01-01T00:00:00.100Z: no new games. Back soon.";
        assert_eq!(refusal.message, said);
        live.set(set(2, json!({})));
        assert_eq!(live.closed(Millis(100)), None);
    }
}
