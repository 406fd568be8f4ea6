use super::*;
use blazing_sun_backbone::log::sqlite::{SqliteLog, SqliteLogOptions};
use blazing_sun_backbone::log::{HeadersBuilder, NewRecord, Topic};
use blazing_sun_backbone::messages::header;
use blazing_sun_backbone::topics::{CHECKOUT_REQUESTS, DEAD_LETTER, GAMES_EVENTS};
use blazing_sun_backend::store::sqlite::{SqliteAccess, SqliteOverview, SqliteReads};
use blazing_sun_domain::games::built_in;
use tempfile::TempDir;

const WIDE: Budget = Budget {
    records: 1_000_000,
    time: Duration::from_secs(30),
};

/// Topics, whose records are of now, beside a store without rows.
struct Scene {
    log: SqliteLog,
    overview: SqliteOverview,
    reads: SqliteReads,
    games: Games,
    _folder: TempDir,
}

impl Scene {
    async fn new() -> Scene {
        let games = built_in();
        let names: Vec<&str> = games.iter().map(|game| game.name).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let access = SqliteAccess::standalone(&path).unwrap();
        let log = SqliteLog::standalone(&path, SqliteLogOptions::default()).unwrap();
        log.ensure_topics(&topics::all(&names, 3)).await.unwrap();
        Scene {
            log,
            overview: SqliteOverview::new(access.clone()),
            reads: SqliteReads::new(access),
            games,
            _folder: folder,
        }
    }

    async fn append(&self, topic: &str, key: &str, correlation_id: Option<Uuid>, payload: Value) {
        let mut headers = HeadersBuilder::default();
        if let Some(id) = correlation_id {
            headers.push(header::CORRELATION_ID, id.to_string());
        }
        let record = NewRecord {
            topic: Topic::new(topic),
            partition: None,
            key: key.to_owned().into(),
            headers: headers.build(),
            payload: payload.to_string().into(),
        };
        let log: &dyn EventLog = &self.log;
        log.append_and_wait(vec![record]).await.unwrap();
    }

    async fn envelope(&self, topic: &str, kind: &str, ids: (Uuid, Uuid), payload: Value) {
        let (event_id, correlation_id) = ids;
        let envelope = json!({
            "event_id": event_id,
            "event_type": kind,
            "timestamp": blazing_sun_backbone::clock::now().to_string(),
            "correlation_id": correlation_id,
            "producer": "ws_gateway",
            "actor": { "user_id": "7", "username": "Ada", "socket_id": "s", "roles": [] },
            "audience": { "type": "room", "user_ids": [], "room_id": "r", "game_id": null },
            "payload": payload,
        });
        self.append(topic, "r", Some(correlation_id), envelope)
            .await;
    }

    async fn trace(&self, id: Uuid, budget: Budget) -> Trace {
        let sources = Sources {
            log: &self.log,
            overview: &self.overview,
            reads: &self.reads,
            games: &self.games,
        };
        trace(&sources, &id.to_string(), budget).await.unwrap()
    }
}

fn kinds(trace: &Trace) -> Vec<StepKind> {
    trace.steps.iter().map(|step| step.what).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_found_by_its_own_id_and_by_that_of_what_followed() {
    let scene = Scene::new().await;
    let (command, other, told) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let secret = json!({ "command_id": command, "password": "hidden" });
    let kind = "games.command.join_room";
    scene
        .envelope(GAMES_COMMANDS, kind, (Uuid::now_v7(), command), secret)
        .await;
    scene
        .envelope(GAMES_COMMANDS, kind, (Uuid::now_v7(), other), json!({}))
        .await;
    let joined = "games.event.lobby_joined";
    scene
        .envelope(GAMES_EVENTS, joined, (told, command), json!({}))
        .await;
    let found = scene.trace(command, WIDE).await;
    assert_eq!(
        kinds(&found),
        [
            StepKind::Frame,
            StepKind::Record,
            StepKind::Batch,
            StepKind::Event
        ]
    );
    assert!(found.verdict.starts_with("applied: 0 transfers, 1 event"));
    assert_eq!(found.steps[1].data["payload"]["password"], "***");
    assert_eq!(found.steps[1].room_id.as_deref(), Some("r"));
    let by_event = scene.trace(told, WIDE).await;
    assert_eq!(by_event.correlation_id, command.to_string());
    assert_eq!(by_event.steps, found.steps);
    let of_other = scene.trace(other, WIDE).await;
    assert!(
        of_other
            .verdict
            .starts_with("decided, and nothing followed")
    );
    let unknown = scene.trace(Uuid::now_v7(), WIDE).await;
    assert!(unknown.steps.is_empty() && unknown.complete);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_put_aside_is_found_by_what_is_in_it() {
    use base64::Engine as _;
    let scene = Scene::new().await;
    let command = Uuid::now_v7();
    let original = format!(r#"{{"command_id":"{command}"}}"#);
    let letter = json!({
        "topic": GAMES_COMMANDS, "partition": 0, "offset": 3, "key": "r",
        "error": "not an event envelope", "failed_at": "2026-01-31T20:15:00.000Z",
        "original": base64::prelude::BASE64_STANDARD.encode(original),
    });
    scene.append(DEAD_LETTER, "r", None, letter).await;
    let found = scene.trace(command, WIDE).await;
    assert_eq!(kinds(&found), [StepKind::DeadLetter]);
    assert_eq!(
        found.verdict,
        "put aside as a dead letter: not an event envelope"
    );
    assert_eq!(found.steps[0].data.get("original"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_leads_to_the_command_that_asked_for_it() {
    let scene = Scene::new().await;
    let (command, request) = (Uuid::now_v7(), Uuid::now_v7());
    let kind = "wallet.command.top_up";
    scene
        .envelope(
            GAMES_COMMANDS,
            kind,
            (Uuid::now_v7(), command),
            json!({ "amount_cents": 500 }),
        )
        .await;
    let told = "wallet.event.top_up_changed";
    let changed = json!({ "request_id": request, "session_url": "https://pay.example/secret" });
    scene
        .envelope(GAMES_EVENTS, told, (Uuid::now_v7(), command), changed)
        .await;
    let asked = json!({ "request_id": request, "amount_cents": 500 });
    scene.append(CHECKOUT_REQUESTS, "7", None, asked).await;
    let found = scene.trace(request, WIDE).await;
    assert_eq!(found.correlation_id, command.to_string());
    let titles: Vec<&str> = found.steps.iter().map(|step| step.title.as_str()).collect();
    assert!(
        titles.contains(&kind) && titles.contains(&told),
        "{titles:?}"
    );
    assert!(titles.contains(&CHECKOUT_REQUESTS), "{titles:?}");
    let whole = serde_json::to_string(&found).unwrap();
    assert!(!whole.contains("pay.example"), "{whole}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_is_cut_says_so() {
    let scene = Scene::new().await;
    for _ in 0..50 {
        scene.append(GAMES_EVENTS, "r", None, json!({})).await;
    }
    let little = Budget {
        records: 10,
        ..WIDE
    };
    let found = scene.trace(Uuid::now_v7(), little).await;
    assert!(!found.complete);
    assert!(found.verdict.contains("there is more"), "{}", found.verdict);
}

#[test]
fn an_id_says_when_it_was_made() {
    let at = Millis(1_769_890_500_123);
    let id = Uuid::new_v7(uuid::Timestamp::from_unix(
        uuid::NoContext,
        1_769_890_500,
        123_000_000,
    ));
    assert_eq!(time_of(id), Some(at));
    assert_eq!(time_of(Uuid::from_u128(7)), None);
}
