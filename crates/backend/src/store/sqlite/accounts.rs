//! Users and refresh tokens in the embedded store.

mod idle;
mod links;

use super::SqliteAccess;
use crate::store::StoreError;
use crate::store::accounts::{
    AccountStore, Creation, NewLink, NewToken, NewUser, PasswordHash, REUSE_GRACE_MS, Rotation,
    TokenHash, Upgrade, User, UserStatus,
};
use async_trait::async_trait;
use blazing_sun_backbone::envelope::BOT_ROLE;
use blazing_sun_domain::{Millis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use uuid::Uuid;

/// Expired tokens that each new one clears away at most, so that none pays for all.
const CLEARED_AT_ONCE: u32 = 8;

const USER: &str = "SELECT id, email, username, roles, status, created_ms, last_seen_ms, ban_reason, email_verified_ms";

/// Accounts in the embedded store's file.
#[derive(Clone)]
pub struct SqliteAccounts {
    access: SqliteAccess,
}

impl SqliteAccounts {
    /// Accounts in this file.
    pub fn new(access: SqliteAccess) -> SqliteAccounts {
        SqliteAccounts { access }
    }
}

#[async_trait]
impl AccountStore for SqliteAccounts {
    async fn add_user(
        &self,
        user: NewUser,
        family: Uuid,
        token: NewToken,
        now: Millis,
    ) -> Result<Option<User>, StoreError> {
        self.access
            .write(move |connection| {
                let added = insert_user(connection, user, None, now)?;
                if let Some(user) = &added {
                    insert_token(connection, user.id, family, token, now)?;
                }
                Ok(added)
            })
            .await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.access
            .read(move |connection| find_user(connection, id))
            .await
    }

    async fn house_bots(
        &self,
        count: u32,
        username: &str,
        now: Millis,
    ) -> Result<Vec<User>, StoreError> {
        let username = username.to_owned();
        self.access
            .write(move |connection| house_bots(connection, count, &username, now))
            .await
    }

    async fn users_named(&self, username: &str, limit: u32) -> Result<Vec<User>, StoreError> {
        let username = username.to_owned();
        let find = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{USER} FROM users WHERE username = ?1 ORDER BY id LIMIT ?2"
            ))?;
            let found = statement.query_map(params![username, limit], StoredUser::of)?;
            found.map(|user| user?.read()).collect()
        };
        self.access.read(find).await
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<(User, PasswordHash)>, StoreError> {
        let email = email.to_owned();
        let find = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{USER}, password_hash FROM users WHERE email = ?1"
            ))?;
            let found = statement.query_row([email], |row| Ok((StoredUser::of(row)?, row.get(9)?)));
            let Some((user, hash)) = found.optional()? else {
                return Ok(None);
            };
            Ok(Some((user.read()?, PasswordHash(hash))))
        };
        self.access.read(find).await
    }

    async fn open_family(
        &self,
        user: UserId,
        family: Uuid,
        token: NewToken,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let open = move |connection: &Connection| {
            let is_active = touch(connection, user, now)?;
            if is_active {
                insert_token(connection, user, family, token, now)?;
            }
            Ok(is_active)
        };
        self.access.write(open).await
    }

    async fn rotate(
        &self,
        presented: TokenHash,
        next: NewToken,
        now: Millis,
    ) -> Result<Rotation, StoreError> {
        self.access
            .write(move |connection| rotate(connection, presented, next, now))
            .await
    }

    async fn revoke_family(&self, token: TokenHash) -> Result<(), StoreError> {
        let revoke = move |connection: &Connection| {
            let mut statement = connection
                .prepare_cached("SELECT family FROM refresh_token WHERE token_sha256 = ?1")?;
            match statement
                .query_row([token.0], |row| row.get(0))
                .optional()?
            {
                Some(family) => delete_family(connection, family),
                None => Ok(()),
            }
        };
        self.access.write(revoke).await
    }

    async fn revoke_user(&self, user: UserId) -> Result<(), StoreError> {
        self.access
            .write(move |connection| delete_families(connection, user))
            .await
    }

    async fn set_status(
        &self,
        user: UserId,
        status: UserStatus,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        let reason = reason.map(str::to_owned);
        let set = move |connection: &Connection| {
            let mut statement = connection
                .prepare_cached("UPDATE users SET status = ?2, ban_reason = ?3 WHERE id = ?1")?;
            let row = params![stored(user), status.as_str(), reason];
            let is_known = statement.execute(row)? == 1;
            if status != UserStatus::Active {
                delete_families(connection, user)?;
            }
            Ok(is_known)
        };
        self.access.write(set).await
    }

    async fn create_user(
        &self,
        user: NewUser,
        id: Option<UserId>,
        now: Millis,
    ) -> Result<Creation, StoreError> {
        let create = move |connection: &Connection| {
            if let Some(id) = id
                && find_user(connection, id)?.is_some()
            {
                return Ok(Creation::IdTaken);
            }
            let created = insert_user(connection, user, id, now)?;
            Ok(created.map_or(Creation::EmailTaken, Creation::Created))
        };
        self.access.write(create).await
    }

    async fn change_role(
        &self,
        user: UserId,
        role: &str,
        has_it: bool,
    ) -> Result<Option<User>, StoreError> {
        let role = role.to_owned();
        let change = move |connection: &Connection| {
            let Some(mut user) = find_user(connection, user)? else {
                return Ok(None);
            };
            user.roles.retain(|other| *other != role);
            if has_it {
                user.roles.push(role);
            }
            let mut statement =
                connection.prepare_cached("UPDATE users SET roles = ?2 WHERE id = ?1")?;
            statement.execute(params![stored(user.id), json_of(&user.roles)])?;
            Ok(Some(user))
        };
        self.access.write(change).await
    }

    async fn add_link(&self, link: NewLink, now: Millis) -> Result<(), StoreError> {
        self.access
            .write(move |connection| links::add(connection, &link, now))
            .await
    }

    async fn reset_password(
        &self,
        link: TokenHash,
        password: PasswordHash,
        now: Millis,
    ) -> Result<Option<User>, StoreError> {
        self.access
            .write(move |connection| links::reset_password(connection, link, &password, now))
            .await
    }

    async fn verify_email(&self, link: TokenHash, now: Millis) -> Result<Option<User>, StoreError> {
        self.access
            .write(move |connection| links::verify_email(connection, link, now))
            .await
    }

    async fn upgrade_guest(
        &self,
        guest: UserId,
        credentials: (String, PasswordHash),
        username: Option<String>,
    ) -> Result<Upgrade, StoreError> {
        self.access
            .write(move |connection| links::upgrade(connection, guest, &credentials, username))
            .await
    }

    async fn forbidden_users(&self, closed_since: Millis) -> Result<Vec<UserId>, StoreError> {
        let find = move |connection: &Connection| {
            let sql = "SELECT id FROM users
                       WHERE status <> 'active' AND ifnull(closed_ms >= ?1, TRUE)";
            user_ids(connection, sql, params![closed_since.0])
        };
        self.access.read(find).await
    }

    async fn close_idle_guests(
        &self,
        idle_since: Millis,
        limit: u32,
        now: Millis,
    ) -> Result<Vec<UserId>, StoreError> {
        self.access
            .write(move |connection| idle::close(connection, idle_since, limit, now))
            .await
    }

    async fn closed_guests_with_money(
        &self,
        limit: u32,
        now: Millis,
    ) -> Result<Vec<UserId>, StoreError> {
        self.access
            .write(move |connection| idle::with_money(connection, limit, now))
            .await
    }
}

