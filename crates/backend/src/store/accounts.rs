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

    /// All who may not sign in.
    async fn forbidden_users(&self) -> Result<Vec<UserId>, StoreError>;
}
