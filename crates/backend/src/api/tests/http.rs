use super::world::{Setup, World};
use serde_json::json;

const LOGIN: &str = "/api/v1/auth/login";
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn bodies_that_are_no_json_objects_are_refused() {
    let world = World::new().await;
    let deep = "[".repeat(8_000);
    let deep_object = "{\"email\":".repeat(1_500);
    for body in [
        &b"{"[..],
        b"[]",
        b"\"x\"",
        b"null",
        b"1e999",
        b"{} {}",
        b"\xff\xfe",
        b"{\"email\":\"\xff\"}",
        b"{\"email\":\"\\ud800\"}",
        b"{'email':1}",
        b"email=a",
        b"\0",
        deep.as_bytes(),
        deep_object.as_bytes(),
    ] {
        let answer = world.request("POST", LOGIN, &[JSON], body).await;
        answer.problem(400, "invalid_format");
    }
    let twice = br#"{"email":1,"email":"a@b.co","password":"x"}"#;
    world
        .request("POST", LOGIN, &[JSON], twice)
        .await
        .problem(401, "wrong_credentials");
    world
        .request("POST", LOGIN, &[], b"")
        .await
        .problem(400, "invalid_format");
}

#[tokio::test]
async fn bodies_are_sent_as_json() {
    let world = World::new().await;
    let body = br#"{"email":"a@b.co","password":"x"}"#;
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "json",
        "",
    ] {
        let answer = world
            .request("POST", LOGIN, &[("content-type", media_type)], body)
            .await;
        answer.problem(415, "unsupported_media_type");
    }
    world
        .request("POST", LOGIN, &[], body)
        .await
        .problem(415, "unsupported_media_type");
    let with_charset = ("content-type", "Application/JSON; charset=utf-8");
    world
        .request("POST", LOGIN, &[with_charset], body)
        .await
        .problem(401, "wrong_credentials");
}

#[tokio::test]
async fn bodies_end_at_16_kib() {
    let world = World::new().await;
    let body_of = |length: usize| {
        let empty = json!({ "email": "a@b.co", "password": "" }).to_string();
        json!({ "email": "a@b.co", "password": "x".repeat(length - empty.len()) }).to_string()
    };
    let most = body_of(16 * 1024);
    assert_eq!(most.len(), 16 * 1024);
    let answer = world.request("POST", LOGIN, &[JSON], most.as_bytes()).await;
    answer.problem(401, "wrong_credentials");
    for length in [16 * 1024 + 1, 100_000] {
        let answer = world
            .request("POST", LOGIN, &[JSON], body_of(length).as_bytes())
            .await;
        answer.problem(413, "too_large");
    }
    let chunk = format!("{:x}\r\n{}\r\n", 20_000, "x".repeat(20_000));
    let request = format!(
        "POST {LOGIN} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
    );
    world
        .send(request.as_bytes())
        .await
        .problem(413, "too_large");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let world = World::new().await;
    for path in [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v2/me",
        "/api/v1/me/",
        "/api/v1/../x",
    ] {
        world.get(path).await.problem(404, "not_found");
    }
    for (method, path, allow) in [
        ("GET", LOGIN, "POST"),
        ("DELETE", "/api/v1/me", "GET,HEAD"),
        ("POST", "/api/v1/games", "GET,HEAD"),
        ("POST", "/healthz", "GET,HEAD"),
    ] {
        let answer = world.request(method, path, &[], b"").await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
}

#[tokio::test]
async fn a_path_that_is_no_text_names_nothing() {
    let world = World::new().await;
    let token = world
        .post("/api/v1/auth/guest", &json!({}))
        .await
        .access_token();
    for (path, code) in [
        ("/api/v1/lobbies/%ff/messages", "lobby_not_found"),
        ("/api/v1/checkout/sessions/%ff", "not_found"),
        ("/api/v1/games/%ff/history", "unknown_game"),
        ("/api/v1/games/bigger_dice/history/%ff", "room_not_found"),
    ] {
        world.get_as(&token, path).await.problem(404, code);
    }
}

#[tokio::test]
async fn every_answer_says_how_it_may_be_used() {
    let world = World::new().await;
    for path in [
        "/api/v1/games",
        "/api/v1/me",
        "/api/nothing",
        LOGIN,
        "/healthz",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert!(answer.header("content-security-policy").is_some(), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
}

#[tokio::test]
async fn the_key_set_has_public_keys_alone() {
    let world = World::new().await;
    let answer = world.get("/.well-known/jwks.json").await;
    let key = &answer.ok()["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    assert!(key["x"].is_string() && key["d"].is_null());
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
}

#[tokio::test]
async fn the_probes_tell_alive_from_ready() {
    let world = World::new().await;
    assert_eq!(world.get("/healthz").await.status, 200);
    assert_eq!(world.get("/readyz").await.status, 200);
    world.sql("DROP TABLE account_balance").await;
    world.get("/readyz").await.problem(503, "not_ready");
    assert_eq!(world.get("/healthz").await.status, 200);

    let world = World::with(Setup {
        log_is_up: false,
        ..Setup::default()
    })
    .await;
    world.get("/readyz").await.problem(503, "not_ready");
    assert_eq!(world.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_failure_of_ours_says_nothing_of_its_cause() {
    let world = World::new().await;
    let token = world
        .post("/api/v1/auth/guest", &json!({}))
        .await
        .access_token();
    world.sql("DROP TABLE account_balance").await;
    let answer = world.get_as(&token, "/api/v1/me/balance").await;
    answer.problem(500, "internal");
    assert!(!answer.text.contains("account_balance") && !answer.text.contains("SQL"));
}
