//! Payments that are due: asks the provider for a page, looks whether a page was paid whose webhook did not come, and
//! ends the pages of those that are cancelled.

use super::Shared;
use super::drive::{self, Due};
use crate::clean::clean;
use crate::payment::{
    Change, Payment, PaymentState, cancelled_unasked, given_up, looked_in_vain, session_seen,
    unknown_to_provider,
};
use crate::store::{Decide, DueFor, StoreError};
use crate::stripe::{Fetched, NewSession, Session, StripeError};
use blazing_sun_backbone::kill_point;
use blazing_sun_domain::Millis;
use std::sync::Arc;
use tokio::sync::Notify;
use tracing::Span;
use uuid::Uuid;

pub(super) async fn run(shared: Arc<Shared>) {
    drive::run::<Payments>(shared).await;
}

struct Payments;

impl Due for Payments {
    type Item = Payment;
    type Key = Uuid;
    const NAME: &'static str = "payments";
    const OF_A_LANE: usize = drive::AT_ONCE * 3 / 4;

    fn key(payment: &Payment) -> Uuid {
        payment.request_id
    }

    fn span(payment: &Payment) -> Span {
        tracing::error_span!(
            "payment",
            correlation_id = %payment.request_id,
            payment.request_id = %payment.request_id,
            payment.session_id = payment.session_id,
            user.id = %payment.user_id,
        )
    }

    fn wake(shared: &Shared) -> &Notify {
        &shared.payments_due
    }

    /// Players who wait for a page are held up by no number of pages that are to be looked at, and the other way round.
    fn lane(payment: &Payment) -> u8 {
        u8::from(payment.session_id.is_some())
    }

    async fn due(shared: &Shared, limit: u32) -> Result<Vec<Payment>, StoreError> {
        let (store, now) = (&shared.store, shared.now());
        let mut due = store.due_payments(DueFor::Page, now, limit).await?;
        due.extend(store.due_payments(DueFor::Look, now, limit).await?);
        Ok(due)
    }

    async fn work(shared: &Shared, payment: Payment) -> Result<(), StoreError> {
        let session_id = payment.session_id.clone();
        match session_id {
            Some(session_id) if payment.is_to_end() => cancel(shared, &payment, &session_id).await,
            Some(session_id) => look(shared, &payment, &session_id).await,
            None => ask(shared, payment).await,
        }
    }
}

/// Asks for a page.
async fn ask(shared: &Shared, payment: Payment) -> Result<(), StoreError> {
    let Some(payment) = note_attempt(shared, payment.request_id).await? else {
        return Ok(());
    };
    // Meanwhile it may have come by a webhook, or was cancelled before anybody asked.
    if payment.status != PaymentState::Requested || payment.session_id.is_some() {
        return Ok(());
    }
    // The provider forgets keys after a day: asked with an old one it would begin anew.
    if payment.is_over(shared.now()) {
        return give_up(
            shared,
            payment.request_id,
            PaymentState::Expired,
            TOO_LATE.to_owned(),
        )
        .await;
    }
    let session = new_session(shared, &payment);
    let key = format!("bs-{}", payment.request_id);
    let asked = shared.stripe.create_session(&session, &key).await;
    kill_point!(ProviderAnswered);
    match asked {
        Ok(session) => apply(shared, &payment, session).await,
        Err(error) => failed(shared, &payment, &error).await,
    }
}

/// Writes down, before the provider is asked, what it is asked: then it is the same every time. What is cancelled by
/// then ends here; later than that there may be a page, which has to be known to be ended.
async fn note_attempt(shared: &Shared, request_id: Uuid) -> Result<Option<Payment>, StoreError> {
    let now = shared.now();
    let (terms, page_open_s) = (
        shared.terms(),
        shared.options.pace.page_open.as_secs() as i64,
    );
    let decide: Decide = Box::new(move |payment, _| {
        if payment.cancelled.is_some() && payment.expires_at_s.is_none() {
            return cancelled_unasked(payment, terms, now);
        }
        let mut change = Change::none(payment);
        change.payment.attempts = payment.attempts.saturating_add(1);
        let expires_at_s = now.0.div_euclid(1000).saturating_add(page_open_s);
        change.payment.expires_at_s.get_or_insert(expires_at_s);
        if !payment.can_be_looked_at() {
            change.payment.due_at = None;
        }
        change
    });
    let noted = shared.store.change(request_id, None, now, decide).await?;
    shared.outgoing_due.notify_one();
    Ok(noted)
}

/// Ends the page. The provider refuses that where it is paid or has expired: then it is what it is.
async fn cancel(shared: &Shared, payment: &Payment, session_id: &str) -> Result<(), StoreError> {
    // Another key for another attempt: a failure would be repeated under the same.
    let key = format!("bs-{}-expire-{}", payment.request_id, payment.attempts);
    let ended = shared.stripe.expire_session(session_id, &key).await;
    kill_point!(ProviderAnswered);
    match ended {
        Ok(session) => apply(shared, payment, session).await,
        Err(error) => {
            tracing::info!(payment.request_id = %payment.request_id, %error, "a payment's page could not be ended; it is looked at");
            look(shared, payment, session_id).await
        }
    }
}

