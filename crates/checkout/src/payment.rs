//! A payment as the checkout knows it, and what follows from how the provider's objects stand. Nothing here depends
//! on the order in which they were looked at: whatever is applied again changes nothing.

use crate::clean::clean;
use crate::finished;
use crate::stripe::{
    Dispute, DisputeStatus, Expandable, PaymentIntent, PaymentIntentStatus, PaymentStatus, Session,
    SessionStatus, is_id,
};
use blazing_sun_backbone::is_planted;
use blazing_sun_backbone::messages::{CancelReason, CheckoutStatus};
use blazing_sun_domain::wallet::{DisputeOutcome, DisputeStage};
use blazing_sun_domain::{Cents, Millis, UserId};
use uuid::Uuid;

/// A payment that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The request.
    pub request_id: Uuid,
    /// Who pays.
    pub user_id: UserId,
    /// How much.
    pub amount: Cents,
    /// Lower case.
    pub currency: String,
    /// Where the payer goes after paying.
    pub success_url: Option<String>,
    /// Where the payer goes instead.
    pub cancel_url: Option<String>,
    /// Where it stands.
    pub status: PaymentState,
    /// The provider's page.
    pub session_id: Option<String>,
    /// Where that is.
    pub session_url: Option<String>,
    /// Until when it is to be paid, in seconds; written down before the provider is first asked, so that it is
    /// always asked the same.
    pub expires_at_s: Option<i64>,
    /// The provider's payment, once it is paid.
    pub payment_intent_id: Option<String>,
    /// How much was given back.
    pub refunded: Cents,
    /// Why it failed.
    pub error: Option<String>,
    /// Why nothing is told of what the provider says: it differs from what was asked for.
    pub held: Option<String>,
    /// Why it is not to be made any more; none once the payer is done all the same.
    pub cancelled: Option<CancelReason>,
    /// When it was taken from the topic.
    pub requested_at: Millis,
    /// When it came to its end.
    pub finished_at: Option<Millis>,
    /// How often the provider was asked for a page.
    pub attempts: u32,
    /// When to ask the provider next; none: not by itself.
    pub due_at: Option<Millis>,
}

impl Payment {
    /// Whether it is cancelled, and not over yet.
    pub fn is_to_end(&self) -> bool {
        self.cancelled.is_some() && self.status.is_open()
    }

    /// Whether there is something to ask the provider: for a page, or how it stands.
    pub fn can_be_looked_at(&self) -> bool {
        self.session_id.is_some() || self.status == PaymentState::Requested
    }

    /// Whether no page for this payment can be paid any more, as far as this server's clock knows.
    pub fn is_over(&self, now: Millis) -> bool {
        self.expires_at_s
            .is_some_and(|at_s| now.0.div_euclid(1000) >= at_s)
    }
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentState {
    /// There is no page yet.
    Requested,
    /// There is a page.
    SessionCreated,
    /// Paid. Nothing leads out of this.
    Success,
    /// Not paid. It may still turn out to be.
    Failed,
    /// Not paid in time. It may still turn out to be.
    Expired,
}

impl PaymentState {
    /// All of them.
    pub const ALL: [PaymentState; 5] = [
        PaymentState::Requested,
        PaymentState::SessionCreated,
        PaymentState::Success,
        PaymentState::Failed,
        PaymentState::Expired,
    ];

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            PaymentState::Requested => "requested",
            PaymentState::SessionCreated => "session_created",
            PaymentState::Success => "success",
            PaymentState::Failed => "failed",
            PaymentState::Expired => "expired",
        }
    }

    /// Whether it waits for the payer or the provider.
    pub fn is_open(self) -> bool {
        matches!(self, PaymentState::Requested | PaymentState::SessionCreated)
    }
}

