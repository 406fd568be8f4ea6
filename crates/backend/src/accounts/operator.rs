//! What operators may do to accounts. Money still goes by the log.

use super::ledger_commands::{LedgerCommand, Submitted};
use super::{Accounts, AccountsError, Email, InvalidField, NewPassword, Username};
use crate::inbox::{AGE_MS_MAX, AHEAD_MS_MAX};
use crate::store::StoreError;
use crate::store::accounts::{Creation, NewUser, User, UserStatus};
use blazing_sun_backbone::bans;
use blazing_sun_backbone::credentials::Claims;
use blazing_sun_backbone::messages::{CREDIT, CREDIT_CENTS_MAX, credit};
use blazing_sun_domain::{Cents, CommandId, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Names that are told where several users have the one that was given.
const SAME_NAME_MAX: u32 = 5;
const REASON_CHARS_MAX: usize = 200;
/// What `user role` knows.
pub const ROLES: [&str; 5] = ["player", "guest", "bot", "moderator", "admin"];
/// The longest that an operator's token lives, in minutes.
pub const TOKEN_MINUTES_MAX: u32 = 24 * 60;

/// Longer than any access token is good, where clocks differ.
const TOKEN_MS_MAX: i64 = (TOKEN_MINUTES_MAX as i64 + 10) * 60_000;

/// How an operator names a user: an id, an email, or `@` and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserRef {
    /// By id.
    Id(UserId),
    /// By email, without regard to case.
    Email(String),
    /// By a name that no other user has.
    Name(String),
}

impl FromStr for UserRef {
    type Err = OperatorError;

    fn from_str(text: &str) -> Result<UserRef, OperatorError> {
        let invalid = || OperatorError::InvalidUser(text.chars().take(80).collect());
        if let Some(name) = text.strip_prefix('@') {
            return match name.is_empty() {
                true => Err(invalid()),
                false => Ok(UserRef::Name(name.to_owned())),
            };
        }
        if text.contains('@') {
            let email = Email::parse(text).map_err(|_| invalid())?;
            return Ok(UserRef::Email(email.into()));
        }
        text.parse().map(UserRef::Id).map_err(|_| invalid())
    }
}

impl fmt::Display for UserRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UserRef::Id(id) => id.fmt(f),
            UserRef::Email(email) => f.write_str(email),
            UserRef::Name(name) => write!(f, "@{name}"),
        }
    }
}

/// Why an operator's request was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// Not a way to name a user.
    #[error("a user is named by id (below 2^53), email, or @ and a name, got `{0}`")]
    InvalidUser(String),
    /// No such user.
    #[error("there is no user `{0}`")]
    UserNotFound(UserRef),
    /// Several users have this name.
    #[error("several users are called `{name}`; name one by id: {}", listed(.ids))]
    AmbiguousUser {
        /// The name.
        name: String,
        /// The first of them.
        ids: Vec<UserId>,
    },
    /// An amount outside its bounds.
    #[error("an amount takes 1 to {CREDIT_CENTS_MAX} cents, got {0}")]
    InvalidAmount(Cents),
    /// A text that is empty, too long or not of one line.
    #[error("a reason has 1 to {REASON_CHARS_MAX} characters on one line")]
    InvalidReason,
    /// Not one of [`ROLES`].
    #[error("there is no role `{0}`; there are: {roles}", roles = ROLES.join(", "))]
    InvalidRole(String),
    /// A life outside its bounds.
    #[error("a token lives 1 to {TOKEN_MINUTES_MAX} minutes, got {0}")]
    InvalidMinutes(u32),
    /// An id that no user can have.
    #[error("a user's id is a number from 1 to 9007199254740991")]
    InvalidId,
    /// Another user has the id.
    #[error("there is a user {0} already")]
    IdTaken(UserId),
    /// Another user has the email.
    #[error("there is an account with this email already")]
    EmailTaken,
    /// Email without password, or the reverse.
    #[error("an account has an email and a password, or neither")]
    HalfAnAccount,
    /// The user may not sign in.
    #[error("user {0} is banned")]
    Banned(UserId),
    /// A secret could not be made.
    #[error("the password could not be hashed: {0}")]
    Password(AccountsError),
    /// The deployment's money is real.
    #[error("credits are demo money, and the money of this deployment is `{0}`")]
    NotDemoMoney(String),
    /// The account has ended.
    #[error("the account of user {0} is closed")]
    AccountClosed(UserId),
    /// An id by which another credit was given.
    #[error("the command {id} has credited {amount} cents to user {user}; take a new id")]
    CommandIdTaken {
        /// The command.
        id: CommandId,
        /// Whom it credited.
        user: UserId,
        /// How much.
        amount: Cents,
    },
    /// An id made too long ago, or in the future.
    #[error("the command id {0} is older than an hour or from the future; take a new one")]
    CommandExpired(CommandId),
    /// A name, email or password that no account may have.
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
    /// The log or the engine was too slow.
    #[error("not applied in time; the same again with --command-id {0} does it at most once")]
    Unavailable(CommandId),
    /// It is stored, and processes that check tokens do not know of it.
    #[error("it is stored, but not every gateway may know: do the same for user {0} again")]
    NotTold(UserId),
    /// The store failed.
    #[error("accounts can not be reached right now")]
    Store(#[from] StoreError),
}

