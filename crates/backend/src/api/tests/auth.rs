use super::world::{Answer, Setup, World};
use crate::accounts::AccountsConfig;
use crate::api::ApiConfig;
use crate::store::accounts::UserStatus;
use blazing_sun_backbone::credentials::{Claims, Keys};
use blazing_sun_domain::UserId;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const REGISTER: &str = "/api/v1/auth/register";
const LOGIN: &str = "/api/v1/auth/login";
const GUEST: &str = "/api/v1/auth/guest";
const REFRESH: &str = "/api/v1/auth/refresh";
const LOGOUT: &str = "/api/v1/auth/logout";
const LOGOUT_EVERYWHERE: &str = "/api/v1/auth/logout-everywhere";
const ME: &str = "/api/v1/me";

fn ada() -> Value {
    json!({ "email": "Ada@example.com", "password": "correct horse", "username": " Ada " })
}

fn login(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

fn user_id(answer: &Answer) -> UserId {
    answer.ok()["user"]["user_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn registering_signs_in() {
    let world = World::new().await;
    let answer = world.post(REGISTER, &ada()).await;
    let grant = answer.ok();
    assert_eq!(grant["expires_in"], 900);
    let user = json!({
        "user_id": "1", "username": "Ada", "roles": ["player"], "email": "Ada@example.com",
        "is_email_verified": false, "balance_cents": 5000, "currency": "eur",
    });
    assert_eq!(grant["user"], user);
    let cookie = answer.cookie();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(
        pair.starts_with("blazing_sun_refresh=") && pair.len() == 20 + 43,
        "{pair}"
    );
    assert_eq!(
        attributes,
        "HttpOnly; SameSite=Strict; Path=/api/v1/auth; Max-Age=2592000"
    );

    let token = answer.access_token();
    let claims = world.keys.verifier().verify(&token, world.now()).unwrap();
    assert_eq!(
        (claims.sub, claims.username.as_str()),
        (UserId::new(1).unwrap(), "Ada")
    );
    assert_eq!(world.get_as(&token, ME).await.ok()["user"], user);
}

#[tokio::test]
async fn signing_in_needs_the_password_and_does_not_say_who_has_an_account() {
    let world = World::new().await;
    let registered = world.post(REGISTER, &ada()).await;
    let again = world
        .post(LOGIN, &login(" ADA@EXAMPLE.COM ", "correct horse"))
        .await;
    assert_eq!(again.ok()["user"], registered.ok()["user"]);
    assert_ne!(again.refresh_token(), registered.refresh_token());

    let wrong = world
        .post(LOGIN, &login("ada@example.com", "correct horsf"))
        .await;
    let unknown = world
        .post(LOGIN, &login("eve@example.com", "correct horse"))
        .await;
    assert_eq!(
        wrong.problem(401, "wrong_credentials"),
        unknown.problem(401, "wrong_credentials")
    );
    for hostile in [
        "",
        "ada@example.com' OR '1'='1",
        "%",
        "\u{0}",
        "ada@example.com\u{0}",
    ] {
        world
            .post(LOGIN, &login(hostile, "correct horse"))
            .await
            .problem(401, "wrong_credentials");
    }
    world.post(GUEST, &json!({})).await.ok();
    let not_a_guests = world.post(LOGIN, &login("", "")).await;
    not_a_guests.problem(401, "wrong_credentials");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_email_is_registered_once_however_close_they_come() {
    let world = Arc::new(World::new().await);
    let tries: Vec<_> = [
        "ada@example.com",
        "ADA@example.com",
        "Ada@Example.Com",
        " ada@example.com",
    ]
    .into_iter()
    .map(|email| {
        let world = world.clone();
        let body = json!({ "email": email, "password": "12345678", "username": "Ada" });
        tokio::spawn(async move { world.post(REGISTER, &body).await })
    })
    .collect();
    let mut registered = 0;
    for one in tries {
        let answer = one.await.unwrap();
        if answer.status == 200 {
            registered += 1;
        } else {
            assert_eq!(answer.problem(409, "email_taken")["field"], "email");
        }
    }
    assert_eq!(registered, 1);
}

#[tokio::test]
async fn what_can_not_be_accepted_is_named() {
    let world = World::new().await;
    for (field, value, code) in [
        ("email", json!("ada"), "invalid_email"),
        (
            "email",
            json!(format!("a@{}.com", ["b"; 130].join("."))),
            "invalid_email",
        ),
        ("password", json!("1234567"), "invalid_password"),
        ("password", json!("x".repeat(129)), "invalid_password"),
        ("username", json!(" "), "invalid_username"),
        ("username", json!("x".repeat(25)), "invalid_username"),
        ("username", json!("Ada\u{202E}"), "invalid_username"),
        ("username", json!("A\u{200B}da"), "invalid_username"),
        ("username", json!("A\u{0}da"), "invalid_username"),
        ("username", json!("System"), "invalid_username"),
        ("email", json!(1), "invalid_format"),
        ("password", json!(["12345678"]), "invalid_format"),
        ("username", json!(null), "invalid_format"),
    ] {
        let mut body = ada();
        body[field] = value.clone();
        let answer = world.post(REGISTER, &body).await;
        assert_eq!(answer.problem(400, code)["field"], field, "{value}");
        assert!(!answer.text.contains("12345678"));
    }
    for field in ["email", "password", "username"] {
        let mut body = ada();
        body.as_object_mut().unwrap().remove(field);
        let problem = world
            .post(REGISTER, &body)
            .await
            .problem(400, "invalid_format");
        assert_eq!(problem["field"], field);
    }
    world
        .post(LOGIN, &json!({ "email": "a@b.co" }))
        .await
        .problem(400, "invalid_format");
    assert!(world.commands().await.is_empty());
}

#[tokio::test]
async fn guests_play_at_once_under_a_name_or_a_made_up_one() {
    let world = World::new().await;
    let named = world
        .post(GUEST, &json!({ "username": "Zoë 🎲" }))
        .await
        .ok();
    assert_eq!(named["user"]["username"], "Zoë 🎲");
    assert_eq!(named["user"]["roles"], json!(["guest"]));
    assert_eq!(named["user"]["balance_cents"], 5000);
    let bare = world.request("POST", GUEST, &[], b"").await.ok();
    let made_up = bare["user"]["username"].as_str().unwrap();
    let hex = made_up.strip_prefix("Guest-").unwrap();
    assert!(
        hex.len() == 4 && hex.bytes().all(|b| b.is_ascii_hexdigit()),
        "{made_up}"
    );
    let hostile = world
        .post(GUEST, &json!({ "username": "\u{2066}system" }))
        .await;
    assert_eq!(
        hostile.problem(400, "invalid_username")["field"],
        "username"
    );
}

#[tokio::test]
async fn guests_may_be_forbidden() {
    let accounts = AccountsConfig {
        allow_guests: false,
        ..AccountsConfig::default()
    };
    let world = World::with(Setup {
        accounts,
        ..Setup::default()
    })
    .await;
    world
        .post(GUEST, &json!({}))
        .await
        .problem(403, "guests_not_allowed");
    world.post(REGISTER, &ada()).await.ok();
}

#[tokio::test]
async fn an_address_makes_ten_guests_an_hour() {
    let world = World::limited().await;
    for _ in 0..10 {
        world.post(GUEST, &json!({})).await.ok();
        world
            .post(GUEST, &json!({ "username": "" }))
            .await
            .problem(400, "invalid_username");
    }
    let claims_another = [("x-forwarded-for", "203.0.113.9")];
    let refused = world.post_with(GUEST, &claims_another, &json!({})).await;
    refused.problem(429, "rate_limited");
    let wait_s: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=360).contains(&wait_s), "{wait_s}");
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_address_counts_for_itself() {
    let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let api = ApiConfig {
        trusted_proxies,
        ..ApiConfig::default()
    };
    let world = World::with(Setup {
        api,
        ..Setup::default()
    })
    .await;
    for _ in 0..10 {
        world
            .post_with(GUEST, &[("x-forwarded-for", "203.0.113.9")], &json!({}))
            .await
            .ok();
    }
    let same = [("x-forwarded-for", "6.6.6.6, 203.0.113.9, 127.0.0.1")];
    world
        .post_with(GUEST, &same, &json!({}))
        .await
        .problem(429, "rate_limited");
    world
        .post_with(GUEST, &[("x-forwarded-for", "203.0.113.10")], &json!({}))
        .await
        .ok();
}

#[tokio::test]
async fn guessing_a_password_is_slowed_down() {
    let world = World::limited().await;
    world.post(REGISTER, &ada()).await.ok();
    for _ in 0..9 {
        let wrong = world.post(LOGIN, &login("ada@example.com", "guess")).await;
        wrong.problem(401, "wrong_credentials");
    }
    let right = world
        .post(LOGIN, &login("ADA@example.com", "correct horse"))
        .await;
    right.problem(429, "rate_limited");
    let other = json!({ "email": "eve@b.co", "password": "12345678", "username": "Eve" });
    world.post(REGISTER, &other).await.ok();
    for _ in 0..40 {
        let email = format!("{}@b.co", uuid::Uuid::new_v4());
        let answer = world.post(LOGIN, &login(&email, "guess")).await;
        if answer.status == 429 {
            return;
        }
    }
    panic!("an address may try as many emails as it likes");
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_family() {
    let world = World::new().await;
    let first = world.post(REGISTER, &ada()).await;
    let elsewhere = world
        .post(LOGIN, &login("ada@example.com", "correct horse"))
        .await;
    let second = world.post_cookie(REFRESH, &first.refresh_token()).await;
    assert_eq!(second.ok()["user"], first.ok()["user"]);
    let third = world.post_cookie(REFRESH, &second.refresh_token()).await;
    assert_eq!(world.get_as(&third.access_token(), ME).await.status, 200);

    let stolen = world.post_cookie(REFRESH, &first.refresh_token()).await;
    stolen.problem(401, "unauthenticated");
    assert!(
        stolen.cookie().starts_with("blazing_sun_refresh=; ")
            && stolen.cookie().contains("Max-Age=0")
    );
    let revoked = world.post_cookie(REFRESH, &third.refresh_token()).await;
    revoked.problem(401, "unauthenticated");
    world
        .post_cookie(REFRESH, &elsewhere.refresh_token())
        .await
        .ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_reloaded_while_it_renews_its_token_stays_signed_in() {
    let world = Arc::new(World::new().await);
    let token = world.post(GUEST, &json!({})).await.refresh_token();
    let both: Vec<_> = (0..2)
        .map(|_| {
            let (world, token) = (world.clone(), token.clone());
            tokio::spawn(async move { world.post_cookie(REFRESH, &token).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for one in both {
        statuses.push(one.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200]);
}

#[tokio::test]
async fn signing_out_ends_the_family() {
    let world = World::new().await;
    let first = world.post(GUEST, &json!({})).await;
    let second = world.post_cookie(REFRESH, &first.refresh_token()).await;
    let out = world.post_cookie(LOGOUT, &second.refresh_token()).await;
    assert_eq!(out.status, 204);
    assert!(out.cookie().contains("Path=/api/v1/auth; Max-Age=0"));
    world
        .post_cookie(REFRESH, &second.refresh_token())
        .await
        .problem(401, "unauthenticated");
    assert_eq!(world.post(LOGOUT, &json!({})).await.status, 204);
    world
        .post(REFRESH, &json!({}))
        .await
        .problem(401, "unauthenticated");
    for junk in ["x", "", "%00", &"A".repeat(4_000)] {
        world
            .post_cookie(REFRESH, junk)
            .await
            .problem(401, "unauthenticated");
        assert_eq!(world.post_cookie(LOGOUT, junk).await.status, 204);
    }
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_family_of_that_user_alone() {
    let world = World::new().await;
    let body =
        json!({ "email": "ada@example.com", "password": "correct horse", "username": "Ada" });
    let here = world.post(REGISTER, &body).await;
    let there = world.post(LOGIN, &body).await;
    let other = world.post(GUEST, &json!({})).await;
    let bearer = format!("Bearer {}", here.access_token());
    let out = world
        .post_with(LOGOUT_EVERYWHERE, &[("authorization", &bearer)], &json!({}))
        .await;
    assert_eq!(out.status, 204);
    assert!(out.cookie().contains("Path=/api/v1/auth; Max-Age=0"));
    for ended in [here.refresh_token(), there.refresh_token()] {
        world
            .post_cookie(REFRESH, &ended)
            .await
            .problem(401, "unauthenticated");
    }
    world
        .post_cookie(REFRESH, &other.refresh_token())
        .await
        .ok();
    world
        .post(LOGOUT_EVERYWHERE, &json!({}))
        .await
        .problem(401, "unauthenticated");
    let foreign = [
        ("authorization", &*bearer),
        ("origin", "https://evil.example"),
    ];
    world
        .post_with(LOGOUT_EVERYWHERE, &foreign, &json!({}))
        .await
        .problem(403, "origin_not_allowed");
}

#[tokio::test]
async fn tokens_end_in_time() {
    let world = World::new().await;
    let answer = world.post(GUEST, &json!({})).await;
    let token = answer.access_token();
    world.pass(Duration::from_secs(14 * 60));
    world.get_as(&token, ME).await.ok();
    world.pass(Duration::from_secs(2 * 60));
    world.get_as(&token, ME).await.problem(401, "token_expired");
    let renewed = world.post_cookie(REFRESH, &answer.refresh_token()).await;
    world.get_as(&renewed.access_token(), ME).await.ok();
    world.pass(Duration::from_secs(30 * 24 * 60 * 60));
    world
        .post_cookie(REFRESH, &renewed.refresh_token())
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn nobody_gets_in_with_a_token_of_somebody_else() {
    let world = World::new().await;
    let own = world.post(GUEST, &json!({})).await.access_token();
    let claims = Claims::new(UserId::new(1).unwrap(), "Ada", &["admin"], world.now(), 900);
    let foreign = Keys::generate(world.now()).unwrap().signer().sign(&claims);
    let unknown = Claims::new(
        UserId::new(99).unwrap(),
        "Nobody",
        &["player"],
        world.now(),
        900,
    );
    let unknown = world.keys.signer().sign(&unknown);
    let parts: Vec<&str> = own.split('.').collect();
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1]);
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    for token in [
        foreign.as_str(),
        &unknown,
        &none,
        &unsigned,
        "",
        "x",
        "a.b.c",
        &"x".repeat(9_000),
    ] {
        let answer = world.get_as(token, ME).await;
        answer.problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    for path in [ME, "/api/v1/me/balance", "/api/v1/me/transactions"] {
        world.get(path).await.problem(401, "unauthenticated");
        world
            .get_as(&foreign, path)
            .await
            .problem(401, "unauthenticated");
        let basic = [("authorization", "Basic YTpi")];
        world
            .request("GET", path, &basic, b"")
            .await
            .problem(401, "unauthenticated");
        let in_url = world.get(&format!("{path}?access_token={own}")).await;
        in_url.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn pages_of_strangers_can_not_use_the_cookie() {
    let allowed_origins = vec!["https://play.example".to_owned()];
    let api = ApiConfig {
        allowed_origins,
        unlimited: true,
        ..ApiConfig::default()
    };
    let world = World::with(Setup {
        api,
        ..Setup::default()
    })
    .await;
    let mut cookie = world.post(GUEST, &json!({})).await.refresh_token();
    let host = world.address.to_string();
    let own = format!("http://{host}");
    let other_port = format!("http://{}:1", world.address.ip());
    for origin in [
        "https://evil.example",
        "null",
        "",
        "https://play.example.evil.example",
        "http://play.example",
        "https://play.example:8443",
        &other_port,
        "file://",
        "\u{e9}",
        &host,
    ] {
        for path in [REFRESH, LOGOUT, LOGIN, GUEST, REGISTER] {
            let cookies = format!("blazing_sun_refresh={cookie}");
            let headers = [("origin", origin), ("cookie", cookies.as_str())];
            let refused = world.post_with(path, &headers, &json!({})).await;
            refused.problem(403, "origin_not_allowed");
            assert_eq!(refused.header("set-cookie"), None);
        }
    }
    let cross_site = [("sec-fetch-site", "cross-site")];
    world
        .post_with(REFRESH, &cross_site, &json!({}))
        .await
        .problem(403, "origin_not_allowed");
    for origin in ["https://play.example", own.as_str()] {
        let cookies = format!("blazing_sun_refresh={cookie}");
        let headers = [("origin", origin), ("cookie", cookies.as_str())];
        let renewed = world.post_with(REFRESH, &headers, &json!({})).await;
        renewed.ok();
        cookie = renewed.refresh_token();
    }
}

#[tokio::test]
async fn the_cookie_is_secure_where_the_request_came_by_https() {
    let api = ApiConfig {
        is_https: true,
        unlimited: true,
        ..ApiConfig::default()
    };
    let world = World::with(Setup {
        api,
        ..Setup::default()
    })
    .await;
    assert!(
        world
            .post(GUEST, &json!({}))
            .await
            .cookie()
            .ends_with("; Secure")
    );
    let plain_page = format!("http://{}", world.address);
    let refused = world
        .post_with(GUEST, &[("origin", &plain_page)], &json!({}))
        .await;
    refused.problem(403, "origin_not_allowed");

    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let api = ApiConfig {
        trusted_proxies,
        unlimited: true,
        ..ApiConfig::default()
    };
    let world = World::with(Setup {
        api,
        ..Setup::default()
    })
    .await;
    let https = [("x-forwarded-proto", "https")];
    assert!(
        world
            .post_with(GUEST, &https, &json!({}))
            .await
            .cookie()
            .ends_with("; Secure")
    );
    assert!(
        !world
            .post(GUEST, &json!({}))
            .await
            .cookie()
            .contains("Secure")
    );
}

#[tokio::test]
async fn who_is_banned_is_out() {
    let world = World::new().await;
    let answer = world.post(REGISTER, &ada()).await;
    assert!(
        world
            .store
            .set_status(user_id(&answer), UserStatus::Banned, None)
            .await
            .unwrap()
    );
    world
        .get_as(&answer.access_token(), ME)
        .await
        .problem(403, "account_closed");
    world
        .post_cookie(REFRESH, &answer.refresh_token())
        .await
        .problem(401, "unauthenticated");
    let right = world
        .post(LOGIN, &login("ada@example.com", "correct horse"))
        .await;
    right.problem(403, "account_closed");
    let wrong = world
        .post(LOGIN, &login("ada@example.com", "wrong horse"))
        .await;
    wrong.problem(401, "wrong_credentials");
}
