//! Nobody gets in where they do not belong: forged tokens, pages of strangers, and what is another's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blazing_sun_backbone::credentials::{Claims, Keys};
use blazing_sun_domain::Millis;
use blazing_sun_harness::{Client, Guest, TestServer, text};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock");
    Millis(since.as_millis() as i64)
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn hs256(key: &[u8], header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", encoded(header), encoded(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(signed.as_bytes());
    format!(
        "{signed}.{}",
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    )
}

/// Tokens that speak for the guest and were not made so by the server.
async fn forged_tokens(server: &TestServer, guest: &Guest) -> Vec<(&'static str, String)> {
    let keys = Keys::load(&server.data_dir().join("keys")).expect("the server's keys");
    let foreign = Keys::generate(now()).expect("random bytes");
    let user = guest.user_id.parse().expect("a user id");
    let claims = Claims::new(user, "Ann", &["admin"], now(), 900);
    let jwks: Value = server
        .http()
        .get(server.url("/.well-known/jwks.json"))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let (kid, public) = (&jwks["keys"][0]["kid"], text(&jwks["keys"][0]["x"]));
    let raw_public = URL_SAFE_NO_PAD.decode(&public).expect("base64");
    let plain = serde_json::to_value(&claims).expect("claims are JSON");
    let header = |fields: Value| {
        let mut header = json!({ "alg": "EdDSA", "kid": kid, "typ": "JWT" });
        header
            .as_object_mut()
            .expect("an object")
            .extend(fields.as_object().expect("an object").clone());
        header
    };
    // Signed by a stranger's key, under a header that claims to be ours.
    let as_ours = |fields: Value| {
        let strange = foreign.signer().sign(&claims);
        let signature = strange.rsplit_once('.').expect("a JWT").1.to_owned();
        format!(
            "{}.{}.{signature}",
            encoded(&header(fields)),
            encoded(&plain)
        )
    };
    let signed_with = |change: &dyn Fn(&mut Claims)| {
        let mut claims = claims.clone();
        change(&mut claims);
        keys.signer().sign(&claims)
    };
    let hs = json!({ "alg": "HS256", "kid": kid });
    let foreign_jwk = foreign.jwks().keys[0].clone();
    let swapped = {
        let parts: Vec<&str> = guest.token.split('.').collect();
        format!("{}.{}.{}", parts[0], encoded(&plain), parts[2])
    };
    vec![
        ("nothing", String::new()),
        (
            "alg none",
            format!(
                "{}.{}.",
                encoded(&json!({ "alg": "none", "kid": kid })),
                encoded(&plain)
            ),
        ),
        ("alg none, signed", as_ours(json!({ "alg": "none" }))),
        ("HS256 with the public key", hs256(&raw_public, &hs, &plain)),
        (
            "HS256 with the public key's text",
            hs256(public.as_bytes(), &hs, &plain),
        ),
        (
            "HS256 called EdDSA",
            hs256(&raw_public, &header(json!({})), &plain),
        ),
        ("RS256", as_ours(json!({ "alg": "RS256" }))),
        ("a stranger's key", foreign.signer().sign(&claims)),
        ("a stranger's key under our kid", as_ours(json!({}))),
        (
            "an unknown kid",
            as_ours(json!({ "kid": "t-000000000000" })),
        ),
        (
            "a kid that is a path",
            as_ours(json!({ "kid": "../../dev/null" })),
        ),
        ("no kid", as_ours(json!({ "kid": null }))),
        ("a key of its own", as_ours(json!({ "jwk": foreign_jwk }))),
        (
            "a jku of its own",
            as_ours(json!({ "jku": "https://evil.example/jwks.json" })),
        ),
        (
            "an x5u of its own",
            as_ours(json!({ "x5u": "https://evil.example/chain.pem" })),
        ),
        ("other claims under a good signature", swapped),
        (
            "another audience",
            signed_with(&|claims| claims.aud = "blazing-moon".to_owned()),
        ),
        (
            "another issuer",
            signed_with(&|claims| claims.iss = "https://evil.example".to_owned()),
        ),
        (
            "expired",
            signed_with(&|claims| claims.exp = claims.iat - 60),
        ),
        ("not yet", signed_with(&|claims| claims.iat += 3_600)),
        (
            "for the system",
            signed_with(&|claims| claims.sub = "0".parse().expect("an id")),
        ),
        ("cut", guest.token[..guest.token.len() - 2].to_owned()),
        ("5 KB", format!("{}{}", guest.token, "A".repeat(5_000))),
    ]
}

