//! What players ask about money from outside, and what they are told of it.

use super::fields::InvalidField;
use crate::derived_id::derived_id;
use blazing_sun_domain::room::events::Timestamp;
use blazing_sun_domain::wallet::Period;
use blazing_sun_domain::wallet::limits::EXCLUSION_DAYS_MAX;
use blazing_sun_domain::{Cents, CommandId, Millis, UserId};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

/// `wallet.command.top_up`: a payment of one's own.
pub const TOP_UP: &str = "wallet.command.top_up";

/// `wallet.command.cancel_top_up`: a payment that is not to be made any more.
pub const CANCEL_TOP_UP: &str = "wallet.command.cancel_top_up";

/// How long a return address may be.
const URL_BYTES_MAX: usize = 2_048;

/// What a `wallet.command.…` of a player asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WalletCommand {
    /// `top_up`
    TopUp {
        /// How much.
        amount: Cents,
        /// Where to go after paying.
        success_url: Option<String>,
        /// Where to go instead.
        cancel_url: Option<String>,
    },
    /// `cancel_top_up`
    CancelTopUp {
        /// The payment's request.
        request_id: Uuid,
    },
    /// `set_deposit_limit`
    SetDepositLimit {
        /// For what.
        period: Period,
        /// None: no limit.
        amount: Option<Cents>,
    },
    /// `exclude_self`
    ExcludeSelf {
        /// From 1 to [`EXCLUSION_DAYS_MAX`].
        days: u32,
    },
}

/// A limit's amount; none: no limit.
pub(super) fn limit_of(amount: Option<Cents>) -> Result<Option<Cents>, InvalidField> {
    match amount {
        Some(amount) if amount < Cents::ZERO => Err(InvalidField::Invalid {
            name: "amount_cents",
            expected: "expected 0 or more, or null for no limit".to_owned(),
        }),
        amount => Ok(amount),
    }
}

/// For how many days a player may be excluded.
pub(super) fn days_of(days: u32) -> Result<u32, InvalidField> {
    if (1..=EXCLUSION_DAYS_MAX).contains(&days) {
        return Ok(days);
    }
    Err(InvalidField::Invalid {
        name: "days",
        expected: format!("expected 1 to {EXCLUSION_DAYS_MAX}"),
    })
}

/// A return address of a length that can be one.
pub(super) fn short_url(
    name: &'static str,
    url: Option<String>,
) -> Result<Option<String>, InvalidField> {
    match url {
        Some(url) if url.len() > URL_BYTES_MAX => Err(InvalidField::Invalid {
            name,
            expected: format!("expected at most {URL_BYTES_MAX} bytes"),
        }),
        url => Ok(url),
    }
}

/// The request that a command leads to: the same however often it is sent, through whichever gateway.
pub fn top_up_request_id(user: UserId, command: CommandId) -> Uuid {
    let (user, command) = (user.to_string(), command.0.into_bytes());
    derived_id([b"top_up/".as_slice(), user.as_bytes(), b"/", &command])
}

/// The payload of [`TOP_UP`], as a gateway writes it.
pub fn top_up(
    command_id: Uuid,
    amount: Cents,
    success_url: Option<&str>,
    cancel_url: Option<&str>,
) -> Box<RawValue> {
    super::commands::raw(&json!({
        "command_id": command_id, "amount_cents": amount,
        "success_url": success_url, "cancel_url": cancel_url,
    }))
}

/// The payload of [`CANCEL_TOP_UP`], as a gateway writes it.
pub fn cancel_top_up(command_id: Uuid, request_id: Uuid) -> Box<RawValue> {
    super::commands::raw(&json!({ "command_id": command_id, "request_id": request_id }))
}

/// How a payment stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TopUpChanged {
    /// The request.
    pub request_id: Uuid,
    /// `requested`, `session_created`, `success`, `failed`, `expired`, `refunded`, `disputed`.
    pub status: String,
    /// How much.
    pub amount_cents: Cents,
    /// Lower case.
    pub currency: String,
    /// How much of it was paid back.
    #[serde(skip_serializing_if = "is_nothing")]
    pub refunded_cents: Cents,
    /// Where to pay, while it can be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_url: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

fn is_nothing(amount: &Cents) -> bool {
    *amount == Cents::ZERO
}

/// What a player may pay in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LimitsTold {
    /// One for each period, the shortest first.
    pub limits: Vec<LimitTold>,
    /// Until when the player is excluded.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_text_if_any"
    )]
    #[schemars(with = "Option<Timestamp>")]
    pub excluded_until: Option<Millis>,
}

/// A player's limit for a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "DepositLimit")]
pub struct LimitTold {
    /// For what.
    pub period: Period,
    /// None: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_cents: Option<Cents>,
    /// What was paid in, or may still be.
    pub used_cents: Cents,
    /// What will be in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingTold>,
}

/// A limit that is not in force yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "PendingLimit")]
pub struct PendingTold {
    /// None: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_cents: Option<Cents>,
    /// When it will be.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "Timestamp")]
    pub from: Millis,
}