fn listed(ids: &[UserId]) -> String {
    let ids: Vec<String> = ids.iter().map(UserId::to_string).collect();
    ids.join(", ")
}

impl OperatorError {
    /// A name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            OperatorError::InvalidUser(_) => "invalid_user",
            OperatorError::UserNotFound(_) => "user_not_found",
            OperatorError::AmbiguousUser { .. } => "ambiguous_user",
            OperatorError::InvalidAmount(_) => "invalid_amount",
            OperatorError::InvalidReason => "invalid_reason",
            OperatorError::InvalidRole(_) => "invalid_role",
            OperatorError::InvalidMinutes(_) => "invalid_minutes",
            OperatorError::InvalidId => "invalid_id",
            OperatorError::IdTaken(_) => "id_taken",
            OperatorError::EmailTaken => "email_taken",
            OperatorError::HalfAnAccount => "invalid_account",
            OperatorError::Banned(_) => "banned",
            OperatorError::NotDemoMoney(_) => "not_demo_money",
            OperatorError::AccountClosed(_) => "account_closed",
            OperatorError::CommandIdTaken { .. } => "command_id_taken",
            OperatorError::CommandExpired(_) => "command_expired",
            OperatorError::InvalidField(invalid) => invalid.kind.code,
            OperatorError::Unavailable(_)
            | OperatorError::NotTold(_)
            | OperatorError::Password(_)
            | OperatorError::Store(_) => "unavailable",
        }
    }
}

/// A user as operators see one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Who.
    pub user_id: UserId,
    /// The name shown to others.
    pub username: String,
    /// None for guests.
    pub email: Option<String>,
    /// `player`, `guest`, `admin`, …
    pub roles: Vec<String>,
    /// `active`, `banned`, `closed`.
    pub status: String,
    /// Why the user is banned, where an operator has said so.
    pub ban_reason: Option<String>,
    /// What the user has.
    pub balance_cents: Cents,
    /// The deployment's currency.
    pub currency: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// The last sign-in or renewal. RFC 3339, UTC.
    pub last_seen_at: String,
}

/// A user to make.
pub struct Wanted {
    /// The id; none: the next one.
    pub id: Option<UserId>,
    /// The name shown to others.
    pub username: String,
    /// Email and password, to sign in with.
    pub credentials: Option<(String, String)>,
    /// Of [`ROLES`]; none: `player`, or `guest` without an email.
    pub roles: Vec<String>,
}

