//! What the bank does by itself: it sends webhooks, ends sessions, settles payments.

use super::deliveries::{Attempt, DeliveryKind, Due};
use super::error::Declined;
use super::handle::Core;
use crate::secret::Secret;
use crate::webhook::signature;
use blazing_sun_domain::Millis;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How many webhooks are under way at once.
const AT_ONCE_MAX: usize = 8;
/// What is read of an answer, so that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The longest time for which nothing is looked at: clocks of tests jump.
const REST_MAX: Duration = Duration::from_millis(500);
const STALE_BY_MS: i64 = 600_000;
const STRANGERS_SECRET: &str = "whsec_of_nobody_who_is_known";

type Http = Client<HttpConnector, Full<Bytes>>;

/// Runs until the bank ends. What is under way then is sent again by the next one.
pub(super) async fn run(core: Arc<Core>) {
    let client: Http = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let mut attempts = JoinSet::new();
    let mut under_way: Vec<i64> = Vec::new();
    loop {
        let rest = match start_due(&core, &client, &mut attempts, &mut under_way).await {
            Ok(rest) => rest,
            // The store has said why in the log.
            Err(_) => REST_MAX,
        };
        tokio::select! {
            () = core.ended() => return,
            () = core.queued.notified() => {}
            () = tokio::time::sleep(rest) => {}
            Some(ended) = attempts.join_next() => {
                let Ok((due, attempt)) = ended else { continue };
                note(&core, &due, attempt).await;
                under_way.retain(|number| *number != due.number);
            }
        }
    }
}

/// Begins what is due; how long nothing else will be.
async fn start_due(
    core: &Arc<Core>,
    client: &Http,
    attempts: &mut JoinSet<(Due, Attempt)>,
    under_way: &mut Vec<i64>,
) -> Result<Duration, Declined> {
    let url = core.webhook_url();
    let (already, room) = (
        under_way.clone(),
        AT_ONCE_MAX.saturating_sub(under_way.len()),
    );
    let (due, next, faults) = core
        .books(move |books| {
            while books.pass_time()? {}
            books.forget_old_keys()?;
            let due = books.due(&already, room)?;
            Ok((due, books.next_instant()?, books.misbehaviour))
        })
        .await?;
    if let Some(url) = url {
        for due in due {
            under_way.push(due.number);
            let header = signed(core, &due, faults.strikes("rotate_secret", due.event));
            let request = post(client.clone(), url.clone(), header, due.body.clone());
            let timeout = core.options.retries.timeout;
            attempts.spawn(async move {
                let sent = tokio::time::timeout(timeout, request).await;
                let silence =
                    || Attempt::Failed(format!("no answer within {} ms", timeout.as_millis()));
                (due, sent.unwrap_or_else(|_| silence()))
            });
        }
    }
    let until_next = next.map(|next| next.0.saturating_sub(core.now().0).max(1));
    let until_next = until_next.map_or(REST_MAX, |ms| Duration::from_millis(ms.unsigned_abs()));
    Ok(until_next.min(REST_MAX))
}

fn signed(core: &Core, due: &Due, is_rotating: bool) -> String {
    let stranger = Secret::new(STRANGERS_SECRET);
    let mut secrets = core.options.webhook_secrets.clone();
    let mut at = core.now();
    match due.kind {
        DeliveryKind::Forged => secrets = vec![stranger],
        DeliveryKind::Stale => at = Millis(at.0 - STALE_BY_MS),
        DeliveryKind::Genuine | DeliveryKind::Duplicate => {
            if is_rotating {
                secrets.insert(0, stranger);
            }
        }
    }
    signature::header(&secrets, due.body.as_bytes(), at)
}

async fn post(client: Http, url: Uri, signature: String, body: String) -> Attempt {
    let request = Request::post(url)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .header(USER_AGENT, "blazing-sun-test-bank")
        .header(signature::HEADER, signature)
        .body(Full::new(Bytes::from(body)));
    let request = match request {
        Ok(request) => request,
        Err(error) => return Attempt::Failed(error.to_string()),
    };
    match client.request(request).await {
        Ok(response) => {
            let status = response.status().as_u16();
            let _ = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
                .collect()
                .await;
            Attempt::Answered(status)
        }
        Err(error) => {
            let source = std::error::Error::source(&error);
            Attempt::Failed(
                source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
            )
        }
    }
}

async fn note(core: &Arc<Core>, due: &Due, attempt: Attempt) {
    let (retries, due) = (core.options.retries, due.clone());
    // Where it can not be kept it is sent again, and the store has said why.
    let _ = core
        .books(move |books| books.note_attempt(&due, &attempt, &retries))
        .await;
}

/// Where webhooks may go: to this machine alone.
pub(super) fn webhook_url(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let host = url.host()?.trim_start_matches('[').trim_end_matches(']');
    let is_local = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    (url.scheme_str() == Some("http") && is_local).then_some(url)
}
