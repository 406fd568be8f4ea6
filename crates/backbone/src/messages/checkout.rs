//! What backends ask of the checkout and what it answers: raw JSON without an envelope.

use blazing_sun_domain::room::events::Timestamp;
use blazing_sun_domain::wallet::{DisputeOutcome, DisputeStage};
use blazing_sun_domain::{Cents, UserId};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The one purpose there is.
pub const PURPOSE_TOP_UP: &str = "balance_topup";

/// A record on `checkout.requests`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckoutRequest {
    /// The request; its answers carry it.
    pub request_id: Uuid,
    /// Who pays.
    #[serde(serialize_with = "as_number")]
    #[schemars(schema_with = "id_as_number")]
    pub user_id: UserId,
    /// How much.
    pub amount_cents: Cents,
    /// Lower case.
    pub currency: String,
    /// [`PURPOSE_TOP_UP`]
    pub purpose: String,
    /// RFC 3339, UTC.
    #[schemars(with = "Timestamp")]
    pub timestamp: String,
    /// Where the payer goes after paying.
    #[serde(default)]
    pub success_url: Option<String>,
    /// Where the payer goes instead.
    #[serde(default)]
    pub cancel_url: Option<String>,
}

/// A record on `checkout.cancellations`: the payment is not to be made any more, if it still can be kept from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckoutCancellation {
    /// The request.
    pub request_id: Uuid,
    /// Who asked for it.
    #[serde(serialize_with = "as_number")]
    #[schemars(schema_with = "id_as_number")]
    pub user_id: UserId,
    /// Why.
    pub reason: CancelReason,
}

/// Why a payment is not to be made any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// Its player wants so.
    Cancelled,
    /// Its player wants to be kept from playing.
    SelfExcluded,
}

impl CancelReason {
    /// All of them.
    pub const ALL: [CancelReason; 2] = [CancelReason::Cancelled, CancelReason::SelfExcluded];

    /// As it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            CancelReason::Cancelled => "cancelled",
            CancelReason::SelfExcluded => "self_excluded",
        }
    }
}

/// A record on `checkout.finished`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckoutFinished {
    /// The request.
    pub request_id: Uuid,
    /// Who pays.
    #[serde(serialize_with = "as_number")]
    #[schemars(schema_with = "id_as_number")]
    pub user_id: UserId,
    /// How much.
    pub amount_cents: Cents,
    /// Lower case.
    pub currency: String,
    /// [`PURPOSE_TOP_UP`]
    pub purpose: String,
    /// Where the payment stands.
    pub status: CheckoutStatus,
    /// The provider's session.
    #[serde(default)]
    pub session_id: Option<String>,
    /// Where to pay.
    #[serde(default)]
    pub session_url: Option<String>,
    /// The provider's payment.
    #[serde(default)]
    pub payment_intent_id: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub error_message: Option<String>,
    /// RFC 3339, UTC.
    #[schemars(with = "Timestamp")]
    pub timestamp: String,
    /// Whether real money was paid; not said by other programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub livemode: Option<bool>,
    /// With [`CheckoutStatus::Refunded`]: how much was paid back in all so far; all of it where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded_cents: Option<Cents>,
    /// With [`CheckoutStatus::Disputed`]: of which dispute what is told; that all of it is disputed where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<CheckoutDispute>,
}

/// What is told of a dispute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckoutDispute {
    /// The provider's.
    pub id: String,
    /// What happened.
    pub stage: DisputeStage,
    /// How much is disputed.
    pub amount_cents: Cents,
    /// How it was decided, with [`DisputeStage::Closed`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<DisputeOutcome>,
}

/// Where a payment stands.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum CheckoutStatus {
    /// The payer can pay.
    SessionCreated,
    /// The payer is done, and the money is on its way: that may take days. Nobody can pay on the page any more.
    Processing,
    /// Paid.
    Success,
    /// Not paid, and not to be.
    Failed,
    /// Not paid in time.
    Expired,
    /// Paid back.
    Refunded,
    /// The payer's bank takes it back.
    Disputed,
    /// A status of another program's, which changes nothing.
    #[schemars(skip)]
    Other(String),
}

