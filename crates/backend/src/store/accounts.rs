//! The accounts port: users and their refresh tokens. Their money is the ledger's.

#[cfg(test)]
pub mod conformance;

use super::StoreError;
use async_trait::async_trait;
use blazing_sun_domain::{Millis, UserId};
use std::fmt;
use uuid::Uuid;

/// Someone who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Given at creation, never used again.
    pub id: UserId,
    /// As typed at registration; none for guests.
    pub email: Option<String>,
    /// Since when it is known that mail to it reaches the user.
    pub email_verified: Option<Millis>,
    /// The name shown to others; several users may have the same.
    pub username: String,
    /// `player`, `guest`, `admin`, …
    pub roles: Vec<String>,
    /// Whether the user may sign in.
    pub status: UserStatus,
    /// Why not, where an operator has said so.
    pub ban_reason: Option<String>,
    /// When the account was made.
    pub created: Millis,
    /// The last sign-in or renewal.
    pub last_seen: Millis,
}

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserStatus {
    /// Yes.
    Active,
    /// No: an operator has forbidden it.
    Banned,
    /// No: the account has ended.
    Closed,
}

impl UserStatus {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            UserStatus::Active => "active",
            UserStatus::Banned => "banned",
            UserStatus::Closed => "closed",
        }
    }

    /// From its stored form.
    pub fn parse(text: &str) -> Option<UserStatus> {
        [UserStatus::Active, UserStatus::Banned, UserStatus::Closed]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// An argon2id hash in PHC format.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// SHA-256 of a refresh token, which itself is stored nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A user to add.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Email and password of an account; none for guests.
    pub credentials: Option<(String, PasswordHash)>,
    /// The name shown to others.
    pub username: String,
    /// `player`, `guest`, `admin`, …
    pub roles: Vec<String>,
}

/// What came of making a user with an id or email of one's own choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// The user is there.
    Created(User),
    /// Another user has the email.
    EmailTaken,
    /// Another user has the id.
    IdTaken,
}

/// A refresh token to keep.
#[derive(Debug, Clone, Copy)]
pub struct NewToken {
    /// What is stored of it.
    pub hash: TokenHash,
    /// From this instant on it is refused.
    pub expires: Millis,
}

/// What a link sent by mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Choosing a new password.
    ResetPassword,
    /// Showing that mail to the address arrives.
    VerifyEmail,
}

impl LinkPurpose {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            LinkPurpose::ResetPassword => "reset_password",
            LinkPurpose::VerifyEmail => "verify_email",
        }
    }
}

/// A link to keep until it is used or its time is over.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// What is stored of its token.
    pub hash: TokenHash,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Whose.
    pub user: UserId,
    /// Where it is sent: it is good only while the user has this address.
    pub email: String,
    /// From this instant on it is refused.
    pub expires: Millis,
}

/// What came of giving a guest an email and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrade {
    /// The guest is a player now, under the same id.
    Upgraded(User),
    /// Another user has the email.
    EmailTaken,
    /// The user is no guest, or may not sign in.
    NotAGuest,
}

/// The role of who plays without an email.
pub const GUEST_ROLE: &str = "guest";
/// The role of who plays with one.
pub const PLAYER_ROLE: &str = "player";

/// The roles of a guest who becomes a player; none for a user who is no guest.
pub fn upgraded_roles(user: &User) -> Option<Vec<String>> {
    if user.email.is_some() || !user.roles.iter().any(|role| role == GUEST_ROLE) {
        return None;
    }
    let others = user
        .roles
        .iter()
        .filter(|role| *role != GUEST_ROLE && *role != PLAYER_ROLE);
    Some(
        [PLAYER_ROLE.to_owned()]
            .into_iter()
            .chain(others.cloned())
            .collect(),
    )
}

/// How long after its use a token is taken again, in milliseconds, as long as nothing that it was
/// exchanged for has been used: a page that is reloaded while it renews its token shows the old one twice.
pub const REUSE_GRACE_MS: i64 = 10_000;

/// What became of a refresh token that was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// It is used up, and the next one is in force for this user.
    Rotated(User),
    /// It was never given, or its family has been revoked.
    Unknown,
    /// Its time is over.
    Expired,
    /// It had been used up before, and not just now: somebody else has it too. Its family has been
    /// revoked.
    Reused(UserId),
    /// Its user may not sign in.
    Forbidden(UserStatus),
}

