//! Users and refresh tokens in PostgreSQL.

mod idle;
mod links;

use super::pool::PgPool;
use super::prefetch::stored;
use crate::store::StoreError;
use crate::store::accounts::{
    AccountStore, Creation, NewLink, NewToken, NewUser, PasswordHash, REUSE_GRACE_MS, Rotation,
    TokenHash, Upgrade, User, UserStatus,
};
use async_trait::async_trait;
use blazing_sun_backbone::envelope::BOT_ROLE;
use blazing_sun_domain::{Millis, UserId};
use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// Expired tokens that each new one clears away at most, so that none pays for all.
const CLEARED_AT_ONCE: i64 = 8;

/// Whoever adds the house's bots holds this advisory lock, so that they are made once.
const BOTS_LOCK: i64 = 0x626c_617a_696e_6722;

const USER: &str = "SELECT id, email, username, roles, status, created_ms, last_seen_ms, ban_reason, email_verified_ms";

/// Accounts in PostgreSQL.
#[derive(Debug, Clone)]
pub struct PgAccounts {
    pool: PgPool,
}

impl PgAccounts {
    /// Accounts on these connections.
    pub fn new(pool: PgPool) -> PgAccounts {
        PgAccounts { pool }
    }
}

#[async_trait]
impl AccountStore for PgAccounts {
    async fn add_user(
        &self,
        user: NewUser,
        family: Uuid,
        token: NewToken,
        now: Millis,
    ) -> Result<Option<User>, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let added = insert_user(&transaction, &user, now).await?;
        if let Some(user) = &added {
            insert_token(&transaction, user.id, family, token, now).await?;
        }
        transaction.commit().await?;
        Ok(added)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let sql = format!("{USER} FROM users WHERE id = $1");
        let rows = self.pool.rows(&sql, &[&stored(&id)]).await?;
        rows.first().map(read_user).transpose()
    }

    async fn house_bots(
        &self,
        count: u32,
        username: &str,
        now: Millis,
    ) -> Result<Vec<User>, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        run(
            &transaction,
            "SELECT pg_advisory_xact_lock($1)",
            &[&BOTS_LOCK],
        )
        .await?;
        let sql =
            format!("{USER} FROM users WHERE email IS NULL AND roles = $1 ORDER BY id LIMIT $2");
        let roles = json_of(&[BOT_ROLE.to_owned()]);
        let found = run(&transaction, &sql, &[&roles, &i64::from(count)]).await?;
        let mut bots: Vec<User> = found.iter().map(read_user).collect::<Result<_, _>>()?;
        for _ in bots.len()..count as usize {
            let bot = NewUser {
                username: username.to_owned(),
                roles: vec![BOT_ROLE.to_owned()],
                credentials: None,
            };
            bots.extend(insert_user(&transaction, &bot, now).await?);
        }
        transaction.commit().await?;
        Ok(bots)
    }

    async fn users_named(&self, username: &str, limit: u32) -> Result<Vec<User>, StoreError> {
        if has_nul(username) {
            return Ok(Vec::new());
        }
        let sql = format!("{USER} FROM users WHERE username = $1 ORDER BY id LIMIT $2");
        let rows = self
            .pool
            .rows(&sql, &[&username, &i64::from(limit)])
            .await?;
        rows.iter().map(read_user).collect()
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<(User, PasswordHash)>, StoreError> {
        if has_nul(email) {
            return Ok(None);
        }
        let sql = format!(
            "{USER}, password_hash FROM users WHERE lower(email) = lower($1 COLLATE \"C\")"
        );
        let rows = self.pool.rows(&sql, &[&email]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some((read_user(row)?, PasswordHash(row.try_get(9)?))))
    }

    async fn open_family(
        &self,
        user: UserId,
        family: Uuid,
        token: NewToken,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let is_active = touch(&transaction, user, now).await?.is_some();
        if is_active {
            insert_token(&transaction, user, family, token, now).await?;
        }
        transaction.commit().await?;
        Ok(is_active)
    }

    async fn rotate(
        &self,
        presented: TokenHash,
        next: NewToken,
        now: Millis,
    ) -> Result<Rotation, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let rotation = rotate(&transaction, presented, next, now).await?;
        transaction.commit().await?;
        Ok(rotation)
    }

    async fn revoke_family(&self, token: TokenHash) -> Result<(), StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        if let Some(found) = find_token(&transaction, token).await? {
            delete_family(&transaction, found.family).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn revoke_user(&self, user: UserId) -> Result<(), StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        lock_user(&transaction, user).await?;
        delete_families(&transaction, user).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn set_status(
        &self,
        user: UserId,
        status: UserStatus,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let sql = "UPDATE users SET status = $2, ban_reason = $3 WHERE id = $1 RETURNING 1";
        let row: [&(dyn ToSql + Sync); 3] = [&stored(&user), &status.as_str(), &reason];
        let is_known = !run(&transaction, sql, &row).await?.is_empty();
        if status != UserStatus::Active {
            delete_families(&transaction, user).await?;
        }
        transaction.commit().await?;
        Ok(is_known)
    }

    async fn create_user(
        &self,
        user: NewUser,
        id: Option<UserId>,
        now: Millis,
    ) -> Result<Creation, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let creation = match id {
            Some(id) => insert_chosen(&transaction, &user, id, now).await?,
            None => {
                let added = insert_user(&transaction, &user, now).await?;
                added.map_or(Creation::EmailTaken, Creation::Created)
            }
        };
        transaction.commit().await?;
        Ok(creation)
    }

    async fn change_role(
        &self,
        user: UserId,
        role: &str,
        has_it: bool,
    ) -> Result<Option<User>, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let Some(mut user) = lock_user(&transaction, user).await? else {
            return Ok(None);
        };
        user.roles.retain(|other| other != role);
        if has_it {
            user.roles.push(role.to_owned());
        }
        let roles = json_of(&user.roles);
        let sql = "UPDATE users SET roles = $2 WHERE id = $1";
        run(&transaction, sql, &[&stored(&user.id), &roles]).await?;
        transaction.commit().await?;
        Ok(Some(user))
    }

    async fn add_link(&self, link: NewLink, now: Millis) -> Result<(), StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        links::add(&transaction, &link, now).await?;
        Ok(transaction.commit().await?)
    }

    async fn reset_password(
        &self,
        link: TokenHash,
        password: PasswordHash,
        now: Millis,
    ) -> Result<Option<User>, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let user = links::reset_password(&transaction, link, &password, now).await?;
        transaction.commit().await?;
        Ok(user)
    }

    async fn verify_email(&self, link: TokenHash, now: Millis) -> Result<Option<User>, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let user = links::verify_email(&transaction, link, now).await?;
        transaction.commit().await?;
        Ok(user)
    }

    async fn upgrade_guest(
        &self,
        guest: UserId,
        credentials: (String, PasswordHash),
        username: Option<String>,
    ) -> Result<Upgrade, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        match links::upgrade(&transaction, guest, &credentials, username).await {
            Ok(upgrade) => {
                transaction.commit().await?;
                Ok(upgrade)
            }
            // The email was free when the others began, too.
            Err(StoreError::Postgres(failure))
                if failure.code() == Some(&SqlState::UNIQUE_VIOLATION) =>
            {
                Ok(Upgrade::EmailTaken)
            }
            Err(error) => Err(error),
        }
    }

    async fn forbidden_users(&self, closed_since: Millis) -> Result<Vec<UserId>, StoreError> {
        let sql =
            "SELECT id FROM users WHERE status <> 'active' AND coalesce(closed_ms >= $1, TRUE)";
        user_ids(&self.pool.rows(sql, &[&closed_since.0]).await?)
    }

    async fn close_idle_guests(
        &self,
        idle_since: Millis,
        limit: u32,
        now: Millis,
    ) -> Result<Vec<UserId>, StoreError> {
        let parameters: [&(dyn ToSql + Sync); 3] = [&idle_since.0, &i64::from(limit), &now.0];
        user_ids(&self.pool.rows(idle::CLOSE, &parameters).await?)
    }

    async fn closed_guests_with_money(
        &self,
        limit: u32,
        now: Millis,
    ) -> Result<Vec<UserId>, StoreError> {
        self.pool.rows(idle::FORGET, &[]).await?;
        let parameters: [&(dyn ToSql + Sync); 2] = [&now.0, &i64::from(limit)];
        user_ids(&self.pool.rows(idle::WITH_MONEY, &parameters).await?)
    }
}

