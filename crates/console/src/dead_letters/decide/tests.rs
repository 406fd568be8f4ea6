use super::super::{Letter, LetterState, list};
use super::*;
use crate::messages::Begin;
use blazing_sun_backbone::log::memory::MemoryLog;
use blazing_sun_backbone::topics::{GAMES_COMMANDS, TopicSpec};
use blazing_sun_backend::store::sqlite::{SqliteAccess, SqliteOperators};
use blazing_sun_domain::Millis;
use std::sync::Arc;

struct World {
    log: MemoryLog,
    operators: Arc<SqliteOperators>,
    actions: Actions,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> World {
        let log = MemoryLog::default();
        log.set_now(Millis(5));
        let spec = |name: &str| TopicSpec {
            name: name.to_owned(),
            partitions: 2,
            retention_ms: -1,
        };
        let specs = [spec(GAMES_COMMANDS), spec(DEAD_LETTER)];
        log.ensure_topics(&specs).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let access = SqliteAccess::standalone(&folder.path().join("store.db")).unwrap();
        let operators = Arc::new(SqliteOperators::new(access));
        World {
            log,
            actions: Actions::new(operators.clone(), Arc::new(|| Millis(7))),
            operators,
            _folder: folder,
        }
    }

    async fn append(&self, topic: &str, key: &str, headers: Headers, payload: Vec<u8>) -> String {
        let record = NewRecord {
            topic: Topic::new(topic),
            partition: Some(1),
            key: key.to_owned().into(),
            headers,
            payload: payload.into(),
        };
        let log: &dyn EventLog = &self.log;
        let positions = log.append_and_wait(vec![record]).await.unwrap();
        format!("{}-{}", positions[0].partition, positions[0].offset)
    }

    async fn letter(&self, offset: Option<u64>, error: &str, original: &[u8]) -> String {
        self.letter_of(GAMES_COMMANDS, offset, error, original)
            .await
    }

    async fn letter_of(
        &self,
        topic: &str,
        offset: Option<u64>,
        error: &str,
        original: &[u8],
    ) -> String {
        let original = BASE64_STANDARD.encode(original);
        self.letter_with(topic, offset, error, &original).await
    }

    async fn letter_with(
        &self,
        topic: &str,
        offset: Option<u64>,
        error: &str,
        original: &str,
    ) -> String {
        let letter = json!({
            "topic": topic,
            "partition": 1,
            "offset": offset,
            "key": "room-1",
            "error": error,
            "failed_at": "2026-01-31T20:15:00.000Z",
            "original": original,
        });
        let payload = letter.to_string().into_bytes();
        self.append(DEAD_LETTER, "room-1", Headers::default(), payload)
            .await
    }

    async fn decide(&self, id: &str, decision: Decision) -> Result<Decided, DecideError> {
        let by = By::command_line("ada", 1000);
        decide(&self.log, &self.actions, &by, id, decision).await
    }

    async fn letters(&self, state: Option<LetterState>) -> Vec<Letter> {
        let listed = list(&self.log, &*self.operators, Begin::Newest, state, 10);
        listed.await.unwrap().0
    }

    /// What stands there now.
    async fn command(&self, offset: u64) -> Record {
        let topic = Topic::new(GAMES_COMMANDS);
        let found = record_at(&self.log, &topic, 1, offset).await.unwrap();
        found.expect("a record")
    }
}

