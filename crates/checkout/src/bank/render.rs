//! Things as Stripe's API shows them, at the version that the checkout asks for.

use super::books::Books;
use super::error::Declined;
use super::state::{
    Charge, ChargeStatus, Dispute, DisputeStatus, Item, Method, Move, Payment, PaymentStatus,
    Refund, Session, SessionStatus,
};
use crate::stripe::STRIPE_VERSION;
use serde_json::{Value, json};

/// What Stripe has in each, and these never have.
const NULL_IN_SESSIONS: &[&str] = &[
    "after_expiration",
    "allow_promotion_codes",
    "billing_address_collection",
    "client_secret",
    "collected_information",
    "consent",
    "consent_collection",
    "currency_conversion",
    "customer",
    "invoice",
    "invoice_creation",
    "locale",
    "payment_link",
    "payment_method_configuration_details",
    "permissions",
    "recovered_from",
    "saved_payment_method_options",
    "setup_intent",
    "shipping_address_collection",
    "shipping_cost",
    "submit_type",
    "subscription",
    "wallet_options",
];

const NULL_IN_PAYMENTS: &[&str] = &[
    "application",
    "application_fee_amount",
    "automatic_payment_methods",
    "canceled_at",
    "cancellation_reason",
    "customer",
    "description",
    "next_action",
    "on_behalf_of",
    "payment_method_configuration_details",
    "processing",
    "receipt_email",
    "review",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
];

const NULL_IN_CHARGES: &[&str] = &[
    "application",
    "application_fee",
    "application_fee_amount",
    "calculated_statement_descriptor",
    "customer",
    "description",
    "failure_balance_transaction",
    "on_behalf_of",
    "receipt_email",
    "receipt_number",
    "receipt_url",
    "review",
    "shipping",
    "source_transfer",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
];

fn with_nulls(mut object: Value, names: &[&str]) -> Value {
    for name in names {
        object[*name] = Value::Null;
    }
    object
}

pub(super) fn session(session: &Session, base_url: &str) -> Value {
    let url = (session.status == SessionStatus::Open).then(|| pay_url(base_url, &session.id));
    let customer = session.customer_email.as_ref().map(|email| {
        json!({ "address": null, "email": email, "name": null, "phone": null, "tax_exempt": "none", "tax_ids": null })
    });
    with_nulls(
        json!({
            "id": session.id,
            "object": "checkout.session",
            "adaptive_pricing": { "enabled": false },
            "amount_subtotal": session.amount,
            "amount_total": session.amount,
            "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
            "cancel_url": session.cancel_url,
            "client_reference_id": session.client_reference_id,
            "created": session.created_s,
            "currency": session.currency,
            "custom_fields": [],
            "custom_text": {
                "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null,
            },
            "customer_creation": "if_required",
            "customer_details": customer,
            "customer_email": session.customer_email,
            "discounts": [],
            "expires_at": session.expires_at_s,
            "livemode": false,
            "metadata": session.metadata,
            "mode": "payment",
            "payment_intent": session.payment_intent,
            "payment_method_collection": "if_required",
            "payment_method_options": {},
            "payment_method_types": [Method::Card.as_str(), Method::SepaDebit.as_str()],
            "payment_status": if session.is_paid { "paid" } else { "unpaid" },
            "phone_number_collection": { "enabled": false },
            "shipping_options": [],
            "status": session.status.as_str(),
            "success_url": session.success_url,
            "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
            "ui_mode": "hosted",
            "url": url,
        }),
        NULL_IN_SESSIONS,
    )
}

/// Where a session is paid.
pub(super) fn pay_url(base_url: &str, session: &str) -> String {
    format!("{base_url}/pay/{session}")
}

pub(super) fn line_items(session: &Session) -> Value {
    let items: Vec<Value> = session.items.iter().map(|one| item(one, session)).collect();
    let url = format!("/v1/checkout/sessions/{}/line_items", session.id);
    list(items, false, &url)
}

fn item(item: &Item, session: &Session) -> Value {
    let amount = item.unit_amount.saturating_mul(item.quantity);
    json!({
        "id": item.id,
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": session.currency,
        "description": item.name,
        "quantity": item.quantity,
    })
}

pub(super) fn list(data: Vec<Value>, has_more: bool, url: &str) -> Value {
    json!({ "object": "list", "data": data, "has_more": has_more, "url": url })
}

pub(super) fn payment(payment: &Payment) -> Value {
    let charge = payment.charge();
    let failed = charge.filter(|charge| {
        charge.status == ChargeStatus::Failed
            && payment.status == PaymentStatus::RequiresPaymentMethod
    });
    let error = failed.map(|charge| {
        let failure = charge.method.failure();
        let mut error = json!({
            "charge": charge.id, "code": failure.code, "message": failure.message, "type": failure.kind,
        });
        if let Some(code) = failure.decline_code {
            error["decline_code"] = json!(code);
        }
        error
    });
    let method_id = charge.map(method_id);
    with_nulls(
        json!({
            "id": payment.id,
            "object": "payment_intent",
            "amount": payment.amount,
            "amount_capturable": 0,
            "amount_details": {},
            "amount_received": payment.amount_received(),
            "capture_method": "automatic_async",
            "client_secret": format!("{}_secret_of_the_test_bank", payment.id),
            "confirmation_method": "automatic",
            "created": payment.created_s,
            "currency": payment.currency,
            "last_payment_error": error,
            "latest_charge": charge.map(|charge| &charge.id),
            "livemode": false,
            "metadata": payment.metadata,
            "payment_method": method_id.filter(|_| payment.status != PaymentStatus::RequiresPaymentMethod),
            "payment_method_options": {},
            "payment_method_types": [Method::Card.as_str(), Method::SepaDebit.as_str()],
            "status": payment.status.as_str(),
        }),
        NULL_IN_PAYMENTS,
    )
}

