//! Brokers that ask who it is.

use super::*;
use blazing_sun_harness::kafka::Settings;
use std::error::Error;

fn secured() -> TestKafka {
    let login =
        "org.apache.kafka.common.security.plain.PlainLoginModule required user_gateway=\"right\";";
    TestKafka::own_with(&Settings {
        properties: vec![
            (
                "listener.name.secure.sasl.enabled.mechanisms".into(),
                "PLAIN".into(),
            ),
            (
                "listener.name.secure.plain.sasl.jaas.config".into(),
                login.into(),
            ),
        ],
        secure: Some("SASL_PLAINTEXT".into()),
    })
}

/// An error with what it comes from.
fn told(error: &LogError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lets_in_by_password_and_says_when_not() {
    let kafka = secured();
    let with = |password: &str| KafkaOptions {
        bootstrap_servers: kafka.secure_bootstrap_servers(),
        security: KafkaSecurity::Sasl {
            mechanism: SaslMechanism::Plain,
            user: "gateway".into(),
            password: Password::from(password.to_owned()),
            tls: None,
        },
        ..options_for(&kafka)
    };
    let log = connect(&with("right"));
    let topic = topic(&log, "secured", 1).await;
    let mut subscription = log
        .subscribe(vec![(topic.clone(), 0, Start::End)])
        .expect("it can be read");
    append(&log, vec![record(&topic, 0, "in")]).await;
    assert_eq!(text(&read(&mut *subscription, 1).await[0]), "in");
    let refused = KafkaLog::connect(with("wr0ng-password"), None).err();
    let text = told(&refused.expect("the password is wrong"));
    assert!(text.contains("refuses this program"), "{text}");
    assert!(text.contains("Invalid username or password"), "{text}");
    assert!(!text.contains("wr0ng-password"), "{text}");
}

#[tokio::test]
async fn says_that_nobody_is_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let options = KafkaOptions {
        request_wait: Duration::from_millis(600),
        ..KafkaOptions::new(address.to_string())
    };
    let error = KafkaLog::connect(options, None).err();
    let text = told(&error.expect("nobody listens"));
    assert!(text.contains(&address.to_string()), "{text}");
    assert!(text.contains("Connection refused"), "{text}");
    let wrong = KafkaLog::connect(KafkaOptions::new("localhost"), None).err();
    let text = told(&wrong.expect("no port"));
    assert!(text.contains("`bootstrap_servers`"), "{text}");
}
