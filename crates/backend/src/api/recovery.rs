//! Ways back into an account, and from a guest to one.

use super::ApiState;
use super::auth::grant;
use super::body::Fields;
use super::client::{Bearer, Client, OwnPage};
use super::problem::Problem;
use crate::accounts::{AccountsError, Email, NewPassword, SecretToken, Username};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// `{email}` has a link sent, and answers the same whoever has that address; `{token, password}` chooses a new
/// password by the link, and signs in.
pub(super) async fn password_reset(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    fields: Fields,
) -> Result<Response, Problem> {
    let Some(token) = fields.optional_text("token")? else {
        let email = Email::parse(fields.text("email")?)?;
        if !state.0.accounts.sends_mail() {
            return Err(AccountsError::NoMail.into());
        }
        state.0.limits.mail(client.address, email.as_str())?;
        state.0.accounts.forgot_password(email)?;
        return Ok(StatusCode::ACCEPTED.into_response());
    };
    let password = NewPassword::parse(fields.text("password")?)?;
    state.0.limits.link(client.address)?;
    let token = SecretToken::presented(token);
    let signed_in = state.0.accounts.reset_password(&token, password).await?;
    grant(&state, client, signed_in)
}

/// `{token}` takes the address of a link as its user's; without one the signed-in user is sent a link.
pub(super) async fn verify_email(
    State(state): State<ApiState>,
    client: Client,
    bearer: Result<Bearer, Problem>,
    fields: Fields,
) -> Result<Response, Problem> {
    if let Some(token) = fields.optional_text("token")? {
        state.0.limits.link(client.address)?;
        let token = SecretToken::presented(token);
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

/// Gives the signed-in guest an email and a password.
pub(super) async fn upgrade(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    Bearer(claims): Bearer,
    fields: Fields,
) -> Result<Response, Problem> {
    let email = Email::parse(fields.text("email")?)?;
    let password = NewPassword::parse(fields.text("password")?)?;
    let username = fields
        .optional_text("username")?
        .map(Username::parse)
        .transpose()?;
    state.0.limits.attempt(client.address, email.as_str())?;
    let upgraded = state
        .0
        .accounts
        .upgrade(claims.sub, email, password, username)
        .await?;
    grant(&state, client, upgraded)
}
