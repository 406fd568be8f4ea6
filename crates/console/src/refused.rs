//! Why an operator's request was not done, as a problem.

use blazing_sun_backbone::rest::problem::{CONFLICT, NOT_FOUND};
use blazing_sun_backend::accounts::OperatorError;
use blazing_sun_backend::api::Problem;
use blazing_sun_backend::store::StoreError;
use std::fmt;

/// What was asked for, refused or failed.
#[derive(Debug)]
pub(crate) struct Refused(OperatorError);

impl From<OperatorError> for Refused {
    fn from(error: OperatorError) -> Refused {
        Refused(error)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        Refused(error.into())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Refused> for Problem {
    fn from(Refused(error): Refused) -> Problem {
        let detail = sentence(&error.to_string());
        match error {
            OperatorError::Store(error) => error.into(),
            OperatorError::UserNotFound(_) => Problem::new(NOT_FOUND, detail),
            OperatorError::InvalidUser(_) | OperatorError::AmbiguousUser { .. } => {
                Problem::invalid_format(detail)
            }
            OperatorError::InvalidAmount(_) => {
                Problem::invalid_format(detail).in_field("amount_cents")
            }
            OperatorError::InvalidReason => Problem::invalid_format(detail).in_field("reason"),
            OperatorError::CommandIdTaken { .. }
            | OperatorError::CommandExpired(_)
            | OperatorError::NotDemoMoney(_)
            | OperatorError::AccountClosed(_)
            | OperatorError::Banned(_) => Problem::new(CONFLICT, detail),
            OperatorError::Unavailable(_) | OperatorError::NotTold(_) => Problem::unavailable(),
            error => Problem::internal(&error),
        }
    }
}

/// `there is none` → `There is none.`
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", letters.as_str())
}