fn user_ids(rows: &[Row]) -> Result<Vec<UserId>, StoreError> {
    let ids = rows.iter().map(|row| row.try_get::<_, i64>(0));
    let ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
    let id = |id| u64::try_from(id).ok().and_then(UserId::new);
    Ok(ids.into_iter().filter_map(id).collect())
}

/// Whether nothing in the database can be this: PostgreSQL's texts have no U+0000, and it refuses to compare with one.
fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

async fn run(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, StoreError> {
    let statement = transaction.prepare_cached(sql).await?;
    Ok(transaction.query(&statement, parameters).await?)
}

fn json_of(roles: &[String]) -> String {
    serde_json::Value::from(roles.to_vec()).to_string()
}

fn read_user(row: &Row) -> Result<User, StoreError> {
    let id: i64 = row.try_get(0)?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of user {id}"));
    let (roles, status): (&str, &str) = (row.try_get(3)?, row.try_get(4)?);
    Ok(User {
        id: u64::try_from(id)
            .ok()
            .and_then(UserId::new)
            .ok_or_else(|| corrupt("id"))?,
        email: row.try_get(1)?,
        username: row.try_get(2)?,
        roles: serde_json::from_str(roles).map_err(|_| corrupt("roles"))?,
        status: UserStatus::parse(status).ok_or_else(|| corrupt("status"))?,
        ban_reason: row.try_get(7)?,
        created: Millis(row.try_get(5)?),
        last_seen: Millis(row.try_get(6)?),
        email_verified: row.try_get::<_, Option<i64>>(8)?.map(Millis),
    })
}

/// Adds a user under the next id that is free; none if the email is taken.
async fn insert_user(
    transaction: &Transaction<'_>,
    user: &NewUser,
    now: Millis,
) -> Result<Option<User>, StoreError> {
    loop {
        let drawn = run(transaction, "SELECT nextval('user_id')", &[]).await?;
        let id: i64 = drawn.first().map_or(Ok(0), |row| row.try_get(0))?;
        if let Some(added) = insert(transaction, user, id, now).await? {
            return Ok(Some(added));
        }
        if !is_id_taken(transaction, id).await? {
            return Ok(None);
        }
    }
}

/// Adds a user under an id that an operator has chosen. Those that follow each other, as in an import, are
/// passed over by the ids that nobody chooses.
async fn insert_chosen(
    transaction: &Transaction<'_>,
    user: &NewUser,
    id: UserId,
    now: Millis,
) -> Result<Creation, StoreError> {
    let id = stored(&id);
    let Some(created) = insert(transaction, user, id, now).await? else {
        return Ok(match is_id_taken(transaction, id).await? {
            true => Creation::IdTaken,
            false => Creation::EmailTaken,
        });
    };
    let pass = "SELECT setval('user_id', $1) FROM user_id
                WHERE last_value + CASE WHEN is_called THEN 1 ELSE 0 END = $1";
    run(transaction, pass, &[&id]).await?;
    Ok(Creation::Created(created))
}

async fn insert(
    transaction: &Transaction<'_>,
    user: &NewUser,
    id: i64,
    now: Millis,
) -> Result<Option<User>, StoreError> {
    let (email, hash) = user
        .credentials
        .as_ref()
        .map(|(email, hash)| (email.as_str(), hash.0.as_str()))
        .unzip();
    let sql =
        "INSERT INTO users (id, email, username, roles, password_hash, created_ms, last_seen_ms)
               VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING
               RETURNING id, email, username, roles, status, created_ms, last_seen_ms, ban_reason,
                         email_verified_ms";
    let roles = json_of(&user.roles);
    let row: [&(dyn ToSql + Sync); 6] = [&id, &email, &user.username, &roles, &hash, &now.0];
    let rows = run(transaction, sql, &row).await?;
    rows.first().map(read_user).transpose()
}

async fn is_id_taken(transaction: &Transaction<'_>, id: i64) -> Result<bool, StoreError> {
    let found = run(transaction, "SELECT 1 FROM users WHERE id = $1", &[&id]).await?;
    Ok(!found.is_empty())
}

/// Locks a user's row, which whoever changes the user's families holds.
async fn lock_user(
    transaction: &Transaction<'_>,
    user: UserId,
) -> Result<Option<User>, StoreError> {
    let sql = format!("{USER} FROM users WHERE id = $1 FOR NO KEY UPDATE");
    let rows = run(transaction, &sql, &[&stored(&user)]).await?;
    rows.first().map(read_user).transpose()
}

/// Locks an active user and marks the user as seen; none for any other.
async fn touch(
    transaction: &Transaction<'_>,
    user: UserId,
    now: Millis,
) -> Result<Option<User>, StoreError> {
    let sql = "UPDATE users SET last_seen_ms = greatest(last_seen_ms, $2)
               WHERE id = $1 AND status = 'active'
               RETURNING id, email, username, roles, status, created_ms, last_seen_ms, ban_reason,
                         email_verified_ms";
    let rows = run(transaction, sql, &[&stored(&user), &now.0]).await?;
    rows.first().map(read_user).transpose()
}

async fn insert_token(
    transaction: &Transaction<'_>,
    user: UserId,
    family: Uuid,
    token: NewToken,
    now: Millis,
) -> Result<(), StoreError> {
    let clear = "DELETE FROM refresh_token WHERE token_sha256 IN (
                     SELECT token_sha256 FROM refresh_token WHERE expires_ms <= $1
                     ORDER BY expires_ms LIMIT $2 FOR UPDATE SKIP LOCKED)";
    run(transaction, clear, &[&now.0, &CLEARED_AT_ONCE]).await?;
    let insert = "INSERT INTO refresh_token (token_sha256, family, user_id, issued_ms, expires_ms)
                  VALUES ($1, $2, $3, $4, $5)";
    let hash = token.hash.0.as_slice();
    let row: [&(dyn ToSql + Sync); 5] = [&hash, &family, &stored(&user), &now.0, &token.expires.0];
    run(transaction, insert, &row).await?;
    Ok(())
}

