//! The provider's objects, as far as they are used. What is not known reads as `Other`, what is not there as none.

use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// An object with the text that it was read from.
#[derive(Debug, Clone)]
pub struct Fetched<T> {
    /// What is used of it.
    pub object: T,
    /// All of it.
    pub raw: String,
}

/// Another object: its id, or itself where the call asked for it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Expandable<T> {
    /// The id alone.
    Id(String),
    /// All of it.
    Object(Box<T>),
}

impl<T> Expandable<T> {
    /// The object, where it came along.
    pub fn object(&self) -> Option<&T> {
        match self {
            Expandable::Id(_) => None,
            Expandable::Object(object) => Some(object),
        }
    }
}

/// A page on which someone pays.
#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    /// `cs_…`
    pub id: String,
    /// How far the payer has come.
    #[serde(default, deserialize_with = "or_default")]
    pub status: SessionStatus,
    /// Whether the money is there.
    #[serde(default, deserialize_with = "or_default")]
    pub payment_status: PaymentStatus,
    /// All that is paid, in minor units.
    pub amount_total: Option<i64>,
    /// Lower case.
    pub currency: Option<String>,
    /// Whose it is, as the caller said.
    pub client_reference_id: Option<String>,
    /// What the caller wrote down beside it.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: BTreeMap<String, String>,
    /// Real money.
    pub livemode: bool,
    /// Where to pay, while it is open.
    pub url: Option<String>,
    /// Until when, in seconds.
    pub expires_at: Option<i64>,
    /// The payment, once there is one.
    pub payment_intent: Option<Expandable<PaymentIntent>>,
}

impl Session {
    /// The payment's id.
    pub fn payment_intent_id(&self) -> Option<&str> {
        self.payment_intent.as_ref().map(|payment| match payment {
            Expandable::Id(id) => id.as_str(),
            Expandable::Object(payment) => payment.id.as_str(),
        })
    }
}

/// How far the payer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// Can be paid.
    Open,
    /// The payer is done; the money may come later.
    Complete,
    /// Can not be paid any more.
    Expired,
    /// What is not known here.
    #[default]
    #[serde(other)]
    Other,
}

/// Whether the money is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// It is.
    Paid,
    /// Not yet, or never.
    Unpaid,
    /// There is nothing to pay.
    NoPaymentRequired,
    /// What is not known here.
    #[default]
    #[serde(other)]
    Other,
}

/// A payment.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentIntent {
    /// `pi_…`
    pub id: String,
    /// Where it stands.
    #[serde(default, deserialize_with = "or_default")]
    pub status: PaymentIntentStatus,
    /// In minor units.
    pub amount: i64,
    /// In minor units.
    #[serde(default)]
    pub amount_received: Option<i64>,
    /// Lower case.
    pub currency: String,
    /// Real money.
    pub livemode: bool,
    /// What the caller wrote down beside it.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: BTreeMap<String, String>,
    /// The last attempt to collect it.
    pub latest_charge: Option<Expandable<Charge>>,
    /// Why the last attempt failed.
    pub last_payment_error: Option<PaymentError>,
}

impl PaymentIntent {
    /// The last attempt to collect it, where it came along.
    pub fn charge(&self) -> Option<&Charge> {
        self.latest_charge.as_ref().and_then(Expandable::object)
    }
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentIntentStatus {
    /// An attempt has failed, or none was made.
    RequiresPaymentMethod,
    /// Under way.
    Processing,
    /// Collected.
    Succeeded,
    /// Given up.
    Canceled,
    /// Waiting for something else.
    #[default]
    #[serde(other)]
    Other,
}

/// Why an attempt to pay failed.
#[derive(Debug, Clone, Deserialize)]
pub struct PaymentError {
    /// For people.
    pub message: Option<String>,
    /// For programs.
    pub code: Option<String>,
    /// The payer's bank's.
    pub decline_code: Option<String>,
}

/// An attempt to collect a payment.
#[derive(Debug, Clone, Deserialize)]
pub struct Charge {
    /// `ch_…`
    pub id: String,
    /// In minor units.
    pub amount: i64,
    /// What was given back of it so far, in minor units.
    #[serde(default)]
    pub amount_refunded: i64,
}

/// The payer's bank wants the money back.
#[derive(Debug, Clone, Deserialize)]
pub struct Dispute {
    /// `dp_…`
    pub id: String,
    /// In minor units.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    /// Where it stands.
    #[serde(default, deserialize_with = "or_default")]
    pub status: DisputeStatus,
    /// Real money.
    pub livemode: bool,
    /// The payment.
    pub payment_intent: Option<Expandable<PaymentIntent>>,
    /// What moved over it.
    #[serde(default, deserialize_with = "or_default")]
    pub balance_transactions: Vec<BalanceTransaction>,
}

impl Dispute {
    /// The payment's id.
    pub fn payment_intent_id(&self) -> Option<&str> {
        self.payment_intent.as_ref().map(|payment| match payment {
            Expandable::Id(id) => id.as_str(),
            Expandable::Object(payment) => payment.id.as_str(),
        })
    }

    /// Whether money was taken over it.
    pub fn was_withdrawn(&self) -> bool {
        self.balance_transactions
            .iter()
            .any(|moved| moved.amount < 0)
    }

