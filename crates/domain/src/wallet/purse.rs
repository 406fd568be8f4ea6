//! What a payment, a refund or a dispute makes of a player's money, as transfers.

use super::dispute::{Dispute, DisputeState};
use crate::game::SeatedPlayer;
use crate::ledger::{Account, Transfer};
use crate::money::Cents;

/// A player's money while it is decided what comes of a payment.
#[derive(Debug, Clone)]
pub struct Purse {
    /// Whose it is.
    pub player: SeatedPlayer,
    /// Where the deployment's money comes from.
    pub clearing: Account,
    /// What the player has.
    pub balance: Cents,
    /// What the player owes: it went back to the payer, and was not there any more.
    pub owed: Cents,
    /// What has to be moved, in this order.
    pub transfers: Vec<Transfer>,
}

impl Purse {
    /// Money was paid: first it pays what is owed.
    pub fn top_up(&mut self, payment: &str, amount: Cents) {
        let transfer = Transfer::top_up(&self.player, payment, &self.clearing, amount);
        self.add(amount, transfer);
        self.pay_owed(payment, amount);
    }

    /// So much more of a payment was paid back, `in_all` by now.
    pub fn refund(&mut self, payment: &str, in_all: Cents, more: Cents) {
        let (there, short) = self.split(more);
        for (amount, is_short) in [(there, false), (short, true)] {
            if amount > Cents::ZERO {
                let (player, clearing) = (&self.player, &self.clearing);
                let transfer =
                    Transfer::top_up_refund(player, payment, in_all, is_short, clearing, amount);
                self.transfers.push(transfer);
            }
        }
        self.balance = self.balance - there;
        self.owed = self.owed + short;
    }

    /// Before `more` of a payment is paid back, `in_all` by now: what a dispute of it holds counts as there. True where
    /// that moved something.
    pub fn free_for_refund(&mut self, dispute: &mut Dispute, in_all: Cents, more: Cents) -> bool {
        let (_, lacking) = self.split(more);
        let amount = dispute.held.min(lacking);
        if amount <= Cents::ZERO {
            return false;
        }
        let step = format!("refunded_{in_all}");
        let transfer = Transfer::dispute_release(&self.player, &dispute.key, &step, amount);
        self.add(amount, transfer);
        dispute.held = dispute.held - amount;
        true
    }

    /// Moves a dispute's money to where its facts say. `step` is what made it so.
    pub fn settle(&mut self, dispute: &mut Dispute, step: &str) {
        let target = dispute.facts.state();
        if target == dispute.state {
            return;
        }
        match (dispute.state, target) {
            (DisputeState::Free, _) | (DisputeState::Held, DisputeState::Out) => {}
            (DisputeState::Held, _) => self.release(dispute, step),
            (DisputeState::Out, _) => self.reinstate(dispute, step),
        }
        match target {
            DisputeState::Free => {}
            DisputeState::Held => self.hold(dispute, step),
            DisputeState::Out => {
                self.hold(dispute, step);
                self.withdraw(dispute, step);
            }
        }
        dispute.state = target;
    }

    fn hold(&mut self, dispute: &mut Dispute, step: &str) {
        let (there, _) = self.split(dispute.amount - dispute.held);
        if there > Cents::ZERO {
            let transfer = Transfer::dispute_hold(&self.player, &dispute.key, step, there);
            self.add(Cents::ZERO - there, transfer);
            dispute.held = dispute.held + there;
        }
    }

    fn release(&mut self, dispute: &mut Dispute, step: &str) {
        let held = std::mem::take(&mut dispute.held);
        if held > Cents::ZERO {
            let transfer = Transfer::dispute_release(&self.player, &dispute.key, step, held);
            self.add(held, transfer);
        }
    }