/// A stage of a dispute that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldStage {
    /// The provider's dispute.
    pub dispute_id: String,
    /// Which stage.
    pub stage: DisputeStage,
    /// How much is disputed.
    pub amount: Cents,
    /// How it was decided.
    pub outcome: Option<DisputeOutcome>,
}

/// A record to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub topic: String,
    /// Its key.
    pub key: Vec<u8>,
    /// Its headers, encoded.
    pub headers: Vec<u8>,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// What changes about a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The payment from now on.
    pub payment: Payment,
    /// Stages of disputes that were not told before.
    pub stages: Vec<ToldStage>,
    /// What is told.
    pub outgoing: Vec<Outgoing>,
}

/// What the rules need to know of the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Whether payments are of real money.
    pub livemode: bool,
    /// How old an unpaid page is before it is looked at.
    pub look_after_ms: i64,
    /// How soon it is looked at again.
    pub look_every_ms: i64,
}

/// For so long after it has expired a page that the provider does not know is asked for.
const MISSING_FOR_S: i64 = 86_400;

/// How long a page's address may be.
const SESSION_URL_BYTES_MAX: usize = 8_192;

/// What differs is looked at again so seldom: somebody has to see to it.
const HELD_LOOK_MS: i64 = 3_600_000;

impl Change {
    /// Nothing, so far.
    pub fn none(payment: &Payment) -> Change {
        Change {
            payment: payment.clone(),
            stages: Vec::new(),
            outgoing: Vec::new(),
        }
    }

    fn tell(&mut self, status: CheckoutStatus, terms: Terms, now: Millis) {
        let record = finished::record(&self.payment, status, terms.livemode, now);
        self.outgoing.push(finished::outgoing(&record));
    }

    /// Holds the payment: what the provider says is not what was asked for. Told once, to people.
    fn hold(mut self, differs: String, original: &str, now: Millis) -> Change {
        if self.payment.held.as_ref() != Some(&differs) {
            tracing::error!(
                correlation_id = %self.payment.request_id,
                payment.request_id = %self.payment.request_id,
                payment.session_id = self.payment.session_id,
                user.id = %self.payment.user_id,
                differs,
                "a payment is held: the provider's differs from the one asked for"
            );
            self.outgoing.push(finished::dead_letter(
                finished::Origin::Provider,
                Some(self.payment.user_id),
                &format!("payment {}: {differs}", self.payment.request_id),
                original.as_bytes(),
                now,
            ));
        }
        self.payment.held = Some(differs);
        self.payment.due_at = self
            .payment
            .can_be_looked_at()
            .then(|| now.plus(HELD_LOOK_MS));
        self
    }
}

/// The provider's page for this payment was looked at; `raw` is its text.
pub fn session_seen(
    payment: &Payment,
    session: &Session,
    raw: &str,
    terms: Terms,
    now: Millis,
) -> Change {
    let mut change = Change::none(payment);
    let end_of_it = unpaid_end(session);
    // Who pays nothing may do so in any amount.
    let of_money = || difference_of_money(payment, session, terms).filter(|_| end_of_it.is_none());
    if let Some(differs) = difference(payment, session, terms).or_else(of_money) {
        return change.hold(differs, raw, now);
    }
    change.payment.held = None;
    if change.payment.session_id.is_none() {
        change.payment.session_id = Some(session.id.clone());
    }
    let is_complete = session.status == SessionStatus::Complete;
    if session.payment_status == PaymentStatus::Paid || is_complete && is_planted!(UnpaidCredited) {
        let paid_with = session.payment_intent.as_ref().and_then(Expandable::object);
        paid(&mut change, session, terms, now);
        refunds(&mut change, paid_with, terms, now);
    } else if let Some((status, why)) = end_of_it {
        end(&mut change, status, why, terms, now);
    } else {
        match session.status {
            SessionStatus::Open => opened(&mut change, session, terms, now),
            SessionStatus::Complete => processing(&mut change, terms, now),
            _ => {}
        }
        // Where the payer is done already, the money may come for days.
        look_again(&mut change, terms, now);
    }
    change
}