#[tokio::test]
async fn no_forged_token_opens_anything() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let commands = server.records("games.commands").await.len();
    for (forgery, token) in forged_tokens(&server, &guest).await {
        for path in [
            "/api/v1/me",
            "/api/v1/me/balance",
            "/api/v1/me/transactions",
            "/api/v1/me/games",
            "/api/v1/me/statistics",
        ] {
            let answer = server
                .http()
                .get(server.url(path))
                .bearer_auth(&token)
                .send();
            let answer = answer.await.expect("an answer");
            assert_eq!(answer.status(), 401, "{forgery}: {path}");
            let problem: Value = answer.json().await.expect("JSON");
            let code = if forgery == "expired" {
                "token_expired"
            } else {
                "unauthenticated"
            };
            assert_eq!(problem["code"], code, "{forgery}: {problem}");
            assert!(problem.get("balance_cents").is_none());
        }
        let mut client = Client::connect(&server, &guest).await;
        let sign_in = json!({ "type": "system.authenticate", "token": token });
        client.send(sign_in).await;
        let answer = client.event("system.error").await;
        assert_eq!(answer["code"], "auth_failed", "{forgery}");
        assert_eq!(client.closed().await, Some(1008), "{forgery}");
    }
    assert_eq!(server.records("games.commands").await.len(), commands);
    let presence = server.records("gateway.presence").await;
    assert!(
        presence
            .iter()
            .all(|record| record["event_type"] == "presence.event.gateway_heartbeat")
    );
    assert_eq!(server.balance_cents(&guest).await, guest.balance_cents);
    Client::sign_in(&server, &guest).await;
}

#[tokio::test]
async fn pages_of_strangers_reach_neither_the_socket_nor_the_cookie() {
    let server = TestServer::start().await;
    let own = format!("http://{}", server.address());
    for (origin, allowed) in [
        (own.as_str(), true),
        ("https://evil.example", false),
        ("http://127.0.0.1:1", false),
        ("http://127.0.0.1.evil.example", false),
        ("null", false),
        ("", false),
    ] {
        let mut request = format!("ws://{}/ws", server.address())
            .into_client_request()
            .expect("a request");
        request
            .headers_mut()
            .insert("origin", origin.parse().expect("a header"));
        match tokio_tungstenite::connect_async(request).await {
            Ok(_) => assert!(allowed, "{origin}"),
            Err(Error::Http(answer)) => assert_eq!(
                (answer.status().as_u16(), allowed),
                (403, false),
                "{origin}"
            ),
            Err(error) => panic!("{origin}: {error}"),
        }
        for path in [
            "auth/guest",
            "auth/login",
            "auth/register",
            "auth/refresh",
            "auth/logout",
        ] {
            let url = server.url(&format!("/api/v1/{path}"));
            let answer = server.http().post(url).header("origin", origin).send();
            let answer = answer.await.expect("an answer");
            assert_eq!(
                answer.status() == 403,
                !allowed,
                "{path} from {origin}: {}",
                answer.status()
            );
            let named = answer.headers().get("access-control-allow-origin");
            assert!(named.is_none(), "{path}");
        }
    }
}

