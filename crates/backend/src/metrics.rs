//! What deciding counts. Handles are made once; whoever has one adds a number.

use crate::store::Writes;
use blazing_sun_backbone::messages::{CLIENT_COMMANDS, INTERNAL_COMMANDS};
use blazing_sun_backbone::metrics::{
    Histogram, IntCounter, IntCounterVec, IntGauge, OTHER, counter, counters, counts, each, gauge,
    seconds,
};
use blazing_sun_domain::{Games, RefusalCode, TransferKind};
use rustc_hash::FxHashMap;
use std::sync::LazyLock;

pub(crate) static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    /// It changed something, or was answered.
    Applied,
    /// It was refused.
    Refused,
    /// It had been decided before.
    Repeated,
    /// Another partition decides it.
    PassedOn,
    /// Nobody can read it.
    DeadLetter,
}

const OUTCOMES: [&str; 5] = ["applied", "refused", "repeated", "passed_on", "dead_letter"];

/// Counters of one type, by outcome.
pub(crate) type ByOutcome = [IntCounter; OUTCOMES.len()];

pub(crate) struct Metrics {
    all_commands: IntCounterVec,
    commands: FxHashMap<&'static str, ByOutcome>,
    other_commands: ByOutcome,
    refusals: Vec<IntCounter>,
    money: Vec<IntCounter>,
    transfers: Vec<IntCounter>,
    pub(crate) batch_records: Histogram,
    pub(crate) decide: Histogram,
    pub(crate) commit: Histogram,
    pub(crate) commit_failures: IntCounter,
    pub(crate) publish: Histogram,
    pub(crate) dead_letters: IntCounter,
    pub(crate) panics: IntCounter,
    pub(crate) take_overs: IntCounter,
    pub(crate) fenced: IntCounter,
    pub(crate) congested: IntGauge,
}

impl Metrics {
    fn new() -> Metrics {
        let all_commands = counters(
            "blazing_sun_backend_commands_total",
            "Commands that were decided, by type and what became of them; those of a batch that is tried again count again",
            &["type", "outcome"],
        );
        let known = CLIENT_COMMANDS.iter().chain(INTERNAL_COMMANDS);
        let commands = known.map(|name| (*name, by_outcome(&all_commands, name)));
        let refusals = counters(
            "blazing_sun_backend_refusals_total",
            "Commands that were refused, by the code that players are told",
            &["code"],
        );
        let money = counters(
            "blazing_sun_backend_money_moved_cents_total",
            "Money that was moved in the ledger, by kind of transfer",
            &["kind"],
        );
        let transfers = counters(
            "blazing_sun_backend_transfers_total",
            "Transfers in the ledger, by kind",
            &["kind"],
        );
        let codes: Vec<_> = RefusalCode::ALL.iter().map(|code| code.as_str()).collect();
        let kinds = TransferKind::ALL.map(TransferKind::as_str);
        Metrics {
            commands: commands.collect(),
            other_commands: by_outcome(&all_commands, OTHER),
            all_commands,
            refusals: each(&refusals, &codes),
            money: each(&money, &kinds),
            transfers: each(&transfers, &kinds),
            batch_records: counts(
                "blazing_sun_backend_batch_records",
                "Records that one batch decides",
            ),
            decide: seconds(
                "blazing_sun_backend_decide_seconds",
                "How long deciding a batch takes",
            ),
            commit: seconds(
                "blazing_sun_backend_commit_seconds",
                "How long writing a batch to the store takes",
            ),
            commit_failures: counter(
                "blazing_sun_backend_commit_failures_total",
                "Batches that were not committed and are tried again",
            ),
            publish: seconds(
                "blazing_sun_backend_publish_seconds",
                "From a batch's being written to all of its records being on their topics",
            ),
            dead_letters: counter(
                "blazing_sun_backend_dead_letters_total",
                "Records that were put among the dead letters",
            ),
            panics: counter(
                "blazing_sun_backend_game_panics_total",
                "Panics of games; their rooms go on",
            ),
            take_overs: counter(
                "blazing_sun_backend_take_overs_total",
                "Partitions that this process has taken over",
            ),
            fenced: counter(
                "blazing_sun_backend_fenced_total",
                "Partitions that another process has taken from this one",
            ),
            congested: gauge(
                "blazing_sun_backend_congested_partitions",
                "Partitions in which nobody may join a paid game because what is decided is not published",
            ),
        }
    }

    /// Counts a command's outcome. `of_games` keeps the counters of games' own commands, which count as one type a game.
    pub(crate) fn decided(
        &self,
        of_games: &mut Vec<(&'static str, ByOutcome)>,
        games: &Games,
        event_type: &str,
        decided: Decided,
    ) {
        let outcome = decided as usize;
        if let Some(counters) = self.commands.get(event_type) {
            return counters[outcome].inc();
        }
        let game = event_type.strip_prefix("games.command.");
        let game = game.and_then(|rest| games.get(rest.split('.').next()?));
        let Some(game) = game.map(|game| game.name) else {
            return self.other_commands[outcome].inc();
        };
        if let Some((_, counters)) = of_games.iter().find(|(name, _)| *name == game) {
            return counters[outcome].inc();
        }
        let counters = by_outcome(&self.all_commands, &format!("games.command.{game}"));
        counters[outcome].inc();
        of_games.push((game, counters));
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, code: RefusalCode) {
        if let Some(counter) = self.refusals.get(code as usize) {
            counter.inc();
        }
    }

    /// Counts what a committed batch wrote.
    pub(crate) fn committed(&self, writes: &Writes) {
        for (transfer, _) in &writes.transfers {
            let kind = transfer.kind as usize;
            self.transfers[kind].inc();
            self.money[kind].inc_by(u64::try_from(transfer.amount.0).unwrap_or(0));
        }
    }
}

fn by_outcome(commands: &IntCounterVec, name: &str) -> ByOutcome {
    OUTCOMES.map(|outcome| commands.with_label_values(&[name, outcome]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_code_has_its_own_counter() {
        let in_place = |(at, kind): (usize, &TransferKind)| *kind as usize == at;
        assert!(TransferKind::ALL.iter().enumerate().all(in_place));
        let in_place = |(at, code): (usize, &RefusalCode)| *code as usize == at;
        assert!(RefusalCode::ALL.iter().enumerate().all(in_place));
    }

    #[test]
    fn types_that_nobody_knows_count_as_one() {
        let games = blazing_sun_domain::games::built_in();
        let mut of_games = Vec::new();
        let metrics = &*METRICS;
        let before = metrics.other_commands[Decided::Refused as usize].get();
        for name in [
            "games.command.nothing",
            "games.command.no_game.roll",
            "a",
            "",
        ] {
            metrics.decided(&mut of_games, &games, name, Decided::Refused);
        }
        let after = metrics.other_commands[Decided::Refused as usize].get();
        assert!(after >= before + 4);
        assert!(of_games.is_empty());
        for action in ["roll", "anything", "x.y"] {
            let name = format!("games.command.bigger_dice.{action}");
            metrics.decided(&mut of_games, &games, &name, Decided::Applied);
        }
        let [(game, counters)] = &of_games[..] else {
            panic!("{} games", of_games.len());
        };
        assert_eq!(*game, "bigger_dice");
        assert!(counters[Decided::Applied as usize].get() >= 3);
    }
}