    fn withdraw(&mut self, dispute: &mut Dispute, step: &str) {
        let held = std::mem::take(&mut dispute.held);
        dispute.short = dispute.amount - held;
        self.owed = self.owed + dispute.short;
        for (amount, short) in [(held, false), (dispute.short, true)] {
            if amount > Cents::ZERO {
                let (player, clearing) = (&self.player, &self.clearing);
                let transfer = Transfer::dispute_withdrawn(
                    player,
                    &dispute.key,
                    step,
                    short,
                    clearing,
                    amount,
                );
                self.transfers.push(transfer);
            }
        }
    }

    /// All of it comes back, and pays what the dispute has left owing.
    fn reinstate(&mut self, dispute: &mut Dispute, step: &str) {
        let amount = dispute.amount;
        let (player, clearing) = (&self.player, &self.clearing);
        let transfer = Transfer::dispute_reinstated(player, &dispute.key, step, clearing, amount);
        self.add(amount, transfer);
        let short = std::mem::take(&mut dispute.short);
        self.pay_owed(&format!("dispute/{}/{step}", dispute.key), short);
    }

    fn pay_owed(&mut self, cause: &str, at_most: Cents) {
        let amount = self.owed.min(at_most);
        if amount > Cents::ZERO {
            let transfer = Transfer::receivable_paid(&self.player, cause, amount);
            self.add(Cents::ZERO - amount, transfer);
            self.owed = self.owed - amount;
        }
    }

    fn add(&mut self, change: Cents, transfer: Transfer) {
        self.balance = self.balance + change;
        self.transfers.push(transfer);
    }