/// An access token, for a program that speaks for a user.
#[derive(Serialize, Deserialize)]
pub struct OperatorToken {
    /// For whom.
    pub user_id: UserId,
    /// The token.
    pub access_token: String,
    /// How long it is good, in seconds.
    pub expires_in: i64,
}

/// A credit that the ledger has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credited {
    /// To whom.
    pub user_id: UserId,
    /// How much.
    pub amount_cents: Cents,
    /// What the user has now.
    pub balance_cents: Cents,
    /// The deployment's currency.
    pub currency: String,
    /// By which command: the same again changes nothing.
    pub command_id: CommandId,
    /// Whether it happened now; otherwise the ledger had it before.
    pub is_new: bool,
}

impl Accounts {
    /// The user that is meant, whether they may sign in or not.
    pub async fn find(&self, who: &UserRef) -> Result<User, OperatorError> {
        let found = match who {
            UserRef::Id(id) => self.store.user(*id).await?,
            UserRef::Email(email) => self.store.user_by_email(email).await?.map(|(user, _)| user),
            UserRef::Name(name) => {
                let mut named = self.store.users_named(name, SAME_NAME_MAX).await?;
                if named.len() > 1 {
                    return Err(OperatorError::AmbiguousUser {
                        name: name.clone(),
                        ids: named.iter().map(|user| user.id).collect(),
                    });
                }
                named.pop()
            }
        };
        found.ok_or_else(|| OperatorError::UserNotFound(who.clone()))
    }

    /// All that is known of a user.
    pub async fn profile(&self, who: &UserRef) -> Result<Profile, OperatorError> {
        let user = self.find(who).await?;
        self.profile_of(user).await
    }

    /// Makes a user, with what every new account gets.
    pub async fn create(&self, wanted: Wanted) -> Result<Profile, OperatorError> {
        let Wanted {
            id,
            username,
            credentials,
            mut roles,
        } = wanted;
        if id == Some(UserId::SYSTEM) {
            return Err(OperatorError::InvalidId);
        }
        let username = Username::parse(&username)?;
        for role in &roles {
            check_role(role)?;
        }
        if roles.is_empty() {
            let role = if credentials.is_some() {
                "player"
            } else {
                "guest"
            };
            roles.push(role.to_owned());
        }
        let credentials = match credentials {
            None => None,
            Some((email, password)) => {
                let (email, password) = (Email::parse(&email)?, NewPassword::parse(&password)?);
                let hash = self.passwords.hash(password.into()).await;
                let hash = hash.map_err(|error| OperatorError::Password(error.into()))?;
                Some((email.into(), hash))
            }
        };
        let new = NewUser {
            credentials,
            username: username.into(),
            roles,
        };
        match self.store.create_user(new, id, self.now()).await? {
            Creation::Created(user) => {
                self.ensure_demo_grant(&user).await?;
                tracing::info!(user.id = %user.id, "an operator has made a user");
                self.profile_of(user).await
            }
            Creation::EmailTaken => Err(OperatorError::EmailTaken),
            Creation::IdTaken => Err(OperatorError::IdTaken(id.unwrap_or_default())),
        }
    }

    /// Gives a role or takes it. Access tokens keep the roles that they were made with.
    pub async fn change_role(
        &self,
        who: &UserRef,
        role: &str,
        has_it: bool,
    ) -> Result<Profile, OperatorError> {
        check_role(role)?;
        let user = self.find(who).await?;
        let changed = self.store.change_role(user.id, role, has_it).await?;
        tracing::info!(user.id = %user.id, role, has_it, "an operator has changed a role");
        self.profile_of(changed.ok_or_else(|| OperatorError::UserNotFound(who.clone()))?)
            .await
    }

