//! What operators do to users, beside a running server and on the data directory of a stopped one: the
//! same commands with the same results.

use blazing_sun_harness::{Client, Guest, TestServer, program, text, tool, within};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use uuid::Uuid;

/// What a tool printed, which must have worked.
pub async fn answer(arguments: &[&str], data_dir: &Path) -> Value {
    let output = tool(&[arguments, &["--json"]].concat(), data_dir).await;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {error}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: no JSON"))
}

/// The code of a tool's failure, which must not have worked, with its exit code and words.
pub async fn refusal(arguments: &[&str], data_dir: &Path) -> (String, i32, String) {
    let output = tool(&[arguments, &["--json"]].concat(), data_dir).await;
    assert!(!output.status.success(), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    let error: Value = serde_json::from_slice(&output.stderr).unwrap_or_else(|_| {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        panic!("{arguments:?}: no JSON: {error}")
    });
    let exit_code = output.status.code().expect("an exit code");
    (text(&error["code"]), exit_code, text(&error["error"]))
}

async fn assert_clean(server: &TestServer) {
    let report = server.audit().await;
    assert_eq!(report["clean"], true, "{report:#}");
}

fn credit<'a>(user: &'a str, amount: &'a str, id: &'a str) -> Vec<&'a str> {
    vec![
        "user",
        "credit",
        user,
        "--amount-cents",
        amount,
        "--command-id",
        id,
    ]
}

#[tokio::test]
async fn a_credit_happens_once_and_is_told() {
    let mut server = TestServer::start().await;
    let guest = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;
    let data_dir = server.data_dir();
    let id = Uuid::now_v7().to_string();
    let arguments = [
        credit(&guest.user_id, "250", &id),
        vec!["--reason", "sorry"],
    ]
    .concat();
    let first = answer(&arguments, &data_dir).await;
    assert_eq!(
        first,
        json!({
            "user_id": guest.user_id, "amount_cents": 250, "balance_cents": 5_250,
            "currency": "eur", "command_id": id, "is_new": true,
        })
    );
    let told = client.event("wallet.event.balance_changed").await;
    assert_eq!(told["balance_cents"], 5_250);
    assert_eq!(
        (&told["change_cents"], &told["reason"]),
        (&json!(250), &json!("credit"))
    );
    assert_eq!(told["correlation_id"], id.as_str());

    let again = answer(&arguments, &data_dir).await;
    assert_eq!(
        (&again["is_new"], &again["balance_cents"]),
        (&json!(false), &json!(5_250))
    );
    let (code, exit_code, _) = refusal(&credit(&guest.user_id, "251", &id), &data_dir).await;
    assert_eq!((code.as_str(), exit_code), ("command_id_taken", 2));

    // Stopped, killed with its socket left behind, running again: the same.
    server.terminate().await;
    assert!(!data_dir.join("operator.sock").exists());
    let again = answer(&arguments, &data_dir).await;
    assert_eq!(
        (&again["is_new"], &again["balance_cents"]),
        (&json!(false), &json!(5_250))
    );
    let other = Uuid::now_v7().to_string();
    let stopped = answer(&credit(&guest.user_id, "50", &other), &data_dir).await;
    assert_eq!(
        (&stopped["is_new"], &stopped["balance_cents"]),
        (&json!(true), &json!(5_300))
    );
    server.restart().await;
    server.kill().await;
    assert!(data_dir.join("operator.sock").exists());
    let again = answer(&credit(&guest.user_id, "50", &other), &data_dir).await;
    assert_eq!(
        (&again["is_new"], &again["balance_cents"]),
        (&json!(false), &json!(5_300))
    );
    server.restart().await;
    assert_eq!(server.balance_cents(&guest).await, 5_300);

    let credits: Vec<Value> = server.records("games.commands").await;
    let credits: Vec<&Value> = credits
        .iter()
        .filter(|record| record["event_type"] == "wallet.command.credit")
        .collect();
    assert_eq!(credits.len(), 2, "{credits:#?}");
    assert_eq!(credits[0]["payload"]["reason"], "sorry");
    assert_clean(&server).await;
}