/// What is cancelled and could not be ended is tried again after a pause.
fn paused(mut change: Change, now: Millis, pause_ms: i64) -> Change {
    let payment = &mut change.payment;
    if payment.is_to_end() && payment.held.is_none() {
        payment.attempts = payment.attempts.saturating_add(1);
        payment.due_at = Some(now.plus(pause_ms));
    }
    change
}

fn new_session(shared: &Shared, payment: &Payment) -> NewSession {
    let success_url = payment.success_url.clone();
    NewSession {
        request_id: payment.request_id,
        user_id: payment.user_id,
        amount: payment.amount,
        currency: payment.currency.clone(),
        product_name: shared.options.product_name.clone(),
        success_url: success_url.unwrap_or_else(|| shared.options.success_url.clone()),
        cancel_url: payment.cancel_url.clone(),
        expires_at_s: payment.expires_at_s.unwrap_or(i64::MAX),
    }
}

/// Why a payment ended that nobody could be asked about.
const TOO_LATE: &str = "the payment provider was not reached in time";

/// The provider gave no page: tries again, or gives up.
async fn failed(shared: &Shared, payment: &Payment, error: &StripeError) -> Result<(), StoreError> {
    let (now, request_id) = (shared.now(), payment.request_id);
    match ending(payment, error, now) {
        Some((status, why)) => {
            tracing::warn!(payment.request_id = %request_id, %error, "a payment failed");
            give_up(shared, request_id, status, why).await
        }
        None => {
            tracing::warn!(payment.request_id = %request_id, %error, "the payment provider gave no page; it is asked again");
            let due_at = now.plus(super::ms(shared.pause(payment.attempts)));
            let decide: Decide = Box::new(move |payment, _| postponed(payment, due_at));
            let changed = shared.store.change(request_id, None, now, decide).await;
            changed.map(drop)
        }
    }
}

/// How a payment ends for which the provider gave no page; none: it is asked again.
fn ending(payment: &Payment, error: &StripeError, now: Millis) -> Option<(PaymentState, String)> {
    let failed = |why: &str| Some((PaymentState::Failed, why.to_owned()));
    let expired = Some((PaymentState::Expired, TOO_LATE.to_owned()));
    match error {
        StripeError::Refused {
            param: Some(param), ..
        } if param == "expires_at" => expired,
        StripeError::Refused {
            status: 401 | 403, ..
        } => {
            tracing::error!(%error, "the payment provider does not take this deployment's key");
            failed("the payment provider refused this server")
        }
        // Since it was first asked, this deployment has come to ask otherwise.
        StripeError::Refused { kind, .. } if kind == "idempotency_error" => {
            failed("the payment provider failed")
        }
        StripeError::Refused { message, .. } => failed(&clean(message)),
        StripeError::InvalidId(_) | StripeError::Ambiguous { is_final: true, .. } => {
            failed("the payment provider failed")
        }
        // Whatever page it may have made has expired, unseen.
        _ if payment.is_over(now) => expired,
        _ => None,
    }
}

async fn give_up(
    shared: &Shared,
    request_id: Uuid,
    status: PaymentState,
    why: String,
) -> Result<(), StoreError> {
    let (now, terms) = (shared.now(), shared.terms());
    let decide: Decide = Box::new(move |payment, _| given_up(payment, status, why, terms, now));
    shared.store.change(request_id, None, now, decide).await?;
    shared.outgoing_due.notify_one();
    Ok(())
}

fn postponed(payment: &Payment, due_at: Millis) -> Change {
    let mut change = Change::none(payment);
    if payment.due_at.is_some() {
        change.payment.due_at = Some(due_at);
    }
    change
}

/// Looks how a page stands.
async fn look(shared: &Shared, payment: &Payment, session_id: &str) -> Result<(), StoreError> {
    let looked = shared.stripe.retrieve_session(session_id).await;
    kill_point!(ProviderAnswered);
    match looked {
        Ok(session) => apply(shared, payment, session).await,
        Err(error) => {
            tracing::warn!(payment.request_id = %payment.request_id, %error, "a payment's page could not be looked at");
            let (now, terms) = (shared.now(), shared.terms());
            let is_missing = error.is_missing();
            let pause_ms = super::ms(shared.pause(payment.attempts));
            let decide: Decide = Box::new(move |payment, _| {
                let change = match is_missing {
                    true => unknown_to_provider(payment, terms, now),
                    false => looked_in_vain(payment, terms, now),
                };
                paused(change, now, pause_ms)
            });
            let request_id = payment.request_id;
            shared.store.change(request_id, None, now, decide).await?;
            shared.outgoing_due.notify_one();
            Ok(())
        }
    }
}

async fn apply(
    shared: &Shared,
    payment: &Payment,
    session: Fetched<Session>,
) -> Result<(), StoreError> {
    let (now, terms) = (shared.now(), shared.terms());
    let pause_ms = super::ms(shared.pause(payment.attempts));
    let decide: Decide = Box::new(move |payment, _| {
        let change = session_seen(payment, &session.object, &session.raw, terms, now);
        paused(change, now, pause_ms)
    });
    shared
        .store
        .change(payment.request_id, None, now, decide)
        .await?;
    shared.outgoing_due.notify_one();
    Ok(())
}
