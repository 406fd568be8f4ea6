//! Whether the payment provider's webhooks come through, as far as can be told from here.

use super::Examination;
use crate::config::{Config, PaymentProvider};
use blazing_sun_checkout::webhook;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
/// What a checkout answers one that nobody has signed.
const UNSIGNED: u16 = 400;

pub(super) async fn examine(config: &Config, examination: &mut Examination) {
    let (Some(PaymentProvider::Stripe), Some(home)) =
        (config.payments.provider, &config.server.public_url)
    else {
        return;
    };
    examination.look("webhooks");
    let url = format!("{}{}", home.trim_end_matches('/'), webhook::PATH);
    let remedy = format!(
        "have {url} lead to a running checkout (`serve`, or `blazing-sun checkout`) through the proxy, and name it in the provider's \
         dashboard"
    );
    let client = reqwest::Client::builder().timeout(PATIENCE).build();
    let Some(client) = examination.found(client, "look at this machine's TLS set-up") else {
        return;
    };
    match client.post(&url).body("{}").send().await {
        Ok(answer) if answer.status() == UNSIGNED => {}
        Ok(answer) => {
            let status = answer.status();
            examination.find(
                format!("{url} answers {status}, and a checkout would refuse an unsigned webhook with {UNSIGNED}"),
                remedy,
            );
        }
        Err(error) => {
            let error = anyhow::Error::from(error.without_url());
            examination.find(format!("{url} can not be reached: {error:#}"), remedy);
        }
    }
}