    /// Whether money came back over it.
    pub fn was_reinstated(&self) -> bool {
        self.balance_transactions
            .iter()
            .any(|moved| moved.amount > 0)
    }
}

/// What moved on the account with the provider.
#[derive(Debug, Clone, Deserialize)]
pub struct BalanceTransaction {
    /// In minor units; below 0: taken.
    pub amount: i64,
}

/// Where a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    /// The payer has got it.
    Lost,
    /// The payer has not.
    Won,
    /// An inquiry that came to nothing.
    WarningClosed,
    /// Settled before it became one.
    Prevented,
    /// Not decided.
    #[default]
    #[serde(other)]
    Open,
}

/// Something happened to an object.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// `evt_…`
    pub id: String,
    /// Such as `checkout.session.completed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When, in seconds.
    pub created: i64,
    /// Real money.
    pub livemode: bool,
    /// To what.
    pub data: EventData,
}

/// To what an event happened.
#[derive(Debug, Clone, Deserialize)]
pub struct EventData {
    /// The object as it was then.
    pub object: EventObject,
}

/// What is read of an object in an event: which one it is. How it stands is asked for.
#[derive(Debug, Clone, Deserialize)]
pub struct EventObject {
    /// Its id.
    #[serde(default)]
    pub id: Option<String>,
    /// Its payment, where it has one.
    #[serde(default)]
    pub payment_intent: Option<Expandable<EventPayment>>,
}

impl EventObject {
    /// The payment's id.
    pub fn payment_intent_id(&self) -> Option<&str> {
        self.payment_intent.as_ref().map(|payment| match payment {
            Expandable::Id(id) => id.as_str(),
            Expandable::Object(payment) => payment.id.as_str(),
        })
    }
}

/// A payment in an event's object.
#[derive(Debug, Clone, Deserialize)]
pub struct EventPayment {
    /// `pi_…`
    pub id: String,
}

/// Some of the events asked for, the newest first.
#[derive(Debug, Clone)]
pub struct EventPage {
    /// The events.
    pub events: Vec<Fetched<Event>>,
    /// Those that can not be read: the id, as far as there is one, and why.
    pub unreadable: Vec<(Option<String>, String)>,
    /// The id of the last one, after which the list goes on.
    pub last: Option<String>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// Whether this text can be an id of the provider's, and so stand in a path.
pub fn is_id(text: &str) -> bool {
    let is_of_ids = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=255).contains(&text.len()) && text.bytes().all(is_of_ids)
}

/// Null counts as not there.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_reads_with_what_is_null_and_new() {
        let text = r#"{"id":"cs_1","status":null,"payment_status":"half_paid","amount_total":null,
            "currency":"eur","client_reference_id":null,"metadata":null,"livemode":false,"url":null,
            "expires_at":7,"payment_intent":{"id":"pi_1","status":"succeeded","amount":5,"currency":"eur",
            "livemode":false,"latest_charge":{"id":"ch_1","amount":5,"amount_refunded":2},
            "last_payment_error":null},"new":[1]}"#;
        let session: Session = serde_json::from_str(text).unwrap();
        assert_eq!(session.status, SessionStatus::Other);
        assert_eq!(session.payment_status, PaymentStatus::Other);
        assert_eq!(session.payment_intent_id(), Some("pi_1"));
        let payment = session.payment_intent.as_ref().and_then(Expandable::object);
        assert_eq!(
            payment
                .and_then(PaymentIntent::charge)
                .unwrap()
                .amount_refunded,
            2
        );
        let by_id = text.replace(
            r#"{"id":"ch_1","amount":5,"amount_refunded":2}"#,
            r#""ch_1""#,
        );
        let session: Session = serde_json::from_str(&by_id).unwrap();
        let payment = session.payment_intent.as_ref().and_then(Expandable::object);
        assert!(payment.unwrap().charge().is_none());
    }

    #[test]
    fn an_event_names_its_object_and_the_payment() {
        let text = r#"{"id":"evt_1","object":"event","type":"charge.refunded","created":5,"livemode":false,
            "data":{"object":{"id":"ch_1","payment_intent":"pi_1","amount":5}}}"#;
        let event: Event = serde_json::from_str(text).unwrap();
        assert_eq!(
            (event.id.as_str(), event.kind.as_str()),
            ("evt_1", "charge.refunded")
        );
        assert_eq!(event.data.object.payment_intent_id(), Some("pi_1"));
    }

    #[test]
    fn an_id_stays_within_its_part_of_a_path() {
        assert!(is_id("cs_test_a1B2"));
        for bad in ["", "../v1", "a/b", "a?b", "a%2f", "é", "a b", "a\n"] {
            assert!(!is_id(bad), "{bad:?}");
        }
        assert!(!is_id(&"a".repeat(256)));
    }

    #[test]
    fn a_dispute_tells_what_moved() {
        let text = r#"{"id":"dp_1","amount":5,"currency":"eur","status":"needs_response","livemode":true,
            "payment_intent":"pi_1","balance_transactions":[{"amount":-5},{"amount":5}]}"#;
        let dispute: Dispute = serde_json::from_str(text).unwrap();
        assert!(dispute.was_withdrawn() && dispute.was_reinstated());
        assert_eq!(dispute.status, DisputeStatus::Open);
    }
}