    /// Of an amount, what the balance has, and what it is short of.
    fn split(&self, amount: Cents) -> (Cents, Cents) {
        let there = amount.min(self.balance).max(Cents::ZERO);
        (there, amount - there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;
    use crate::wallet::{DisputeFacts, DisputeOutcome, DisputeStage};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn purse(balance: i64, owed: i64) -> Purse {
        Purse {
            player: SeatedPlayer::person(UserId::new(7).unwrap(), "ann"),
            clearing: Account::TestClearing,
            balance: Cents(balance),
            owed: Cents(owed),
            transfers: Vec::new(),
        }
    }

    fn dispute(amount: i64) -> Dispute {
        Dispute {
            key: "r/du_1".to_owned(),
            amount: Cents(amount),
            facts: DisputeFacts::default(),
            state: DisputeState::Free,
            held: Cents::ZERO,
            short: Cents::ZERO,
        }
    }

    /// What the transfers come to, from an empty ledger that holds `balance` and `owed`.
    fn booked(purse: &Purse, balance: i64, owed: i64) -> BTreeMap<String, i64> {
        let mut accounts = BTreeMap::from([
            ("player/7".to_owned(), balance),
            ("receivable/7".to_owned(), -owed),
        ]);
        let mut keys = BTreeSet::new();
        for transfer in &purse.transfers {
            assert!(keys.insert(&transfer.key), "{} twice", transfer.key);
            assert!(transfer.amount > Cents::ZERO, "{}", transfer.key);
            *accounts.entry(transfer.from.to_string()).or_default() -= transfer.amount.0;
            *accounts.entry(transfer.to.to_string()).or_default() += transfer.amount.0;
            let bounded = [&transfer.from, &transfer.to];
            for account in bounded.into_iter().filter(|account| account.is_bounded()) {
                let found = accounts[&account.to_string()];
                assert!(found >= 0, "{} takes {account} to {found}", transfer.key);
            }
        }
        accounts
    }

    fn check(purse: &Purse, balance: i64, owed: i64) {
        let accounts = booked(purse, balance, owed);
        assert_eq!(accounts["player/7"], purse.balance.0);
        assert_eq!(accounts["receivable/7"], -purse.owed.0);
    }

    #[test]
    fn what_comes_in_first_pays_what_is_owed() {
        let mut it = purse(100, 300);
        it.top_up("pi_1", Cents(250));
        assert_eq!((it.balance, it.owed), (Cents(100), Cents(50)));
        it.top_up("pi_2", Cents(250));
        assert_eq!((it.balance, it.owed), (Cents(300), Cents::ZERO));
        check(&it, 100, 300);
    }

    #[test]
    fn a_refund_takes_what_is_there_and_the_rest_is_owed() {
        let mut it = purse(120, 0);
        it.refund("pi_1", Cents(100), Cents(100));
        assert_eq!((it.balance, it.owed), (Cents(20), Cents::ZERO));
        it.refund("pi_1", Cents(500), Cents(400));
        assert_eq!((it.balance, it.owed), (Cents::ZERO, Cents(380)));
        it.refund("pi_1", Cents(600), Cents(100));
        assert_eq!((it.balance, it.owed), (Cents::ZERO, Cents(480)));
        check(&it, 120, 0);
    }

    #[test]
    fn what_a_dispute_holds_of_a_payment_is_there_to_be_paid_back() {
        let created = DisputeFacts::default().with(DisputeStage::Created, None);
        let won = created.with(DisputeStage::Closed, Some(DisputeOutcome::Won));
        let lost = created.with(DisputeStage::Closed, Some(DisputeOutcome::Lost));
        for (facts, balance, owed) in [(won, 300, 0), (lost, 0, 700)] {
            let (mut it, mut dispute) = (purse(1_200, 0), dispute(1_000));
            dispute.facts = created;
            it.settle(&mut dispute, "created");
            assert!(!it.free_for_refund(&mut dispute, Cents(150), Cents(150)));
            it.refund("pi_1", Cents(150), Cents(150));
            assert!(it.free_for_refund(&mut dispute, Cents(900), Cents(750)));
            it.refund("pi_1", Cents(900), Cents(750));
            assert_eq!(
                (it.balance, it.owed, dispute.held),
                (Cents::ZERO, Cents::ZERO, Cents(300))
            );
            dispute.facts = facts;
            it.settle(&mut dispute, "closed");
            assert_eq!((it.balance, it.owed), (Cents(balance), Cents(owed)));
            check(&it, 1_200, 0);
        }
    }

    fn fact() -> impl Strategy<Value = (DisputeStage, Option<DisputeOutcome>)> {
        prop::sample::select(vec![
            (DisputeStage::Created, None),
            (DisputeStage::FundsWithdrawn, None),
            (DisputeStage::FundsReinstated, None),
            (DisputeStage::Closed, Some(DisputeOutcome::Won)),
            (DisputeStage::Closed, Some(DisputeOutcome::Lost)),
        ])
    }

    fn told(
        facts: &[(DisputeStage, Option<DisputeOutcome>)],
        balance: i64,
        owed: i64,
        amount: i64,
    ) -> (Purse, Dispute) {
        let (mut purse, mut dispute) = (purse(balance, owed), dispute(amount));
        for (at, (stage, outcome)) in facts.iter().enumerate() {
            dispute.facts = dispute.facts.with(*stage, *outcome);
            purse.settle(&mut dispute, &at.to_string());
        }
        (purse, dispute)
    }

    proptest! {
        #[test]
        fn stages_in_any_order_end_the_same(
            facts in prop::collection::vec(fact(), 1..8),
            balance in 0..1_500_i64, owed in 0..400_i64, amount in 1..1_000_i64,
        ) {
            let (mut purse, dispute) = told(&facts, balance, owed, amount);
            check(&purse, balance, owed);
            let set: BTreeSet<_> = facts.into_iter().collect();
            let once: Vec<_> = set.into_iter().collect();
            let (in_order, again) = told(&once, balance, owed, amount);
            prop_assert_eq!((purse.balance, purse.owed), (in_order.balance, in_order.owed));
            prop_assert_eq!(&dispute, &again);
            let out = if dispute.state == DisputeState::Out { amount } else { 0 };
            let clearing = booked(&purse, balance, owed).get("test/clearing").copied();
            prop_assert_eq!(clearing.unwrap_or_default(), out);
            prop_assert_eq!(purse.balance.0 + dispute.held.0 - purse.owed.0, balance - owed - out);
            // What was told is told again.
            purse.transfers.clear();
            let mut dispute = dispute;
            purse.settle(&mut dispute, "again");
            prop_assert!(purse.transfers.is_empty());
        }
    }
}
