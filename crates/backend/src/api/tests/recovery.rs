use super::world::{Answer, Setup, World};
use crate::api::ApiConfig;
use crate::mail::{Mail, MailError, MailRoom, Mailer};
use crate::store::accounts::UserStatus;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

const REGISTER: &str = "/api/v1/auth/register";
const LOGIN: &str = "/api/v1/auth/login";
const GUEST: &str = "/api/v1/auth/guest";
const REFRESH: &str = "/api/v1/auth/refresh";
const RESET: &str = "/api/v1/auth/password-reset";
const VERIFY: &str = "/api/v1/auth/verify-email";
const UPGRADE: &str = "/api/v1/auth/upgrade";
const ME: &str = "/api/v1/me";

/// Hands every mail to the test.
struct Mailbox(mpsc::UnboundedSender<Mail>);

#[async_trait]
impl Mailer for Mailbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0
            .send(mail.clone())
            .map_err(|_| MailError::Refused("the test has ended".to_owned()))
    }
}

struct Post {
    world: World,
    mails: mpsc::UnboundedReceiver<Mail>,
}

impl Post {
    async fn new() -> Post {
        Post::with(Setup::default()).await
    }

    async fn with(setup: Setup) -> Post {
        let (sender, mails) = mpsc::unbounded_channel();
        let room = MailRoom {
            mailer: Arc::new(Mailbox(sender)),
            public_url: "https://play.example".to_owned(),
        };
        let world = World::with(Setup {
            mail: Some(room),
            ..setup
        })
        .await;
        Post { world, mails }
    }

    /// The next mail, to whom, and the token of its link to this page.
    async fn link(&mut self, page: &str) -> (String, String) {
        let mail = tokio::time::timeout(Duration::from_secs(20), self.mails.recv());
        let mail = mail.await.expect("a mail comes").unwrap();
        let before = format!("https://play.example/{page}#");
        let (_, rest) = mail.text.split_once(&before).expect("it has the link");
        let (token, _) = rest.split_once('\n').unwrap();
        (mail.to.as_str().to_owned(), token.to_owned())
    }

    /// Ada, who has registered, and the link that she was sent at that.
    async fn ada(&mut self) -> (Answer, String) {
        let body =
            json!({ "email": "Ada@example.com", "password": "correct horse", "username": "Ada" });
        let registered = self.world.post(REGISTER, &body).await;
        let (to, token) = self.link("verify-email").await;
        assert_eq!(to, "Ada@example.com");
        (registered, token)
    }
}

fn login(password: &str) -> Value {
    json!({ "email": "ada@example.com", "password": password })
}

async fn post_as(world: &World, answer: &Answer, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {}", answer.access_token());
    world
        .post_with(path, &[("authorization", &bearer)], body)
        .await
}

#[tokio::test]
async fn a_forgotten_password_is_chosen_anew_by_a_link() {
    let mut post = Post::new().await;
    let (registered, _) = post.ada().await;
    let asked = post
        .world
        .post(RESET, &json!({ "email": " ADA@example.com" }))
        .await;
    assert_eq!((asked.status, asked.text.as_str()), (202, ""));
    let (to, token) = post.link("reset-password").await;
    assert_eq!(
        to, "Ada@example.com",
        "as it is stored, not as it was typed"
    );

    let world = &post.world;
    let short = world
        .post(RESET, &json!({ "token": token, "password": "short" }))
        .await;
    short.problem(400, "invalid_password");
    let chosen = world
        .post(
            RESET,
            &json!({ "token": token, "password": "battery staple" }),
        )
        .await;
    let user = &chosen.ok()["user"];
    assert_eq!(user["user_id"], registered.ok()["user"]["user_id"]);
    assert_eq!(user["is_email_verified"], true);
    world
        .post(LOGIN, &login("correct horse"))
        .await
        .problem(401, "wrong_credentials");
    world.post(LOGIN, &login("battery staple")).await.ok();
    let old = world
        .post_cookie(REFRESH, &registered.refresh_token())
        .await;
    old.problem(401, "unauthenticated");
    world
        .post_cookie(REFRESH, &chosen.refresh_token())
        .await
        .ok();
    let again = world
        .post(
            RESET,
            &json!({ "token": token, "password": "battery staples" }),
        )
        .await;
    again.problem(400, "link_invalid");
}

#[tokio::test]
async fn nobody_is_told_who_has_an_account() {
    let mut post = Post::new().await;
    post.ada().await;
    let unknown = post
        .world
        .post(RESET, &json!({ "email": "eve@example.com" }))
        .await;
    let known = post
        .world
        .post(RESET, &json!({ "email": "ada@example.com" }))
        .await;
    assert_eq!((unknown.status, &unknown.text), (known.status, &known.text));
    let (to, _) = post.link("reset-password").await;
    assert_eq!(to, "Ada@example.com");
    assert!(post.mails.is_empty());
}

