//! The health check of compose.yaml, on a running process and on none.

use blazing_sun_harness::{TestServer, program, within};

#[tokio::test]
async fn the_probe_says_whether_a_process_may_be_sent_clients() {
    let mut server = TestServer::start().await;
    let url = server.url("");
    let probe = async |url: &str| {
        let output = within("the probe", program(&["probe", url]).output());
        output.await.expect("an output")
    };
    let ready = probe(&url).await;
    assert!(ready.status.success());
    assert_eq!(ready.stdout, b"ready\n");
    // A page is there, and nothing that says it is ready.
    let elsewhere = probe(&format!("{url}/api")).await;
    assert_eq!(elsewhere.status.code(), Some(1));
    server.kill().await;
    let gone = probe(&url).await;
    assert_eq!(gone.status.code(), Some(1));
    let complaint = String::from_utf8(gone.stderr).expect("text");
    assert!(complaint.contains("/readyz did not answer"), "{complaint}");
}
