//! Accounts: registration, sign-in, and the money that a new account of a demo deployment gets. The
//! ledger is not written here; what concerns money is submitted as a command.

mod demo_grant;
mod house_bots;
mod idle_guests;
mod ledger_commands;
mod operator;
mod passwords;
mod recovery;
mod rules;
mod tokens;

pub use idle_guests::CLOSED_AT_ONCE;
pub use operator::{
    Credited, OperatorError, OperatorToken, Profile, ROLES, TOKEN_MINUTES_MAX, UserRef, Wanted,
    check_reason,
};
pub use passwords::{PasswordCost, Passwords, PasswordsError};
pub use rules::{EMAIL_PATTERN, Email, InvalidField, NewPassword, Password, Username};
pub use tokens::SecretToken;

use crate::mail::MailRoom;
use crate::store::StoreError;
use crate::store::accounts::{
    AccountStore, GUEST_ROLE, NewToken, NewUser, PLAYER_ROLE, Rotation, User, UserStatus,
};
use crate::store::reads::ReadSide;
use blazing_sun_backbone::credentials::{Claims, TokenSigner};
use blazing_sun_backbone::log::EventLog;
use blazing_sun_domain::{Cents, Millis, UserId};
use ledger_commands::LedgerCommands;
use recovery::Postman;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// The machine's own clock.
pub fn system_clock() -> Clock {
    Arc::new(blazing_sun_backbone::clock::now)
}

/// What an operator can set about accounts, with its defaults.
#[derive(Debug, Clone)]
pub struct AccountsConfig {
    /// The deployment's one currency, lower case. `eur`.
    pub currency: String,
    /// Whether a new account gets demo money: in a demo deployment. `true`.
    pub demo_grants: bool,
    /// Whether one may play without registering: in a demo deployment alone. `true`.
    pub allow_guests: bool,
    /// After how long without a visit a guest's account is closed. 30 days.
    pub guests_idle_max: Duration,
    /// How long an access token is good. 15 min.
    pub access_token_life: Duration,
    /// How long a refresh token is good. 30 days.
    pub refresh_token_life: Duration,
    /// How long an answer waits for money to arrive that was asked for. 5 s.
    pub grant_wait: Duration,
}

impl Default for AccountsConfig {
    fn default() -> AccountsConfig {
        AccountsConfig {
            currency: "eur".to_owned(),
            demo_grants: true,
            allow_guests: true,
            guests_idle_max: Duration::from_secs(30 * 24 * 60 * 60),
            access_token_life: Duration::from_secs(15 * 60),
            refresh_token_life: Duration::from_secs(30 * 24 * 60 * 60),
            grant_wait: Duration::from_secs(5),
        }
    }
}

/// What accounts stand on.
pub struct AccountsParts {
    /// Users and refresh tokens.
    pub store: Arc<dyn AccountStore>,
    /// Balances.
    pub reads: Arc<dyn ReadSide>,
    /// Where the command for demo money goes.
    pub log: Arc<dyn EventLog>,
    /// Changes with every batch that the engine commits.
    pub commits: watch::Receiver<u64>,
    /// Makes access tokens.
    pub signer: TokenSigner,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// What time it is.
    pub clock: Clock,
    /// Where mail comes from; none: this server sends none.
    pub mail: Option<MailRoom>,
    /// The operator's settings.
    pub config: AccountsConfig,
}

