//! Signing in and out.

use super::ApiState;
use super::body::{Body, Fields, Read};
use super::client::{Bearer, Client, OwnPage};
use super::endpoint::{Endpoint, example_user, from_own_page, with_cookie as says_cookie};
use super::limits::Rates;
use super::problem::Problem;
use crate::accounts::{
    AccountsError, EMAIL_PATTERN, Email, NewPassword, Password, SecretToken, SignedIn, Username,
};
use crate::store::accounts::User;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use blazing_sun_backbone::rest::problem::*;
use blazing_sun_backbone::rest::{Access, Answer, Operation, Tag};
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
    pub(super) fn example() -> Account {
        Account {
            user_id: example_user(),
            username: "Ada".to_owned(),
            roles: vec!["player".to_owned()],
            email: Some("ada@example.com".to_owned()),
            is_email_verified: true,
            balance_cents: Cents(5_000),
            currency: "eur".to_owned(),
        }
    }

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

/// What a new account has to say.
#[derive(Serialize, schemars::JsonSchema)]
struct Registration {
    /// Where mails go; nobody else sees it.
    #[schemars(email, length(max = 254), regex(pattern = EMAIL_PATTERN))]
    email: String,
    /// 8 to 128 characters.
    #[schemars(length(min = 8, max = 128), extend("format" = "password"))]
    password: String,
    /// The name shown to others: up to 24 characters, none that is reserved.
    #[schemars(length(min = 1, max = 24))]
    username: String,
}

impl Read for Registration {
    fn read(fields: &Fields) -> Result<Registration, Problem> {
        Ok(Registration {
            email: fields.text("email")?.to_owned(),
            password: fields.text("password")?.to_owned(),
            username: fields.text("username")?.to_owned(),
        })
    }
}

/// With what one signs in.
#[derive(Serialize, schemars::JsonSchema)]
struct Credentials {
    /// In any case.
    email: String,
    /// As it was chosen.
    #[schemars(extend("format" = "password"))]
    password: String,
}

impl Read for Credentials {
    fn read(fields: &Fields) -> Result<Credentials, Problem> {
        Ok(Credentials {
            email: fields.text("email")?.to_owned(),
            password: fields.text("password")?.to_owned(),
        })
    }
}

/// What a guest may say.
#[derive(Serialize, schemars::JsonSchema)]
struct NewGuest {
    /// The name shown to others; without it one is made up.
    #[schemars(length(min = 1, max = 24))]
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
}

impl Read for NewGuest {
    fn read(fields: &Fields) -> Result<NewGuest, Problem> {
        Ok(NewGuest {
            username: fields.optional_text("username")?.map(str::to_owned),
        })
    }
}

/// Ways in and out.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let registration = Registration {
        email: "ada@example.com".to_owned(),
        password: "correct horse battery".to_owned(),
        username: "Ada".to_owned(),
    };
    let credentials = Credentials {
        email: "ada@example.com".to_owned(),
        password: "correct horse battery".to_owned(),
    };
    let named = NewGuest {
        username: Some("Ada".to_owned()),
    };
    let post = |path, id| from_own_page(Operation::post(path, id, Tag::SignIn));
    vec![
        Endpoint::new(
            post("/api/v1/auth/register", "register")
                .says(
                    "Make an account and sign in",
                    "With demo money the new account is given some.",
                )
                .body(true, [("account", registration)])
                .answers(signed_in())
                .refuses(&[
                    INVALID_EMAIL,
                    INVALID_PASSWORD,
                    INVALID_USERNAME,
                    EMAIL_TAKEN,
                ])
                .limited(&Rates::of_attempts()),
            register,
        ),
        Endpoint::new(
            post("/api/v1/auth/login", "login")
                .says("Sign in", "")
                .body(true, [("account", credentials)])
                .answers(signed_in())
                .refuses(&[WRONG_CREDENTIALS, ACCOUNT_CLOSED])
                .limited(&Rates::of_attempts()),
            login,
        ),
        Endpoint::new(
            post("/api/v1/auth/guest", "playAsGuest")
                .says(
                    "Play without an account",
                    "For demo money, where the deployment allows it. `upgradeGuest` makes it an account.",
                )
                .body(
                    false,
                    [("named", named), ("unnamed", NewGuest { username: None })],
                )
                .answers(signed_in())
                .refuses(&[INVALID_USERNAME, GUESTS_NOT_ALLOWED])
                .limited(&Rates::of_guests()),
            guest,
        ),
        Endpoint::new(
            post("/api/v1/auth/refresh", "refresh")
                .says(
                    "Renew the access token",
                    "Takes the refresh token once, and sets another. Presented again after a while, it signs out every \
                     token that came from it: it was stolen.",
                )
                .access(Access::RefreshCookie)
                .answers(signed_in())
                .limited(&Rates::of_renewals()),
            refresh,
        ),
        Endpoint::new(
            post("/api/v1/auth/logout", "logout")
                .says(
                    "Sign out",
                    "Ends the refresh token, if one is presented, and takes its cookie back.",
                )
                .access(Access::RefreshCookieOrNothing)
                .answers(says_cookie(Answer::empty(204, "Signed out.")))
                .limited(&Rates::of_renewals()),
            logout,
        ),
        Endpoint::new(
            post("/api/v1/auth/logout-everywhere", "logoutEverywhere")
                .says(
                    "Sign out on all devices",
                    "Ends every refresh token of the user, and takes this one's cookie back. Access tokens that were \
                     given out last until they expire, within 15 minutes.",
                )
                .access(Access::Bearer)
                .answers(says_cookie(Answer::empty(204, "Signed out.")))
                .limited(&Rates::of_renewals()),
            logout_everywhere,
        ),
    ]
}

/// The answer to who has signed in.
pub(super) fn signed_in() -> Answer {
    let grant = Grant {
        access_token: "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI3In0.c2lnbmVk".to_owned(),
        expires_in: 900,
        user: Account::example(),
    };
    says_cookie(Answer::json(200, "Signed in.", &grant))
}

async fn register(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    Body(asked): Body<Registration>,
) -> Result<Response, Problem> {
    let email = Email::parse(&asked.email)?;
    let password = NewPassword::parse(&asked.password)?;
    let username = Username::parse(&asked.username)?;
    state.0.limits.attempt(client.address, email.as_str())?;
    let signed_in = state.0.accounts.register(email, password, username).await?;
    grant(&state, client, signed_in)
}

async fn login(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    Body(asked): Body<Credentials>,
) -> Result<Response, Problem> {
    let password = Password::from(asked.password.as_str());
    state.0.limits.attempt(client.address, &asked.email)?;
    let signed_in = state.0.accounts.login(&asked.email, password).await?;
    grant(&state, client, signed_in)
}

async fn guest(
    State(state): State<ApiState>,
    client: Client,
    _: OwnPage,
    Body(asked): Body<NewGuest>,
) -> Result<Response, Problem> {
    if !state.0.accounts.allows_guests() {
        return Err(AccountsError::GuestsNotAllowed.into());
    }
    let username = asked.username.as_deref().map(Username::parse).transpose()?;
    state.0.limits.guest(client.address)?;
    let signed_in = state.0.accounts.guest(username).await?;
    grant(&state, client, signed_in)
}

async fn refresh(
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

async fn logout(
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

async fn logout_everywhere(
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
