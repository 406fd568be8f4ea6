//! What the bank says was paid against what the checkout has told: what differs is a violation.

use crate::Violation;
use blazing_sun_backbone::messages::{CheckoutFinished, CheckoutRequest, CheckoutStatus};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The invariant that all of this is about.
pub const INVARIANT: &str = "I10 payments";

/// How a request's page stands at the bank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// What was paid, once it was.
    pub paid: Option<Paid>,
    /// Stages of its dispute, in their order.
    pub stages: Vec<&'static str>,
    /// Minor units that the player lost by it.
    pub lost: i64,
}

/// A payment that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// The bank's id.
    pub payment_intent: String,
    /// In minor units.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    /// What was given back of it.
    pub refunded: i64,
}

impl Paid {
    /// Whether it is what was asked for.
    pub fn is_as(&self, asked: &CheckoutRequest) -> bool {
        (self.amount, &self.currency) == (asked.amount_cents.0, &asked.currency)
    }
}

/// A record of `checkout.finished`.
#[derive(Debug, Clone)]
pub struct Told {
    /// The same for the same thing told again.
    pub event_id: String,
    /// What it tells.
    pub record: CheckoutFinished,
}

/// All there is to compare.
#[derive(Debug, Default)]
pub struct Books {
    /// What was asked for.
    pub asked: BTreeMap<Uuid, CheckoutRequest>,
    /// How the bank has it; without a page nothing was paid.
    pub truth: BTreeMap<Uuid, Truth>,
    /// What was told, in the order of the topic.
    pub told: Vec<Told>,
    /// Errors of dead letters.
    pub letters: Vec<String>,
}

/// What was compared, in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests that were paid as asked.
    pub paid: u64,
    /// Requests that were paid in another amount or currency.
    pub held: u64,
    /// Requests that were not paid.
    pub unpaid: u64,
    /// Minor units that a ledger credits by what was told.
    pub credited: i64,
    /// Minor units that the bank has got for what was asked.
    pub received: i64,
    /// Minor units given back, as told.
    pub refunded: i64,
    /// Payments disputed.
    pub disputed: u64,
    /// Records told, copies included.
    pub records: u64,
}

impl Books {
    /// What is wrong.
    pub fn check(&self) -> (Figures, Vec<Violation>) {
        let mut figures = Figures {
            records: self.told.len() as u64,
            ..Figures::default()
        };
        let mut wrong = Vec::new();
        let mut by_request: BTreeMap<Uuid, Vec<&CheckoutFinished>> = BTreeMap::new();
        let mut first: BTreeMap<&str, &CheckoutFinished> = BTreeMap::new();
        for told in &self.told {
            let record = &told.record;
            match first.insert(&told.event_id, record) {
                Some(before) if !is_same(before, record) => {
                    wrong.push(of(record.request_id, "one event tells two things"));
                }
                Some(_) => {}
                None => by_request
                    .entry(record.request_id)
                    .or_default()
                    .push(record),
            }
        }
        for id in by_request.keys().filter(|id| !self.asked.contains_key(id)) {
            wrong.push(of(*id, "it was told of, and nobody has asked for it"));
        }
        let letters = self.letters.join("\n");
        let mut credited = BTreeSet::new();
        let nothing = (Vec::new(), Truth::default());
        for (id, asked) in &self.asked {
            let told = by_request.get(id).unwrap_or(&nothing.0);
            let truth = self.truth.get(id).unwrap_or(&nothing.1);
            let mut request = Request {
                asked,
                told,
                truth,
                figures: &mut figures,
                wrong: Vec::new(),
            };
            request.check(letters.contains(&id.to_string()));
            if let Some(paid_with) = request.credit()
                && !credited.insert(paid_with)
            {
                request
                    .wrong
                    .push("its payment is another request's too".to_owned());
            }
            wrong.extend(request.wrong.into_iter().map(|what| of(*id, &what)));
        }
        if wrong.is_empty() && figures.credited != figures.received {
            let Figures {
                credited, received, ..
            } = figures;
            let what = format!("{credited} are credited, and {received} were paid");
            wrong.push(Violation::of(INVARIANT, what));
        }
        (figures, wrong)
    }
}

fn of(request_id: Uuid, what: &str) -> Violation {
    Violation::of(INVARIANT, format!("request {request_id}: {what}"))
}

/// The same but for when it was told.
fn is_same(one: &CheckoutFinished, other: &CheckoutFinished) -> bool {
    let of = |told: &CheckoutFinished| CheckoutFinished {
        timestamp: String::new(),
        ..told.clone()
    };
    of(one) == of(other)
}

