//! Links sent by mail, and guests who become players.

use super::{CLEARED_AT_ONCE, StoredUser, delete_families, find_user, json_of, stored};
use crate::store::StoreError;
use crate::store::accounts::{
    LinkPurpose, NewLink, PasswordHash, TokenHash, Upgrade, User, UserStatus, upgraded_roles,
};
use blazing_sun_domain::{Millis, UserId};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) fn add(connection: &Connection, link: &NewLink, now: Millis) -> Result<(), StoreError> {
    let mut clear = connection.prepare_cached(
        "DELETE FROM account_link WHERE token_sha256 IN (
             SELECT token_sha256 FROM account_link WHERE expires_ms <= ?1
             ORDER BY expires_ms LIMIT ?2)",
    )?;
    clear.execute(params![now.0, CLEARED_AT_ONCE])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO account_link (token_sha256, purpose, user_id, email, expires_ms)
         SELECT ?1, ?2, id, ?4, ?5 FROM users WHERE id = ?3 AND status = 'active'",
    )?;
    insert.execute(params![
        link.hash.0,
        link.purpose.as_str(),
        stored(link.user),
        link.email,
        link.expires.0
    ])?;
    Ok(())
}

pub(super) fn reset_password(
    connection: &Connection,
    link: TokenHash,
    password: &PasswordHash,
    now: Millis,
) -> Result<Option<User>, StoreError> {
    let Some(user) = owner(connection, link, LinkPurpose::ResetPassword, now)? else {
        return Ok(None);
    };
    let mut set = connection.prepare_cached(
        "UPDATE users SET password_hash = ?2, email_verified_ms = ifnull(email_verified_ms, ?3) WHERE id = ?1",
    )?;
    set.execute(params![stored(user.id), password.0, now.0])?;
    let mut spend = connection.prepare_cached("DELETE FROM account_link WHERE user_id = ?1")?;
    spend.execute([stored(user.id)])?;
    delete_families(connection, user.id)?;
    find_user(connection, user.id)
}

pub(super) fn verify_email(
    connection: &Connection,
    link: TokenHash,
    now: Millis,
) -> Result<Option<User>, StoreError> {
    let Some(user) = owner(connection, link, LinkPurpose::VerifyEmail, now)? else {
        return Ok(None);
    };
    let mut set = connection.prepare_cached(
        "UPDATE users SET email_verified_ms = ifnull(email_verified_ms, ?2) WHERE id = ?1",
    )?;
    set.execute(params![stored(user.id), now.0])?;
    find_user(connection, user.id)
}

/// Whose link it is, as long as it is good.
fn owner(
    connection: &Connection,
    link: TokenHash,
    purpose: LinkPurpose,
    now: Millis,
) -> Result<Option<User>, StoreError> {
    let mut find = connection.prepare_cached(
        "SELECT users.id, users.email, username, roles, status, created_ms, last_seen_ms, ban_reason,
                email_verified_ms
         FROM account_link JOIN users ON users.id = user_id AND users.email = account_link.email
         WHERE token_sha256 = ?1 AND purpose = ?2 AND expires_ms > ?3 AND status = 'active'",
    )?;
    let found = find
        .query_row(params![link.0, purpose.as_str(), now.0], StoredUser::of)
        .optional()?;
    found.map(StoredUser::read).transpose()
}

pub(super) fn upgrade(
    connection: &Connection,
    guest: UserId,
    (email, password): &(String, PasswordHash),
    username: Option<String>,
) -> Result<Upgrade, StoreError> {
    let guest = find_user(connection, guest)?;
    let Some((mut user, roles)) = guest.and_then(|user| {
        let roles = upgraded_roles(&user)?;
        (user.status == UserStatus::Active).then_some((user, roles))
    }) else {
        return Ok(Upgrade::NotAGuest);
    };
    let mut taken = connection.prepare_cached("SELECT 1 FROM users WHERE email = ?1")?;
    if taken.exists([email])? {
        return Ok(Upgrade::EmailTaken);
    }
    user.username = username.unwrap_or(user.username);
    let mut set = connection.prepare_cached(
        "UPDATE users SET email = ?2, password_hash = ?3, username = ?4, roles = ?5 WHERE id = ?1",
    )?;
    set.execute(params![
        stored(user.id),
        email,
        password.0,
        user.username,
        json_of(&roles)
    ])?;
    delete_families(connection, user.id)?;
    user.email = Some(email.clone());
    user.roles = roles;
    Ok(Upgrade::Upgraded(user))
}
