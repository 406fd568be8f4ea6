//! What the checkout says of a payment. Its records come twice and in any order: the payment's row decides what is
//! new, and the ledger's keys see to it that nothing counts twice.

use super::of_the_checkout;
use crate::partition::money::move_money;
use crate::partition::users::is_transferred;
use crate::partition::{Partition, Taken, Turn};
use crate::store::wallet::{DisputeRow, TopUp, TopUpStatus};
use crate::store::{Store, StoreError};
use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::messages::{
    CheckoutDispute, CheckoutFinished, CheckoutStatus, PURPOSE_TOP_UP,
};
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_domain::wallet::{Dispute, DisputeFacts, DisputeStage, DisputeState, Purse};
use blazing_sun_domain::{Cents, SeatedPlayer, UserId};

/// How long a provider's ids may be, …
const ID_BYTES_MAX: usize = 255;
/// … its addresses, …
const URL_BYTES_MAX: usize = 8_192;
/// … and what is kept of its explanations.
const ERROR_CHARS_MAX: usize = 500;
/// A dispute of a payment by a checkout that tells no more of it.
const UNNAMED_DISPUTE: &str = "unnamed";

/// Why a record counts for nothing.
type Mismatch = String;

impl Partition {
    /// A record of `checkout.finished`.
    pub(in crate::partition) fn checkout_finished<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        record: &Record,
    ) -> Taken {
        let finished = match read_finished(&record.payload) {
            Ok(finished) => finished,
            Err(why) => {
                self.dead_record(turn, record, &why);
                return Ok(());
            }
        };
        let key = finished.user_id.to_string();
        let owner = partition_of(key.as_bytes(), turn.rules.partitions);
        if owner != self.number {
            turn.outgoing.pass_on(record, owner, &key);
            return Ok(());
        }
        if matches!(finished.status, CheckoutStatus::Other(_)) {
            return Ok(());
        }
        if let Err(why) = self.take_finished(turn, &finished)? {
            self.dead_record(turn, record, &why);
        }
        Ok(())
    }

    fn take_finished<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        finished: &CheckoutFinished,
    ) -> Result<Result<(), Mismatch>, StoreError> {
        let request_id = finished.request_id;
        let Some(before) = turn.top_up(request_id)? else {
            return Ok(Err(format!("no payment {request_id} was asked for here")));
        };
        if let Err(why) = compare(turn, &before, finished) {
            return Ok(Err(why));
        }
        if let Some(payment) = before
            .payment
            .as_ref()
            .filter(|_| is_another(&before, finished))
        {
            let (told, row) = (payment_of(&before, finished), before.request_id);
            return Ok(Err(format!(
                "request {row} was credited by payment {payment}, this is {told}"
            )));
        }
        let mut change = Change::of(turn, before.clone())?;
        let taken = match &finished.status {
            CheckoutStatus::SessionCreated => {
                change.open(finished);
                Ok(())
            }
            CheckoutStatus::Processing => {
                change.process(finished);
                Ok(())
            }
            CheckoutStatus::Failed => {
                change.fail(TopUpStatus::Failed, finished);
                Ok(())
            }
            CheckoutStatus::Expired => {
                change.fail(TopUpStatus::Expired, finished);
                Ok(())
            }
            CheckoutStatus::Success => {
                change.note(finished);
                change.credit(turn, payment_of(&before, finished))?
            }
            CheckoutStatus::Refunded => change.refund(turn, finished.refunded_cents)?,
            CheckoutStatus::Disputed => change.dispute(turn, finished)?,
            CheckoutStatus::Other(_) => Ok(()),
        };
        if taken.is_ok() {
            self.write_change(turn, change, &before)?;
        }
        Ok(taken)
    }

    fn write_change<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        change: Change,
        before: &TopUp,
    ) -> Taken {
        let Change {
            row,
            mut purse,
            disputed,
        } = change;
        let id_text = row.request_id.to_string();
        let asked = of_the_checkout(row.request_id, &id_text);
        let mut wallet = turn.wallet(row.user)?;
        for transfer in std::mem::take(&mut purse.transfers) {
            move_money(turn, self.number, transfer, Some(asked))?;
        }
        if wallet.owed != purse.owed {
            wallet.owed = purse.owed;
            turn.writes.wallets.insert(row.user, wallet);
        }
        let (is_new, has_been_disputed) = (row != *before, disputed.is_some());
        let is_disputed = disputed
            .as_ref()
            .is_some_and(|disputed| disputed.dispute.state != DisputeState::Free);
        let has_moved_on = row.status != before.status
            || row.payment.is_some() && row.refunded != before.refunded
            || row.session_url.is_none() && before.session_url.is_some();
        let mut told = row.told();
        if is_new {
            turn.writes.top_ups.insert(row.request_id, row);
        }
        if let Some(disputed) = disputed {
            let key = (disputed.request_id, disputed.dispute_id.clone());
            turn.writes.disputes.insert(key, disputed);
        }
        if has_moved_on || has_been_disputed {
            if is_disputed {
                told.status = CheckoutStatus::Disputed.as_str().to_owned();
            }
            self.send_top_up(turn, purse.player.user_id, asked.cause(), &told);
        }
        Ok(())
    }
}