/// Keeps users and their refresh tokens.
///
/// Guarantees: each method takes effect wholly or not at all and, when it has answered, survives a
/// kill at any instant; of two users with one email, compared without regard to case, the second is
/// refused however close they come; a used token is known as such for as long as it lives.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// Adds a user with the first token of a new family; none if the email is taken.
    async fn add_user(
        &self,
        user: NewUser,
        family: Uuid,
        token: NewToken,
        now: Millis,
    ) -> Result<Option<User>, StoreError>;

    /// The user with this id.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// So many users without email who have the role of the house's bots and no other, the oldest first;
    /// where there are fewer, the others are added under this name.
    async fn house_bots(
        &self,
        count: u32,
        username: &str,
        now: Millis,
    ) -> Result<Vec<User>, StoreError>;

    /// Users of this name, compared exactly; at most `limit`, the oldest first.
    async fn users_named(&self, username: &str, limit: u32) -> Result<Vec<User>, StoreError>;

    /// The user with this email, compared without regard to case.
    async fn user_by_email(&self, email: &str) -> Result<Option<(User, PasswordHash)>, StoreError>;

    /// Begins a family for an active user, whom it marks as seen; for any other it does nothing and
    /// answers false.
    async fn open_family(
        &self,
        user: UserId,
        family: Uuid,
        token: NewToken,
        now: Millis,
    ) -> Result<bool, StoreError>;

    /// Uses a token up in exchange for the next one of its family, and marks the user as seen.
    async fn rotate(
        &self,
        presented: TokenHash,
        next: NewToken,
        now: Millis,
    ) -> Result<Rotation, StoreError>;

    /// Revokes the family of a token, if it has one.
    async fn revoke_family(&self, token: TokenHash) -> Result<(), StoreError>;

    /// Revokes all families of a user: after a change of password.
    async fn revoke_user(&self, user: UserId) -> Result<(), StoreError>;

    /// Changes whether a user may sign in, and keeps why not; one who may not keeps no family. False if
    /// there is no such user.
    async fn set_status(
        &self,
        user: UserId,
        status: UserStatus,
        reason: Option<&str>,
    ) -> Result<bool, StoreError>;

    /// Adds a user who has not signed in yet. A given id leaves the ids of all others as they would
    /// have been.
    async fn create_user(
        &self,
        user: NewUser,
        id: Option<UserId>,
        now: Millis,
    ) -> Result<Creation, StoreError>;

    /// Gives a user a role, or takes it, and answers with the user; none if there is no such.
    async fn change_role(
        &self,
        user: UserId,
        role: &str,
        has_it: bool,
    ) -> Result<Option<User>, StoreError>;

    /// Keeps a link for an active user.
    async fn add_link(&self, link: NewLink, now: Millis) -> Result<(), StoreError>;

    /// Uses a link for a new password: it is the user's from now on, the address is known to be theirs, and no
    /// family and no other link is left. None if there is no such link, it has expired, or its user may not sign in.
    async fn reset_password(
        &self,
        link: TokenHash,
        password: PasswordHash,
        now: Millis,
    ) -> Result<Option<User>, StoreError>;

    /// Uses a link that shows an address to be the user's; a second use answers as the first. None as above.
    async fn verify_email(&self, link: TokenHash, now: Millis) -> Result<Option<User>, StoreError>;

    /// Makes a player of a guest, under the same id, and revokes all families.
    async fn upgrade_guest(
        &self,
        guest: UserId,
        credentials: (String, PasswordHash),
        username: Option<String>,
    ) -> Result<Upgrade, StoreError>;

    /// All who may not sign in, but guests who were closed as idle before `closed_since`.
    async fn forbidden_users(&self, closed_since: Millis) -> Result<Vec<UserId>, StoreError>;

    /// Closes at most so many guests, the longest unseen first, and answers with them: who has no other role, and since
    /// `idle_since` has neither signed in nor been connected nor moved money, and who now is not connected, in no room, and
    /// has no open payment. Their refresh tokens stay, and are refused as those of a closed account.
    async fn close_idle_guests(
        &self,
        idle_since: Millis,
        limit: u32,
        now: Millis,
    ) -> Result<Vec<UserId>, StoreError>;

    /// At most so many of the closed guests who still have money, those who were answered longest ago first.
    async fn closed_guests_with_money(
        &self,
        limit: u32,
        now: Millis,
    ) -> Result<Vec<UserId>, StoreError>;
}
