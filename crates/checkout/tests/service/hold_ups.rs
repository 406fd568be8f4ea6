//! What is slow or at fault at the provider holds up nothing else: a way to the bank that keeps some calls waiting, or
//! changes what it says.

use crate::rig::{Rig, until};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use blazing_sun_checkout::bank::Way;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A way to the bank.
#[derive(Clone, Default)]
struct Road {
    bank: Arc<Mutex<String>>,
    /// Calls of this kind for payments' pages are never answered.
    held: Arc<Mutex<Option<Method>>>,
    waiting: Arc<AtomicUsize>,
    looks: Arc<AtomicUsize>,
    /// What the list of events is: as the bank says, refused, or with one that can not be read.
    list: Arc<Mutex<Option<Faulty>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Faulty {
    Refused,
    Unreadable,
}

impl Road {
    async fn open(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(pass).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    /// A checkout that asks the bank by it.
    async fn rig(&self) -> Rig {
        let (url, road) = (self.open().await, self.clone());
        Rig::with(move |options| {
            let bank = std::mem::replace(&mut options.stripe.api_base, url.clone());
            *road.bank.lock() = bank;
        })
        .await
    }
}

async fn pass(State(road): State<Road>, request: Request) -> Response {
    let path = request.uri().path_and_query().unwrap().to_string();
    if path.starts_with("/v1/checkout/sessions") {
        if *request.method() == Method::GET {
            road.looks.fetch_add(1, Ordering::Relaxed);
        }
        let is_held = road.held.lock().as_ref() == Some(request.method());
        if is_held {
            road.waiting.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
    }
    let fault = *road.list.lock();
    let is_list = path.starts_with("/v1/events");
    if is_list && fault == Some(Faulty::Refused) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let (head, body) = request.into_parts();
    let url = format!("{}{path}", road.bank.lock());
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let call = reqwest::Client::new().request(head.method, url).body(body);
    let mut headers = head.headers;
    headers.remove("host");
    let answer = call.headers(headers).send().await.unwrap();
    let (status, mut text) = (answer.status(), answer.text().await.unwrap());
    if is_list && fault == Some(Faulty::Unreadable) {
        let mut page: Value = serde_json::from_str(&text).unwrap();
        let unreadable = json!({ "id": "evt_unreadable", "type": 7 });
        page["data"].as_array_mut().unwrap().insert(0, unreadable);
        text = page.to_string();
    }
    (status, Body::from(text)).into_response()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_and_looks_do_not_wait_for_each_other() {
    const MANY: u128 = 20;
    for held in [Method::GET, Method::POST] {
        let road = Road::default();
        let mut rig = road.rig().await;
        for id in 1..=MANY {
            if held == Method::GET || id == 1 {
                rig.opened(id).await;
            }
        }
        *road.held.lock() = Some(held.clone());
        if held == Method::POST {
            for id in 2..=MANY {
                rig.ask(&rig.request(id, 2_500)).await;
            }
        } else {
            rig.move_on(Duration::from_secs(600));
        }
        let many_wait = || async { road.waiting.load(Ordering::Relaxed) >= 12 };
        until("many wait", many_wait).await;
        if held == Method::GET {
            rig.opened(MANY + 1).await;
        } else {
            assert_eq!(road.looks.load(Ordering::Relaxed), 0);
            rig.move_on(Duration::from_secs(600));
            let is_looked_at = || async { road.looks.load(Ordering::Relaxed) > 0 };
            until("the page is looked at", is_looked_at).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_can_not_be_read_is_passed_over_in_the_list() {
    let road = Road::default();
    let mut rig = road.rig().await;
    let session = rig.opened(1).await;
    rig.until_idle().await;
    *road.list.lock() = Some(Faulty::Unreadable);
    rig.stop().await;
    rig.pay(&session, Way::Pay).await;
    // The bank gives up on its webhook; the list of events alone tells of it.
    rig.bank.take().unwrap().shutdown().await;
    rig.webhook_url = "http://127.0.0.1:1/webhooks/stripe".to_owned();
    rig.open_bank().await;
    rig.move_on(Duration::from_secs(3_700));
    rig.start();
    let listed = || async {
        let events = rig.ask_bank("events?limit=100").await;
        let newest = events["data"][0]["id"].as_str().unwrap().to_owned();
        is_known(&rig, &newest)
    };
    until("the newest event of the list is kept", listed).await;
}

fn is_known(rig: &Rig, event_id: &str) -> bool {
    let file = rusqlite::Connection::open(rig.folder.path().join("checkout.sqlite3")).unwrap();
    let known = "SELECT count(*) FROM provider_event WHERE event_id = ?1 AND source = 'listed'";
    let count: i64 = file.query_row(known, [event_id], |row| row.get(0)).unwrap();
    count > 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_long_over_is_forgotten_whether_the_list_can_be_read_or_not() {
    let road = Road::default();
    let mut rig = road.rig().await;
    rig.paid(1).await;
    rig.until_idle().await;
    *road.list.lock() = Some(Faulty::Refused);
    let file = rusqlite::Connection::open(rig.folder.path().join("checkout.sqlite3")).unwrap();
    let kept = || -> i64 {
        let kept = "SELECT count(*) FROM outgoing WHERE published_ms IS NOT NULL";
        file.query_row(kept, [], |row| row.get(0)).unwrap()
    };
    assert!(kept() > 0);
    rig.move_on(Duration::from_secs(8 * 86_400));
    until("they are forgotten", || async { kept() == 0 }).await;
}
