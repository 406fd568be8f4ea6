//! What clients are told of paying in.

use super::*;
use crate::api::endpoint::Endpoint;
use crate::api::limits::Rates;
use blazing_sun_backbone::rest::problem::{INVALID_FORMAT, NOT_FOUND};
use blazing_sun_backbone::rest::{Access, Answer, Link, Operation, Parameter, Place, Tag};
use schemars::json_schema;

const REQUEST_EXAMPLE: &str = "6f9619ff-8b86-8011-b42d-00c04fc964ff";

/// Paying in.
pub(in crate::api) fn endpoints() -> Vec<Endpoint> {
    let get = |path, id| Operation::get(path, id, Tag::Payments);
    let post = |path, id| {
        Operation::post(path, id, Tag::Payments)
            .access(Access::Bearer)
            .parameter(idempotency_key())
            .limited(&Rates::of_payments())
            .refuses(&[INVALID_FORMAT])
    };
    let requested = PaymentRequested {
        request_id: REQUEST_EXAMPLE.to_owned(),
    };
    let payments = OpenPayments {
        payments: vec![example()],
    };
    let accepted = Answer::json(
        202,
        "Asked for. What becomes of it is told on the socket, and by `payment`.",
        &requested,
    );
    let new = NewPayment {
        amount_cents: 2_000,
        success_url: Some("https://play.example.com/wallet?paid".to_owned()),
        cancel_url: None,
    };
    vec![
        Endpoint::new(
            get("/api/v1/checkout/terms", "paymentTerms")
                .says("Read what may be paid in", "")
                .answers(Answer::json(200, "The terms.", &example_terms())),
            terms,
        ),
        Endpoint::new(
            get("/api/v1/checkout/sessions", "openPayments")
                .says("List the payments that are open", "Those of the user.")
                .access(Access::Bearer)
                .answers(Answer::json(200, "The payments.", &payments)),
            open,
        ),
        Endpoint::new(
            post("/api/v1/checkout/sessions", "requestPayment")
                .says(
                    "Ask to pay in",
                    "The provider's page is made meanwhile: `session_url` of the payment says where it is.",
                )
                .body(true, [("twenty euros", new)])
                .answers(accepted.clone().link(follow("payment")).link(follow("cancelPayment"))),
            request,
        ),
        Endpoint::new(
            get("/api/v1/checkout/sessions/{request_id}", "payment")
                .says(
                    "Read how a payment stands",
                    "Right after it was asked for it may not be known yet.",
                )
                .access(Access::Bearer)
                .parameter(request_id())
                .answers(Answer::json(200, "The payment.", &example()))
                .refuses(&[NOT_FOUND]),
            payment,
        ),
        Endpoint::new(
            post("/api/v1/checkout/sessions/{request_id}/cancel", "cancelPayment")
                .says(
                    "Ask to end a payment that is not paid yet",
                    "Whether there is one is not looked up: it may have been asked for a moment ago.",
                )
                .parameter(request_id())
                .answers(accepted.link(follow("payment")))
                .refuses(&[NOT_FOUND]),
            cancel,
        ),
        Endpoint::new(
            Operation::get("/api/v1/me/limits", "depositLimits", Tag::Payments)
                .says(
                    "Read the own limits",
                    "They are set by commands on the socket.",
                )
                .access(Access::Bearer)
                .answers(Answer::json(200, "The limits.", &example_limits())),
            limits,
        ),
    ]
}

fn follow(operation: &'static str) -> Link {
    Link {
        name: operation,
        operation,
        parameter: "request_id",
        pointer: "/request_id",
    }
}

fn request_id() -> Parameter {
    Parameter {
        place: Place::Path,
        name: "request_id",
        description: "Of the answer to the request.",
        is_required: true,
        schema: json_schema!({ "type": "string", "format": "uuid" }),
        example: REQUEST_EXAMPLE.into(),
    }
}

fn idempotency_key() -> Parameter {
    Parameter {
        place: Place::Header,
        name: "Idempotency-Key",
        description: "Made by the client, a UUIDv7 best: asked again with it, the same is meant.",
        is_required: false,
        schema: json_schema!({ "type": "string", "format": "uuid" }),
        example: "0190a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b".into(),
    }
}

fn example() -> Payment {
    Payment {
        request_id: REQUEST_EXAMPLE.to_owned(),
        status: TopUpStatus::SessionCreated.as_str().to_owned(),
        amount_cents: Cents(2_000),
        currency: "eur".to_owned(),
        refunded_cents: Cents::ZERO,
        session_url: Some("https://checkout.stripe.com/c/pay/cs_test_a1b2".to_owned()),
        error_message: None,
        requested_at: "2026-01-31T20:15:00.000Z".to_owned(),
        finished_at: None,
    }
}

fn example_terms() -> PaymentTerms {
    PaymentTerms {
        is_open: true,
        is_test_money: true,
        currency: "eur".to_owned(),
        min_cents: Cents(100),
        max_cents: Cents(100_000),
        day_cents: None,
        week_cents: Some(Cents(200_000)),
        month_cents: None,
    }
}

fn example_limits() -> DepositLimits {
    let limit = DepositLimit {
        period: Period::Week.as_str().to_owned(),
        amount_cents: Some(Cents(5_000)),
        used_cents: Cents(2_000),
        pending: Some(PendingDepositLimit {
            amount_cents: None,
            from: "2026-02-02T09:00:00.000Z".to_owned(),
        }),
    };
    DepositLimits {
        limits: vec![limit],
        excluded_until: None,
    }
}