    /// Bans a user, or lifts a ban: refresh tokens end, and with [`Accounts::forbidden`] whoever checks
    /// access tokens refuses them. `stored` is called as soon as the ban stands, whatever fails after it. The future that
    /// this answers with ends when others can hear of it; they hear of bans in the order of these calls.
    pub async fn set_banned(
        &self,
        who: &UserRef,
        is_banned: bool,
        reason: Option<&str>,
        stored: impl FnOnce(UserId),
    ) -> Result<impl Future<Output = Result<Profile, OperatorError>>, OperatorError> {
        check_reason(reason)?;
        let user = self.find(who).await?;
        if user.status == UserStatus::Closed {
            return Err(OperatorError::AccountClosed(user.id));
        }
        let status = if is_banned {
            UserStatus::Banned
        } else {
            UserStatus::Active
        };
        self.store.set_status(user.id, status, reason).await?;
        stored(user.id);
        let record = bans::record(user.id, is_banned);
        let appended = self.ledger.log.append_now(vec![record]);
        Ok(async move {
            let told = async { appended?.await };
            if let Err(error) = told.await {
                tracing::error!(user.id = %user.id, %error, "a ban is stored, and could not be told");
                return Err(OperatorError::NotTold(user.id));
            }
            tracing::info!(user.id = %user.id, is_banned, "an operator has set a ban");
            self.profile(&UserRef::Id(user.id)).await
        })
    }

    /// Ends all sign-ins of a user: refresh tokens at once, an access token once it expires. `stored` is called as soon as
    /// that stands; gateways hear of it, and close the user's sockets.
    pub async fn sign_out(
        &self,
        who: &UserRef,
        stored: impl FnOnce(UserId),
    ) -> Result<Profile, OperatorError> {
        let user = self.find(who).await?;
        self.store.revoke_user(user.id).await?;
        stored(user.id);
        let told = vec![bans::signed_out_record(user.id)];
        if let Err(error) = self.ledger.log.append_and_wait(told).await {
            tracing::error!(user.id = %user.id, %error, "sign-ins have ended, and that could not be told");
            return Err(OperatorError::NotTold(user.id));
        }
        tracing::info!(user.id = %user.id, "an operator has ended all sign-ins of a user");
        self.profile(&UserRef::Id(user.id)).await
    }

    /// All who may not sign in, and for whom there may be an access token yet.
    pub async fn forbidden(&self) -> Result<Vec<UserId>, OperatorError> {
        let closed_since = self.now().plus(-TOKEN_MS_MAX);
        Ok(self.store.forbidden_users(closed_since).await?)
    }

    /// An access token for a program; none given: as long as those of a sign-in.
    pub async fn token(
        &self,
        who: &UserRef,
        minutes: Option<u32>,
    ) -> Result<OperatorToken, OperatorError> {
        if let Some(minutes) = minutes
            && !(1..=TOKEN_MINUTES_MAX).contains(&minutes)
        {
            return Err(OperatorError::InvalidMinutes(minutes));
        }
        let user = self.find(who).await?;
        match user.status {
            UserStatus::Active => {}
            UserStatus::Banned => return Err(OperatorError::Banned(user.id)),
            UserStatus::Closed => return Err(OperatorError::AccountClosed(user.id)),
        }
        self.ensure_demo_grant(&user).await?;
        let life_s = minutes.map_or(self.config.access_token_life.as_secs(), |minutes| {
            u64::from(minutes) * 60
        });
        let expires_in = i64::try_from(life_s).unwrap_or(i64::MAX);
        let roles: Vec<&str> = user.roles.iter().map(String::as_str).collect();
        let claims = Claims::new(user.id, &user.username, &roles, self.now(), expires_in);
        tracing::info!(user.id = %user.id, expires_in, "an operator has taken an access token");
        Ok(OperatorToken {
            user_id: user.id,
            access_token: self.signer.sign(&claims),
            expires_in,
        })
    }