/// A payment while it is changed.
struct Change {
    row: TopUp,
    purse: Purse,
    disputed: Option<DisputeRow>,
}

impl Change {
    fn of<S: Store>(turn: &mut Turn<'_, S>, row: TopUp) -> Result<Change, StoreError> {
        let purse = Purse {
            player: SeatedPlayer::person(row.user, ""),
            clearing: turn.rules.wallet.clearing(),
            balance: turn.balance(row.user)?,
            owed: turn.wallet(row.user)?.owed,
            transfers: Vec::new(),
        };
        Ok(Change {
            row,
            purse,
            disputed: None,
        })
    }

    fn open(&mut self, finished: &CheckoutFinished) {
        self.note(finished);
        if self.row.status < TopUpStatus::SessionCreated {
            self.row.status = TopUpStatus::SessionCreated;
        }
    }

    /// The payer is done: an open payment without a page is on its way.
    fn process(&mut self, finished: &CheckoutFinished) {
        if self.row.status.is_open() {
            self.open(finished);
            self.row.session_url = None;
        }
    }

    fn fail(&mut self, status: TopUpStatus, finished: &CheckoutFinished) {
        if self.row.status.is_open() {
            self.note(finished);
            self.row.status = status;
            let error = finished.error_message.as_deref();
            let shown = |text: &str| {
                let chars = text.chars().filter(|c| *c != '\0');
                chars.take(ERROR_CHARS_MAX).collect()
            };
            self.row.error = error.map(shown);
        }
    }

    /// Keeps what the record says of the provider's side and was not known.
    fn note(&mut self, finished: &CheckoutFinished) {
        let row = &mut self.row;
        for (known, told) in [
            (&mut row.session_id, &finished.session_id),
            (&mut row.session_url, &finished.session_url),
            (&mut row.payment_intent_id, &finished.payment_intent_id),
        ] {
            if known.is_none() {
                known.clone_from(told);
            }
        }
    }

    /// Credits the payment, once, and makes good what was told of it before.
    fn credit<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        payment: String,
    ) -> Result<Result<(), Mismatch>, StoreError> {
        let request_id = self.row.request_id;
        if self.row.payment.is_some() {
            return Ok(Ok(()));
        }
        if is_transferred(turn, &format!("top_up/{payment}"))? {
            return Ok(Err(format!(
                "payment {payment} was credited to another request than {request_id}"
            )));
        }
        self.purse.top_up(&payment, self.row.amount);
        let refunded = self.row.refunded;
        if refunded > Cents::ZERO {
            self.purse.refund(&payment, refunded, refunded);
        }
        self.row.status = match refunded > Cents::ZERO {
            true => TopUpStatus::Refunded,
            false => TopUpStatus::Success,
        };
        self.row.finished = Some(turn.now);
        self.row.error = None;
        self.row.payment = Some(payment);
        for (key, mut row) in turn.disputes(request_id)? {
            self.purse.settle(&mut row.dispute, "credited");
            turn.writes.disputes.insert((request_id, key), row);
        }
        Ok(Ok(()))
    }

    /// Takes back what was paid back since. Of a payment that is not credited yet it is only noted.
    fn refund<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        in_all: Option<Cents>,
    ) -> Result<Result<(), Mismatch>, StoreError> {
        let (request_id, amount) = (self.row.request_id, self.row.amount);
        let in_all = in_all.unwrap_or(amount);
        if !(Cents(1)..=amount).contains(&in_all) {
            return Ok(Err(format!(
                "`refunded_cents` of request {request_id} is {in_all}, must be from 1 to {amount}"
            )));
        }
        let more = in_all - self.row.refunded;
        if more <= Cents::ZERO {
            return Ok(Ok(()));
        }
        self.row.refunded = in_all;
        let Some(payment) = &self.row.payment else {
            return Ok(Ok(()));
        };
        for (key, mut row) in turn.disputes(request_id)? {
            if self.purse.free_for_refund(&mut row.dispute, in_all, more) {
                turn.writes.disputes.insert((request_id, key), row);
            }
        }
        self.purse.refund(payment, in_all, more);
        self.row.status = TopUpStatus::Refunded;
        Ok(Ok(()))
    }

    fn dispute<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        finished: &CheckoutFinished,
    ) -> Result<Result<(), Mismatch>, StoreError> {
        let (request_id, most) = (self.row.request_id, self.row.amount);
        let told = finished.dispute.clone().unwrap_or(CheckoutDispute {
            id: UNNAMED_DISPUTE.to_owned(),
            stage: DisputeStage::Created,
            amount_cents: most,
            outcome: None,
        });
        let (id, amount) = (&told.id, told.amount_cents);
        if !(Cents(1)..=most).contains(&amount) {
            return Ok(Err(format!(
                "dispute {id} of request {request_id} is of {amount}, must be from 1 to {most}"
            )));
        }
        let known = turn.disputes(request_id)?.remove(id);
        let mut row = known.unwrap_or_else(|| DisputeRow {
            request_id,
            dispute_id: id.clone(),
            user: self.row.user,
            dispute: Dispute {
                key: DisputeRow::key(request_id, id),
                amount,
                facts: DisputeFacts::default(),
                state: DisputeState::Free,
                held: Cents::ZERO,
                short: Cents::ZERO,
            },
        });
        if row.dispute.amount != amount {
            let known = row.dispute.amount;
            return Ok(Err(format!(
                "dispute {id} of request {request_id} is of {amount}, and was of {known} before"
            )));
        }
        let facts = row.dispute.facts.with(told.stage, told.outcome);
        if facts == row.dispute.facts {
            return Ok(Ok(()));
        }
        row.dispute.facts = facts;
        if self.row.payment.is_some() {
            self.purse.settle(&mut row.dispute, &step_of(&told));
        }
        self.disputed = Some(row);
        Ok(Ok(()))
    }
}

