//! `blazing-sun probe`: a container's health check, where there is no shell to ask with.

use anyhow::{Context, bail};
use serde_json::json;
use std::time::Duration;

/// A process that takes longer to answer is not ready.
const PATIENCE: Duration = Duration::from_secs(4);
/// Of why it is not ready.
const REASON_CHARS_MAX: usize = 200;

/// An error where the process is not ready, or not there.
pub async fn run(url: &str) -> anyhow::Result<()> {
    let url = format!("{}/readyz", url.trim_end_matches('/'));
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        .build()?;
    let answer = client.get(&url).send().await;
    let answer = answer.with_context(|| format!("{url} did not answer"))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let reason: String = answer.text().await.unwrap_or_default();
    let reason: String = reason.trim().chars().take(REASON_CHARS_MAX).collect();
    bail!("{url} answered {status}: {reason}")
}

/// What is said of one that is.
pub fn ready(json: bool) -> String {
    match json {
        true => json!({ "ready": true }).to_string(),
        false => "ready".to_owned(),
    }
}
