//! Connections that fail around a COMMIT.

use crate::site::{Servers, Site};
use crate::tables::Tables;
use blazing_sun_harness::postgres::TestPostgres;
use blazing_sun_harness::proxy::{CommitProxy, Cut};
use std::time::Duration;

const SEED: u64 = 0x5eed_c0de;
const CUTS_OF_EACH: u64 = 20;
const ONE_OF: u64 = 12;
const WITHIN: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_neither_lost_nor_doubled() {
    let url = tokio::task::spawn_blocking(|| TestPostgres::shared().url().to_owned());
    let url = url.await.expect("PostgreSQL");
    let config: tokio_postgres::Config = url.parse().expect("a URL");
    let port = config.get_ports()[0];
    let proxy = CommitProxy::before(([127, 0, 0, 1], port).into(), SEED).await;
    let through = proxy.address().port();
    let by_proxy = |url: String| url.replace(&format!(":{port}/"), &format!(":{through}/"));
    let mut site = Site::open_with(&Servers::default(), by_proxy).await;
    let tables = Tables::sit(&mut site.cluster, 6).await;
    site.all_go_on(&tables, 5, WITHIN).await;
    assert!(proxy.commits() > 0, "the backends come through the proxy");

    let all = [Cut::Before, Cut::Behind, Cut::Answered];
    proxy.cut_one_of(ONE_OF);
    let many = async {
        while all.iter().any(|cut| proxy.cut(*cut) < CUTS_OF_EACH) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let many = tokio::time::timeout(WITHIN * 2, many).await;
    let cuts = all.map(|cut| (cut, proxy.cut(cut)));
    let commits = proxy.commits();
    assert!(many.is_ok(), "{cuts:?} of {commits} commits");
    proxy.cut_one_of(0);
    let on = site.all_go_on(&tables, 3, WITHIN).await;
    println!("seed {SEED:#x}: {cuts:?} of {commits} commits; all players went on {on:.1?} later");
    site.verdict(tables).await;
}
