//! Refusals as problem documents (RFC 9457) with a stable `code`.

use crate::accounts::{AccountsError, InvalidField};
use crate::store::StoreError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

/// The answer to a request that was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
}

/// A problem as it is sent.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct ProblemDocument<'a> {
    /// `about:blank`: `code` says what it is.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The status in words.
    pub title: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, for people.
    pub detail: &'a str,
    /// What is wrong, for programs.
    pub code: &'a str,
    /// The field of the request that is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'a str>,
}

impl Problem {
    /// A problem of this status and code.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Problem {
        Problem {
            status,
            code,
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
        self.status
    }

    pub(super) fn invalid_format(detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_format", detail)
    }

    pub(super) fn unauthenticated(detail: &'static str) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    pub(super) fn unavailable() -> Problem {
        let detail = "This can not be answered right now; try again in a moment.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .retry_after(Duration::from_secs(1))
    }

    /// For a failure of ours, which is logged here and told to nobody.
    fn internal(error: &(dyn Error + 'static)) -> Problem {
        tracing::error!(error, "a request failed");
        let detail = "Something went wrong here; it has been noted.";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = ProblemDocument {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            field: self.field.as_deref(),
        };
        let mut response = (self.status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<InvalidField> for Problem {
    fn from(invalid: InvalidField) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, invalid.code, invalid.reason).in_field(invalid.field)
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
        let (status, code) = match error {
            AccountsError::Store(error) => return error.into(),
            AccountsError::Passwords(_) | AccountsError::BotsForRealMoney(_) => {
                return Problem::internal(&error);
            }
            AccountsError::Busy => return Problem::unavailable(),
            AccountsError::EmailTaken => (StatusCode::CONFLICT, "email_taken"),
            AccountsError::WrongCredentials => (StatusCode::UNAUTHORIZED, "wrong_credentials"),
            AccountsError::SignedOut => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            AccountsError::GuestsNotAllowed => (StatusCode::FORBIDDEN, "guests_not_allowed"),
            AccountsError::AccountClosed => (StatusCode::FORBIDDEN, "account_closed"),
            AccountsError::LinkInvalid => (StatusCode::BAD_REQUEST, "link_invalid"),
            AccountsError::NoMail => (StatusCode::SERVICE_UNAVAILABLE, "mail_unavailable"),
            AccountsError::NoEmail => (StatusCode::CONFLICT, "no_email"),
            AccountsError::AlreadyVerified => (StatusCode::CONFLICT, "already_verified"),
            AccountsError::NotAGuest => (StatusCode::CONFLICT, "not_a_guest"),
        };
        let problem = Problem::new(status, code, sentence(&error.to_string()));
        if code == "email_taken" {
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
