//! Accounts beside the real engine.

use crate::accounts::{
    Accounts, AccountsConfig, AccountsParts, Email, NewPassword, Password, PasswordCost, Passwords,
    Username, system_clock,
};
use crate::audit::audit;
use crate::engine::{Engine, EngineOptions};
use crate::store::accounts::conformance;
use crate::store::sqlite::{SqliteAccounts, SqliteReads};
use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backbone::log::sqlite::SqliteLogOptions;
use blazing_sun_domain::{Cents, Millis, games};
use std::path::Path;
use std::sync::Arc;

fn start(folder: &Path) -> Engine {
    let keys = Keys::load_or_create(&folder.join("keys"), Millis(0)).unwrap();
    Engine::start(EngineOptions {
        path: folder.join("store.db"),
        partitions: 3,
        games: games::built_in(),
        sealer: keys.sealer(),
        mac: keys.cluster_mac(),
        demo_grant: Cents(5_000),
        currency: "eur".to_owned(),
        wallet: Default::default(),
        log: SqliteLogOptions::default(),
        gone_ms: 2_000,
        gone_after_restart_ms: 10_000,
        gateway_silence_ms: 6_000,
        limits: Default::default(),
        chat: Default::default(),
        live: Default::default(),
    })
    .unwrap()
}

fn accounts(engine: &Engine, folder: &Path) -> Arc<Accounts> {
    let keys = Keys::load_or_create(&folder.join("keys"), Millis(0)).unwrap();
    Arc::new(Accounts::new(AccountsParts {
        store: Arc::new(SqliteAccounts::new(engine.access())),
        reads: Arc::new(SqliteReads::new(engine.access())),
        log: engine.log(),
        commits: engine.committed(),
        signer: keys.signer(),
        passwords: Passwords::new(PasswordCost {
            memory_kib: 8,
            passes: 1,
        })
        .unwrap(),
        clock: system_clock(),
        mail: None,
        config: AccountsConfig::default(),
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_their_money_once_also_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start(folder.path());
    let first = accounts(&engine, folder.path());
    let guests: Vec<_> = (0..40)
        .map(|_| {
            let accounts = first.clone();
            tokio::spawn(async move { accounts.guest(None).await.unwrap() })
        })
        .collect();
    let mut signed_in = Vec::new();
    for guest in guests {
        signed_in.push(guest.await.unwrap());
    }
    assert!(signed_in.iter().all(|guest| guest.balance == Cents(5_000)));
    let ada = first
        .register(
            Email::parse("ada@example.com").unwrap(),
            NewPassword::parse("correct horse").unwrap(),
            Username::parse("Ada").unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(ada.balance, Cents(5_000));
    engine.stop();
    assert!(first.guest(None).await.is_err());

    let engine = start(folder.path());
    let second = accounts(&engine, folder.path());
    let again = second
        .login("ADA@example.com", Password::from("correct horse"))
        .await
        .unwrap();
    assert_eq!((again.user.id, again.balance), (ada.user.id, Cents(5_000)));
    for guest in &signed_in {
        assert_eq!(
            second.refresh(&guest.refresh_token).await.unwrap().balance,
            Cents(5_000)
        );
    }
    engine.stop();
    let report = audit(&folder.path().join("store.db")).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(
        (report.totals.players_cents, report.totals.mint_cents),
        (205_000, -205_000)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_conforms_through_the_engines_transactions() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start(folder.path());
    conformance::all(Arc::new(SqliteAccounts::new(engine.access()))).await;
}

#[tokio::test]
async fn nothing_shows_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start(folder.path());
    let guest = accounts(&engine, folder.path()).guest(None).await.unwrap();
    let shown = format!("{guest:?}");
    assert!(!shown.contains(guest.refresh_token.as_text()), "{shown}");
    assert!(!shown.contains(&guest.access_token.into_text()), "{shown}");
}
