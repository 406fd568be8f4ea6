//! Refusals as problem documents (RFC 9457) with a stable `code`.

use crate::accounts::{AccountsError, InvalidField};
use crate::store::StoreError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use blazing_sun_backbone::rest::problem::{self, MEDIA_TYPE, ProblemDocument, ProblemKind};
use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

/// The answer to a request that was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: ProblemKind,
    detail: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: ProblemKind, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem {
            kind,
            detail: detail.into(),
            field: None,
            retry_after: None,
        }
    }

    /// With the field that is concerned.
    pub fn in_field(mut self, field: impl Into<Cow<'static, str>>) -> Problem {
        self.field = Some(field.into());
        self
    }

    /// With the time after which it is worth another try.
    pub fn retry_after(mut self, wait: Duration) -> Problem {
        self.retry_after = Some(wait);
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What was sent can not be read.
    pub fn invalid_format(detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(problem::INVALID_FORMAT, detail)
    }

    /// There is no valid token.
    pub fn unauthenticated(detail: &'static str) -> Problem {
        Problem::new(problem::UNAUTHENTICATED, detail)
    }

    /// It can not be done right now.
    pub fn unavailable() -> Problem {
        let detail = "This can not be answered right now; try again in a moment.";
        Problem::new(problem::UNAVAILABLE, detail).retry_after(Duration::from_secs(1))
    }

    /// For a failure of ours, which is logged here and told to nobody.
    pub fn internal(error: &(dyn Error + 'static)) -> Problem {
        tracing::error!(error, "a request failed");
        let detail = "Something went wrong here; it has been noted.";
        Problem::new(problem::INTERNAL, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let title = status.canonical_reason().unwrap_or("Error");
        let mut document = ProblemDocument::new(self.kind, title, &self.detail);
        document.field = self.field.as_deref();
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<InvalidField> for Problem {
    fn from(invalid: InvalidField) -> Problem {
        Problem::new(invalid.kind, invalid.reason).in_field(invalid.field)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match error {
            StoreError::Closed
            | StoreError::Fenced { .. }
            | StoreError::Log(_)
            | StoreError::Conflict(_)
            | StoreError::Unreachable(_)
            | StoreError::CommitUnknown { .. } => Problem::unavailable(),
            error => Problem::internal(&error),
        }
    }
}

impl From<AccountsError> for Problem {
    fn from(error: AccountsError) -> Problem {
        let kind = match error {
            AccountsError::Store(error) => return error.into(),
            AccountsError::Passwords(_) | AccountsError::BotsForRealMoney(_) => {
                return Problem::internal(&error);
            }
            AccountsError::Busy => return Problem::unavailable(),
            AccountsError::EmailTaken => problem::EMAIL_TAKEN,
            AccountsError::WrongCredentials => problem::WRONG_CREDENTIALS,
            AccountsError::SignedOut => problem::UNAUTHENTICATED,
            AccountsError::GuestsNotAllowed => problem::GUESTS_NOT_ALLOWED,
            AccountsError::AccountClosed => problem::ACCOUNT_CLOSED,
            AccountsError::LinkInvalid => problem::LINK_INVALID,
            AccountsError::NoMail => problem::MAIL_UNAVAILABLE,
            AccountsError::NoEmail => problem::NO_EMAIL,
            AccountsError::AlreadyVerified => problem::ALREADY_VERIFIED,
            AccountsError::NotAGuest => problem::NOT_A_GUEST,
        };
        let problem = Problem::new(kind, sentence(&error.to_string()));
        if kind == problem::EMAIL_TAKEN {
            problem.in_field("email")
        } else {
            problem
        }
    }
}

fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