#[tokio::test]
async fn no_client_credits_itself() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;
    let id = Uuid::now_v7();
    client
        .send(json!({
            "type": "wallet.command.credit", "command_id": id,
            "user_id": guest.user_id, "amount_cents": 100,
        }))
        .await;
    let refused = client.event("system.error").await;
    assert_eq!(refused["code"], "unknown_command");
    assert_eq!(server.balance_cents(&guest).await, 5_000);
}

#[tokio::test]
async fn users_are_named_by_id_email_and_name() {
    let server = TestServer::start().await;
    let ada = register(&server, "ada@example.com", "Ada").await;
    let bob = register(&server, "bob@example.com", "Same").await;
    let cem = register(&server, "cem@example.com", "Same").await;
    let data_dir = server.data_dir();
    let expected = json!({
        "user_id": ada.user_id, "username": "Ada", "email": "ada@example.com",
        "roles": ["player"], "status": "active", "ban_reason": null, "balance_cents": 5_000,
        "currency": "eur",
    });
    for user in [ada.user_id.as_str(), "ADA@example.com", "@Ada"] {
        let mut shown = answer(&["user", "show", user], &data_dir).await;
        let shown = shown.as_object_mut().expect("an object");
        for instant in ["created_at", "last_seen_at"] {
            assert!(shown.remove(instant).is_some_and(|at| at.is_string()));
        }
        assert_eq!(json!(shown), expected);
    }
    let (code, exit_code, message) = refusal(&["user", "show", "@Same"], &data_dir).await;
    assert_eq!((code.as_str(), exit_code), ("ambiguous_user", 2));
    assert!(
        message.contains(&format!("{}, {}", bob.user_id, cem.user_id)),
        "{message}"
    );
    for (user, wanted) in [
        ("999", "user_not_found"),
        ("0", "user_not_found"),
        ("nobody@example.com", "user_not_found"),
        ("@Nobody", "user_not_found"),
        ("@ada", "user_not_found"),
        ("9007199254740992", "invalid_user"),
        ("x", "invalid_user"),
        ("", "invalid_user"),
        ("@", "invalid_user"),
        ("a@b@c", "invalid_user"),
    ] {
        let (code, exit_code, _) = refusal(&["user", "show", user], &data_dir).await;
        assert_eq!((code.as_str(), exit_code), (wanted, 2), "{user}");
        let (code, _, _) =
            refusal(&credit(user, "5", &Uuid::now_v7().to_string()), &data_dir).await;
        assert_eq!(code, wanted, "{user}");
    }
    assert_clean(&server).await;
}

#[tokio::test]
async fn wrong_credits_change_nothing() {
    let mut server = TestServer::start().await;
    let guest = server.guest().await;
    let data_dir = server.data_dir();
    let id = Uuid::now_v7().to_string();
    let hours_old = Uuid::from_bytes([0x01, 0x90, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1]);
    let hours_old = hours_old.to_string();
    for round in 0..2 {
        for (amount, id, wanted) in [
            ("0", &id, "invalid_amount"),
            ("-5", &id, "invalid_amount"),
            ("100000001", &id, "invalid_amount"),
            ("9223372036854775807", &id, "invalid_amount"),
            ("9223372036854775808", &id, "usage"),
            ("1.5", &id, "usage"),
            ("", &id, "usage"),
            ("5", &"x".to_owned(), "usage"),
            ("5", &hours_old, "command_expired"),
        ] {
            let (code, exit_code, message) =
                refusal(&credit(&guest.user_id, amount, id), &data_dir).await;
            assert_eq!(
                (code.as_str(), exit_code),
                (wanted, 2),
                "{amount} {id}: {message}"
            );
        }
        let long = "x".repeat(201);
        for reason in ["", " ", "two\nlines", &long] {
            let arguments = [credit(&guest.user_id, "5", &id), vec!["--reason", reason]].concat();
            assert_eq!(refusal(&arguments, &data_dir).await.0, "invalid_reason");
        }
        if round == 0 {
            assert_eq!(server.balance_cents(&guest).await, 5_000);
            server.terminate().await;
        }
    }
    let shown = answer(&["user", "show", &guest.user_id], &data_dir).await;
    assert_eq!(shown["balance_cents"], 5_000);
    let nowhere = data_dir.join("nowhere");
    let (code, exit_code, _) = refusal(&credit("1", "5", &id), &nowhere).await;
    assert_eq!((code.as_str(), exit_code), ("no_data", 2));
    assert!(!nowhere.exists());
}