impl CheckoutStatus {
    /// As it stands on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            CheckoutStatus::SessionCreated => "session_created",
            CheckoutStatus::Processing => "processing",
            CheckoutStatus::Success => "success",
            CheckoutStatus::Failed => "failed",
            CheckoutStatus::Expired => "expired",
            CheckoutStatus::Refunded => "refunded",
            CheckoutStatus::Disputed => "disputed",
            CheckoutStatus::Other(other) => other,
        }
    }

    fn parse(text: String) -> CheckoutStatus {
        match text.as_str() {
            "session_created" => CheckoutStatus::SessionCreated,
            "processing" => CheckoutStatus::Processing,
            "success" => CheckoutStatus::Success,
            "failed" => CheckoutStatus::Failed,
            "expired" => CheckoutStatus::Expired,
            "refunded" => CheckoutStatus::Refunded,
            "disputed" => CheckoutStatus::Disputed,
            _ => CheckoutStatus::Other(text),
        }
    }
}

impl Serialize for CheckoutStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CheckoutStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(CheckoutStatus::parse)
    }
}

fn as_number<S: Serializer>(user: &UserId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(user.get())
}

/// Records without an envelope have user ids as numbers; both forms are read.
pub(super) fn id_as_number(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "type": "integer", "minimum": 1, "maximum": 9_007_199_254_740_991_u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = concat!(
        r#"{"request_id":"00000000-0000-0000-0000-000000000007","user_id":123,"amount_cents":2500,"#,
        r#""currency":"eur","purpose":"balance_topup","timestamp":"2024-01-20T10:30:01.000Z","#,
        r#""success_url":"https://play.example/ok","cancel_url":null}"#,
    );
    const FINISHED: &str = concat!(
        r#"{"request_id":"00000000-0000-0000-0000-000000000007","user_id":123,"amount_cents":2500,"#,
        r#""currency":"eur","purpose":"balance_topup","status":"success","session_id":"cs_1","#,
        r#""session_url":null,"payment_intent_id":"pi_1","error_message":null,"#,
        r#""timestamp":"2024-01-20T10:30:01.000Z"}"#,
    );

    #[test]
    fn both_records_are_pinned_and_read_back() {
        let request: CheckoutRequest = serde_json::from_str(REQUEST).unwrap();
        assert_eq!(
            (request.user_id.get(), request.amount_cents),
            (123, Cents(2_500))
        );
        assert_eq!(request.purpose, PURPOSE_TOP_UP);
        assert_eq!(serde_json::to_string(&request).unwrap(), REQUEST);
        let finished: CheckoutFinished = serde_json::from_str(FINISHED).unwrap();
        assert_eq!(finished.status, CheckoutStatus::Success);
        assert_eq!(serde_json::to_string(&finished).unwrap(), FINISHED);
    }

    #[test]
    fn a_cancellation_is_pinned_and_reads_back() {
        for reason in CancelReason::ALL {
            let written = format!(
                r#"{{"request_id":"00000000-0000-0000-0000-000000000007","user_id":123,"reason":"{}"}}"#,
                reason.as_str()
            );
            let read: CheckoutCancellation = serde_json::from_str(&written).unwrap();
            assert_eq!((read.user_id.get(), read.reason), (123, reason));
            assert_eq!(serde_json::to_string(&read).unwrap(), written);
        }
    }

    #[test]
    fn what_other_programs_do_not_say_is_pinned_too() {
        let more = concat!(
            r#","livemode":false,"refunded_cents":500,"dispute":{"id":"du_1","stage":"closed","#,
            r#""amount_cents":2500,"outcome":"lost"}}"#,
        );
        let told = FINISHED.replace('}', more);
        let finished: CheckoutFinished = serde_json::from_str(&told).unwrap();
        let dispute = finished.dispute.clone().unwrap();
        assert_eq!(
            (dispute.stage, dispute.outcome),
            (DisputeStage::Closed, Some(DisputeOutcome::Lost))
        );
        assert_eq!(serde_json::to_string(&finished).unwrap(), told);
        let unknown = told.replace("closed", "reopened");
        assert!(serde_json::from_str::<CheckoutFinished>(&unknown).is_err());
    }

    #[test]
    fn other_programs_records_read_too() {
        let foreign = FINISHED
            .replace("123", "\"123\"")
            .replace(r#""session_url":null,"#, r#""extra":{},"#)
            .replace("\"success\"", "\"in_review\"");
        let finished: CheckoutFinished = serde_json::from_str(&foreign).unwrap();
        assert_eq!(
            finished.status,
            CheckoutStatus::Other("in_review".to_owned())
        );
        assert_eq!((finished.user_id.get(), finished.session_url), (123, None));
        for status in [
            "session_created",
            "processing",
            "failed",
            "expired",
            "refunded",
            "disputed",
        ] {
            let parsed = CheckoutStatus::parse(status.to_owned());
            assert_eq!(parsed.as_str(), status);
            assert!(!matches!(parsed, CheckoutStatus::Other(_)), "{status}");
        }
    }
}
