//! What a checkout counts. Handles are made once; whoever has one adds a number.

use crate::stripe::StripeError;
use blazing_sun_backbone::metrics::{
    Histogram, IntCounter, IntCounterVec, OTHER, counter, counters, each, seconds,
};
use std::sync::LazyLock;

pub(crate) static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// What becomes of a webhook.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Webhook {
    Kept,
    Repeated,
    Signature,
    Unreadable,
    NotKept,
}

const WEBHOOKS: [&str; 5] = [
    "kept",
    "repeated",
    "invalid_signature",
    "unreadable",
    "not_kept",
];

/// The provider's objects that calls are about.
const OBJECTS: [&str; 5] = [
    "checkout/sessions",
    "payment_intents",
    "charges",
    "disputes",
    "events",
];
const OUTCOMES: [&str; 4] = ["done", "refused", "retryable", "ambiguous"];

pub(crate) struct Metrics {
    pub(crate) requests: IntCounter,
    pub(crate) cancellations: IntCounter,
    pub(crate) dead_letters: IntCounter,
    pub(crate) call: Histogram,
    webhooks: Vec<IntCounter>,
    calls: Vec<Vec<IntCounter>>,
}

impl Metrics {
    fn new() -> Metrics {
        let webhooks = counters(
            "blazing_sun_checkout_webhooks_total",
            "Webhooks of the payment provider, by what became of them",
            &["outcome"],
        );
        let calls: IntCounterVec = counters(
            "blazing_sun_checkout_provider_calls_total",
            "Calls to the payment provider, each attempt, by what they are about and what became of them",
            &["object", "outcome"],
        );
        let of = |object: &str| {
            let outcomes = OUTCOMES.iter();
            outcomes
                .map(|outcome| calls.with_label_values(&[object, outcome]))
                .collect()
        };
        Metrics {
            requests: counter(
                "blazing_sun_checkout_requests_total",
                "Requests for payments that were taken from their topic",
            ),
            cancellations: counter(
                "blazing_sun_checkout_cancellations_total",
                "Cancellations that were taken from their topic",
            ),
            dead_letters: counter(
                "blazing_sun_checkout_dead_letters_total",
                "Records and events that were put aside",
            ),
            call: seconds(
                "blazing_sun_checkout_provider_call_seconds",
                "How long a call to the payment provider takes, each attempt",
            ),
            webhooks: each(&webhooks, &WEBHOOKS),
            calls: OBJECTS
                .iter()
                .chain(&[OTHER])
                .map(|object| of(object))
                .collect(),
        }
    }

    pub(crate) fn webhook(&self, outcome: Webhook) {
        self.webhooks[outcome as usize].inc();
    }

    /// Counts an attempt of a call, by its path.
    pub(crate) fn called<T>(&self, path: &str, outcome: &Result<T, StripeError>) {
        let object = path.strip_prefix("/v1/").unwrap_or_default();
        let known = OBJECTS.iter().position(|known| object.starts_with(known));
        let outcome = match outcome {
            Ok(_) => 0,
            Err(StripeError::Refused { .. } | StripeError::InvalidId(_)) => 1,
            Err(StripeError::Retryable { .. }) => 2,
            Err(StripeError::Ambiguous { .. }) => 3,
        };
        self.calls[known.unwrap_or(OBJECTS.len())][outcome].inc();
    }
}
