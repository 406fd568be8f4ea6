//! The PostgreSQL store against a real server: the suites of every store, and what only it has to show.

mod faults;
mod outbox;
mod owners;
mod schema;
mod suites;
mod tls;

use super::{Declared, OwnerBatch, PgOptions, PgPool, PgStore};
use crate::store::{Ownership, Store, StoreError, Writes};
use blazing_sun_domain::{
    Account, Cents, Millis, RoomId, SeatedPlayer, Transfer, TransferKind, UserId,
};
use blazing_sun_harness::postgres::TestPostgres;
use std::collections::BTreeSet;
use tokio::runtime::Runtime;

/// A migrated database of a test's own.
struct Database {
    url: String,
    runtime: Runtime,
    pool: PgPool,
}

impl Database {
    fn new() -> Database {
        Database::on(TestPostgres::shared())
    }

    fn on(server: &TestPostgres) -> Database {
        let url = server.new_database();
        let runtime = Runtime::new().unwrap();
        let pool = runtime.block_on(PgPool::open(&options(&url))).unwrap();
        Database { url, runtime, pool }
    }

    fn store(&self, partition: u32) -> PgStore {
        PgStore::new(&options(&self.url), partition, "test").unwrap()
    }

    /// An owner of a partition, with the fence taken.
    fn owner(&self, partition: u32) -> (PgStore, Ownership) {
        let mut store = self.store(partition);
        let by = store.take_over(Millis(1)).unwrap();
        (store, by)
    }

    /// The one number that a query answers with.
    fn number(&self, sql: &str) -> i64 {
        let rows = self.runtime.block_on(self.pool.rows(sql, &[])).unwrap();
        rows[0].get(0)
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.runtime.block_on(async {
            self.pool.get().await?.batch_execute(sql).await?;
            Ok(())
        })
    }

    /// How many sessions of this database wait for a lock.
    fn waiting(&self) -> i64 {
        self.number(
            "SELECT count(*) FROM pg_stat_activity
             WHERE wait_event_type = 'Lock' AND datname = current_database()",
        )
    }

    fn balance_of(&self, user: u64) -> i64 {
        self.number(&format!(
            "SELECT coalesce(max(balance), 0) FROM account_balance WHERE account = 'player/{user}'"
        ))
    }
}

fn options(url: &str) -> PgOptions {
    PgOptions::parse(url).unwrap().pool_size(4)
}

fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

fn accounts(ids: impl IntoIterator<Item = u64>) -> Declared {
    Declared {
        accounts: ids.into_iter().map(user).collect::<BTreeSet<_>>(),
        ..Declared::default()
    }
}

fn grant(id: u64, cents: i64) -> Transfer {
    Transfer::demo_grant(SeatedPlayer::person(user(id), "P"), Cents(cents))
}

fn fee(key: &str, id: u64, room: &str, cents: i64) -> Transfer {
    let room: RoomId = room.parse().unwrap();
    Transfer {
        key: key.to_owned(),
        kind: TransferKind::Fee,
        from: Account::Player(user(id)),
        to: Account::Escrow(room.clone()),
        amount: Cents(cents),
        room_id: Some(room),
        player: None,
        total_players: None,
    }
}

fn moves(transfers: impl IntoIterator<Item = Transfer>) -> Writes {
    let transfers = transfers.into_iter().map(|transfer| (transfer, None));
    Writes {
        now: Millis(5),
        transfers: transfers.collect(),
        ..Writes::default()
    }
}

/// A batch with nothing but these transfers.
fn commit(
    store: &mut PgStore,
    by: &mut Ownership,
    transfers: impl IntoIterator<Item = Transfer>,
) -> Result<(), StoreError> {
    store.begin(by, &Declared::default())?;
    store.commit(by, &OwnerBatch::default(), &moves(transfers))
}