fn reason() -> Decision {
    Decision::Discard("poison".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_appended_once_more_as_it_was_and_never_again() {
    let world = World::new().await;
    let mut headers = HeadersBuilder::default();
    headers
        .push("event_type", "games.command.roll")
        .push("outbox_from", "3")
        .push("outbox_seq", "9");
    let payload = br#"{"correlation_id":"c-1","password":"hunter2"}"#.to_vec();
    world
        .append(GAMES_COMMANDS, "room-1", headers.build(), payload.clone())
        .await;
    let id = world.letter(Some(0), "no envelope", &payload).await;
    let waiting = world.letters(Some(LetterState::Waiting)).await;
    assert_eq!((waiting.len(), waiting[0].id.as_str()), (1, id.as_str()));
    assert_eq!(waiting[0].correlation_id.as_deref(), Some("c-1"));
    assert_eq!(waiting[0].original["password"], "***");

    let retried = world.decide(&id, Decision::Retry).await.unwrap();
    let position = Position {
        partition: 1,
        offset: 1,
    };
    assert_eq!(
        retried,
        Decided::Retried(Topic::new(GAMES_COMMANDS), position)
    );
    let again = world.command(1).await;
    assert_eq!(
        (&again.key[..], &again.payload[..]),
        (&b"room-1"[..], &payload[..])
    );
    let names: Vec<&[u8]> = again.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, [b"event_type"], "without its place in an outbox");

    for decision in [Decision::Retry, reason()] {
        let refused = world.decide(&id, decision).await.unwrap_err();
        assert_eq!(refused.code(), "already_decided");
        assert!(
            refused.to_string().contains("cli:ada (uid 1000)"),
            "{refused}"
        );
    }
    let topic = Topic::new(GAMES_COMMANDS);
    assert_eq!(world.log.bounds(&topic).await.unwrap()[1].end, 2);
    let letters = world.letters(None).await;
    assert_eq!(letters[0].state, LetterState::Retried);
    assert_eq!(letters[0].operator.as_deref(), Some("cli:ada (uid 1000)"));
    assert_eq!(world.letters(Some(LetterState::Waiting)).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_ask_at_once_one_at_most_is_heard() {
    let world = Arc::new(World::new().await);
    let id = world.letter(None, "x", b"{}").await;
    let asking: Vec<_> = (0..8)
        .map(|_| {
            let (world, id) = (world.clone(), id.clone());
            tokio::spawn(async move { world.decide(&id, reason()).await.is_ok() })
        })
        .collect();
    let mut heard = 0;
    for asked in asking {
        heard += usize::from(asked.await.unwrap());
    }
    assert!(heard <= 1, "{heard}");
    // Where they got in each other's way, the next is heard.
    assert_eq!(world.decide(&id, reason()).await.is_ok(), heard == 0);
    assert_eq!(world.letters(None).await[0].state, LetterState::Discarded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_go_by_the_letter_that_they_are_about_whatever_clocks_say() {
    let world = World::new().await;
    world.log.set_now(Millis(1_000_000));
    let id = world.letter(None, "x", b"{}").await;
    // Of one that stood there before the topic was made anew, decided on by a clock that is ahead.
    let by = By::command_line("ada", 1000);
    let before = json!({ LETTER_AT: 5 });
    let actions = Actions::new(world.operators.clone(), Arc::new(|| Millis(2_000_000)));
    let done = async { Ok::<_, StoreError>(()) };
    let row = actions.run(&by, DISCARD, Some(&id), before, done);
    row.await.unwrap();
    assert_eq!(world.letters(None).await[0].state, LetterState::Waiting);

    // The operators' clock is behind the log's.
    world.decide(&id, reason()).await.unwrap();
    assert_eq!(world.letters(None).await[0].state, LetterState::Discarded);
    let again = world.decide(&id, reason()).await.unwrap_err();
    assert_eq!(again.code(), "already_decided");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_do_not_name_their_letters_time_are_of_the_letter_before_them() {
    let world = World::new().await;
    let by = By::command_line("ada", 1000);
    let id = world.letter(None, "x", b"{}").await;
    let done = async { Ok::<_, StoreError>(()) };
    // As an earlier version has written it.
    let row = world.actions.run(&by, RETRY, Some(&id), json!({}), done);
    row.await.unwrap();
    assert_eq!(world.letters(None).await[0].state, LetterState::Retried);
    let again = world.decide(&id, Decision::Retry).await.unwrap_err();
    assert_eq!(again.code(), "already_decided");

    // One of before the letter, which stands where another has stood.
    world.log.set_now(Millis(1_000_000));
    let id = world.letter(None, "x", b"{}").await;
    let done = async { Ok::<_, StoreError>(()) };
    let row = world.actions.run(&by, RETRY, Some(&id), json!({}), done);
    row.await.unwrap();
    assert_eq!(world.letters(None).await[0].state, LetterState::Waiting);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_whole_record_is_not_appended() {
    let world = World::new().await;
    let input = world.letter(None, "a game panicked", b"{}").await;
    let cut = world
        .letter(
            Some(77),
            "no JSON (the first 2 of its 9 bytes are kept)",
            b"{}",
        )
        .await;
    let event = world.letter_of("games.events", Some(0), "x", b"{}").await;
    let payment = world
        .letter_of("bigger_dice.win_prize", Some(0), "x", b"{}")
        .await;
    let other = world
        .letter_with(GAMES_COMMANDS, Some(77), "x", "no base64!")
        .await;
    for id in [&input, &cut, &event, &payment, &other] {
        let refused = world.decide(id, Decision::Retry).await.unwrap_err();
        assert_eq!(refused.code(), "not_retryable", "{refused}");
    }
    assert_eq!(world.letters(Some(LetterState::Waiting)).await.len(), 5);
    // What its topic does not have any more, the letter has.
    let gone = world.letter(Some(77), "no JSON", b"no JSON").await;
    world.decide(&gone, Decision::Retry).await.unwrap();
    assert_eq!(world.command(0).await.payload, "no JSON");

    let code = async |id: &str, decision| world.decide(id, decision).await.unwrap_err().code();
    assert_eq!(code("1-99", Decision::Retry).await, "dead_letter_not_found");
    assert_eq!(code("7-0", Decision::Retry).await, "dead_letter_not_found");
    for id in [
        "",
        "x",
        "1",
        "1-",
        "01-2",
        "1--2",
        "1-2-3",
        "1-99999999999999999999",
    ] {
        assert_eq!(code(id, Decision::Retry).await, "invalid_request", "{id}");
    }
    let empty = Decision::Discard(String::new());
    assert_eq!(code(&input, empty).await, "invalid_request");
}
