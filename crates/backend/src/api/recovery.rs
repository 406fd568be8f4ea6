//! Ways back into an account, and from a guest to one.

use super::ApiState;
use super::auth::{grant, signed_in};
use super::body::{Body, Fields, Read};
use super::client::{Bearer, Client, OwnPage};
use super::endpoint::{Endpoint, from_own_page};
use super::limits::Rates;
use super::problem::Problem;
use crate::accounts::{AccountsError, EMAIL_PATTERN, Email, NewPassword, SecretToken, Username};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use blazing_sun_backbone::rest::problem::*;
use blazing_sun_backbone::rest::{Access, Answer, Operation, Tag};
use serde::Serialize;

/// One of the two steps to a new password.
#[derive(Serialize, schemars::JsonSchema)]
#[serde(untagged)]
enum PasswordReset {
    /// By the link: signs in.
    Choose {
        /// Of the link.
        token: String,
        /// 8 to 128 characters.
        #[schemars(length(min = 8, max = 128), extend("format" = "password"))]
        password: String,
    },
    /// For the link.
    Ask {
        /// Whose password is forgotten.
        #[schemars(email, length(max = 254), regex(pattern = EMAIL_PATTERN))]
        email: String,
    },
}

impl Read for PasswordReset {
    fn read(fields: &Fields) -> Result<PasswordReset, Problem> {
        match fields.optional_text("token")? {
            Some(token) => Ok(PasswordReset::Choose {
                token: token.to_owned(),
                password: fields.text("password")?.to_owned(),
            }),
            None => Ok(PasswordReset::Ask {
                email: fields.text("email")?.to_owned(),
            }),
        }
    }
}

/// One of the two steps to a verified address.
#[derive(Serialize, schemars::JsonSchema)]
struct Verification {
    /// Of the link; left out by the signed-in user who wants one.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Read for Verification {
    fn read(fields: &Fields) -> Result<Verification, Problem> {
        Ok(Verification {
            token: fields.optional_text("token")?.map(str::to_owned),
        })
    }
}

/// What makes a guest an account.
#[derive(Serialize, schemars::JsonSchema)]
struct Upgrade {
    /// Where mails go; nobody else sees it.
    #[schemars(email, length(max = 254), regex(pattern = EMAIL_PATTERN))]
    email: String,
    /// 8 to 128 characters.
    #[schemars(length(min = 8, max = 128), extend("format" = "password"))]
    password: String,
    /// Another name, if wanted.
    #[schemars(length(min = 1, max = 24))]
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
}

impl Read for Upgrade {
    fn read(fields: &Fields) -> Result<Upgrade, Problem> {
        Ok(Upgrade {
            email: fields.text("email")?.to_owned(),
            password: fields.text("password")?.to_owned(),
            username: fields.optional_text("username")?.map(str::to_owned),
        })
    }
}

/// Ways back, and from a guest to an account.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let [email, password] = ["ada@example.com", "correct horse battery"].map(str::to_owned);
    let token = "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
    let ask = PasswordReset::Ask {
        email: email.clone(),
    };
    let choose = PasswordReset::Choose {
        token: token.clone(),
        password: password.clone(),
    };
    let by_link = Verification { token: Some(token) };
    let upgraded = Upgrade {
        email,
        password,
        username: None,
    };
    let post = |path, id| Operation::post(path, id, Tag::SignIn);
    vec![
        Endpoint::new(
            from_own_page(post("/api/v1/auth/password-reset", "resetPassword"))
                .says(
                    "Get a new password",
                    "With an email a link is sent, and the answer is the same whoever has that address. With the link's \
                     token the password is changed, all sessions end, and one is signed in.",
                )
                .body(true, [("ask", ask), ("choose", choose)])
                .answers(signed_in())
                .answers(Answer::empty(
                    202,
                    "A link is sent if there is such an account.",
                ))
                .refuses(&[
                    INVALID_EMAIL,
                    INVALID_PASSWORD,
                    LINK_INVALID,
                    ACCOUNT_CLOSED,
                    MAIL_UNAVAILABLE,
                ])
                .limited(&Rates::of_mails()),
            password_reset,
        ),
        Endpoint::new(
            post("/api/v1/auth/verify-email", "verifyEmail")
                .says(
                    "Show that mail arrives",
                    "With a link's token the address counts as verified. Without, the signed-in user is sent a link.",
                )
                .access(Access::BearerOrNothing)
                .body(
                    false,
                    [("ask", Verification { token: None }), ("by link", by_link)],
                )
                .answers(Answer::empty(202, "A link is sent."))
                .answers(Answer::empty(204, "The address is verified."))
                .refuses(&[LINK_INVALID, NO_EMAIL, ALREADY_VERIFIED, MAIL_UNAVAILABLE])
                .limited(&Rates::of_mails()),
            verify_email,
        ),
        Endpoint::new(
            from_own_page(post("/api/v1/auth/upgrade", "upgradeGuest"))
                .says(
                    "Make a guest an account",
                    "Of the same id, name and balance.",
                )
                .access(Access::Bearer)
                .body(true, [("account", upgraded)])
                .answers(signed_in())
                .refuses(&[
                    INVALID_EMAIL,
                    INVALID_PASSWORD,
                    INVALID_USERNAME,
                    EMAIL_TAKEN,
                    NOT_A_GUEST,
                ])
                .limited(&Rates::of_attempts()),
            upgrade,
        ),
    ]
}

async fn password_reset(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    Body(asked): Body<PasswordReset>,
) -> Result<Response, Problem> {
    let (token, password) = match asked {
        PasswordReset::Choose { token, password } => (token, password),
        PasswordReset::Ask { email } => return forgotten(&state, client, &email),
    };
    let password = NewPassword::parse(&password)?;
    state.0.limits.link(client.address)?;
    let token = SecretToken::presented(&token);
    let signed_in = state.0.accounts.reset_password(&token, password).await?;
    grant(&state, client, signed_in)
}

fn forgotten(state: &ApiState, client: Client, email: &str) -> Result<Response, Problem> {
    let email = Email::parse(email)?;
    if !state.0.accounts.sends_mail() {
        return Err(AccountsError::NoMail.into());
    }
    state.0.limits.mail(client.address, email.as_str())?;
    state.0.accounts.forgot_password(email)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn verify_email(
    State(state): State<ApiState>,
    client: Client,
    bearer: Result<Bearer, Problem>,
    Body(asked): Body<Verification>,
) -> Result<Response, Problem> {
    if let Some(token) = asked.token {
        state.0.limits.link(client.address)?;
        let token = SecretToken::presented(&token);
        state.0.accounts.verify_email(&token).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let Bearer(claims) = bearer?;
    if !state.0.accounts.sends_mail() {
        return Err(AccountsError::NoMail.into());
    }
    state
        .0
        .limits
        .mail(client.address, &claims.sub.to_string())?;
    state.0.accounts.ask_verification(claims.sub).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn upgrade(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    Bearer(claims): Bearer,
    Body(asked): Body<Upgrade>,
) -> Result<Response, Problem> {
    let email = Email::parse(&asked.email)?;
    let password = NewPassword::parse(&asked.password)?;
    let username = asked.username.as_deref().map(Username::parse).transpose()?;
    state.0.limits.attempt(client.address, email.as_str())?;
    let upgraded = state
        .0
        .accounts
        .upgrade(claims.sub, email, password, username)
        .await?;
    grant(&state, client, upgraded)
}