fn user_ids(
    connection: &Connection,
    sql: &str,
    parameters: &[&dyn ToSql],
) -> Result<Vec<UserId>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let ids = statement.query_map(parameters, |row| row.get::<_, i64>(0))?;
    let ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
    let id = |id| u64::try_from(id).ok().and_then(UserId::new);
    Ok(ids.into_iter().filter_map(id).collect())
}

fn json_of(roles: &[String]) -> String {
    serde_json::Value::from(roles.to_vec()).to_string()
}

fn stored(user: UserId) -> i64 {
    user.get() as i64
}

struct StoredUser {
    id: i64,
    email: Option<String>,
    username: String,
    roles: String,
    status: String,
    created_ms: i64,
    last_seen_ms: i64,
    ban_reason: Option<String>,
    email_verified_ms: Option<i64>,
}

impl StoredUser {
    fn of(row: &Row<'_>) -> rusqlite::Result<StoredUser> {
        Ok(StoredUser {
            id: row.get(0)?,
            email: row.get(1)?,
            username: row.get(2)?,
            roles: row.get(3)?,
            status: row.get(4)?,
            created_ms: row.get(5)?,
            last_seen_ms: row.get(6)?,
            ban_reason: row.get(7)?,
            email_verified_ms: row.get(8)?,
        })
    }

    fn read(self) -> Result<User, StoreError> {
        let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of user {}", self.id));
        Ok(User {
            id: u64::try_from(self.id)
                .ok()
                .and_then(UserId::new)
                .ok_or_else(|| corrupt("id"))?,
            roles: serde_json::from_str(&self.roles).map_err(|_| corrupt("roles"))?,
            status: UserStatus::parse(&self.status).ok_or_else(|| corrupt("status"))?,
            email: self.email,
            ban_reason: self.ban_reason,
            email_verified: self.email_verified_ms.map(Millis),
            username: self.username,
            created: Millis(self.created_ms),
            last_seen: Millis(self.last_seen_ms),
        })
    }
}

