//! The provider's events. An event says only that something happened to an object: how that stands is asked for, so
//! that events may come late, twice, or in another order.

use super::drive::{self, Due};
use super::{Shared, ms};
use crate::clean::clean;
use crate::finished::{Origin, dead_letter};
use crate::payment::{PaymentState, dispute_seen, session_seen};
use crate::store::{Decide, Find, Finished, StoreError, WaitingEvent};
use crate::stripe::{Event, Fetched, Session, StripeError};
use blazing_sun_backbone::kill_point;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;
use tracing::Span;
use uuid::Uuid;

/// Events that mean something here; all others are kept and left alone.
pub(super) const KINDS: &[&str] = &[
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
];

/// How long an event waits for what it is about.
const UNMATCHED_FOR_MS: i64 = 3 * 86_400_000;

pub(super) async fn run(shared: Arc<Shared>) {
    drive::run::<Events>(shared).await;
}

struct Events;

impl Due for Events {
    type Item = WaitingEvent;
    type Key = String;
    const NAME: &'static str = "events";

    fn key(event: &WaitingEvent) -> String {
        event.event_id.clone()
    }

    fn span(event: &WaitingEvent) -> Span {
        tracing::error_span!("event", event.id = event.event_id)
    }

    fn wake(shared: &Shared) -> &Notify {
        &shared.events_due
    }

    async fn due(shared: &Shared, limit: u32) -> Result<Vec<WaitingEvent>, StoreError> {
        shared.store.due_events(shared.now(), limit).await
    }

    async fn work(shared: &Shared, event: WaitingEvent) -> Result<(), StoreError> {
        let handled = Handling {
            shared,
            event: &event,
        }
        .handle()
        .await;
        shared.outgoing_due.notify_one();
        match handled {
            Ok(()) => Ok(()),
            Err(Trouble::Store(error)) => Err(error),
            Err(Trouble::Later(why)) => {
                tracing::warn!(
                    event.id = event.event_id,
                    why,
                    "an event of the payment provider's has to wait"
                );
                let due_at = shared.now().plus(ms(shared.pause(event.attempts)));
                shared
                    .store
                    .postpone_event(&event.event_id, due_at, &clean(&why))
                    .await
            }
            Err(Trouble::Never { why, outcome }) => {
                tracing::error!(
                    event.id = event.event_id,
                    why,
                    "an event of the payment provider's is put aside"
                );
                let now = shared.now();
                let why = format!("event {}: {}", event.event_id, clean(&why));
                let letter = dead_letter(Origin::Provider, None, &why, event.body.as_bytes(), now);
                let finished = finished(&event, outcome);
                shared.store.finish_event(finished, vec![letter], now).await
            }
        }
    }
}

/// Why an event is not dealt with.
enum Trouble {
    Store(StoreError),
    /// It may be later.
    Later(String),
    /// It will never be.
    Never {
        why: String,
        outcome: &'static str,
    },
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        Trouble::Store(error)
    }
}

impl From<StripeError> for Trouble {
    fn from(error: StripeError) -> Trouble {
        match &error {
            StripeError::InvalidId(_) => never("invalid", error.to_string()),
            StripeError::Refused { status: 404, .. } => never("missing", error.to_string()),
            _ => Trouble::Later(error.to_string()),
        }
    }
}

fn never(outcome: &'static str, why: String) -> Trouble {
    Trouble::Never { why, outcome }
}

fn finished(event: &WaitingEvent, outcome: &'static str) -> Finished {
    Finished {
        event_id: event.event_id.clone(),
        outcome,
    }
}

struct Handling<'a> {
    shared: &'a Shared,
    event: &'a WaitingEvent,
}