/// Why someone could not sign in.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// Another account has this email.
    #[error("there is an account with this email already")]
    EmailTaken,
    /// No such account, or another password; which of them is not said.
    #[error("email or password is wrong")]
    WrongCredentials,
    /// This deployment has no guests.
    #[error("guests can not play here; register an account")]
    GuestsNotAllowed,
    /// The account is banned or closed.
    #[error("this account can not be used any more")]
    AccountClosed,
    /// The refresh token is unknown, expired, revoked, or was used before.
    #[error("you are not signed in any more")]
    SignedOut,
    /// Bots play for demo money alone.
    #[error("house bots play for demo money, and the money of this deployment is `{0}`")]
    BotsForRealMoney(String),
    /// A link from a mail that is unknown, used up, or too old.
    #[error("this link has been used or is too old; ask for a new one")]
    LinkInvalid,
    /// Nobody has told this server how to send mail.
    #[error("this server sends no mail; ask whoever runs it")]
    NoMail,
    /// A guest has no address to verify.
    #[error("this account has no email")]
    NoEmail,
    /// There is nothing left to verify.
    #[error("the email of this account is verified")]
    AlreadyVerified,
    /// Only a guest becomes a player.
    #[error("this account is no guest's")]
    NotAGuest,
    /// Too many wait for their password to be hashed, or for a mail.
    #[error("too many are asking right now; try again in a moment")]
    Busy,
    /// The hash function or the source of randomness failed.
    #[error("a secret could not be made")]
    Passwords(#[source] PasswordsError),
    /// The store failed.
    #[error("accounts can not be reached right now")]
    Store(#[from] StoreError),
}

impl From<PasswordsError> for AccountsError {
    fn from(error: PasswordsError) -> AccountsError {
        match error {
            PasswordsError::Busy => AccountsError::Busy,
            error => AccountsError::Passwords(error),
        }
    }
}

/// Someone who has just signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// Their money.
    pub balance: Cents,
    /// The token for API and socket.
    pub access_token: AccessToken,
    /// How long it is good.
    pub access_token_life: Duration,
    /// The token for the next one.
    pub refresh_token: SecretToken,
    /// How long it is good.
    pub refresh_token_life: Duration,
}

/// A signed access token.
pub struct AccessToken(String);

impl AccessToken {
    /// For the one answer that hands it out.
    pub fn into_text(self) -> String {
        self.0
    }
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

/// Registers and signs in.
pub struct Accounts {
    store: Arc<dyn AccountStore>,
    reads: Arc<dyn ReadSide>,
    ledger: LedgerCommands,
    signer: TokenSigner,
    passwords: Passwords,
    clock: Clock,
    config: AccountsConfig,
    postman: Option<Postman>,
    /// One credit at a time, so that each knows what its command id has done before.
    credits: tokio::sync::Mutex<()>,
}

impl Accounts {
    /// Accounts on these parts; with mail, inside a runtime.
    pub fn new(parts: AccountsParts) -> Accounts {
        let AccountsParts {
            store,
            reads,
            log,
            commits,
            signer,
            passwords,
            clock,
            mail,
            config,
        } = parts;
        let ledger = LedgerCommands {
            log,
            reads: reads.clone(),
            commits,
            clock: clock.clone(),
            wait_max: config.grant_wait,
        };
        Accounts {
            postman: mail.map(|room| Postman::start(room, store.clone())),
            store,
            reads,
            ledger,
            signer,
            passwords,
            clock,
            config,
            credits: tokio::sync::Mutex::default(),
        }
    }

    /// The deployment's currency.
    pub fn currency(&self) -> &str {
        &self.config.currency
    }

    /// Whether one may play without registering.
    pub fn allows_guests(&self) -> bool {
        self.config.allow_guests
    }

    /// Makes an account and signs it in.
    pub async fn register(
        &self,
        email: Email,
        password: NewPassword,
        username: Username,
    ) -> Result<SignedIn, AccountsError> {
        // Only saves a hash; the store decides.
        if self.store.user_by_email(email.as_str()).await?.is_some() {
            return Err(AccountsError::EmailTaken);
        }
        let hash = self.passwords.hash(password.into()).await?;
        let new = NewUser {
            credentials: Some((email.clone().into(), hash)),
            username: username.into(),
            roles: vec![PLAYER_ROLE.to_owned()],
        };
        let signed_in = self.add(new).await?.ok_or(AccountsError::EmailTaken)?;
        self.welcome(email);
        Ok(signed_in)
    }

    /// Makes an account without email and signs it in.
    pub async fn guest(&self, username: Option<Username>) -> Result<SignedIn, AccountsError> {
        if !self.config.allow_guests {
            return Err(AccountsError::GuestsNotAllowed);
        }
        let username = match username {
            Some(username) => username.into(),
            None => format!("Guest-{:04X}", u16::from_ne_bytes(tokens::random()?)),
        };
        let new = NewUser {
            credentials: None,
            username,
            roles: vec![GUEST_ROLE.to_owned()],
        };
        let no_email = || AccountsError::Store(StoreError::Corrupt("a guest's email".to_owned()));
        self.add(new).await?.ok_or_else(no_email)
    }