fn find_user(connection: &Connection, id: UserId) -> Result<Option<User>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{USER} FROM users WHERE id = ?1"))?;
    let found = statement
        .query_row([stored(id)], StoredUser::of)
        .optional()?;
    found.map(StoredUser::read).transpose()
}

fn insert_user(
    connection: &Connection,
    user: NewUser,
    id: Option<UserId>,
    now: Millis,
) -> Result<Option<User>, StoreError> {
    let id = match id {
        Some(id) => chosen_id(connection, stored(id))?,
        None => next_id(connection)?,
    };
    let (email, hash) = user
        .credentials
        .map(|(email, hash)| (email, hash.0))
        .unzip();
    let roles = json_of(&user.roles);
    let mut statement = connection.prepare_cached(
        "INSERT INTO users (id, email, username, roles, password_hash, created_ms, last_seen_ms)
         VALUES (?6, ?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (email) DO NOTHING
         RETURNING id, email, username, roles, status, created_ms, last_seen_ms, ban_reason,
                   email_verified_ms",
    )?;
    let row = params![email, user.username, roles, hash, now.0, id];
    let added = statement.query_row(row, StoredUser::of).optional()?;
    added.map(StoredUser::read).transpose()
}

/// The next id, past those that operators have chosen. SQLite's own choice would go on from the
/// greatest id that there is, and end at once where an operator has chosen the last.
fn next_id(connection: &Connection) -> Result<i64, StoreError> {
    let mut id = last_id(connection)?;
    let mut taken = connection.prepare_cached("SELECT 1 FROM users WHERE id = ?1")?;
    loop {
        id += 1;
        if !taken.exists([id])? {
            break;
        }
    }
    keep_last_id(connection, id)?;
    Ok(id)
}

/// An id that an operator has chosen. Those that follow each other, as in an import, are passed over.
fn chosen_id(connection: &Connection, id: i64) -> Result<i64, StoreError> {
    let last = last_id(connection)?;
    keep_last_id(connection, if id == last + 1 { id } else { last })?;
    Ok(id)
}

/// The last id that was not chosen.
fn last_id(connection: &Connection) -> Result<i64, StoreError> {
    let mut last = connection.prepare_cached(
        "SELECT ifnull((SELECT CAST(value AS INTEGER) FROM deployment WHERE name = 'last_user_id'),
                       ifnull((SELECT max(id) FROM users), 0))",
    )?;
    Ok(last.query_row([], |row| row.get(0))?)
}

fn keep_last_id(connection: &Connection, id: i64) -> Result<(), StoreError> {
    let mut keep = connection.prepare_cached(
        "INSERT INTO deployment (name, value) VALUES ('last_user_id', CAST(?1 AS TEXT))
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?;
    keep.execute([id])?;
    Ok(())
}

fn house_bots(
    connection: &Connection,
    count: u32,
    username: &str,
    now: Millis,
) -> Result<Vec<User>, StoreError> {
    let mut find = connection.prepare_cached(&format!(
        "{USER} FROM users WHERE email IS NULL AND roles = json_array(?1) ORDER BY id LIMIT ?2"
    ))?;
    let found = find.query_map(params![BOT_ROLE, count], StoredUser::of)?;
    let mut bots: Vec<User> = found
        .map(|user| user?.read())
        .collect::<Result<_, StoreError>>()?;
    for _ in bots.len()..count as usize {
        let bot = NewUser {
            username: username.to_owned(),
            roles: vec![BOT_ROLE.to_owned()],
            credentials: None,
        };
        bots.extend(insert_user(connection, bot, None, now)?);
    }
    Ok(bots)
}

/// Marks an active user as seen; false for any other.
fn touch(connection: &Connection, user: UserId, now: Millis) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE users SET last_seen_ms = max(last_seen_ms, ?2) WHERE id = ?1 AND status = 'active'",
    )?;
    Ok(statement.execute(params![stored(user), now.0])? == 1)
}

fn insert_token(
    connection: &Connection,
    user: UserId,
    family: Uuid,
    token: NewToken,
    now: Millis,
) -> Result<(), StoreError> {
    let mut clear = connection.prepare_cached(
        "DELETE FROM refresh_token WHERE token_sha256 IN (
             SELECT token_sha256 FROM refresh_token WHERE expires_ms <= ?1
             ORDER BY expires_ms LIMIT ?2)",
    )?;
    clear.execute(params![now.0, CLEARED_AT_ONCE])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO refresh_token (token_sha256, family, user_id, issued_ms, expires_ms)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let family = family.as_bytes().as_slice();
    insert.execute(params![
        token.hash.0,
        family,
        stored(user),
        now.0,
        token.expires.0
    ])?;
    Ok(())
}

