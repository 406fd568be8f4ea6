//! What the bank keeps of each thing that it knows.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names and values of the caller's own.
pub(super) type Metadata = BTreeMap<String, String>;

/// A checkout session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) created_s: i64,
    pub(super) expires_at_s: i64,
    pub(super) status: SessionStatus,
    pub(super) is_paid: bool,
    /// In minor units, as it was asked for until it is paid, then as it was paid.
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) items: Vec<Item>,
    pub(super) client_reference_id: Option<String>,
    pub(super) customer_email: Option<String>,
    pub(super) metadata: Metadata,
    pub(super) payment_metadata: Metadata,
    pub(super) success_url: String,
    pub(super) cancel_url: Option<String>,
    pub(super) payment_intent: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SessionStatus {
    Open,
    Complete,
    Expired,
}

impl SessionStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            SessionStatus::Open => "open",
            SessionStatus::Complete => "complete",
            SessionStatus::Expired => "expired",
        }
    }
}

/// What is bought.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) unit_amount: i64,
    pub(super) quantity: i64,
}

/// A payment intent and the charges that were tried for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) session: String,
    pub(super) created_s: i64,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: PaymentStatus,
    pub(super) metadata: Metadata,
    /// The newest last.
    pub(super) charges: Vec<Charge>,
    /// Of those that settle later.
    pub(super) settles_at_ms: Option<i64>,
    pub(super) settles_as_paid: bool,
}

impl Payment {
    pub(super) fn charge(&self) -> Option<&Charge> {
        self.charges.last()
    }

    pub(super) fn charge_mut(&mut self) -> Option<&mut Charge> {
        self.charges.last_mut()
    }

    pub(super) fn amount_received(&self) -> i64 {
        match self.status {
            PaymentStatus::Succeeded => self.amount,
            PaymentStatus::Processing | PaymentStatus::RequiresPaymentMethod => 0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PaymentStatus {
    RequiresPaymentMethod,
    Processing,
    Succeeded,
}

impl PaymentStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            PaymentStatus::RequiresPaymentMethod => "requires_payment_method",
            PaymentStatus::Processing => "processing",
            PaymentStatus::Succeeded => "succeeded",
        }
    }
}

/// An attempt to collect a payment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) created_s: i64,
    pub(super) status: ChargeStatus,
    pub(super) method: Method,
    pub(super) amount_refunded: i64,
    pub(super) is_disputed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChargeStatus {
    Pending,
    Succeeded,
    Failed,
}

impl ChargeStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            ChargeStatus::Pending => "pending",
            ChargeStatus::Succeeded => "succeeded",
            ChargeStatus::Failed => "failed",
        }
    }
}

/// How it was paid: at once, or by a way that takes days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    Card,
    SepaDebit,
}

impl Method {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Method::Card => "card",
            Method::SepaDebit => "sepa_debit",
        }
    }

    pub(super) fn failure(self) -> Failure {
        match self {
            Method::Card => Failure {
                code: "card_declined",
                decline_code: Some("generic_decline"),
                kind: "card_error",
                message: "Your card was declined.",
            },
            Method::SepaDebit => Failure {
                code: "payment_intent_payment_attempt_failed",
                decline_code: None,
                kind: "invalid_request_error",
                message: "The payment failed.",
            },
        }
    }
}

/// Why a charge failed, in Stripe's terms.
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) decline_code: Option<&'static str>,
    pub(super) kind: &'static str,
    pub(super) message: &'static str,
}

/// Money that went back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) payment_intent: String,
    pub(super) charge: String,
    pub(super) created_s: i64,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) reason: Option<String>,
    pub(super) metadata: Metadata,
}

/// A payer's bank takes money back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) payment_intent: String,
    pub(super) charge: String,
    pub(super) created_s: i64,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) reason: String,
    pub(super) status: DisputeStatus,
    /// What went from the account (below 0) and came back.
    pub(super) moves: Vec<Move>,
}

impl Dispute {
    pub(super) fn balance(&self) -> i64 {
        self.moves.iter().map(|moved| moved.amount).sum()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DisputeStatus {
    NeedsResponse,
    Won,
    Lost,
}

impl DisputeStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            DisputeStatus::NeedsResponse => "needs_response",
            DisputeStatus::Won => "won",
            DisputeStatus::Lost => "lost",
        }
    }
}

/// A change of the account's balance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Move {
    pub(super) id: String,
    pub(super) created_s: i64,
    pub(super) amount: i64,
}

/// An id as Stripe makes them.
pub(super) fn new_id(prefix: &str, chars: usize) -> String {
    let random = std::iter::repeat_with(fastrand::alphanumeric).take(chars);
    prefix.chars().chain(random).collect()
}
