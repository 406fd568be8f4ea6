//! What the store keeps of money from outside, beside the ledger.

use blazing_sun_backbone::messages::{LimitTold, LimitsTold, PendingTold, TopUpChanged};
use blazing_sun_domain::wallet::limits::{Deposit, used};
use blazing_sun_domain::wallet::{DepositLimits, Dispute, Period};
use blazing_sun_domain::{Cents, Millis, UserId};
use uuid::Uuid;

/// How a payment stands, in the order in which it moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TopUpStatus {
    /// The checkout was asked.
    Requested,
    /// It can be paid.
    SessionCreated,
    /// It was not paid.
    Failed,
    /// It was not paid in time.
    Expired,
    /// It was paid.
    Success,
    /// It was paid, and some or all of it paid back.
    Refunded,
}

impl TopUpStatus {
    /// Every one.
    pub const ALL: [TopUpStatus; 6] = [
        TopUpStatus::Requested,
        TopUpStatus::SessionCreated,
        TopUpStatus::Failed,
        TopUpStatus::Expired,
        TopUpStatus::Success,
        TopUpStatus::Refunded,
    ];

    /// As stored, and as players are told.
    pub fn as_str(self) -> &'static str {
        match self {
            TopUpStatus::Requested => "requested",
            TopUpStatus::SessionCreated => "session_created",
            TopUpStatus::Failed => "failed",
            TopUpStatus::Expired => "expired",
            TopUpStatus::Success => "success",
            TopUpStatus::Refunded => "refunded",
        }
    }

    /// From its stored form.
    pub fn parse(text: &str) -> Option<TopUpStatus> {
        let mut all = TopUpStatus::ALL.into_iter();
        all.find(|status| status.as_str() == text)
    }

    /// Whether it may still be paid as far as is known.
    pub fn is_open(self) -> bool {
        self <= TopUpStatus::SessionCreated
    }
}

/// A payment that a player asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUp {
    /// Its id.
    pub request_id: Uuid,
    /// Who pays.
    pub user: UserId,
    /// How much.
    pub amount: Cents,
    /// Lower case.
    pub currency: String,
    /// How it stands.
    pub status: TopUpStatus,
    /// The provider's session.
    pub session_id: Option<String>,
    /// Where to pay.
    pub session_url: Option<String>,
    /// The provider's payment.
    pub payment_intent_id: Option<String>,
    /// What its transfers are known by, once it is credited.
    pub payment: Option<String>,
    /// How much the provider said to have paid back.
    pub refunded: Cents,
    /// When it was asked for.
    pub requested: Millis,
    /// When it was paid, or came to nothing.
    pub finished: Option<Millis>,
    /// Why it came to nothing.
    pub error: Option<String>,
}

impl TopUp {
    /// Whether the checkout may still keep it from being paid: its payer is not done.
    pub fn can_be_cancelled(&self) -> bool {
        match self.status {
            TopUpStatus::Requested => true,
            TopUpStatus::SessionCreated => self.session_url.is_some(),
            _ => false,
        }
    }

    /// What counts of it against limits.
    pub fn deposit(&self) -> Option<Deposit> {
        let paid = self.payment.is_some().then_some(self.finished).flatten();
        let counts = self.status.is_open() || paid.is_some();
        counts.then(|| Deposit {
            amount: self.amount - self.refunded,
            paid,
        })
    }

    /// What its player is told of it.
    pub fn told(&self) -> TopUpChanged {
        TopUpChanged {
            request_id: self.request_id,
            status: self.status.as_str().to_owned(),
            amount_cents: self.amount,
            currency: self.currency.clone(),
            refunded_cents: self.refunded,
            session_url: self.session_url.clone().filter(|_| self.status.is_open()),
            error_message: self.error.clone(),
        }
    }
}

/// A dispute of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeRow {
    /// The payment.
    pub request_id: Uuid,
    /// The provider's id.
    pub dispute_id: String,
    /// Whose payment it is.
    pub user: UserId,
    /// How it stands.
    pub dispute: Dispute,
}

impl DisputeRow {
    /// What the transfers of a dispute are known by.
    pub fn key(request_id: Uuid, dispute_id: &str) -> String {
        format!("{request_id}/{dispute_id}")
    }
}

/// What a player owes, and wants to be kept from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    /// The player.
    pub user: UserId,
    /// What went back to a payer and was not there any more.
    pub owed: Cents,
    /// The player's own limits.
    pub limits: DepositLimits,
    /// Until when the player wants to be kept out.
    pub excluded_until: Option<Millis>,
}

impl Wallet {
    /// Of a player of whom nothing is stored.
    pub fn of(user: UserId) -> Wallet {
        Wallet {
            user,
            owed: Cents::ZERO,
            limits: DepositLimits::default(),
            excluded_until: None,
        }
    }

    /// Until when the player is kept out, if that is not over.
    pub fn excluded_at(&self, now: Millis) -> Option<Millis> {
        self.excluded_until.filter(|until| *until > now)
    }

    /// What the player is told of it.
    pub fn told(&self, deposits: &[Deposit], now: Millis) -> LimitsTold {
        let limit = |period: Period| {
            let limit = self.limits.of(period);
            LimitTold {
                period,
                amount_cents: limit.at(now),
                used_cents: used(deposits, period, now),
                pending: limit.pending_at(now).map(|pending| PendingTold {
                    amount_cents: pending.amount_cents,
                    from: pending.from,
                }),
            }
        };
        LimitsTold {
            limits: Period::ALL.map(limit).to_vec(),
            excluded_until: self.excluded_at(now),
        }
    }
}

/// From this instant on paid money counts against a limit.
pub fn counted_since(now: Millis) -> Millis {
    now.plus(-Period::Month.milliseconds())
}