fn rotate(
    connection: &Connection,
    presented: TokenHash,
    next: NewToken,
    now: Millis,
) -> Result<Rotation, StoreError> {
    let mut find = connection.prepare_cached(
        "SELECT family, user_id, expires_ms, rotated_ms FROM refresh_token WHERE token_sha256 = ?1",
    )?;
    let found = find.query_row([presented.0], |row| {
        let family: Vec<u8> = row.get(0)?;
        let (user, expires_ms): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok((
            family,
            user,
            Millis(expires_ms),
            row.get::<_, Option<i64>>(3)?,
        ))
    });
    let Some((family, user, expires, rotated_ms)) = found.optional()? else {
        return Ok(Rotation::Unknown);
    };
    let corrupt = || StoreError::Corrupt("user or family of a refresh token".to_owned());
    let user = u64::try_from(user)
        .ok()
        .and_then(UserId::new)
        .ok_or_else(corrupt)?;
    if let Some(rotated_ms) = rotated_ms {
        let is_recent = now.0 <= rotated_ms.saturating_add(REUSE_GRACE_MS);
        if !is_recent || is_successor_used(connection, presented, &family, rotated_ms)? {
            delete_family(connection, family)?;
            return Ok(Rotation::Reused(user));
        }
    }
    if expires <= now {
        return Ok(Rotation::Expired);
    }
    let is_active = touch(connection, user, now)?;
    let user = find_user(connection, user)?.ok_or_else(corrupt)?;
    if !is_active {
        return Ok(Rotation::Forbidden(user.status));
    }
    let mut use_up = connection.prepare_cached(
        "UPDATE refresh_token SET rotated_ms = ifnull(rotated_ms, ?2) WHERE token_sha256 = ?1",
    )?;
    use_up.execute(params![presented.0, now.0])?;
    let family = Uuid::from_slice(&family).map_err(|_| corrupt())?;
    insert_token(connection, user.id, family, next, now)?;
    Ok(Rotation::Rotated(user))
}

fn is_successor_used(
    connection: &Connection,
    presented: TokenHash,
    family: &[u8],
    rotated_ms: i64,
) -> Result<bool, StoreError> {
    let mut used = connection.prepare_cached(
        "SELECT 1 FROM refresh_token WHERE family = ?1 AND token_sha256 <> ?2
         AND issued_ms >= ?3 AND rotated_ms IS NOT NULL",
    )?;
    Ok(used.exists(params![family, presented.0, rotated_ms])?)
}

fn delete_family(connection: &Connection, family: Vec<u8>) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM refresh_token WHERE family = ?1")?
        .execute([family])?;
    Ok(())
}

fn delete_families(connection: &Connection, user: UserId) -> Result<(), StoreError> {
    let mut statement =
        connection.prepare_cached("DELETE FROM refresh_token WHERE user_id = ?1")?;
    statement.execute([stored(user)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::conformance::{self, idle::Planted};
    use std::sync::Arc;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn conforms() {
        let folder = tempfile::tempdir().unwrap();
        let access = SqliteAccess::standalone(&folder.path().join("store.db")).unwrap();
        let store = Arc::new(SqliteAccounts::new(access.clone()));
        conformance::all(store.clone()).await;
        let plant = async |user: UserId, planted| {
            let sql = planted_sql(stored(user), planted);
            let run = move |connection: &Connection| Ok(connection.execute_batch(&sql)?);
            access.write(run).await.unwrap();
        };
        conformance::idle::all(store, plant).await;
    }

    fn planted_sql(user: i64, planted: Planted) -> String {
        match planted {
            Planted::Connected => format!(
                "INSERT INTO presence (user_id, gateway_id, boot_id, connection_id) VALUES ({user}, 'g', 'b', 'c')"
            ),
            Planted::WasConnected(at) => {
                format!("INSERT INTO user_online (user_id, last_ms) VALUES ({user}, {})", at.0)
            }
            Planted::InRoom => format!(
                "INSERT INTO room_member (user_id, room_id, membership) VALUES ({user}, 'r', 'player')"
            ),
            Planted::OpenPayment => format!(
                "INSERT INTO top_up (request_id, user_id, amount_cents, currency, status, refunded_cents, requested_ms)
                 VALUES (randomblob(16), {user}, 500, 'eur', 'session_created', 0, 0)"
            ),
            Planted::Moved(at) => format!(
                "INSERT INTO ledger_transfer (key, kind, from_account, to_account, amount_cents, user_id, batch_no, at_ms)
                 VALUES ('planted/{user}', 'credit', 'demo/mint', 'player/{user}', 1, {user}, 1, {})",
                at.0
            ),
            Planted::Money(cents) => format!(
                "INSERT OR REPLACE INTO account_balance (account, balance) VALUES ('player/{user}', {cents})"
            ),
        }
    }
}
