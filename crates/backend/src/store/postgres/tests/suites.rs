use super::*;
use crate::directory::ROOMS_MAX;
use crate::partition::ListQuery;
use crate::store::accounts::conformance::idle::Planted;
use crate::store::conformance::{self, PARTITION, Subject};
use crate::store::overview::Overview;
use crate::store::postgres::{PgAccounts, PgDirectory, PgOperators, PgOverview, PgReads};
use crate::store::reads::ReadSide;
use crate::store::{Listing, ListingChange, Standing, accounts, operators, overview};
use blazing_sun_domain::UserId;
use blazing_sun_domain::room::Membership;
use serde_json::json;
use std::sync::Arc;

impl Subject for Database {
    type S = PgStore;

    fn open(&self) -> PgStore {
        self.store(PARTITION)
    }

    fn reads(&self) -> Box<dyn ReadSide> {
        Box::new(PgReads::new(PgPool::new(&options(&self.url)).unwrap()))
    }

    fn overview(&self) -> Box<dyn Overview> {
        Box::new(PgOverview::new(PgPool::new(&options(&self.url)).unwrap()))
    }

    fn add_user(&self, _: &mut PgStore, user: UserId, username: &str, status: &str) {
        let id = user.get();
        self.execute(&format!(
            "INSERT INTO users (id, username, roles, status, created_ms, last_seen_ms)
             VALUES ({id}, '{username}', '[]', '{status}', 0, 0)"
        ))
        .unwrap();
    }

    fn commit(
        &self,
        store: &mut PgStore,
        by: &mut Ownership,
        writes: &Writes,
    ) -> Result<(), StoreError> {
        store.begin(by, &Declared::default())?;
        store.commit(by, &OwnerBatch::default(), writes)
    }
}

#[test]
fn the_store_conforms() {
    conformance::run(Database::new);
}

#[test]
fn what_operators_read_conforms() {
    overview::conformance::run(Database::new);
}

#[test]
fn the_accounts_conform() {
    let database = Database::new();
    let store = Arc::new(PgAccounts::new(database.pool.clone()));
    let plant = async |user: UserId, planted| {
        let sql = planted_sql(user, planted);
        let client = database.pool.get().await.unwrap();
        client.batch_execute(&sql).await.unwrap();
    };
    database.runtime.block_on(async {
        accounts::conformance::all(store.clone()).await;
        accounts::conformance::idle::all(store, plant).await;
    });
}

#[test]
fn what_operators_do_conforms_and_is_only_added() {
    let database = Database::new();
    let store = PgOperators::new(database.pool.clone());
    database
        .runtime
        .block_on(operators::conformance::all(&store));
    for sql in [
        "UPDATE operator_log SET operator = ''",
        "DELETE FROM operator_log",
        "TRUNCATE operator_log",
    ] {
        let error = database.execute(sql).unwrap_err();
        let text = std::error::Error::source(&error).unwrap().to_string();
        assert!(text.contains("only added"), "{text}");
    }
}

fn planted_sql(user: UserId, planted: Planted) -> String {
    match planted {
        Planted::Connected => format!(
            "INSERT INTO presence (partition, user_id, gateway_id, boot_id, connection_id)
             VALUES (1, {user}, 'g', 'b', 'c')"
        ),
        Planted::WasConnected(at) => {
            format!("INSERT INTO user_online (user_id, last_ms) VALUES ({user}, {})", at.0)
        }
        Planted::InRoom => format!(
            "INSERT INTO room_member (user_id, room_id, membership) VALUES ({user}, 'r', 'player')"
        ),
        Planted::OpenPayment => format!(
            "INSERT INTO top_up (request_id, user_id, amount_cents, currency, status, refunded_cents, requested_ms)
             VALUES (gen_random_uuid(), {user}, 500, 'eur', 'session_created', 0, 0)"
        ),
        Planted::Moved(at) => format!(
            "INSERT INTO ledger_transfer (key, kind, from_account, to_account, amount_cents, user_id, partition,
                                          batch_no, at_ms)
             VALUES ('planted/{user}', 'credit', 'demo/mint', 'player/{user}', 1, {user}, 1, 1, {})",
            at.0
        ),
        Planted::Money(cents) => format!(
            "INSERT INTO account_balance (account, balance) VALUES ('player/{user}', {cents})
             ON CONFLICT (account) DO UPDATE SET balance = excluded.balance"
        ),
    }
}

#[test]
fn the_directory_has_the_users_own_rooms_first() {
    let database = Database::new();
    let (mut store, mut by) = database.owner(3);
    let listing = |id: &str, game: &str, status: &str| {
        ListingChange::Put(Listing {
            room_id: id.parse().unwrap(),
            room_name: id.to_owned(),
            game_type: game.to_owned(),
            status: status.to_owned(),
            summary: format!(r#"{{"room_id":"{id}"}}"#),
        })
    };
    let batches = [
        (
            1,
            vec![
                listing("a", "g", "in_progress"),
                listing("b", "g", "waiting"),
            ],
        ),
        (
            2,
            vec![
                listing("c", "g", "waiting"),
                listing("d", "other", "waiting"),
            ],
        ),
    ];
    for (now, listings) in batches {
        let writes = Writes {
            now: Millis(now),
            listings,
            members: vec![
                (user(7), "a".parse().unwrap(), Standing::Left),
                (
                    user(8),
                    "a".parse().unwrap(),
                    Standing::In(Membership::Lobby),
                ),
            ],
            ..Writes::default()
        };
        store.begin(&by, &Declared::default()).unwrap();
        store
            .commit(&mut by, &OwnerBatch::default(), &writes)
            .unwrap();
    }
    let list = |id, game: Option<&str>| {
        let query = ListQuery {
            partition: 3,
            user: user(id),
            socket_id: String::new(),
            correlation_id: String::new(),
            game_type: game.map(str::to_owned),
        };
        let directory = PgDirectory::new(database.pool.clone());
        database
            .runtime
            .block_on(directory.room_list(&query))
            .unwrap()
    };
    let line = |id: &str, role: Option<&str>| json!({ "room_id": id, "can_rejoin": role.is_some(), "rejoin_role": role });
    let others = [line("c", None), line("b", None)];
    let own = [line("a", Some("player"))];
    assert_eq!(list(7, Some("g")), [&own[..], &others[..]].concat());
    assert_eq!(list(8, Some("g"))[0], line("a", Some("lobby")));
    assert_eq!(list(9, Some("other")), [line("d", None)]);
    assert_eq!(list(9, None).len(), 4.min(ROOMS_MAX));
}