#[tokio::test]
async fn anothers_room_chat_and_balance_stay_anothers() {
    let server = TestServer::start().await;
    let (host, other) = (server.guest().await, server.guest().await);
    let mut host_client = Client::sign_in(&server, &host).await;
    let mut other_client = Client::sign_in(&server, &other).await;
    let room = host_client.create_room("Private").await;
    other_client.join_room(&room).await;
    host_client.select(&room, &[&host, &other]).await;
    let mut stranger = Client::sign_in(&server, &server.guest().await).await;
    let before = (
        server.balance_cents(&host).await,
        server.records("games.events").await.len(),
    );
    for (command, fields, code) in [
        ("rejoin_room", json!({}), "not_in_room"),
        ("leave_room", json!({}), "not_in_room"),
        (
            "select_player",
            json!({ "target_user_id": host.user_id }),
            "not_host",
        ),
        (
            "deselect_player",
            json!({ "target_user_id": other.user_id }),
            "not_host",
        ),
        ("start_game", json!({}), "not_host"),
        ("ready", json!({}), "not_selected"),
        (
            "reveal_seed",
            json!({ "client_seed": "0".repeat(64) }),
            "not_selected",
        ),
        ("bigger_dice.roll", json!({}), "game_not_started"),
        ("bigger_dice.enable_auto_play", json!({}), "not_in_room"),
        (
            "send_chat",
            json!({ "channel": "lobby", "content": "x" }),
            "not_in_room",
        ),
        (
            "get_chat_history",
            json!({ "channel": "lobby" }),
            "not_in_room",
        ),
        (
            "kick_player",
            json!({ "target_user_id": other.user_id }),
            "unknown_command",
        ),
    ] {
        // As the host, by every field that could say so.
        let mut claimed = fields;
        claimed["room_id"] = room.as_str().into();
        claimed["user_id"] = host.user_id.as_str().into();
        claimed["host_id"] = host.user_id.as_str().into();
        claimed["actor"] = json!({ "user_id": host.user_id, "username": host.username });
        let id = stranger.command(command, claimed).await;
        let got = stranger.refusal(id).await;
        assert!(got == code || got == "not_in_room", "{command}: {got}");
    }
    for (kind, code) in [
        ("send_message", "user_not_found"),
        ("send_lobby_message", "lobby_not_found"),
        ("typing", "user_not_found"),
        ("mark_read", "invalid_format"),
    ] {
        let id = uuid::Uuid::now_v7().to_string();
        let message = json!({
            "type": format!("chat.command.{kind}"), "command_id": id, "recipient_id": "999999",
            "lobby_id": room, "content": "x", "message_ids": ["1"],
        });
        stranger.send(message).await;
        let is_refusal = |frame: &Value| frame["command_id"] == id && frame["code"].is_string();
        let answer = stranger.until(kind, is_refusal).await;
        assert_eq!(answer["code"], code, "{answer}");
    }
    for path in [
        format!("/api/v1/me/balance?user_id={}", host.user_id),
        format!("/api/v1/me?user_id={}", host.user_id),
        format!("/api/v1/me/transactions?user_id={}", host.user_id),
        format!("/api/v1/me/games?user_id={}", host.user_id),
    ] {
        let answer = server
            .http()
            .get(server.url(&path))
            .bearer_auth(&stranger.guest.token)
            .send();
        let body = answer.await.expect("an answer").text().await.expect("text");
        assert!(
            !body.contains(&room) && !body.contains(&format!("\"{}\"", host.user_id)),
            "{path}: {body}"
        );
    }
    for path in [
        "/api/v1/users",
        "/api/v1/admin",
        "/api/v1/me/../users",
        "/api/v1/rooms/x",
    ] {
        let answer = server
            .http()
            .get(server.url(path))
            .bearer_auth(&stranger.guest.token)
            .send();
        assert_eq!(answer.await.expect("an answer").status(), 404, "{path}");
    }
    let own = stranger.guest.user_id.clone();
    for frame in &stranger.seen {
        let kind = text(&frame["type"]);
        let own_balance =
            kind != "wallet.event.balance_changed" || frame["user_id"] == own.as_str();
        assert!(own_balance && kind != "games.event.room_state", "{frame}");
    }
    let after = (
        server.balance_cents(&host).await,
        server.records("games.events").await.len(),
    );
    assert_eq!(after.0, before.0);
    // One answer each to the stranger and nothing beside.
    assert_eq!(
        after.1 - before.1,
        12,
        "{:#?}",
        server.records("games.events").await
    );
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn a_cookie_that_was_signed_out_opens_nothing() {
    let server = TestServer::start().await;
    let answer = server.http().post(server.url("/api/v1/auth/guest")).send();
    let answer = answer.await.expect("an answer");
    let cookie = answer.headers()["set-cookie"]
        .to_str()
        .expect("text")
        .to_owned();
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let post = |path: &str| {
        let url = server.url(&format!("/api/v1/auth/{path}"));
        server
            .http()
            .post(url)
            .header("cookie", cookie.clone())
            .send()
    };
    assert_eq!(post("logout").await.expect("an answer").status(), 204);
    for _ in 0..2 {
        assert_eq!(post("refresh").await.expect("an answer").status(), 401);
    }
}
