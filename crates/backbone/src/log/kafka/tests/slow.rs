//! A broker that is slow to answer.

use super::*;
use blazing_sun_harness::kafka::Settings;
use blazing_sun_harness::slow_proxy::SlowProxy;

/// Each way.
const SLOW_BY: Duration = Duration::from_millis(700);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_takes_seconds_to_answer_is_connected_to() {
    let proxy = SlowProxy::bind().await;
    let advertised = format!("CLIENTS://{}", proxy.address());
    let settings = Settings {
        properties: vec![("advertised.listeners".to_owned(), advertised)],
        ..Settings::default()
    };
    let starting = tokio::task::spawn_blocking(move || TestKafka::own_with(&settings));
    let kafka = starting.await.expect("Kafka");
    proxy.leads_to(kafka.bootstrap_servers().parse().expect("an address"));
    proxy.delay(SLOW_BY);
    let options = KafkaOptions::new(proxy.address().to_string());
    let begun = Instant::now();
    let connecting = tokio::task::spawn_blocking(|| KafkaLog::connect(options, None));
    let connected = connecting.await.expect("no panic");
    connected.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert!(begun.elapsed() > SLOW_BY * 2, "it goes by the proxy");
}
