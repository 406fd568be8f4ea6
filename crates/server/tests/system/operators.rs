//! Operators' requests while others run, and while servers end: nothing is done twice, or differently
//! from what is told.

use crate::users::{answer, refusal};
use blazing_sun_harness::{Guest, TestServer, program, text, within};
use serde_json::{Value, json};
use std::path::Path;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use uuid::Uuid;

/// A connection to the operator socket.
struct Operator(BufReader<UnixStream>);

impl Operator {
    async fn of(server: &TestServer) -> Operator {
        let path = server.data_dir().join("operator.sock");
        let stream = UnixStream::connect(path).await.expect("connected");
        Operator(BufReader::new(stream))
    }

    /// Asks; nothing where the server ends instead.
    async fn ask(&mut self, mut request: Value) -> Option<Value> {
        request["v"] = json!(1);
        let line = format!("{request}\n");
        self.0.get_mut().write_all(line.as_bytes()).await.ok()?;
        let mut line = String::new();
        let read = within("an answer", self.0.read_line(&mut line))
            .await
            .ok()?;
        (read > 0).then(|| serde_json::from_str(&line).expect("JSON"))
    }
}

fn credit(guest: &Guest, cents: i64, id: Uuid) -> Value {
    json!({ "op": "credit", "user": guest.user_id, "amount_cents": cents, "command_id": id })
}

/// Answers one request after the other at a data directory's socket, as a server would: nothing is the end
/// of a server that says nothing. Gives what was asked.
async fn answering(data_dir: &Path, answers: Vec<Option<Value>>) -> Vec<Value> {
    let listener = UnixListener::bind(data_dir.join("operator.sock")).expect("bound");
    let mut asked = Vec::new();
    for answer in answers {
        let (stream, _) = within("a connection", listener.accept())
            .await
            .expect("accepted");
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("read");
        asked.push(serde_json::from_str(&line).expect("JSON"));
        if let Some(answer) = answer {
            let line = format!("{answer}\n");
            let sent = stream.get_mut().write_all(line.as_bytes()).await;
            sent.expect("sent");
        }
    }
    asked
}

/// A folder that looks like that of a server that runs, as long as the file is held.
fn held_folder() -> (tempfile::TempDir, std::fs::File) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("blazing-sun.db"), "").expect("written");
    let lock = std::fs::File::create(folder.path().join("lock")).expect("a lock");
    lock.lock().expect("locked");
    (folder, lock)
}

fn unavailable() -> Value {
    json!({ "v": 1, "error": { "code": "unavailable", "message": "not right now" } })
}

#[tokio::test]
async fn a_credit_without_an_answer_is_asked_for_again_with_the_same_id() {
    let (folder, _lock) = held_folder();
    let answered = json!({ "v": 1, "ok": {
        "user_id": "7", "amount_cents": 5, "balance_cents": 5, "currency": "eur",
        "command_id": Uuid::now_v7(), "is_new": false,
    } });
    let answers = vec![None, None, Some(answered)];
    let (asked, told) = tokio::join!(
        answering(folder.path(), answers),
        answer(
            &["user", "credit", "7", "--amount-cents", "5"],
            folder.path()
        ),
    );
    assert!(asked[0]["command_id"].is_string(), "{asked:#?}");
    assert!(
        asked.iter().all(|request| *request == asked[0]),
        "{asked:#?}"
    );
    // The id was this tool's own, so that the credit is its own too.
    assert_eq!(told["is_new"], true);
}

#[tokio::test]
async fn an_uncertain_credit_names_the_id_that_repeats_it() {
    let (folder, _lock) = held_folder();
    let arguments = ["user", "credit", "7", "--amount-cents", "5"];
    let (asked, (code, exit_code, message)) = tokio::join!(
        answering(folder.path(), vec![Some(unavailable())]),
        refusal(&arguments, folder.path()),
    );
    assert_eq!((code.as_str(), exit_code), ("unavailable", 1));
    let id = text(&asked[0]["command_id"]);
    let wanted = format!("--command-id {id} does it at most once");
    assert!(message.contains(&wanted), "{message}");
}