fn method_id(charge: &Charge) -> String {
    format!("pm_of_{}", charge.id)
}

pub(super) fn charge(charge: &Charge, payment: &Payment) -> Value {
    let failure = (charge.status == ChargeStatus::Failed).then(|| charge.method.failure());
    let is_paid = charge.status == ChargeStatus::Succeeded;
    let outcome = match &failure {
        Some(failure) => json!({
            "network_status": "declined_by_network", "reason": failure.decline_code,
            "seller_message": failure.message, "type": "issuer_declined",
        }),
        None => json!({
            "network_status": "approved_by_network", "reason": null,
            "seller_message": "Payment complete.", "type": "authorized",
        }),
    };
    let details = match charge.method {
        Method::Card => json!({
            "brand": "visa", "country": "US", "exp_month": 12, "exp_year": 2034, "funding": "credit", "last4": "4242",
            "network": "visa",
        }),
        Method::SepaDebit => json!({ "bank_code": "37040044", "country": "DE", "last4": "3000" }),
    };
    with_nulls(
        json!({
            "id": charge.id,
            "object": "charge",
            "amount": payment.amount,
            "amount_captured": if is_paid { payment.amount } else { 0 },
            "amount_refunded": charge.amount_refunded,
            "balance_transaction": is_paid.then(|| format!("txn_of_{}", charge.id)),
            "billing_details": { "address": null, "email": null, "name": null, "phone": null, "tax_id": null },
            "captured": is_paid,
            "created": charge.created_s,
            "currency": payment.currency,
            "disputed": charge.is_disputed,
            "failure_code": failure.as_ref().map(|failure| failure.code),
            "failure_message": failure.as_ref().map(|failure| failure.message),
            "fraud_details": {},
            "livemode": false,
            "metadata": payment.metadata,
            "outcome": outcome,
            "paid": is_paid,
            "payment_intent": payment.id,
            "payment_method": method_id(charge),
            "payment_method_details": { charge.method.as_str(): details, "type": charge.method.as_str() },
            "refunded": is_paid && charge.amount_refunded == payment.amount,
            "status": charge.status.as_str(),
        }),
        NULL_IN_CHARGES,
    )
}

pub(super) fn refund(refund: &Refund) -> Value {
    json!({
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "balance_transaction": format!("txn_of_{}", refund.id),
        "charge": refund.charge,
        "created": refund.created_s,
        "currency": refund.currency,
        "destination_details": { "card": { "type": "refund" }, "type": "card" },
        "metadata": refund.metadata,
        "payment_intent": refund.payment_intent,
        "reason": refund.reason,
        "receipt_number": null,
        "source_transfer_reversal": null,
        "status": "succeeded",
        "transfer_reversal": null,
    })
}

pub(super) fn dispute(dispute: &Dispute) -> Value {
    let moves: Vec<Value> = dispute
        .moves
        .iter()
        .map(|moved| balance_move(moved, dispute))
        .collect();
    let is_open = dispute.status == DisputeStatus::NeedsResponse;
    json!({
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount,
        "balance_transactions": moves,
        "charge": dispute.charge,
        "created": dispute.created_s,
        "currency": dispute.currency,
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": dispute.created_s + 7 * 24 * 60 * 60, "enhanced_eligibility": {}, "has_evidence": false,
            "past_due": false, "submission_count": 0,
        },
        "is_charge_refundable": is_open && dispute.moves.is_empty(),
        "livemode": false,
        "metadata": {},
        "payment_intent": dispute.payment_intent,
        "payment_method_details": {
            "card": { "brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4" }, "type": "card",
        },
        "reason": dispute.reason,
        "status": dispute.status.as_str(),
    })
}

fn balance_move(moved: &Move, dispute: &Dispute) -> Value {
    json!({
        "id": moved.id,
        "object": "balance_transaction",
        "amount": moved.amount,
        "available_on": moved.created_s,
        "created": moved.created_s,
        "currency": dispute.currency,
        "description": null,
        "exchange_rate": null,
        "fee": 0,
        "fee_details": [],
        "net": moved.amount,
        "reporting_category": if moved.amount < 0 { "dispute" } else { "dispute_reversal" },
        "source": dispute.id,
        "status": "available",
        "type": "adjustment",
    })
}

pub(super) fn event(id: &str, kind: &str, object: &Value, books: &Books<'_>) -> Value {
    json!({
        "id": id,
        "object": "event",
        "api_version": STRIPE_VERSION,
        "created": books.now_s(),
        "data": { "object": object },
        "livemode": false,
        "pending_webhooks": 1,
        "request": { "id": books.cause.request, "idempotency_key": books.cause.idempotency_key },
        "type": kind,
    })
}

/// Whatever has this id, which is the value of a field of that name.
pub(super) fn by_id(id: &str, books: &Books<'_>) -> Result<Option<Value>, Declined> {
    let prefix = id.split('_').next().unwrap_or_default();
    Ok(match prefix {
        "pi" => Some(payment(&books.payment(id)?)),
        "cs" => Some(session(&books.session(id)?.1, books.base_url)),
        "re" => Some(refund(&books.refund(id)?)),
        "dp" => Some(dispute(&books.dispute(id)?)),
        "ch" => charge_by_id(id, books)?,
        _ => None,
    })
}

pub(super) fn charge_by_id(id: &str, books: &Books<'_>) -> Result<Option<Value>, Declined> {
    let of = books.payment_of_charge(id)?;
    let found = of.charges.iter().find(|charge| charge.id == id);
    Ok(found.map(|found| charge(found, &of)))
}
