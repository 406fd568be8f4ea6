//! Whatever is sent to it, the bank answers something sensible and goes on.

use crate::rig::{Answer, KEY, Rig, SESSION, id};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn sent(rig: &Rig, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(rig.bank.address())
        .await
        .expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    // A connection that is reset has said enough.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_has_its_bounds() {
    let rig = Rig::new().await;
    let large = "x".repeat(64 * 1024 + 1);
    for path in ["/v1/checkout/sessions", "/pay/cs_1", "/_bank/pay"] {
        let request = rig
            .http
            .post(rig.url(path))
            .bearer_auth(KEY)
            .body(large.clone());
        assert_eq!(
            Answer::of(request.send().await.expect("an answer"))
                .await
                .status,
            413,
            "{path}"
        );
    }
    let many = "a[]=1&".repeat(2_000);
    let request = rig
        .http
        .post(rig.url("/v1/refunds"))
        .bearer_auth(KEY)
        .body(many);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = Answer::of(request.send().await.expect("an answer")).await;
    assert!(
        answer.status == 400 && answer.text.contains("more than 1000 parameters"),
        "{}",
        answer.text
    );
    assert_eq!(rig.session().await["status"], "open");
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let rig = Rig::new().await;
    for (media_type, body) in [
        ("application/json", b"{\"mode\":\"payment\"}".as_slice()),
        (
            "application/x-www-form-urlencoded",
            b"\xff\xfe=\x00&&&=&[]=[]",
        ),
        (
            "application/x-www-form-urlencoded",
            b"mode[a][b][c][d][e][f][g]=1",
        ),
        (
            "application/x-www-form-urlencoded",
            b"line_items=1&mode=payment",
        ),
        (
            "application/x-www-form-urlencoded",
            b"line_items[x]=1&mode=payment",
        ),
        (
            "application/x-www-form-urlencoded",
            b"line_items[0]=1&mode=payment",
        ),
        (
            "application/x-www-form-urlencoded",
            b"line_items[4294967296][a]=1&mode=payment",
        ),
        ("", b"mode=payment"),
    ] {
        let request = rig
            .http
            .post(rig.url("/v1/checkout/sessions"))
            .bearer_auth(KEY);
        let answer = Answer::of(
            request
                .header("content-type", media_type)
                .body(body)
                .send()
                .await
                .unwrap(),
        )
        .await;
        let error = &answer.json()["error"];
        assert!(
            answer.status == 400 && error["type"] == "invalid_request_error",
            "{body:?}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn names_of_tables_and_paths_are_only_text() {
    let rig = Rig::new().await;
    let evil = "'; DROP TABLE session; --";
    let mut form = SESSION.to_vec();
    form.retain(|(name, _)| *name != "client_reference_id");
    form.push(("client_reference_id", evil));
    let session = rig
        .post("/v1/checkout/sessions", &form, Some(evil))
        .await
        .good();
    assert_eq!(session["client_reference_id"], evil);
    for path in [
        "/v1/events?type='%20OR%201=1",
        "/v1/events?type=%25*",
        "/v1/checkout/sessions?payment_intent=%27%20OR%201",
    ] {
        assert_eq!(
            rig.get(path).await.good()["data"].as_array().unwrap().len(),
            0,
            "{path}"
        );
    }
    assert_eq!(
        rig.get("/v1/checkout/sessions/..%2f..%2fevents")
            .await
            .status,
        404
    );
    assert_eq!(rig.session_again(&session).await["id"], id(&session));
}

#[tokio::test]
async fn bytes_that_are_no_http_do_no_harm() {
    let rig = Rig::new().await;
    let headers = "x: y\r\n".repeat(10_000);
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
        b"GET /v1/events HTTP/9.9\r\n\r\n".to_vec(),
        b"POST /v1/refunds HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"POST /v1/refunds HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
        format!("GET / HTTP/1.1\r\nhost: a\r\n{headers}\r\n").into_bytes(),
        format!("GET /{} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "a".repeat(100_000)).into_bytes(),
        b"GET /pay/cs_1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: \xff\r\n\r\n".to_vec(),
    ] {
        let answer = sent(&rig, &bytes).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(answer.is_empty() || status.starts_with('4'), "{answer}");
    }
    assert_eq!(rig.session().await["status"], "open");
}
