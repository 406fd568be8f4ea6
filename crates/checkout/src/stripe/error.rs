//! What can go wrong with a call, by what is to be done about it.

use std::time::Duration;

/// Why a call to the provider came to nothing. None of the texts holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StripeError {
    /// The provider said no: the same call gets the same answer.
    #[error("the provider refused it with {status}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Stripe's `type`, such as `invalid_request_error`.
        kind: String,
        /// Stripe's `code`, such as `amount_too_small`.
        code: Option<String>,
        /// The parameter at fault.
        param: Option<String>,
        /// Stripe's words.
        message: String,
    },
    /// It was not done; the same call may be made again.
    #[error("the provider could not do it now: {reason}")]
    Retryable {
        /// What happened.
        reason: String,
        /// How long the provider asks to be left alone.
        after: Option<Duration>,
    },
    /// It may have been done or not. The same call with the same key is safe.
    #[error("whether the provider has done it is unknown: {reason}")]
    Ambiguous {
        /// What happened.
        reason: String,
        /// The provider gives this answer to every further call with the key.
        is_final: bool,
    },
    /// An id that no object of the provider's can have; nothing was sent.
    #[error("`{0}` is no id of the provider's")]
    InvalidId(String),
}

impl StripeError {
    /// Whether there is no such object.
    pub fn is_missing(&self) -> bool {
        matches!(self, StripeError::Refused { status: 404, .. })
    }

    /// Whether the call may be made again.
    pub fn may_be_repeated(&self) -> bool {
        match self {
            StripeError::Retryable { .. } => true,
            StripeError::Ambiguous { is_final, .. } => !is_final,
            StripeError::Refused { .. } | StripeError::InvalidId(_) => false,
        }
    }
}

/// Why a client can not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StripeOptionsError {
    /// The address is none.
    #[error("the payment provider's address `{found}` is no URL like `https://api.stripe.com`")]
    Address {
        /// As given.
        found: String,
    },
    /// Keys would go over the network unencrypted.
    #[error(
        "the payment provider's address `{found}` has to begin with https:// unless it is this machine's"
    )]
    Unencrypted {
        /// As given.
        found: String,
    },
    /// The key can not be sent.
    #[error("the payment provider's secret key has to be printable ASCII and not empty")]
    Key,
    /// There is nobody to trust.
    #[error("the system has no certificates to hold the payment provider to")]
    Certificates,
}
