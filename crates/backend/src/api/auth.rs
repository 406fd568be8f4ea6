//! Signing in and out.

use super::ApiState;
use super::body::Fields;
use super::client::{Bearer, Client, OwnPage};
use super::problem::Problem;
use crate::accounts::{
    AccountsError, Email, NewPassword, Password, SecretToken, SignedIn, Username,
};
use crate::store::accounts::User;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use blazing_sun_domain::{Cents, UserId};
use serde::Serialize;

const COOKIE: &str = "blazing_sun_refresh";

/// The answer to whoever has signed in.
#[derive(Serialize, schemars::JsonSchema)]
pub struct Grant {
    /// For `Authorization: Bearer` and for `system.authenticate`.
    pub access_token: String,
    /// How many seconds it is good.
    pub expires_in: u64,
    /// Who signed in.
    pub user: Account,
}

/// A user as they see themselves.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Account {
    /// The user.
    pub user_id: UserId,
    /// The name shown to others.
    pub username: String,
    /// `player`, `guest`, `admin`, …
    pub roles: Vec<String>,
    /// Their address; null for guests.
    pub email: Option<String>,
    /// Whether it is known that mail to it reaches them.
    pub is_email_verified: bool,
    /// What they have.
    pub balance_cents: Cents,
    /// The deployment's currency.
    pub currency: String,
}

impl Account {
    pub(super) fn of(user: User, balance_cents: Cents, currency: &str) -> Account {
        Account {
            user_id: user.id,
            username: user.username,
            roles: user.roles,
            email: user.email,
            is_email_verified: user.email_verified.is_some(),
            balance_cents,
            currency: currency.to_owned(),
        }
    }
}

pub(super) async fn register(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    fields: Fields,
) -> Result<Response, Problem> {
    let email = Email::parse(fields.text("email")?)?;
    let password = NewPassword::parse(fields.text("password")?)?;
    let username = Username::parse(fields.text("username")?)?;
    state.0.limits.attempt(client.address, email.as_str())?;
    let signed_in = state.0.accounts.register(email, password, username).await?;
    grant(&state, client, signed_in)
}

pub(super) async fn login(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    fields: Fields,
) -> Result<Response, Problem> {
    let email = fields.text("email")?;
    let password = Password::from(fields.text("password")?);
    state.0.limits.attempt(client.address, email)?;
    let signed_in = state.0.accounts.login(email, password).await?;
    grant(&state, client, signed_in)
}

pub(super) async fn guest(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    fields: Fields,
) -> Result<Response, Problem> {
    if !state.0.accounts.allows_guests() {
        return Err(AccountsError::GuestsNotAllowed.into());
    }
    let username = fields
        .optional_text("username")?
        .map(Username::parse)
        .transpose()?;
    state.0.limits.guest(client.address)?;
    let signed_in = state.0.accounts.guest(username).await?;
    grant(&state, client, signed_in)
}

pub(super) async fn refresh(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    state.0.limits.renewal(client.address)?;
    let Some(token) = presented(&headers) else {
        return Err(AccountsError::SignedOut.into());
    };
    match state.0.accounts.refresh(&token).await {
        Ok(signed_in) => grant(&state, client, signed_in),
        Err(error @ (AccountsError::SignedOut | AccountsError::AccountClosed)) => {
            let answer = Problem::from(error).into_response();
            with_cookie(answer, "", 0, client.is_https)
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn logout(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    state.0.limits.renewal(client.address)?;
    if let Some(token) = presented(&headers) {
        state.0.accounts.logout(&token).await?;
    }
    with_cookie(
        StatusCode::NO_CONTENT.into_response(),
        "",
        0,
        client.is_https,
    )
}

/// Access tokens that were given out last until they expire, within 15 minutes.
pub(super) async fn logout_everywhere(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    Bearer(claims): Bearer,
) -> Result<Response, Problem> {
    state.0.limits.renewal(client.address)?;
    state.0.accounts.logout_everywhere(claims.sub).await?;
    with_cookie(
        StatusCode::NO_CONTENT.into_response(),
        "",
        0,
        client.is_https,
    )
}

pub(super) fn grant(
    state: &ApiState,
    client: Client,
    signed_in: SignedIn,
) -> Result<Response, Problem> {
    let life_s = signed_in.refresh_token_life.as_secs();
    let answer = Json(Grant {
        access_token: signed_in.access_token.into_text(),
        expires_in: signed_in.access_token_life.as_secs(),
        user: Account::of(
            signed_in.user,
            signed_in.balance,
            state.0.accounts.currency(),
        ),
    });
    with_cookie(
        answer.into_response(),
        signed_in.refresh_token.as_text(),
        life_s,
        client.is_https,
    )
}

fn with_cookie(
    mut answer: Response,
    token: &str,
    life_s: u64,
    is_secure: bool,
) -> Result<Response, Problem> {
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/api/v1/auth; Max-Age={life_s}{secure}"
    );
    // The token is base64 of our own, so this does not fail.
    let mut cookie = HeaderValue::try_from(cookie).map_err(|_| Problem::unavailable())?;
    cookie.set_sensitive(true);
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}

fn presented(headers: &HeaderMap) -> Option<SecretToken> {
    let cookies = headers
        .get_all(header::COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.split_once('='));
    let (_, token) =
        pairs.find(|(name, token)| name.trim() == COOKIE && !token.trim().is_empty())?;
    Some(SecretToken::presented(token.trim()))
}