/// What a step of a dispute is known by in its transfers: each is taken once.
fn step_of(told: &CheckoutDispute) -> String {
    match told.outcome {
        Some(outcome) if told.stage == DisputeStage::Closed => {
            let outcome = serde_json::to_value(outcome).unwrap_or_default();
            format!("closed_{}", outcome.as_str().unwrap_or_default())
        }
        _ => told.stage.as_str().to_owned(),
    }
}

/// What a payment's transfers are known by.
fn payment_of(row: &TopUp, finished: &CheckoutFinished) -> String {
    match (&finished.payment_intent_id, &finished.session_id) {
        (Some(intent), _) => intent.clone(),
        (None, Some(session)) => format!("session/{session}"),
        (None, None) => format!("request/{}", row.request_id),
    }
}

/// Whether a record is of another payment than the one that was credited. One that says less is not.
fn is_another(row: &TopUp, finished: &CheckoutFinished) -> bool {
    let differ = |known: &Option<String>, told: &Option<String>| match (known, told) {
        (Some(known), Some(told)) => Some(known != told),
        _ => None,
    };
    let by_intent = differ(&row.payment_intent_id, &finished.payment_intent_id);
    by_intent.unwrap_or_else(|| differ(&row.session_id, &finished.session_id).unwrap_or(false))
}

/// Reads a record of `checkout.finished`, whose texts are such as can be stored.
pub(in crate::partition) fn read_finished(payload: &[u8]) -> Result<CheckoutFinished, String> {
    let finished: CheckoutFinished = serde_json::from_slice(payload)
        .map_err(|error| format!("no record of a checkout: {error}"))?;
    if finished.user_id == UserId::SYSTEM {
        return Err("`user_id` must be a user's".to_owned());
    }
    let dispute = finished.dispute.as_ref().map(|dispute| &dispute.id);
    for (name, value, most) in [
        ("session_id", finished.session_id.as_ref(), ID_BYTES_MAX),
        (
            "payment_intent_id",
            finished.payment_intent_id.as_ref(),
            ID_BYTES_MAX,
        ),
        ("dispute.id", dispute, ID_BYTES_MAX),
        ("session_url", finished.session_url.as_ref(), URL_BYTES_MAX),
    ] {
        if value.is_some_and(|text| text.is_empty() || text.len() > most || text.contains('\0')) {
            return Err(format!(
                "`{name}` must have 1 to {most} bytes, none of them 0"
            ));
        }
    }
    let page = finished.session_url.as_deref();
    if page.is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        return Err("`session_url` must begin with https:// or http://".to_owned());
    }
    Ok(finished)
}

/// In what a record is not of the payment that was asked for.
fn compare<S: Store>(
    turn: &Turn<'_, S>,
    row: &TopUp,
    finished: &CheckoutFinished,
) -> Result<(), Mismatch> {
    let is_real = turn.rules.wallet.is_real;
    // Only our own checkout says so; demo money takes another's word.
    let livemode = finished.livemode.unwrap_or(false);
    let wrongs: Vec<String> = [
        (
            "user_id",
            finished.user_id.to_string(),
            row.user.to_string(),
        ),
        (
            "amount_cents",
            finished.amount_cents.to_string(),
            row.amount.to_string(),
        ),
        (
            "currency",
            finished.currency.to_ascii_lowercase(),
            row.currency.clone(),
        ),
        (
            "purpose",
            finished.purpose.clone(),
            PURPOSE_TOP_UP.to_owned(),
        ),
        ("livemode", livemode.to_string(), is_real.to_string()),
    ]
    .into_iter()
    .filter(|(_, found, right)| found != right)
    .map(|(field, found, right)| format!("`{field}` is {found:.80}, must be {right}"))
    .collect();
    match wrongs.is_empty() {
        true => Ok(()),
        false => Err(format!("request {}: {}", row.request_id, wrongs.join(", "))),
    }
}