struct Request<'a> {
    asked: &'a CheckoutRequest,
    /// Each once, in order.
    told: &'a [&'a CheckoutFinished],
    truth: &'a Truth,
    figures: &'a mut Figures,
    wrong: Vec<String>,
}

impl<'a> Request<'a> {
    fn all(&self, status: CheckoutStatus) -> Vec<&'a CheckoutFinished> {
        let told = self.told.iter().copied();
        told.filter(|told| told.status == status).collect()
    }

    /// The payment that a ledger credits.
    fn credit(&self) -> Option<String> {
        let success = self.all(CheckoutStatus::Success);
        success
            .first()
            .and_then(|told| told.payment_intent_id.clone())
    }

    fn check(&mut self, is_put_aside: bool) {
        if self.told.is_empty() {
            return self.wrong.push("nothing was told of it".to_owned());
        }
        let asked = (
            self.asked.user_id,
            self.asked.amount_cents,
            &self.asked.currency,
        );
        let is_other =
            |told: &&&CheckoutFinished| (told.user_id, told.amount_cents, &told.currency) != asked;
        if self.told.iter().any(|told| is_other(&told)) {
            self.wrong
                .push("another user, amount or currency was told".to_owned());
        }
        self.order();
        let successes = self.all(CheckoutStatus::Success);
        if successes.len() > 1 {
            self.wrong
                .push(format!("it was credited {} times", successes.len()));
        }
        self.figures.credited += self.asked.amount_cents.0 * successes.len() as i64;
        match (&self.truth.paid, successes.first()) {
            (Some(paid), success) if paid.is_as(self.asked) => {
                self.figures.paid += 1;
                self.figures.received += paid.amount;
                match success {
                    Some(success)
                        if success.payment_intent_id.as_ref() == Some(&paid.payment_intent) => {}
                    Some(_) => self
                        .wrong
                        .push("it was credited for another payment".to_owned()),
                    None => self.wrong.push("it is paid, and not credited".to_owned()),
                }
                self.afterwards(paid);
            }
            (Some(paid), success) => {
                self.figures.held += 1;
                if success.is_some() {
                    let what = format!("it was credited for {} {}", paid.amount, paid.currency);
                    self.wrong.push(what);
                } else if !is_put_aside {
                    self.wrong
                        .push("another amount was paid, and nobody was told".to_owned());
                }
            }
            (None, Some(_)) => self.wrong.push("it was credited, and not paid".to_owned()),
            (None, None) => {
                self.figures.unpaid += 1;
                let ends = [CheckoutStatus::Failed, CheckoutStatus::Expired]
                    .map(|end| self.all(end).len());
                if ends.iter().sum::<usize>() != 1 {
                    self.wrong
                        .push("it is over, and that was not told once".to_owned());
                }
            }
        }
    }

    /// A page first, then how it ended, then what became of the money.
    fn order(&mut self) {
        let rank = |told: &&CheckoutFinished| match told.status {
            CheckoutStatus::SessionCreated => 0,
            CheckoutStatus::Processing => 1,
            CheckoutStatus::Failed | CheckoutStatus::Expired => 2,
            CheckoutStatus::Success => 3,
            _ => 4,
        };
        if !self.told.iter().map(rank).is_sorted() {
            self.wrong.push("it was told out of order".to_owned());
        }
        let refunds = self.all(CheckoutStatus::Refunded);
        if !refunds.iter().map(|told| told.refunded_cents).is_sorted() {
            self.wrong
                .push("less was given back than was told before".to_owned());
        }
    }

    fn afterwards(&mut self, paid: &Paid) {
        let refunds = self.all(CheckoutStatus::Refunded);
        let refunded = refunds.last().and_then(|told| told.refunded_cents);
        let refunded = refunded.map_or(0, |cents| cents.0);
        self.figures.refunded += refunded;
        if refunded != paid.refunded {
            let what = format!("{} were given back, {refunded} were told", paid.refunded);
            self.wrong.push(what);
        }
        let disputes = self.all(CheckoutStatus::Disputed);
        let stages = disputes.iter().filter_map(|told| told.dispute.as_ref());
        let mut stages: Vec<&str> = stages.map(|told| told.stage.as_str()).collect();
        let mut expected = self.truth.stages.clone();
        self.figures.disputed += u64::from(!expected.is_empty());
        stages.sort_unstable();
        expected.sort_unstable();
        if stages != expected {
            self.wrong.push(format!(
                "of its dispute {stages:?} was told, there was {expected:?}"
            ));
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