/// It was cancelled before the provider was asked for a page.
pub fn cancelled_unasked(payment: &Payment, terms: Terms, now: Millis) -> Change {
    let mut change = Change::none(payment);
    end(&mut change, PaymentState::Expired, None, terms, now);
    change
}

/// How a page ended on which nothing was paid.
fn unpaid_end(session: &Session) -> Option<(PaymentState, Option<String>)> {
    let paid_with = session.payment_intent.as_ref().and_then(Expandable::object);
    match (session.payment_status, session.status) {
        (PaymentStatus::Paid, _) => None,
        (_, SessionStatus::Expired) => Some((PaymentState::Expired, None)),
        (PaymentStatus::Unpaid, SessionStatus::Complete) => match paid_with?.status {
            PaymentIntentStatus::RequiresPaymentMethod | PaymentIntentStatus::Canceled => {
                Some((PaymentState::Failed, Some(why_not(paid_with))))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The provider will not give a page for this payment.
pub fn given_up(
    payment: &Payment,
    status: PaymentState,
    error: String,
    terms: Terms,
    now: Millis,
) -> Change {
    let mut change = Change::none(payment);
    if payment.status == PaymentState::Requested {
        end(&mut change, status, Some(error), terms, now);
    }
    change
}

/// The provider has no such page: as long as it may only not know it yet, it is asked again.
pub fn unknown_to_provider(payment: &Payment, terms: Terms, now: Millis) -> Change {
    let mut change = Change::none(payment);
    let forgotten = payment
        .expires_at_s
        .is_some_and(|at_s| now.0.div_euclid(1000) >= at_s.saturating_add(MISSING_FOR_S));
    match forgotten {
        true => {
            let why = "the payment provider knows nothing of this payment".to_owned();
            end(&mut change, PaymentState::Failed, Some(why), terms, now);
        }
        false => look_again(&mut change, terms, now),
    }
    change
}

/// The provider did not say how the page of this payment stands.
pub fn looked_in_vain(payment: &Payment, terms: Terms, now: Millis) -> Change {
    let mut change = Change::none(payment);
    look_again(&mut change, terms, now);
    change
}

/// A dispute of this payment was looked at after something of kind `event` happened to it.
pub fn dispute_seen(
    payment: &Payment,
    told: &[ToldStage],
    dispute: &Dispute,
    raw: &str,
    event: &str,
    terms: Terms,
    now: Millis,
) -> Change {
    let mut change = Change::none(payment);
    let differences = [
        (!is_id(&dispute.id)).then(|| "its id is none".to_owned()),
        difference_of("livemode", &dispute.livemode, &terms.livemode),
        difference_of("currency", &dispute.currency, &payment.currency),
    ];
    if let Some(differs) = differences.into_iter().flatten().next() {
        let due_at = change.payment.due_at;
        let mut change = change.hold(
            format!("dispute {}: {differs}", clean(&dispute.id)),
            raw,
            now,
        );
        change.payment.due_at = due_at;
        return change;
    }
    let outcome = match dispute.status {
        DisputeStatus::Lost => Some(DisputeOutcome::Lost),
        DisputeStatus::Won | DisputeStatus::WarningClosed | DisputeStatus::Prevented => {
            Some(DisputeOutcome::Won)
        }
        DisputeStatus::Open => None,
    };
    let has_come = |stage| match stage {
        DisputeStage::Created => true,
        DisputeStage::FundsWithdrawn => {
            dispute.was_withdrawn() || event == "charge.dispute.funds_withdrawn"
        }
        DisputeStage::FundsReinstated => {
            dispute.was_reinstated() || event == "charge.dispute.funds_reinstated"
        }
        DisputeStage::Closed => outcome.is_some(),
    };
    for stage in STAGES.into_iter().filter(|stage| has_come(*stage)) {
        if told
            .iter()
            .any(|told| told.dispute_id == dispute.id && told.stage == stage)
        {
            continue;
        }
        let stage = ToldStage {
            dispute_id: dispute.id.clone(),
            stage,
            amount: Cents(dispute.amount),
            outcome: outcome.filter(|_| stage == DisputeStage::Closed),
        };
        let record = finished::dispute(&change.payment, &stage, terms.livemode, now);
        change.outgoing.push(finished::outgoing(&record));
        change.stages.push(stage);
    }
    change
}

const STAGES: [DisputeStage; 4] = [
    DisputeStage::Created,
    DisputeStage::FundsWithdrawn,
    DisputeStage::FundsReinstated,
    DisputeStage::Closed,
];

fn opened(change: &mut Change, session: &Session, terms: Terms, now: Millis) {
    // Nobody is sent to a page that is about to be closed.
    if change.payment.status != PaymentState::Requested || change.payment.cancelled.is_some() {
        return;
    }
    change.payment.status = PaymentState::SessionCreated;
    change.payment.session_url.clone_from(&session.url);
    change.tell(CheckoutStatus::SessionCreated, terms, now);
}

/// The payer is done: told once, from when on there is no page to go to, and nothing to cancel.
fn processing(change: &mut Change, terms: Terms, now: Millis) {
    let payment = &mut change.payment;
    payment.cancelled = None;
    let is_told = payment.status == PaymentState::SessionCreated && payment.session_url.is_none();
    if payment.status.is_open() && !is_told {
        payment.status = PaymentState::SessionCreated;
        payment.session_url = None;
        change.tell(CheckoutStatus::Processing, terms, now);
    }
}

fn paid(change: &mut Change, session: &Session, terms: Terms, now: Millis) {
    let payment = &mut change.payment;
    payment.due_at = None;
    if payment.status == PaymentState::Success {
        return;
    }
    payment.status = PaymentState::Success;
    payment.payment_intent_id = session.payment_intent_id().map(str::to_owned);
    payment.error = None;
    payment.finished_at = Some(now);
    change.tell(CheckoutStatus::Success, terms, now);
}

/// What was given back is only ever added to: it may have been looked at before what was looked at last. A refund that
/// fails afterwards is for people to put right.
fn refunds(change: &mut Change, payment: Option<&PaymentIntent>, terms: Terms, now: Millis) {
    let charge = payment.and_then(PaymentIntent::charge);
    let refunded = charge.map_or(Cents::ZERO, |charge| Cents(charge.amount_refunded));
    if refunded > change.payment.refunded {
        change.payment.refunded = refunded.min(change.payment.amount);
        change.tell(CheckoutStatus::Refunded, terms, now);
    }
}

fn end(
    change: &mut Change,
    status: PaymentState,
    error: Option<String>,
    terms: Terms,
    now: Millis,
) {
    change.payment.due_at = None;
    if !change.payment.status.is_open() {
        return;
    }
    change.payment.status = status;
    let is_expired = status == PaymentState::Expired;
    let cancelled = change.payment.cancelled.filter(|_| is_expired);
    change.payment.error = error.or(cancelled.map(|reason| why_cancelled(reason).to_owned()));
    change.payment.finished_at = Some(now);
    let told = match status {
        PaymentState::Expired => CheckoutStatus::Expired,
        _ => CheckoutStatus::Failed,
    };
    change.tell(told, terms, now);
}

fn why_cancelled(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Cancelled => "the payment was cancelled",
        CancelReason::SelfExcluded => "the payment was cancelled: its player is self-excluded",
    }
}

/// The older it is the more seldom: after a sixtieth of its age. What is cancelled stays due.
fn look_again(change: &mut Change, terms: Terms, now: Millis) {
    if change.payment.is_to_end() {
        change.payment.due_at.get_or_insert(now);
        return;
    }
    let age_ms = now.0.saturating_sub(change.payment.requested_at.0);
    let pause_ms = terms.look_every_ms.max(age_ms / 60);
    let first = change.payment.requested_at.plus(terms.look_after_ms);
    let is_open = change.payment.status.is_open();
    change.payment.due_at = is_open.then(|| now.plus(pause_ms).max(first));
}

fn why_not(payment: Option<&PaymentIntent>) -> String {
    let error = payment.and_then(|payment| payment.last_payment_error.as_ref());
    error
        .and_then(|error| error.message.as_deref().map(clean))
        .unwrap_or_else(|| "the payment was not made".to_owned())
}

/// What can not be used, or is about something else than what was asked for.
fn difference(payment: &Payment, session: &Session, terms: Terms) -> Option<String> {
    let request_id = payment.request_id.to_string();
    let reference = session.client_reference_id.as_ref();
    let known = payment.session_id.as_ref();
    let ids = [Some(session.id.as_str()), session.payment_intent_id()];
    let bad_id = ids.into_iter().flatten().find(|id| !is_id(id));
    let is_bad_url = session.url.as_ref().is_some_and(|url| !is_page(url));
    bad_id
        .map(|id| format!("`{}` is no id", clean(id)))
        .or_else(|| is_bad_url.then(|| "its url is none".to_owned()))
        .or(difference_of(
            "livemode",
            &session.livemode,
            &terms.livemode,
        ))
        .or(reference.and_then(|found| difference_of("client_reference_id", found, &request_id)))
        .or(known.and_then(|known| difference_of("session", &session.id, known)))
}

/// Whether it can be the address of a page, to which a player's browser goes.
fn is_page(url: &str) -> bool {
    let is_of_the_web = url.starts_with("https://") || url.starts_with("http://");
    is_of_the_web && url.len() <= SESSION_URL_BYTES_MAX && !url.chars().any(char::is_control)
}

/// What the provider says otherwise of the money; credited is only what is the same in all of it.
fn difference_of_money(payment: &Payment, session: &Session, terms: Terms) -> Option<String> {
    let (amount, currency) = (payment.amount.0, payment.currency.as_str());
    let status = session.payment_status;
    let is_known = matches!(status, PaymentStatus::Paid | PaymentStatus::Unpaid);
    let is_neither = session.status == SessionStatus::Complete && !is_known;
    let of_payment = |paid: &PaymentIntent| {
        let received = paid
            .amount_received
            .filter(|_| status == PaymentStatus::Paid);
        difference_of("amount of the payment", &paid.amount, &amount)
            .or(received.and_then(|got| difference_of("amount received", &got, &amount)))
            .or(difference_of(
                "currency of the payment",
                paid.currency.as_str(),
                currency,
            ))
            .or(difference_of(
                "livemode of the payment",
                &paid.livemode,
                &terms.livemode,
            ))
    };
    let paid_with = session.payment_intent.as_ref().and_then(Expandable::object);
    // Of a page that nobody has paid on it need not be said; what is paid is held against it all the same.
    let is_open = session.status == SessionStatus::Open && status == PaymentStatus::Unpaid;
    let of_session = session.currency.as_deref();
    let amount_total = session.amount_total.or((!is_open).then_some(0));
    let of_session = of_session.or((!is_open).then_some("none"));
    amount_total
        .and_then(|total| difference_of("amount", &total, &amount))
        .or_else(|| of_session.and_then(|found| difference_of("currency", found, currency)))
        .or(paid_with.and_then(of_payment))
        .or_else(|| {
            is_neither.then(|| format!("it is complete with the payment status {status:?}"))
        })
}

fn difference_of<T: PartialEq + std::fmt::Display + ?Sized>(
    what: &str,
    found: &T,
    asked: &T,
) -> Option<String> {
    (found != asked).then(|| format!("its {what} is {found}, not {asked}"))
}

#[cfg(test)]
mod tests;
