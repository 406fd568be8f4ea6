//! What operators see and do over HTTP, on Kafka and PostgreSQL.

use crate::console_api::Console;
use crate::operators::user;
use blazing_sun_harness::Cluster;

async fn operator(cluster: &mut Cluster, backend: usize) -> Console {
    let create = ["create", "--username", "Ada", "--role", "admin"];
    let id = user(cluster, &create).await["user_id"].clone();
    let id = id.as_str().expect("an id");
    let token = user(cluster, &["token", id]).await["access_token"].clone();
    let url = cluster.backend(backend).url("");
    Console::new(cluster.http(), url, token.as_str().expect("a token"))
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_answer_operators_alone() {
    let mut cluster = Cluster::start(0, 2).await;
    let console = operator(&mut cluster, 1).await;
    for (operation, status, answer) in console.ask_all().await {
        assert!(![401, 403].contains(&status), "{operation}: {answer:#}");
        assert!(status < 500, "{operation}: {answer:#}");
    }
    let player = cluster.guest_at(0).await;
    let refused = console.as_other(&player.token);
    refused.is_refused_everything(403, "forbidden").await;
    let nobody = console.as_other("");
    nobody.is_refused_everything(401, "unauthenticated").await;
    let log = console.ok("log").await;
    assert_eq!(log["entries"][0]["action"], "user.token");
}