#[tokio::test]
async fn a_link_ends_after_an_hour_and_with_its_user() {
    let mut post = Post::new().await;
    let (registered, _) = post.ada().await;
    let chosen = |token: &str| json!({ "token": token, "password": "battery staple" });
    post.world
        .post(RESET, &json!({ "email": "ada@example.com" }))
        .await;
    let (_, late) = post.link("reset-password").await;
    post.world.pass(Duration::from_secs(3_600));
    post.world
        .post(RESET, &chosen(&late))
        .await
        .problem(400, "link_invalid");
    post.world
        .post(RESET, &json!({ "email": "ada@example.com" }))
        .await;
    let (_, token) = post.link("reset-password").await;
    let user = registered.ok()["user"]["user_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    post.world
        .store
        .set_status(user, UserStatus::Banned, None)
        .await
        .unwrap();
    post.world
        .post(RESET, &chosen(&token))
        .await
        .problem(400, "link_invalid");
    for hostile in ["", "' OR 1=1 --", "\u{0}"] {
        post.world
            .post(RESET, &chosen(hostile))
            .await
            .problem(400, "link_invalid");
    }
}

#[tokio::test]
async fn an_address_is_shown_to_be_its_users() {
    let mut post = Post::new().await;
    let (registered, token) = post.ada().await;
    assert_eq!(registered.ok()["user"]["is_email_verified"], false);
    let sent = post_as(&post.world, &registered, VERIFY, &json!({})).await;
    assert_eq!(sent.status, 202);
    let (_, second) = post.link("verify-email").await;
    let world = &post.world;
    for token in [&token, &second, &second] {
        let verified = world.post(VERIFY, &json!({ "token": token })).await;
        assert_eq!(verified.status, 204);
    }
    let me = world.get_as(&registered.access_token(), ME).await.ok();
    assert_eq!(me["user"]["is_email_verified"], true);
    let sent = post_as(world, &registered, VERIFY, &json!({})).await;
    sent.problem(409, "already_verified");
    world
        .post(VERIFY, &json!({ "token": "no" }))
        .await
        .problem(400, "link_invalid");
    world
        .post(VERIFY, &json!({}))
        .await
        .problem(401, "unauthenticated");
    let guest = world.post(GUEST, &json!({})).await;
    post_as(world, &guest, VERIFY, &json!({}))
        .await
        .problem(409, "no_email");
}

#[tokio::test]
async fn a_guest_becomes_a_player_with_all_that_is_theirs() {
    let mut post = Post::new().await;
    let guest = post
        .world
        .post(GUEST, &json!({ "username": "Visitor" }))
        .await;
    let body = json!({ "email": "Ada@example.com", "password": "correct horse" });
    let upgraded = post_as(&post.world, &guest, UPGRADE, &body).await;
    let expected = json!({
        "user_id": guest.ok()["user"]["user_id"], "username": "Visitor", "roles": ["player"],
        "email": "Ada@example.com", "is_email_verified": false, "balance_cents": 5000, "currency": "eur",
    });
    assert_eq!(upgraded.ok()["user"], expected);
    let (to, _) = post.link("verify-email").await;
    assert_eq!(to, "Ada@example.com");
    let world = &post.world;
    assert_eq!(
        world.post(LOGIN, &login("correct horse")).await.ok()["user"],
        expected
    );
    let old = world.post_cookie(REFRESH, &guest.refresh_token()).await;
    old.problem(401, "unauthenticated");
    let again = post_as(world, &upgraded, UPGRADE, &body).await;
    again.problem(409, "not_a_guest");
    let other = world.post(GUEST, &json!({})).await;
    let taken = post_as(world, &other, UPGRADE, &body).await;
    assert_eq!(taken.problem(409, "email_taken")["field"], "email");
    world
        .post(UPGRADE, &body)
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn without_mail_it_is_said_so_and_with_it_it_has_a_bound() {
    let silent = World::new().await;
    for email in ["ada@example.com", "eve@example.com"] {
        let asked = silent.post(RESET, &json!({ "email": email })).await;
        asked.problem(503, "mail_unavailable");
    }
    let post = Post::with(Setup {
        api: ApiConfig::default(),
        ..Setup::default()
    })
    .await;
    for typed in ["a@b.co", "A@b.co", " a@B.co", "a@b.co", "a@b.co"] {
        let asked = post.world.post(RESET, &json!({ "email": typed })).await;
        assert_eq!(asked.status, 202);
    }
    let asked = post.world.post(RESET, &json!({ "email": "a@b.co" })).await;
    asked.problem(429, "rate_limited");
}