#[tokio::test]
async fn the_operator_socket_is_its_owners_alone_and_answers_nonsense() {
    let server = TestServer::start().await;
    let path = server.data_dir().join("operator.sock");
    let mode = std::fs::metadata(&path)
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let stream = tokio::net::UnixStream::connect(&path)
        .await
        .expect("connected");
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    for (line, code) in [
        ("nonsense", "invalid_request"),
        (r#"{"v":2,"op":"show_user","user":"1"}"#, "other_version"),
        (r#"{"v":1,"op":"dance"}"#, "invalid_request"),
        (r#"{"v":1,"op":"show_user"}"#, "invalid_request"),
        (r#"{"v":1,"op":"show_user","user":"1"}"#, "user_not_found"),
    ] {
        write
            .write_all(format!("{line}\n").as_bytes())
            .await
            .expect("sent");
        let answer = within("an answer", lines.next_line())
            .await
            .expect("read")
            .expect("a line");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(
            (&answer["v"], &answer["error"]["code"]),
            (&json!(1), &json!(code)),
            "{line}"
        );
    }
    // Past its bound a line is answered and the connection ends.
    let long = vec![b'x'; 70_000];
    let _ = write.write_all(&long).await;
    let answer = within("an answer", lines.next_line())
        .await
        .expect("read")
        .expect("a line");
    assert!(answer.contains("65536"), "{answer}");
    server.guest().await;
}

#[tokio::test]
async fn a_server_of_another_version_is_told_apart() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(
        server.data_dir().join("blazing-sun.db"),
        folder.path().join("blazing-sun.db"),
    )
    .expect("copied");
    let listener = UnixListener::bind(folder.path().join("operator.sock")).expect("bound");
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("accepted");
        let (read, mut write) = stream.into_split();
        let line = BufReader::new(read)
            .lines()
            .next_line()
            .await
            .expect("read");
        write
            .write_all(b"{\"v\":9,\"ok\":{}}\n")
            .await
            .expect("sent");
        line
    });
    let (code, exit_code, message) = refusal(&["user", "show", "1"], folder.path()).await;
    assert_eq!((code.as_str(), exit_code), ("other_version", 2));
    assert!(
        message.contains("version 1") && message.contains('9'),
        "{message}"
    );
    let asked = serving.await.expect("served").expect("a line");
    let mut asked: Value = serde_json::from_str(&asked).expect("JSON");
    let by = asked.as_object_mut().and_then(|asked| asked.remove("by"));
    assert!(by.is_some_and(|by| by.is_string()));
    assert_eq!(asked, json!({ "v": 1, "op": "show_user", "user": "1" }));
}

#[tokio::test]
async fn real_money_is_never_credited() {
    let mut server = TestServer::start().await;
    let guest = server.guest().await;
    server.terminate().await;
    let data_dir = server.data_dir();
    let database = rusqlite::Connection::open(data_dir.join("blazing-sun.db")).expect("opened");
    let change = "UPDATE deployment SET value = 'eur' WHERE name = 'money'";
    assert_eq!(database.execute(change, []).expect("changed"), 1);
    drop(database);
    let arguments = credit(&guest.user_id, "5", "018d2661-3aa8-4000-8000-000000000000");
    let (_, _, message) = refusal(&arguments, &data_dir).await;
    assert!(
        message.contains("`eur`") && message.contains("demo eur"),
        "{message}"
    );
}

#[tokio::test]
async fn a_deep_data_directory_works_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let deep = folder.path().join("x".repeat(120));
    let mut child = program(&["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&deep)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    within("an address", lines.next_line())
        .await
        .expect("read")
        .expect("a line");
    let (code, _, _) = refusal(&["user", "show", "999"], &deep).await;
    assert_eq!(code, "user_not_found");
    within("its end", child.kill()).await.expect("killed");
}

async fn register(server: &TestServer, email: &str, username: &str) -> Guest {
    let body = json!({ "email": email, "password": "correct horse", "username": username });
    let answer = server
        .http()
        .post(server.url("/api/v1/auth/register"))
        .json(&body)
        .send()
        .await
        .expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    Guest::from_answer(&answer)
}

#[tokio::test]
async fn a_ban_takes_effect_at_once_and_everywhere() {
    let mut server = TestServer::start().await;
    let guest = server.guest().await;
    let other = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;
    let mut spared = Client::sign_in(&server, &other).await;
    let data_dir = server.data_dir();
    let ban = ["user", "ban", &guest.user_id, "--reason", "cheated"];
    let banned = answer(&ban, &data_dir).await;
    assert_eq!(banned["status"], "banned");
    assert_eq!(banned["ban_reason"], "cheated");
    assert_eq!(client.closed().await, Some(1008));
    spared.create_room("still served").await;

    for _ in 0..2 {
        let mut client = Client::connect(&server, &guest).await;
        let sign_in = json!({ "type": "system.authenticate", "token": guest.token });
        client.send(sign_in).await;
        let refused = client.event("system.error").await;
        assert_eq!(refused["code"], "auth_failed", "{refused}");
        assert_eq!(client.closed().await, Some(1008));
        for path in ["me", "me/balance", "me/transactions"] {
            let status = status_of(&server, path, &guest.token).await;
            assert_eq!(status, 403, "{path}");
        }
        let (code, exit_code, _) = refusal(&["user", "token", &guest.user_id], &data_dir).await;
        assert_eq!((code.as_str(), exit_code), ("banned", 2));
        assert_eq!(status_of(&server, "me/balance", &other.token).await, 200);
        server.terminate().await;
        server.restart().await;
    }

    let unbanned = answer(&["user", "unban", &guest.user_id], &data_dir).await;
    assert_eq!(
        (&unbanned["status"], &unbanned["ban_reason"]),
        (&json!("active"), &Value::Null)
    );
    Client::sign_in(&server, &guest).await;

    // On the stopped server's directory the same; the next start knows it.
    server.terminate().await;
    assert_eq!(answer(&ban, &data_dir).await["status"], "banned");
    server.restart().await;
    assert_eq!(status_of(&server, "me/balance", &guest.token).await, 403);
}

#[tokio::test]
async fn a_made_user_can_sign_in_and_has_what_every_new_one_gets() {
    let mut server = TestServer::start().await;
    let data_dir = server.data_dir();
    for (round, id) in ["4711", "9007199254740991"].into_iter().enumerate() {
        let email = format!("made{round}@example.com");
        let arguments = [
            "user",
            "create",
            "--id",
            id,
            "--username",
            "Made",
            "--email",
            &email,
            "--password-stdin",
            "--role",
            "player",
            "--role",
            "admin",
            "--json",
        ];
        let output = with_input(&arguments, &data_dir, "correct horse\n").await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        let made: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(
            (&made["user_id"], &made["balance_cents"]),
            (&json!(id), &json!(5_000))
        );
        assert_eq!(made["roles"], json!(["player", "admin"]));
        if round == 0 {
            // The second is made on the directory of a stopped server.
            server.terminate().await;
        }
    }
    server.restart().await;
    for email in ["made0@example.com", "made1@example.com"] {
        let body = json!({ "email": email, "password": "correct horse" });
        let login = server
            .http()
            .post(server.url("/api/v1/auth/login"))
            .json(&body)
            .send();
        assert_eq!(login.await.expect("an answer").status(), 200);
    }
    // Ids that were chosen leave room for all others.
    let guest = server.guest().await;
    assert_eq!(guest.user_id, "1");
    let made = answer(&["user", "create", "--username", "Lone"], &data_dir).await;
    assert_eq!(
        (&made["user_id"], &made["roles"]),
        (&json!("2"), &json!(["guest"]))
    );
    assert_clean(&server).await;
}

#[tokio::test]
async fn wrong_users_are_not_made() {
    let server = TestServer::start().await;
    let data_dir = server.data_dir();
    let taken = register(&server, "taken@example.com", "Ada").await;
    let long = "x".repeat(60);
    for (arguments, wanted) in [
        (vec!["--username", "A", "--id", &taken.user_id], "id_taken"),
        (vec!["--username", "A", "--id", "0"], "invalid_id"),
        (vec!["--username", "A", "--id", "9007199254740992"], "usage"),
        (vec!["--username", "A", "--id", "-1"], "usage"),
        (vec!["--username", ""], "invalid_username"),
        (vec!["--username", "a\u{202e}b"], "invalid_username"),
        (vec!["--username", &long], "invalid_username"),
        (vec!["--username", "admin"], "invalid_username"),
        (vec!["--username", "A", "--role", "king"], "invalid_role"),
        (vec!["--username", "A", "--password-stdin"], "usage"),
        (
            vec!["--username", "A", "--email", "a@b.example"],
            "no_password",
        ),
        (vec![], "usage"),
    ] {
        let arguments = [vec!["user", "create"], arguments].concat();
        let (code, exit_code, message) = refusal(&arguments, &data_dir).await;
        assert_eq!(
            (code.as_str(), exit_code),
            (wanted, 2),
            "{arguments:?}: {message}"
        );
    }
    for (email, password, wanted) in [
        ("TAKEN@example.com", "correct horse", "email_taken"),
        ("no email", "correct horse", "invalid_email"),
        ("a@b.example", "short", "invalid_password"),
        ("a@b.example", "", "invalid_password"),
    ] {
        let arguments = [
            "user",
            "create",
            "--username",
            "A",
            "--email",
            email,
            "--password-stdin",
            "--json",
        ];
        let output = with_input(&arguments, &data_dir, password).await;
        let error: Value = serde_json::from_slice(&output.stderr).expect("JSON");
        assert_eq!(error["code"], wanted, "{error}");
        assert!(password.is_empty() || !error.to_string().contains(password));
    }
    let (code, _, _) = refusal(&["user", "show", "2"], &data_dir).await;
    assert_eq!(code, "user_not_found");
    assert!(!server.log().contains("correct horse"));
}

#[tokio::test]
async fn roles_and_tokens() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let data_dir = server.data_dir();
    let given = answer(
        &["user", "role", &guest.user_id, "add", "moderator"],
        &data_dir,
    )
    .await;
    assert_eq!(given["roles"], json!(["guest", "moderator"]));
    let token = answer(
        &["user", "token", &guest.user_id, "--minutes", "30"],
        &data_dir,
    )
    .await;
    assert_eq!(
        (&token["expires_in"], &token["user_id"]),
        (&json!(1_800), &json!(guest.user_id))
    );
    let as_given = Guest {
        token: text(&token["access_token"]),
        ..guest.clone()
    };
    let mut client = Client::connect(&server, &as_given).await;
    client
        .send(json!({ "type": "system.authenticate", "token": as_given.token }))
        .await;
    let signed_in = client.event("system.authenticated").await;
    assert_eq!(signed_in["roles"], json!(["guest", "moderator"]));
    let taken = answer(
        &["user", "role", &guest.user_id, "remove", "moderator"],
        &data_dir,
    )
    .await;
    assert_eq!(taken["roles"], json!(["guest"]));
    let plain = tool(&["user", "token", &guest.user_id], &data_dir).await;
    let plain = String::from_utf8(plain.stdout).expect("text");
    assert_eq!(status_of(&server, "me", plain.trim()).await, 200);
    for (arguments, wanted) in [
        (vec!["role", &guest.user_id, "add", "king"], "invalid_role"),
        (vec!["role", &guest.user_id, "give", "admin"], "usage"),
        (vec!["role", "999", "add", "admin"], "user_not_found"),
        (vec!["ban", "999"], "user_not_found"),
        (vec!["unban", "999"], "user_not_found"),
        (
            vec!["ban", &guest.user_id, "--reason", ""],
            "invalid_reason",
        ),
        (vec!["token", "999"], "user_not_found"),
        (
            vec!["token", &guest.user_id, "--minutes", "0"],
            "invalid_minutes",
        ),
        (
            vec!["token", &guest.user_id, "--minutes", "1441"],
            "invalid_minutes",
        ),
        (vec!["dance"], "usage"),
    ] {
        let arguments = [vec!["user"], arguments].concat();
        let (code, exit_code, _) = refusal(&arguments, &data_dir).await;
        assert_eq!((code.as_str(), exit_code), (wanted, 2), "{arguments:?}");
    }
}

async fn status_of(server: &TestServer, path: &str, token: &str) -> u16 {
    let request = server
        .http()
        .get(server.url(&format!("/api/v1/{path}")))
        .bearer_auth(token);
    request.send().await.expect("an answer").status().as_u16()
}

async fn with_input(arguments: &[&str], data_dir: &Path, input: &str) -> std::process::Output {
    let mut child = program(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    let mut stdin = child.stdin.take().expect("its input");
    // It may have ended before it read.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    within("its end", child.wait_with_output())
        .await
        .expect("an output")
}