struct StoredToken {
    family: Uuid,
    user: UserId,
    expires: Millis,
    rotated_ms: Option<i64>,
}

/// A token, with its user's row locked so that it stays as it is found.
async fn find_token(
    transaction: &Transaction<'_>,
    hash: TokenHash,
) -> Result<Option<StoredToken>, StoreError> {
    let hash = hash.0.as_slice();
    let lock =
        "SELECT 1 FROM users WHERE id = (SELECT user_id FROM refresh_token WHERE token_sha256 = $1)
                FOR NO KEY UPDATE";
    run(transaction, lock, &[&hash]).await?;
    let sql =
        "SELECT family, user_id, expires_ms, rotated_ms FROM refresh_token WHERE token_sha256 = $1";
    let rows = run(transaction, sql, &[&hash]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(StoredToken {
        family: row.try_get(0)?,
        user: super::prefetch::user_of(row, 1)?,
        expires: Millis(row.try_get(2)?),
        rotated_ms: row.try_get(3)?,
    }))
}

async fn rotate(
    transaction: &Transaction<'_>,
    presented: TokenHash,
    next: NewToken,
    now: Millis,
) -> Result<Rotation, StoreError> {
    let Some(found) = find_token(transaction, presented).await? else {
        return Ok(Rotation::Unknown);
    };
    if let Some(rotated_ms) = found.rotated_ms {
        let is_recent = now.0 <= rotated_ms.saturating_add(REUSE_GRACE_MS);
        if !is_recent || is_successor_used(transaction, presented, &found, rotated_ms).await? {
            delete_family(transaction, found.family).await?;
            return Ok(Rotation::Reused(found.user));
        }
    }
    if found.expires <= now {
        return Ok(Rotation::Expired);
    }
    let Some(user) = touch(transaction, found.user, now).await? else {
        let user = lock_user(transaction, found.user).await?;
        let status = user.map_or(UserStatus::Closed, |user| user.status);
        return Ok(Rotation::Forbidden(status));
    };
    let use_up =
        "UPDATE refresh_token SET rotated_ms = coalesce(rotated_ms, $2) WHERE token_sha256 = $1";
    let hash = presented.0.as_slice();
    run(transaction, use_up, &[&hash, &now.0]).await?;
    insert_token(transaction, user.id, found.family, next, now).await?;
    Ok(Rotation::Rotated(user))
}

async fn is_successor_used(
    transaction: &Transaction<'_>,
    presented: TokenHash,
    found: &StoredToken,
    rotated_ms: i64,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM refresh_token WHERE family = $1 AND token_sha256 <> $2
               AND issued_ms >= $3 AND rotated_ms IS NOT NULL LIMIT 1";
    let hash = presented.0.as_slice();
    let used = run(transaction, sql, &[&found.family, &hash, &rotated_ms]).await?;
    Ok(!used.is_empty())
}

async fn delete_family(transaction: &Transaction<'_>, family: Uuid) -> Result<(), StoreError> {
    let sql = "DELETE FROM refresh_token WHERE family = $1";
    run(transaction, sql, &[&family]).await?;
    Ok(())
}

async fn delete_families(transaction: &Transaction<'_>, user: UserId) -> Result<(), StoreError> {
    let sql = "DELETE FROM refresh_token WHERE user_id = $1";
    run(transaction, sql, &[&stored(&user)]).await?;
    Ok(())
}