    /// Gives demo money, once for each command id, by a command on the log.
    pub async fn credit(
        &self,
        who: &UserRef,
        amount: Cents,
        reason: Option<&str>,
        command: CommandId,
    ) -> Result<Credited, OperatorError> {
        if !(Cents(1)..=CREDIT_CENTS_MAX).contains(&amount) {
            return Err(OperatorError::InvalidAmount(amount));
        }
        check_reason(reason)?;
        let money = self.reads.money().await?;
        if !money.starts_with("demo ") {
            return Err(OperatorError::NotDemoMoney(money));
        }
        let user = self.find(who).await?;
        let _one_at_a_time = self.credits.lock().await;
        let is_new = match self.has_credited(command, user.id, amount).await? {
            true => false,
            false if user.status == UserStatus::Closed => {
                return Err(OperatorError::AccountClosed(user.id));
            }
            false => {
                let now = self.now();
                let is_expired = command.made_at().is_some_and(|made| {
                    made < now.plus(-AGE_MS_MAX) || made > now.plus(AHEAD_MS_MAX)
                });
                if is_expired {
                    return Err(OperatorError::CommandExpired(command));
                }
                // Without a grant the user is nobody to the ledger yet.
                self.ensure_demo_grant(&user).await?;
                let command_of_user = LedgerCommand {
                    id: command.0,
                    event_type: CREDIT,
                    user: user.id,
                    payload: credit(command.0, user.id, amount, reason),
                    transfer_key: credit_key(command),
                };
                let is_new = match self.ledger.submit(&command_of_user).await? {
                    Submitted::Applied => true,
                    Submitted::Before => false,
                    Submitted::NotTaken(_) | Submitted::Pending => {
                        return Err(OperatorError::Unavailable(command));
                    }
                };
                // The transfer may be of a command with this id that others have put on the log.
                if !self.has_credited(command, user.id, amount).await? {
                    return Err(OperatorError::Unavailable(command));
                }
                is_new
            }
        };
        tracing::info!(user.id = %user.id, amount_cents = amount.0, command.id = %command, is_new, "credited");
        Ok(Credited {
            user_id: user.id,
            amount_cents: amount,
            balance_cents: self.reads.balance(user.id).await?,
            currency: self.config.currency.clone(),
            command_id: command,
            is_new,
        })
    }

    /// Whether the ledger has this credit; an error where the command has credited something else.
    async fn has_credited(
        &self,
        id: CommandId,
        user: UserId,
        amount: Cents,
    ) -> Result<bool, OperatorError> {
        match self.reads.transferred(&credit_key(id)).await? {
            None => Ok(false),
            Some((to, before)) if to == Some(user) && before == amount => Ok(true),
            Some((to, before)) => Err(OperatorError::CommandIdTaken {
                id,
                user: to.unwrap_or_default(),
                amount: before,
            }),
        }
    }

    async fn profile_of(&self, user: User) -> Result<Profile, OperatorError> {
        Ok(Profile {
            user_id: user.id,
            balance_cents: self.reads.balance(user.id).await?,
            username: user.username,
            email: user.email,
            roles: user.roles,
            status: user.status.as_str().to_owned(),
            ban_reason: user.ban_reason,
            currency: self.config.currency.clone(),
            created_at: user.created.to_string(),
            last_seen_at: user.last_seen.to_string(),
        })
    }
}

fn credit_key(id: CommandId) -> String {
    format!("credit/{id}")
}

fn check_role(role: &str) -> Result<(), OperatorError> {
    match ROLES.contains(&role) {
        true => Ok(()),
        false => Err(OperatorError::InvalidRole(role.chars().take(40).collect())),
    }
}

/// Whether a reason may be kept.
pub fn check_reason(reason: Option<&str>) -> Result<(), OperatorError> {
    let is_good = |reason: &str| {
        let length = reason.trim().chars().count();
        (1..=REASON_CHARS_MAX).contains(&length) && !reason.chars().any(char::is_control)
    };
    match reason.is_none_or(is_good) {
        true => Ok(()),
        false => Err(OperatorError::InvalidReason),
    }
}
