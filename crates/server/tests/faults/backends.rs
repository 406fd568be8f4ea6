//! A backend that is frozen past its session.

use crate::site::{Servers, Site};
use crate::tables::Tables;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Session, take-over and everything on a busy machine.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(120);

/// Who owns each partition, and in which epoch.
async fn owners(site: &Site) -> BTreeMap<i32, (String, i64)> {
    let rows = site
        .rows("SELECT partition, owner, epoch FROM partition_owner")
        .await;
    let owner = |row: &tokio_postgres::Row| (row.get(0), (row.get(1), row.get(2)));
    rows.iter().map(owner).collect()
}

async fn until_owned_by(site: &Site, backends: usize) -> BTreeMap<i32, (String, i64)> {
    let until = Instant::now() + TAKEN_OVER_WITHIN;
    loop {
        let owners = owners(site).await;
        let mut names: Vec<&String> = owners.values().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        if names.len() == backends {
            return owners;
        }
        let logs = site.cluster.logs();
        assert!(Instant::now() < until, "{owners:?}\n{logs}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_backend_is_taken_over_from_and_writes_nothing_when_it_goes_on() {
    let mut site = Site::open(&Servers::default()).await;
    let tables = Tables::sit(&mut site.cluster, 6).await;
    site.all_go_on(&tables, 20, TAKEN_OVER_WITHIN).await;
    let before = until_owned_by(&site, 2).await;

    site.cluster.backend(0).stop_signal();
    let frozen = Instant::now();
    let after = until_owned_by(&site, 1).await;
    let taken_over = frozen.elapsed();
    let on = site.all_go_on(&tables, 5, TAKEN_OVER_WITHIN).await;
    println!("taken over {taken_over:.1?} after it froze; all players went on {on:.1?} later");
    for (partition, (owner, epoch)) in &before {
        let (now, then) = &after[partition];
        assert!(
            owner == now || then > epoch,
            "{partition}: {before:?} {after:?}"
        );
    }

    site.cluster.backend(0).continue_signal();
    until_owned_by(&site, 2).await;
    site.all_go_on(&tables, 20, TAKEN_OVER_WITHIN).await;
    assert!(site.cluster.backend(0).is_running());
    site.verdict(tables).await;
}