fn as_text<S: Serializer>(at: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

fn as_text_if_any<S: Serializer>(at: &Option<Millis>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_command;
    use super::super::{Command, InvalidCommand};
    use super::*;
    use blazing_sun_domain::RefusalCode;

    fn read(name: &str, payload: &str) -> Result<WalletCommand, String> {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        match parse_command(&format!("wallet.command.{name}"), &payload) {
            Ok((_, Command::Wallet(command))) => Ok(command),
            Ok((_, other)) => panic!("{other:?}"),
            Err(InvalidCommand { refusal, .. }) => Err(refusal.to_string()),
        }
    }

    #[test]
    fn commands_read() {
        let pay = r#"{"amount_cents":500,"success_url":"https://play.example/paid"}"#;
        let expected = WalletCommand::TopUp {
            amount: Cents(500),
            success_url: Some("https://play.example/paid".to_owned()),
            cancel_url: None,
        };
        assert_eq!(read("top_up", pay), Ok(expected));
        let limit = |period, amount| WalletCommand::SetDepositLimit { period, amount };
        for (payload, expected) in [
            (
                r#"{"period":"day","amount_cents":0}"#,
                limit(Period::Day, Some(Cents(0))),
            ),
            (
                r#"{"period":"month","amount_cents":null}"#,
                limit(Period::Month, None),
            ),
        ] {
            assert_eq!(read("set_deposit_limit", payload), Ok(expected));
        }
        assert_eq!(
            read("exclude_self", r#"{"days":1825}"#),
            Ok(WalletCommand::ExcludeSelf { days: 1_825 })
        );
        let request_id = Uuid::from_u128(9);
        assert_eq!(
            read(
                "cancel_top_up",
                cancel_top_up(Uuid::nil(), request_id).get()
            ),
            Ok(WalletCommand::CancelTopUp { request_id })
        );
        let command = CommandId(Uuid::from_u128(7));
        let id = |user| top_up_request_id(UserId::new(user).unwrap(), command);
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
        assert_eq!(id(1).get_version_num(), 8);
        let payload = top_up(
            Uuid::from_u128(7),
            Cents(5),
            None,
            Some("https://a.example"),
        );
        let (id, _) = parse_command(TOP_UP, &payload).unwrap();
        assert_eq!(id, Some(command));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = format!(
            r#"{{"amount_cents":5,"cancel_url":"https://{}"}}"#,
            "x".repeat(2_048)
        );
        for (name, payload, expected) in [
            ("top_up", "{}", "`amount_cents` is missing"),
            ("cancel_top_up", "{}", "`request_id` is missing"),
            (
                "cancel_top_up",
                r#"{"request_id":"7"}"#,
                "`request_id`: UUID parsing failed",
            ),
            (
                "top_up",
                r#"{"amount_cents":"5"}"#,
                "`amount_cents`: expected i64",
            ),
            (
                "top_up",
                long.as_str(),
                "`cancel_url`: expected at most 2048 bytes",
            ),
            (
                "set_deposit_limit",
                r#"{"amount_cents":5}"#,
                "`period` is missing",
            ),
            (
                "set_deposit_limit",
                r#"{"period":"year"}"#,
                "`period`: unknown variant",
            ),
            (
                "set_deposit_limit",
                r#"{"period":"day","amount":5}"#,
                "`amount_cents` is missing",
            ),
            (
                "set_deposit_limit",
                r#"{"period":"day","amount_cents":-1}"#,
                "`amount_cents`: expected 0 or more",
            ),
            (
                "exclude_self",
                r#"{"days":0}"#,
                "`days`: expected 1 to 1825",
            ),
            (
                "exclude_self",
                r#"{"days":1826}"#,
                "`days`: expected 1 to 1825",
            ),
        ] {
            let refused = read(name, payload).unwrap_err();
            assert!(
                refused.starts_with(&format!("{}: {expected}", RefusalCode::InvalidFormat)),
                "{refused}"
            );
        }
        assert!(
            read("withdraw", "{}")
                .unwrap_err()
                .starts_with("unknown_command")
        );
    }

    #[test]
    fn what_players_are_told_is_pinned() {
        let mut told = TopUpChanged {
            request_id: Uuid::from_u128(7),
            status: "session_created".to_owned(),
            amount_cents: Cents(500),
            currency: "eur".to_owned(),
            refunded_cents: Cents::ZERO,
            session_url: Some("https://pay.example".to_owned()),
            error_message: None,
        };
        assert_eq!(
            serde_json::to_string(&told).unwrap(),
            concat!(
                r#"{"request_id":"00000000-0000-0000-0000-000000000007","status":"session_created","#,
                r#""amount_cents":500,"currency":"eur","session_url":"https://pay.example"}"#,
            ),
        );
        told.refunded_cents = Cents(5);
        assert!(
            serde_json::to_string(&told)
                .unwrap()
                .contains(r#""refunded_cents":5"#)
        );
        let limits = LimitsTold {
            limits: vec![LimitTold {
                period: Period::Week,
                amount_cents: Some(Cents(500)),
                used_cents: Cents(100),
                pending: Some(PendingTold {
                    amount_cents: None,
                    from: Millis(1_705_746_601_000),
                }),
            }],
            excluded_until: Some(Millis(1_705_746_601_000)),
        };
        assert_eq!(
            serde_json::to_string(&limits).unwrap(),
            concat!(
                r#"{"limits":[{"period":"week","amount_cents":500,"used_cents":100,"#,
                r#""pending":{"from":"2024-01-20T10:30:01.000Z"}}],"#,
                r#""excluded_until":"2024-01-20T10:30:01.000Z"}"#,
            ),
        );
    }
}