impl Handling<'_> {
    async fn handle(&self) -> Result<(), Trouble> {
        let event: Event = serde_json::from_str(&self.event.body)
            .map_err(|error| never("unreadable", format!("it can not be read: {error}")))?;
        if event.livemode != self.shared.options.livemode {
            let why = format!("its livemode is {}", event.livemode);
            return Err(never("other_livemode", why));
        }
        if !KINDS.contains(&event.kind.as_str()) {
            return self.done("ignored").await;
        }
        let object = &event.data.object;
        let id = object.id.as_deref();
        let id = || id.ok_or_else(|| never("invalid", "its object has no id".to_owned()));
        if event.kind.starts_with("checkout.session.") {
            let session = self.shared.stripe.retrieve_session(id()?).await?;
            kill_point!(ProviderAnswered);
            self.session(session, true).await
        } else if event.kind.starts_with("charge.dispute.") {
            self.dispute(id()?, &event.kind).await
        } else {
            match object.payment_intent_id() {
                Some(payment_intent) => {
                    let has_failed = event.kind == "refund.failed";
                    self.refund(payment_intent, has_failed).await
                }
                None => self.done("not_ours").await,
            }
        }
    }

    async fn done(&self, outcome: &'static str) -> Result<(), Trouble> {
        let now = self.shared.now();
        let finished = finished(self.event, outcome);
        Ok(self
            .shared
            .store
            .finish_event(finished, vec![], now)
            .await?)
    }

    /// Applies how a session stands; with `ends` that is all that the event means.
    async fn session(&self, session: Fetched<Session>, ends: bool) -> Result<(), Trouble> {
        let of_metadata = request_of(&session.object.metadata);
        let reference = session.object.client_reference_id.as_deref();
        let request_id = reference
            .and_then(|text| Uuid::parse_str(text).ok())
            .or(of_metadata);
        let Some(request_id) = request_id else {
            return self.done("not_ours").await;
        };
        let (now, terms) = (self.shared.now(), self.shared.terms());
        let decide: Decide = Box::new(move |payment, _| {
            session_seen(payment, &session.object, &session.raw, terms, now)
        });
        let event = ends.then(|| finished(self.event, "applied"));
        let changed = self
            .shared
            .store
            .change(request_id, event, now, decide)
            .await?;
        match (changed, of_metadata) {
            (Some(_), _) => Ok(()),
            // It has our marks, and nobody here asked for it.
            (None, Some(_)) => Err(never(
                "unknown",
                format!("there is no request {request_id}"),
            )),
            (None, None) => self.done("not_ours").await,
        }
    }

    /// What was given back stands in the payment of the session. Where it came back to us, the player has paid for it
    /// already: people have to put it right.
    async fn refund(&self, payment_intent: &str, has_failed: bool) -> Result<(), Trouble> {
        let Some(request_id) = self.request_paid_with(payment_intent).await? else {
            return self.done("not_ours").await;
        };
        let session = self.session_of(request_id).await?;
        self.session(session, !has_failed).await?;
        match has_failed {
            true => Err(never(
                "refund_failed",
                format!(
                    "a refund of request {request_id} has failed: the player's balance is without it"
                ),
            )),
            false => Ok(()),
        }
    }

    async fn dispute(&self, id: &str, kind: &str) -> Result<(), Trouble> {
        let dispute = self.shared.stripe.retrieve_dispute(id).await?;
        kill_point!(ProviderAnswered);
        let request_id = match dispute.object.payment_intent_id() {
            Some(payment_intent) => self.request_paid_with(payment_intent).await?,
            None => None,
        };
        let Some(request_id) = request_id else {
            return self.done("not_ours").await;
        };
        let payment = self.shared.store.payment(Find::Request(request_id)).await?;
        if payment.is_some_and(|payment| payment.status != PaymentState::Success) {
            let session = self.session_of(request_id).await?;
            self.session(session, false).await?;
        }
        let (now, terms, kind) = (self.shared.now(), self.shared.terms(), kind.to_owned());
        let decide: Decide = Box::new(move |payment, told| {
            let Fetched { object, raw } = &dispute;
            dispute_seen(payment, told, object, raw, &kind, terms, now)
        });
        let event = finished(self.event, "applied");
        let changed = self
            .shared
            .store
            .change(request_id, Some(event), now, decide)
            .await?;
        match changed {
            Some(_) => Ok(()),
            None => Err(never(
                "unknown",
                format!("there is no request {request_id}"),
            )),
        }
    }

    /// Which request a payment was made for.
    async fn request_paid_with(&self, payment_intent: &str) -> Result<Option<Uuid>, Trouble> {
        let known = self
            .shared
            .store
            .payment(Find::PaymentIntent(payment_intent))
            .await?;
        if let Some(payment) = known {
            return Ok(Some(payment.request_id));
        }
        let payment = self
            .shared
            .stripe
            .retrieve_payment_intent(payment_intent)
            .await?;
        Ok(request_of(&payment.object.metadata))
    }

    /// What is missing here may come by another event, for some time.
    fn unmatched(&self, why: String) -> Trouble {
        let waited = self.shared.now().0.saturating_sub(self.event.received_at.0);
        match waited > UNMATCHED_FOR_MS {
            true => never("unmatched", why),
            false => Trouble::Later(why),
        }
    }

    async fn session_of(&self, request_id: Uuid) -> Result<Fetched<Session>, Trouble> {
        let payment = self.shared.store.payment(Find::Request(request_id)).await?;
        let Some(payment) = payment else {
            return Err(never(
                "unknown",
                format!("there is no request {request_id}"),
            ));
        };
        let Some(session_id) = payment.session_id else {
            return Err(self.unmatched(format!("request {request_id} has no session")));
        };
        Ok(self.shared.stripe.retrieve_session(&session_id).await?)
    }
}

fn request_of(metadata: &BTreeMap<String, String>) -> Option<Uuid> {
    Uuid::parse_str(metadata.get("request_id")?).ok()
}
