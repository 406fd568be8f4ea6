//! Links sent by mail, and guests who become players.

use super::{CLEARED_AT_ONCE, delete_families, json_of, lock_user, read_user, run};
use crate::store::StoreError;
use crate::store::accounts::{
    LinkPurpose, NewLink, PasswordHash, TokenHash, Upgrade, User, UserStatus, upgraded_roles,
};
use crate::store::postgres::prefetch::stored;
use blazing_sun_domain::{Millis, UserId};
use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;

pub(super) async fn add(
    transaction: &Transaction<'_>,
    link: &NewLink,
    now: Millis,
) -> Result<(), StoreError> {
    let clear = "DELETE FROM account_link WHERE token_sha256 IN (
                     SELECT token_sha256 FROM account_link WHERE expires_ms <= $1
                     ORDER BY expires_ms LIMIT $2 FOR UPDATE SKIP LOCKED)";
    run(transaction, clear, &[&now.0, &CLEARED_AT_ONCE]).await?;
    let insert = "INSERT INTO account_link (token_sha256, purpose, user_id, email, expires_ms)
                  SELECT $1, $2, id, $4, $5 FROM users WHERE id = $3 AND status = 'active'";
    let row: [&(dyn ToSql + Sync); 5] = [
        &link.hash.0.as_slice(),
        &link.purpose.as_str(),
        &stored(&link.user),
        &link.email,
        &link.expires.0,
    ];
    run(transaction, insert, &row).await?;
    Ok(())
}

pub(super) async fn reset_password(
    transaction: &Transaction<'_>,
    link: TokenHash,
    password: &PasswordHash,
    now: Millis,
) -> Result<Option<User>, StoreError> {
    let Some(user) = owner(transaction, link, LinkPurpose::ResetPassword, now).await? else {
        return Ok(None);
    };
    let id = stored(&user.id);
    let set =
        "UPDATE users SET password_hash = $2, email_verified_ms = coalesce(email_verified_ms, $3)
               WHERE id = $1 RETURNING id, email, username, roles, status, created_ms, last_seen_ms,
                                       ban_reason, email_verified_ms";
    let changed = run(transaction, set, &[&id, &password.0, &now.0]).await?;
    run(
        transaction,
        "DELETE FROM account_link WHERE user_id = $1",
        &[&id],
    )
    .await?;
    delete_families(transaction, user.id).await?;
    changed.first().map(read_user).transpose()
}

pub(super) async fn verify_email(
    transaction: &Transaction<'_>,
    link: TokenHash,
    now: Millis,
) -> Result<Option<User>, StoreError> {
    let Some(user) = owner(transaction, link, LinkPurpose::VerifyEmail, now).await? else {
        return Ok(None);
    };
    let set = "UPDATE users SET email_verified_ms = coalesce(email_verified_ms, $2)
               WHERE id = $1 RETURNING id, email, username, roles, status, created_ms, last_seen_ms,
                                       ban_reason, email_verified_ms";
    let changed = run(transaction, set, &[&stored(&user.id), &now.0]).await?;
    changed.first().map(read_user).transpose()
}

/// Whose link it is, as long as it is good; the user's row is locked, so that of two uses one comes first.
async fn owner(
    transaction: &Transaction<'_>,
    link: TokenHash,
    purpose: LinkPurpose,
    now: Millis,
) -> Result<Option<User>, StoreError> {
    let hash = link.0.as_slice();
    let lock =
        "SELECT 1 FROM users WHERE id = (SELECT user_id FROM account_link WHERE token_sha256 = $1)
                FOR NO KEY UPDATE";
    run(transaction, lock, &[&hash]).await?;
    let find = "SELECT users.id, users.email, username, roles, status, created_ms, last_seen_ms, ban_reason,
                       email_verified_ms
                FROM account_link JOIN users ON users.id = user_id
                     AND lower(users.email) = lower(account_link.email)
                WHERE token_sha256 = $1 AND purpose = $2 AND expires_ms > $3 AND status = 'active'";
    let rows = run(transaction, find, &[&hash, &purpose.as_str(), &now.0]).await?;
    rows.first().map(read_user).transpose()
}

pub(super) async fn upgrade(
    transaction: &Transaction<'_>,
    guest: UserId,
    (email, password): &(String, PasswordHash),
    username: Option<String>,
) -> Result<Upgrade, StoreError> {
    let guest = lock_user(transaction, guest).await?;
    let Some((mut user, roles)) = guest.and_then(|user| {
        let roles = upgraded_roles(&user)?;
        (user.status == UserStatus::Active).then_some((user, roles))
    }) else {
        return Ok(Upgrade::NotAGuest);
    };
    user.username = username.unwrap_or(user.username);
    let set =
        "UPDATE users SET email = $2, password_hash = $3, username = $4, roles = $5 WHERE id = $1";
    let row: [&(dyn ToSql + Sync); 5] = [
        &stored(&user.id),
        email,
        &password.0,
        &user.username,
        &json_of(&roles),
    ];
    run(transaction, set, &row).await?;
    delete_families(transaction, user.id).await?;
    user.email = Some(email.clone());
    user.roles = roles;
    Ok(Upgrade::Upgraded(user))
}
