//! Refusals and failures of HTTP requests: problem documents (RFC 9457) with a stable `code`, and every code there is.

use serde::Serialize;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem as it is sent.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemDocument<'a> {
    /// `about:blank`: `code` says what it is.
    #[serde(rename = "type")]
    #[schemars(extend("const" = "about:blank"))]
    pub kind: &'a str,
    /// The status in words.
    pub title: &'a str,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// What is wrong, for people.
    pub detail: &'a str,
    /// What is wrong, for programs.
    #[schemars(regex(pattern = "^[a-z][a-z_]*$"))]
    pub code: &'a str,
    /// The field of the request that is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'a str>,
}

impl<'a> ProblemDocument<'a> {
    /// Of this kind, with `title` being its status in words.
    pub fn new(kind: ProblemKind, title: &'a str, detail: &'a str) -> ProblemDocument<'a> {
        ProblemDocument {
            kind: "about:blank",
            title,
            status: kind.status,
            detail,
            code: kind.code,
            field: None,
        }
    }
}

/// A way to be refused or to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemKind {
    /// The HTTP status.
    pub status: u16,
    /// For programs.
    pub code: &'static str,
    /// What it means, for who reads the document.
    pub meaning: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:literal $code:literal $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $name: ProblemKind = ProblemKind { status: $status, code: $code, meaning: $meaning };
        )*

        /// Every one there is.
        pub const ALL: &[ProblemKind] = &[$($name),*];
    };
}

kinds! {
    INVALID_FORMAT = 400 "invalid_format" "The request can not be read, or a field is missing or of the wrong kind; `field` names it where one is concerned.";
    INVALID_EMAIL = 400 "invalid_email" "The email is no address.";
    INVALID_PASSWORD = 400 "invalid_password" "The password is too short or too long.";
    INVALID_USERNAME = 400 "invalid_username" "The name is too long, reserved, or of characters that names may not have.";
    LINK_INVALID = 400 "link_invalid" "The link is wrong, used or too old.";
    UNKNOWN_GAME = 400 "unknown_game" "This server has no such game.";
    INVALID_SIGNATURE = 400 "invalid_signature" "The webhook is not signed with this deployment's secret, or too old.";
    INVALID_EVENT = 400 "invalid_event" "The webhook is rightly signed, but no event.";
    UNAUTHENTICATED = 401 "unauthenticated" "There is no valid token.";
    TOKEN_EXPIRED = 401 "token_expired" "The access token has expired: renew it.";
    WRONG_CREDENTIALS = 401 "wrong_credentials" "Email or password is wrong.";
    ACCOUNT_CLOSED = 403 "account_closed" "The account was closed.";
    FORBIDDEN = 403 "forbidden" "The account is no operator's: it has not, or has no more, the role `admin`.";
    GUESTS_NOT_ALLOWED = 403 "guests_not_allowed" "This deployment has no guests.";
    ORIGIN_NOT_ALLOWED = 403 "origin_not_allowed" "A page of another origin asks; see `gateway.allowed_origins`.";
    UNKNOWN_GAME_IN_PATH = 404 "unknown_game" "This server has no such game.";
    ROOM_NOT_FOUND = 404 "room_not_found" "There is no ended room of this id in which the user had a seat.";
    NOT_FOUND = 404 "not_found" "There is nothing of this name, or it is another user's.";
    LOBBY_NOT_FOUND = 404 "lobby_not_found" "There is no such lobby.";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "The path does not take this method; `Allow` names those that it takes.";
    TIMEOUT = 408 "timeout" "The request took too long to arrive, or to be answered.";
    CONFLICT = 409 "conflict" "The account, room or command is in a state in which this can not be done; the detail says why.";
    EMAIL_TAKEN = 409 "email_taken" "Another account has this address.";
    NO_EMAIL = 409 "no_email" "The account has no address.";
    ALREADY_VERIFIED = 409 "already_verified" "The address is verified already.";
    ALREADY_DECIDED = 409 "already_decided" "An operator has decided on it, or is about to; that is done once.";
    NOT_RETRYABLE = 409 "not_retryable" "There is no whole record that could be appended once more.";
    NOT_A_GUEST = 409 "not_a_guest" "The account is no guest's.";
    OTHER_RULES = 410 "other_rules" "The room was played by rules that this server does not have any more.";
    TOO_LARGE = 413 "too_large" "The body is too large.";
    PAYLOAD_TOO_LARGE = 413 "payload_too_large" "The webhook's body is too large.";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "The body has to be sent as `application/json`.";
    RATE_LIMITED = 429 "rate_limited" "Too many requests; `Retry-After` says how long to wait.";
    INTERNAL = 500 "internal" "A failure of the server's own; it is in its log.";
    UNAVAILABLE = 503 "unavailable" "The server can not do this right now, or just starts; `Retry-After` says when to try again.";
    MAIL_UNAVAILABLE = 503 "mail_unavailable" "This deployment sends no mail.";
    NOT_READY = 503 "not_ready" "The process can not do its work at present.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_code_is_one_problem_of_a_status() {
        let codes: HashSet<_> = ALL.iter().map(|kind| (kind.status, kind.code)).collect();
        assert_eq!(codes.len(), ALL.len());
    }
}