    /// Signs in by email and password.
    pub async fn login(&self, email: &str, password: Password) -> Result<SignedIn, AccountsError> {
        let found = self.store.user_by_email(email.trim()).await?;
        let (user, hash) = found.unzip();
        let is_right = self.passwords.verify(password, hash).await?;
        let user = user
            .filter(|_| is_right)
            .ok_or(AccountsError::WrongCredentials)?;
        self.open(user).await
    }

    /// Exchanges a refresh token for new tokens.
    pub async fn refresh(&self, presented: &SecretToken) -> Result<SignedIn, AccountsError> {
        let next = SecretToken::random()?;
        let rotation = self
            .store
            .rotate(presented.hash(), self.to_keep(&next), self.now())
            .await?;
        match rotation {
            Rotation::Rotated(user) => self.signed_in(user, next).await,
            Rotation::Forbidden(_) => Err(AccountsError::AccountClosed),
            Rotation::Unknown | Rotation::Expired => Err(AccountsError::SignedOut),
            Rotation::Reused(user) => {
                tracing::warn!(user.id = %user, "a used refresh token came back; its family is revoked");
                Err(AccountsError::SignedOut)
            }
        }
    }

    /// Ends everything that followed from the sign-in of this refresh token.
    pub async fn logout(&self, presented: &SecretToken) -> Result<(), AccountsError> {
        Ok(self.store.revoke_family(presented.hash()).await?)
    }

    /// Ends everything that followed from any sign-in of this user.
    pub async fn logout_everywhere(&self, user: UserId) -> Result<(), AccountsError> {
        Ok(self.store.revoke_user(user).await?)
    }

    /// A user that may sign in, and their money.
    pub async fn user(&self, id: UserId) -> Result<(User, Cents), AccountsError> {
        let user = self.store.user(id).await?.ok_or(AccountsError::SignedOut)?;
        if user.status != UserStatus::Active {
            return Err(AccountsError::AccountClosed);
        }
        Ok((user, self.reads.balance(id).await?))
    }

    async fn add(&self, new: NewUser) -> Result<Option<SignedIn>, AccountsError> {
        let refresh_token = SecretToken::random()?;
        let (family, token) = (self.new_family()?, self.to_keep(&refresh_token));
        match self.store.add_user(new, family, token, self.now()).await? {
            Some(user) => Ok(Some(self.signed_in(user, refresh_token).await?)),
            None => Ok(None),
        }
    }

    async fn signed_in(
        &self,
        user: User,
        refresh_token: SecretToken,
    ) -> Result<SignedIn, AccountsError> {
        // Also here, not at creation alone: a kill may have come between account and command.
        self.ensure_demo_grant(&user).await?;
        let balance = self.reads.balance(user.id).await?;
        let life_s = i64::try_from(self.config.access_token_life.as_secs()).unwrap_or(i64::MAX);
        let roles: Vec<&str> = user.roles.iter().map(String::as_str).collect();
        let claims = Claims::new(user.id, &user.username, &roles, self.now(), life_s);
        Ok(SignedIn {
            balance,
            access_token: AccessToken(self.signer.sign(&claims)),
            access_token_life: self.config.access_token_life,
            refresh_token,
            refresh_token_life: self.config.refresh_token_life,
            user,
        })
    }

    async fn ensure_demo_grant(&self, user: &User) -> Result<(), StoreError> {
        match self.config.demo_grants {
            true => demo_grant::ensure(&self.ledger, user).await,
            false => Ok(()),
        }
    }

    fn new_family(&self) -> Result<Uuid, AccountsError> {
        Ok(uuid::Builder::from_random_bytes(tokens::random()?).into_uuid())
    }

    fn to_keep(&self, token: &SecretToken) -> NewToken {
        let life_ms = i64::try_from(self.config.refresh_token_life.as_millis()).unwrap_or(i64::MAX);
        NewToken {
            hash: token.hash(),
            expires: self.now().plus(life_ms),
        }
    }

    fn now(&self) -> Millis {
        (self.clock)()
    }
}
