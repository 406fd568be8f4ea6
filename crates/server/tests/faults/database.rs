//! A database that is killed.

use crate::site::{Servers, Site};
use crate::tables::Tables;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_loses_and_doubles_nothing() {
    let (postgres, servers) = Servers::own_postgres().await;
    let mut site = Site::open(&servers).await;
    let tables = Tables::sit(&mut site.cluster, 6).await;
    for round in 1..=2 {
        site.all_go_on(&tables, 20, WITHIN).await;
        let server = postgres.clone();
        let again = tokio::task::spawn_blocking(move || {
            server.kill();
            server.start_again();
        });
        again.await.expect("PostgreSQL");
        let on = site.all_go_on(&tables, 1, WITHIN).await;
        println!("round {round}: all players were served {on:.2?} after PostgreSQL was up");
    }
    site.assert_none_lost(&tables);
    site.verdict(tables).await;
}
