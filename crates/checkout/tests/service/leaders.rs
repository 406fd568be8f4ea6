//! Several processes on one database, and what does not start.

use crate::rig::{Rig, until};
use blazing_sun_backbone::postgres::PgOptions;
use blazing_sun_checkout::bank::Way;
use blazing_sun_checkout::secret::Secret;
use blazing_sun_checkout::store::{PaymentStore, PgPaymentStore};
use blazing_sun_checkout::{Checkout, CheckoutOptions};
use blazing_sun_harness::postgres::TestPostgres;
use std::sync::Arc;
use std::time::Duration;

async fn database() -> String {
    let url = tokio::task::spawn_blocking(|| TestPostgres::shared().new_database());
    url.await.unwrap()
}

async fn store(url: &str) -> Arc<dyn PaymentStore> {
    PgPaymentStore::open(&PgOptions::parse(url).unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_leads_and_the_other_goes_on_after_it() {
    let url = database().await;
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::on(folder, store(&url).await, |options| {
        options.pace.lease = Duration::from_millis(600);
    })
    .await;
    rig.start();
    let leads = |checkout: &Checkout| checkout.is_leading();
    until("the first leads", || async {
        leads(rig.checkout.as_ref().unwrap())
    })
    .await;
    let options = rig.options();
    let second = Checkout::start(options, Arc::clone(&rig.log), store(&url).await).unwrap();
    let session = rig.opened(1).await;
    assert!(!second.is_leading());
    // It ends without a word, with a payment under way.
    rig.pay(&session, Way::Pay).await;
    drop(rig.checkout.take());
    until("the second leads", || async { leads(&second) }).await;
    rig.move_on(Duration::from_secs(125));
    rig.until_told(1, "success").await;
    // One that ends well lets the next lead at once; its lease would hold for longer.
    second.shutdown().await;
    let mut options = rig.options();
    options.pace.lease = Duration::from_secs(600);
    for _ in 0..2 {
        let next =
            Checkout::start(options.clone(), Arc::clone(&rig.log), store(&url).await).unwrap();
        until("the next leads", || async { leads(&next) }).await;
        next.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_wrongly_does_not_start() {
    let rig = Rig::new().await;
    let refused = |change: fn(&mut CheckoutOptions)| {
        let mut options = rig.options();
        change(&mut options);
        let started = Checkout::start(options, Arc::clone(&rig.log), Arc::clone(&rig.store));
        started
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let cases: [(fn(&mut CheckoutOptions), &str); 7] = [
        (
            |options| options.stripe.secret_key = Secret::new("sk_live_1"),
            "a live key",
        ),
        (
            |options| options.stripe.secret_key = Secret::new("rk_live_1"),
            "a live key",
        ),
        (|options| options.livemode = true, "no live key"),
        (|options| options.webhook_secrets.clear(), "webhook secret"),
        (
            |options| options.webhook_secrets.push(Secret::new("")),
            "webhook secret",
        ),
        (
            |options| options.pace.page_open = Duration::from_secs(60),
            "40 min to 23 h",
        ),
        (
            |options| options.stripe.api_base = "http://192.0.2.1".to_owned(),
            "https://",
        ),
    ];
    for (change, names) in cases {
        let error = refused(change);
        assert!(error.contains(names), "{names}: {error}");
    }
    let shown = format!("{:?}", rig.options());
    assert!(
        !shown.contains("sk_test") && !shown.contains("whsec"),
        "{shown}"
    );
}