#[tokio::test]
async fn a_user_is_made_by_one_request_and_an_uncertain_one_says_so() {
    for answers in [None, Some(unavailable())] {
        let (folder, _lock) = held_folder();
        let arguments = ["user", "create", "--username", "Lone"];
        let (_, (code, exit_code, message)) = tokio::join!(
            answering(folder.path(), vec![answers]),
            refusal(&arguments, folder.path()),
        );
        assert_eq!((code.as_str(), exit_code), ("unavailable", 1));
        assert!(message.contains("may have been made"), "{message}");
        assert!(message.contains("user show '@Lone'"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_answers_what_it_has_begun() {
    let mut server = TestServer::start().await;
    let guest = server.guest().await;
    for _ in 0..3 {
        let before = server.balance_cents(&guest).await;
        let mut credits = tokio::task::JoinSet::new();
        let (begun, mut has_begun) = tokio::sync::mpsc::channel(64);
        for _ in 0..8 {
            let mut operator = Operator::of(&server).await;
            let (guest, begun) = (guest.clone(), begun.clone());
            credits.spawn(async move {
                let mut told = 0_i64;
                while let Some(answer) = operator.ask(credit(&guest, 1, Uuid::now_v7())).await {
                    assert_eq!(answer["ok"]["is_new"], true, "{answer}");
                    told += 1;
                    let _ = begun.try_send(());
                }
                told
            });
        }
        for _ in 0..16 {
            within("a credit", has_begun.recv()).await.expect("one");
        }
        let status = server.terminate().await;
        assert!(status.success(), "{status}: {}", server.log());
        let told: i64 = credits.join_all().await.into_iter().sum();
        server.restart().await;
        let credited = server.balance_cents(&guest).await - before;
        assert_eq!(credited, told, "credited and told");
    }
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn a_server_waits_for_a_tool_that_holds_its_folder() {
    let (folder, lock) = held_folder();
    // A new one, which keys are made for.
    std::fs::remove_file(folder.path().join("blazing-sun.db")).expect("removed");
    let mut child = program(&["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    let mut log = BufReader::new(child.stderr.take().expect("its log")).lines();
    loop {
        let line = within("a line of the log", log.next_line()).await;
        let line = line.expect("read").expect("it waits");
        if line.contains("holds the data directory") {
            break;
        }
    }
    drop(lock);
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let line = within("an address", lines.next_line()).await;
    let line = line.expect("read").expect("a line");
    assert!(line.contains("http://"), "{line}");
    within("its end", child.kill()).await.expect("killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_command_id_credits_one_of_two_that_ask_at_once() {
    let server = TestServer::start().await;
    let (one, other) = (server.guest().await, server.guest().await);
    let mut first = Operator::of(&server).await;
    let mut second = Operator::of(&server).await;
    for _ in 0..20 {
        let id = Uuid::now_v7();
        let answers = tokio::join!(
            first.ask(credit(&one, 3, id)),
            second.ask(credit(&other, 3, id))
        );
        let answers = [answers.0.expect("one"), answers.1.expect("one")];
        let credited = answers.iter().filter(|it| it["ok"]["is_new"] == true);
        assert_eq!(credited.count(), 1, "{answers:#?}");
        let refused = answers
            .iter()
            .filter(|it| it["error"]["code"] == "command_id_taken");
        assert_eq!(refused.count(), 1, "{answers:#?}");

        let id = Uuid::now_v7();
        let answers = tokio::join!(
            first.ask(credit(&one, 3, id)),
            second.ask(credit(&one, 3, id))
        );
        let answers = [answers.0.expect("one"), answers.1.expect("one")];
        let mut new = answers.clone().map(|it| it["ok"]["is_new"].as_bool());
        new.sort_unstable();
        assert_eq!(new, [Some(false), Some(true)], "{answers:#?}");
    }
    let balances = server.balance_cents(&one).await + server.balance_cents(&other).await;
    assert_eq!(balances, 2 * 5_000 + 2 * 20 * 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ban_and_an_unban_at_once_leave_one_of_them() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let mut first = Operator::of(&server).await;
    let mut second = Operator::of(&server).await;
    for round in 0..40 {
        let ban = json!({ "op": "ban", "user": guest.user_id });
        let unban = json!({ "op": "unban", "user": guest.user_id });
        // Each as often the first.
        let (one, other) = match round % 2 {
            0 => (ban, unban),
            _ => (unban, ban),
        };
        let answers = tokio::join!(first.ask(one), second.ask(other));
        for answer in [answers.0, answers.1] {
            assert!(answer.is_some_and(|it| it["ok"].is_object()));
        }
        let show = json!({ "op": "show_user", "user": guest.user_id });
        let shown = first.ask(show).await.expect("an answer");
        let expected = match text(&shown["ok"]["status"]).as_str() {
            "banned" => 403,
            _ => 200,
        };
        let answer = server
            .http()
            .get(server.url("/api/v1/me/balance"))
            .bearer_auth(&guest.token);
        let status = answer.send().await.expect("an answer").status();
        assert_eq!(status.as_u16(), expected, "{round}: {shown}");
    }
}

/// What every tool that reads says of a folder.
async fn refusals(folder: &Path) -> Vec<String> {
    let room = Uuid::now_v7().to_string();
    let mut refusals = Vec::new();
    for arguments in [
        &["audit"][..],
        &["topics"],
        &["topics", "create"],
        &["groups"],
        &["tail", "games.events", "--until-end"],
        &["verify", &room],
        &["replay", &room],
        &["user", "show", "1"],
    ] {
        let (_, exit_code, message) = refusal(arguments, folder).await;
        assert_eq!(exit_code, 2, "{arguments:?}: {message}");
        refusals.push(format!("{arguments:?}: {message}"));
    }
    refusals
}

#[tokio::test]
async fn foreign_and_newer_databases_are_refused_by_every_tool_in_the_same_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("blazing-sun.db");
    std::fs::write(&database, "").expect("written");
    for round in 0..3 {
        match round {
            0 => {}
            1 => std::fs::write(&database, "no database at all, ".repeat(100)).expect("written"),
            _ => {
                std::fs::remove_file(&database).expect("removed");
                let foreign = rusqlite::Connection::open(&database).expect("opened");
                let table = "CREATE TABLE cats (name)";
                foreign.execute_batch(table).expect("made");
            }
        }
        for said in refusals(folder.path()).await {
            assert!(said.contains("this is no Blazing Sun database"), "{said}");
        }
    }
    let foreign = rusqlite::Connection::open(&database).expect("opened");
    let tables: i64 = foreign
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(tables, 1, "nothing was made in it");

    let mut server = TestServer::start().await;
    server.terminate().await;
    let database = server.data_dir().join("blazing-sun.db");
    let newer = rusqlite::Connection::open(database).expect("opened");
    let row = "INSERT INTO refinery_schema_history VALUES (999, 'later', '', '')";
    newer.execute(row, []).expect("changed");
    drop(newer);
    for said in refusals(&server.data_dir()).await {
        assert!(said.contains("version 999"), "{said}");
    }
}
