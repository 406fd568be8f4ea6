//! Hostile HTTP: each request is answered clearly or its connection ends, no second one is smuggled behind it,
//! and everyone else is served on.

use blazing_sun_harness::{TestServer, Wire};

const LOGIN: &str = "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\n";
const JSON: &str = "Content-Type: application/json\r\n";
/// What is smuggled: it would make a guest, and is counted by its answers.
const SMUGGLED: &str =
    "POST /api/v1/auth/guest HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

fn post(headers: &str, body: &str) -> String {
    let length = body.len();
    format!("{LOGIN}Connection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn hostile_requests_are_answered_or_cut_off() {
    let server = TestServer::start().await;
    let many_headers: String = (0..5_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let deep = format!(r#"{{"email":{}"#, "[".repeat(10_000));
    let two_lengths = format!("{LOGIN}{JSON}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}x");
    let rows = [
        (
            "no HTTP",
            "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned(),
            &["HTTP/1.1 400"][..],
        ),
        ("no path", "GET\r\n\r\n".to_owned(), &["HTTP/1.1 400"]),
        (
            "HTTP/3.7",
            "GET / HTTP/3.7\r\nHost: x\r\n\r\n".to_owned(),
            &["HTTP/1.1 400"],
        ),
        (
            "HTTP/1.0",
            "GET /healthz HTTP/1.0\r\n\r\n".to_owned(),
            &["HTTP/1.0 200", "HTTP/1.1 200"],
        ),
        (
            "a nul in a header",
            "GET / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n".to_owned(),
            &["HTTP/1.1 400"],
        ),
        (
            "a blank before the colon",
            "GET / HTTP/1.1\r\nHost : x\r\n\r\n".to_owned(),
            &["HTTP/1.1 400"],
        ),
        (
            "a folded header",
            "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n".to_owned(),
            &["HTTP/1.1 400"],
        ),
        (
            "5,000 headers",
            format!("GET / HTTP/1.1\r\nHost: x\r\n{many_headers}\r\n"),
            &["HTTP/1.1 431"],
        ),
        (
            "a header of 300 KB",
            format!(
                "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
                "y".repeat(300_000)
            ),
            &["HTTP/1.1 431"],
        ),
        (
            "a path of 300 KB",
            get(&format!("/{}", "x".repeat(300_000))),
            &["HTTP/1.1 414", "HTTP/1.1 431"],
        ),
        (
            "a made-up method",
            "BREW / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
            &["HTTP/1.1 405"],
        ),
        (
            "TRACE",
            "TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
            &["HTTP/1.1 405"],
        ),
        (
            "CONNECT",
            "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\nConnection: close\r\n\r\n".to_owned(),
            &["HTTP/1.1 40"],
        ),
        (
            "out of the pages",
            get("/../../etc/passwd"),
            &["HTTP/1.1 404"],
        ),
        (
            "out of the pages in escapes",
            get("/%2e%2e/%2e%2e/etc/passwd"),
            &["HTTP/1.1 404"],
        ),
        (
            "out of the pages by double escapes",
            get("/%252e%252e/etc/passwd"),
            &["HTTP/1.1 404"],
        ),
        (
            "out of the pages from assets",
            get("/assets/..%2f..%2fCargo.toml"),
            &["HTTP/1.1 404"],
        ),
        (
            "out of the pages backwards",
            get("/..\\..\\Cargo.toml"),
            &["HTTP/1.1 404", "HTTP/1.1 400"],
        ),
        ("bad escapes in a path", get("/%zz%"), &["HTTP/1.1 404"]),
        (
            "bad escapes in an API path",
            get("/api/v1/%ff%zz"),
            &["HTTP/1.1 404"],
        ),
        (
            "bad escapes in a query",
            get("/api/v1/rooms?game_type=%ff%zz"),
            &["HTTP/1.1 400"],
        ),
        (
            "a query twice",
            get("/api/v1/rooms?game_type=a&game_type=b"),
            &["HTTP/1.1 400"],
        ),
        ("a nul in a path", get("/api/v1/%00"), &["HTTP/1.1 404"]),
        (
            "a body of another kind",
            post("Content-Type: text/xml\r\n", "<a/>"),
            &["HTTP/1.1 415"],
        ),
        ("a body 10,000 deep", post(JSON, &deep), &["HTTP/1.1 400"]),
        (
            "a body of 17 KiB",
            post(JSON, &"x".repeat(17 * 1024)),
            &["HTTP/1.1 413"],
        ),
        (
            "a body of 1e400",
            post(JSON, r#"{"email":1e400}"#),
            &["HTTP/1.1 400"],
        ),
        (
            "a gzipped body",
            post(
                "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
                "\x1f\x08",
            ),
            &["HTTP/1.1 400"],
        ),
        ("two lengths", two_lengths, &["HTTP/1.1 400"]),
        (
            "a length below 0",
            format!("{LOGIN}{JSON}Content-Length: -1\r\n\r\n"),
            &["HTTP/1.1 400"],
        ),
        (
            "a length of 2^64",
            format!("{LOGIN}{JSON}Content-Length: 18446744073709551616\r\n\r\n"),
            &["HTTP/1.1 400"],
        ),
        (
            "a length with a sign",
            format!("{LOGIN}{JSON}Content-Length: +2\r\n\r\n{{}}"),
            &["HTTP/1.1 400"],
        ),
        (
            "an unknown transfer encoding",
            format!("{LOGIN}{JSON}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
            &["HTTP/1.1 400"],
        ),
        (
            "a chunk of a huge length",
            format!("{LOGIN}{JSON}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx"),
            &["HTTP/1.1 400"],
        ),
        (
            "a chunk length that is none",
            format!("{LOGIN}{JSON}Transfer-Encoding: chunked\r\n\r\nzz\r\nx"),
            &["HTTP/1.1 400"],
        ),
    ];
    for (attack, request, starts) in rows {
        let mut wire = Wire::open(&server).await;
        wire.send(request.as_bytes()).await;
        let answer = wire.rest().await;
        assert!(
            starts.iter().any(|start| answer.starts_with(start)),
            "{attack}: {}",
            &answer[..answer.len().min(400)]
        );
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{attack}: {answer}");
        assert!(
            !answer.contains("root:") && !answer.contains("[workspace]"),
            "{attack}"
        );
    }
    server.guest().await;
}

#[tokio::test]
async fn nothing_is_smuggled_behind_a_request() {
    let server = TestServer::start().await;
    let chunked = "Transfer-Encoding: chunked\r\n";
    let all_of_it = format!("0\r\n\r\n{SMUGGLED}");
    for (attack, headers, body) in [
        (
            "a length that ends before the chunks",
            format!("Content-Length: 5\r\n{chunked}"),
            all_of_it.clone(),
        ),
        (
            "chunks that end before the length",
            format!("{chunked}Content-Length: {}\r\n", all_of_it.len()),
            all_of_it.clone(),
        ),
        (
            "chunked with a blank",
            "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n".to_owned(),
            all_of_it.clone(),
        ),
        (
            "chunked twice",
            format!("{chunked}Transfer-Encoding: identity\r\n"),
            all_of_it.clone(),
        ),
        (
            "chunked not last",
            "Transfer-Encoding: chunked, identity\r\n".to_owned(),
            all_of_it.clone(),
        ),
        (
            "two lengths",
            "Content-Length: 0\r\nContent-Length: 90\r\n".to_owned(),
            SMUGGLED.to_owned(),
        ),
        (
            "a length in a list",
            "Content-Length: 0, 90\r\n".to_owned(),
            SMUGGLED.to_owned(),
        ),
    ] {
        let mut wire = Wire::open(&server).await;
        let request = format!("{LOGIN}{JSON}{headers}\r\n{body}");
        wire.send(request.as_bytes()).await;
        let answer = wire.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{attack}: {answer}");
        assert!(!answer.contains("access_token"), "{attack}: {answer}");
    }
    server.guest().await;
}

#[tokio::test]
async fn who_sends_by_drops_is_cut_off_and_holds_up_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "[server]\nrequest_head_within_s = 1\n").expect("written");
    let config = config.to_str().expect("a path");
    let server = TestServer::start_with(&["--config", config]).await;
    let mut slow = Vec::new();
    for request in [
        "",
        "GET /heal",
        "GET / HTTP/1.1\r\nX-Slow: ",
        "POST /api/v1/auth/login HTTP/1.1\r\n",
    ] {
        let mut wire = Wire::open(&server).await;
        wire.send(request.as_bytes()).await;
        slow.push((request, wire));
    }
    let body = format!("{LOGIN}{JSON}Content-Length: 100\r\n\r\n{{");
    let mut drops = Wire::open(&server).await;
    drops.send(body.as_bytes()).await;
    server.guest().await;
    for (request, mut wire) in slow {
        let answer = wire.rest().await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{request}: {answer}"
        );
    }
    let answer = drops.rest().await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    server.guest().await;
}
