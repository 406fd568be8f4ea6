//! What operators see and do over HTTP, on one folder.

use crate::console_api::Console;
use crate::users::answer;
use blazing_sun_harness::TestServer;
use serde_json::json;

async fn operator(server: &TestServer) -> (String, Console) {
    let data_dir = server.data_dir();
    let create = ["user", "create", "--username", "Ada", "--role", "admin"];
    let id = answer(&create, &data_dir).await["user_id"].clone();
    let id = id.as_str().expect("an id").to_owned();
    let token = answer(&["user", "token", &id], &data_dir).await["access_token"].clone();
    let token = token.as_str().expect("a token");
    (id, Console::new(server.http(), server.url(""), token))
}

#[tokio::test]
async fn everything_is_for_operators_alone() {
    let server = TestServer::start().await;
    let (id, console) = operator(&server).await;
    for (operation, status, answer) in console.ask_all().await {
        assert!(![401, 403].contains(&status), "{operation}: {answer:#}");
        assert!(status < 500, "{operation}: {answer:#}");
    }
    let player = server.guest().await;
    let refused = console.as_other(&player.token);
    refused.is_refused_everything(403, "forbidden").await;
    let nobody = console.as_other("");
    nobody.is_refused_everything(401, "unauthenticated").await;
    let wrong = console.as_other("x.y.z");
    wrong.is_refused_everything(401, "unauthenticated").await;

    // The role by the token alone is none, nor by the store alone.
    let data_dir = server.data_dir();
    answer(&["user", "role", &id, "remove", "admin"], &data_dir).await;
    console.is_refused_everything(403, "forbidden").await;
    answer(
        &["user", "role", &player.user_id, "add", "admin"],
        &data_dir,
    )
    .await;
    refused.is_refused_everything(403, "forbidden").await;
    answer(&["user", "role", &id, "add", "admin"], &data_dir).await;
    assert_eq!(console.ok("me").await["user_id"], id.as_str());
    answer(&["user", "ban", &id], &data_dir).await;
    console.is_refused_everything(403, "account_closed").await;
}

#[tokio::test]
async fn what_the_command_line_does_is_in_the_log() {
    let server = TestServer::start().await;
    let (id, console) = operator(&server).await;
    let me = console.ok("me").await;
    let wanted = json!({ "user_id": id, "username": "Ada", "roles": ["admin"] });
    assert_eq!(me, wanted);

    let player = server.guest().await;
    let (data_dir, user) = (server.data_dir(), player.user_id.as_str());
    answer(&["user", "ban", user, "--reason", "cheating"], &data_dir).await;
    answer(&["user", "unban", user], &data_dir).await;
    let credit = ["user", "credit", user, "--amount-cents", "250"];
    answer(&credit, &data_dir).await;
    answer(&["user", "role", user, "add", "moderator"], &data_dir).await;

    let log = console.ok(&format!("log?target={user}")).await;
    let entries = log["entries"].as_array().expect("entries");
    let told: Vec<_> = entries
        .iter()
        .rev()
        .map(|entry| {
            let word = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            (word("action"), word("outcome"))
        })
        .collect();
    let wanted = ["user.ban", "user.unban", "user.credit", "user.role"];
    let wanted: Vec<_> = wanted
        .into_iter()
        .flat_map(|action| ["asked", "done"].map(|how| (action.to_owned(), how.to_owned())))
        .collect();
    assert_eq!(told, wanted);
    let ban = entries.last().expect("the first");
    assert_eq!(ban["detail"], json!({ "reason": "cheating" }));
    let by = ban["operator"].as_str().expect("an operator");
    assert!(by.starts_with("cli:"), "{by}");

    let page = console.ok("log?limit=1&action=user.ban").await;
    assert_eq!(page["entries"][0]["outcome"], "done");
    assert_eq!(page["entries"][0]["detail"]["asked"], ban["id"]);
    let cursor = page["next_cursor"].as_str().expect("more");
    let rest = console
        .ok(&format!("log?limit=1&action=user.ban&cursor={cursor}"))
        .await;
    assert_eq!(rest["entries"][0]["id"], ban["id"]);
    assert_eq!(rest["next_cursor"], json!(null));
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=x", "cursor"),
    ] {
        let (status, answer) = console.get(&format!("log?{query}")).await;
        assert_eq!((status, &answer["field"]), (400, &json!(field)), "{query}");
    }
    let (status, answer) = console.get("log?limit=x").await;
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_format")));
}
