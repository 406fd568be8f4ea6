//! Brokers that ask who it is.

use super::*;
use blazing_sun_harness::kafka::Settings;
use std::path::Path;
use std::process::Command;

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

/// Makes a key and a certificate in the folder, signed by `ca` or by itself.
fn certificate(folder: &Path, name: &str, ca: Option<&str>) {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
    ]);
    openssl.args([&format!("/CN={name}"), "-keyout", &format!("{name}.key")]);
    openssl.args(["-out", &format!("{name}.pem")]);
    match ca {
        None => openssl.args(["-addext", "keyUsage=keyCertSign"]),
        Some(ca) => openssl.args([
            "-CA",
            &format!("{ca}.pem"),
            "-CAkey",
            &format!("{ca}.key"),
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ]),
    };
    let output = openssl.output().expect("openssl is installed");
    assert!(output.status.success(), "{output:?}");
}

fn secure_property(name: &str, value: impl ToString) -> (String, String) {
    (format!("listener.name.secure.{name}"), value.to_string())
}

/// What a broker needs to show its certificate, which is in the folder.
fn shows_certificate(folder: &Path) -> Vec<(String, String)> {
    let read = |file: &str| std::fs::read(folder.join(file)).expect("it was made");
    let store = [read("broker.key"), read("broker.pem")].concat();
    std::fs::write(folder.join("store.pem"), store).expect("a file");
    vec![
        secure_property("ssl.keystore.type", "PEM"),
        secure_property("ssl.keystore.location", folder.join("store.pem").display()),
    ]
}

fn with_certificates(folder: &Path) -> TestKafka {
    let mut properties = shows_certificate(folder);
    properties.extend([
        secure_property("ssl.truststore.type", "PEM"),
        secure_property("ssl.truststore.location", folder.join("ca.pem").display()),
        secure_property("ssl.client.auth", "required"),
    ]);
    TestKafka::own_with(&Settings {
        properties,
        secure: Some("SSL".into()),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lets_in_by_a_challenge_over_tls_and_says_when_not() {
    let folder = tempfile::tempdir().expect("a folder");
    certificate(folder.path(), "ca", None);
    certificate(folder.path(), "broker", Some("ca"));
    let mut properties = shows_certificate(folder.path());
    let login = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    properties.extend([
        secure_property("sasl.enabled.mechanisms", "SCRAM-SHA-256,SCRAM-SHA-512"),
        secure_property("scram-sha-256.sasl.jaas.config", login),
        secure_property("scram-sha-512.sasl.jaas.config", login),
    ]);
    let kafka = TestKafka::own_with(&Settings {
        properties,
        secure: Some("SASL_SSL".into()),
    });
    let user = ["--entity-type", "users", "--entity-name", "gateway"];
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let password = format!("{mechanism}=[password=right]");
        let add = [&["--alter"], &user[..], &["--add-config", &password]].concat();
        kafka.tool("kafka-configs", &add);
    }
    let with = |mechanism, password: &str| KafkaOptions {
        bootstrap_servers: kafka.secure_bootstrap_servers(),
        security: KafkaSecurity::Sasl {
            mechanism,
            user: "gateway".into(),
            password: Password::from(password.to_owned()),
            tls: Some(KafkaTls {
                ca: Some(folder.path().join("ca.pem")),
                ..KafkaTls::default()
            }),
        },
        ..options_for(&kafka)
    };
    for mechanism in [SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
        let log = connect(&with(mechanism, "right"));
        let topic = topic(&log, "challenged", 1).await;
        let mut subscription = log
            .subscribe(vec![(topic.clone(), 0, Start::End)])
            .expect("it can be read");
        append(&log, vec![record(&topic, 0, "in")]).await;
        assert_eq!(text(&read(&mut *subscription, 1).await[0]), "in");
        let refused = KafkaLog::connect(with(mechanism, "wr0ng-password"), None).err();
        let text = told(&refused.expect("the password is wrong"));
        assert!(text.contains("refuses this program"), "{text}");
        assert!(!text.contains("wr0ng-password"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lets_in_by_certificate_and_trusts_no_other_broker() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, ca) in [
        ("ca", None),
        ("broker", Some("ca")),
        ("us", Some("ca")),
        ("other", None),
    ] {
        certificate(folder.path(), name, ca);
    }
    let kafka = with_certificates(folder.path());
    let with = |ca: Option<&str>, us: Option<&str>| {
        let path = |name: &str| folder.path().join(name);
        KafkaOptions {
            bootstrap_servers: kafka.secure_bootstrap_servers(),
            security: KafkaSecurity::Tls(KafkaTls {
                ca: ca.map(|name| path(&format!("{name}.pem"))),
                cert: us.map(|name| path(&format!("{name}.pem"))),
                key: us.map(|name| path(&format!("{name}.key"))),
            }),
            ..options_for(&kafka)
        }
    };
    let log = connect(&with(Some("ca"), Some("us")));
    let topic = topic(&log, "encrypted", 1).await;
    append(&log, vec![record(&topic, 0, "in")]).await;
    for (what, options) in [
        ("whom the system does not trust", with(None, Some("us"))),
        ("whom another has signed", with(Some("other"), Some("us"))),
        ("who does not know us", with(Some("ca"), None)),
        (
            "who does not know our signer",
            with(Some("ca"), Some("other")),
        ),
    ] {
        let refused = KafkaLog::connect(options, None).err();
        let text = told(&refused.unwrap_or_else(|| panic!("connected to {what}")));
        assert!(text.contains("refuses this program"), "{what}: {text}");
    }
    let mixed = KafkaTls {
        ca: None,
        cert: Some(folder.path().join("us.pem")),
        key: Some(folder.path().join("other.key")),
    };
    let options = KafkaOptions {
        security: KafkaSecurity::Tls(mixed),
        ..with(None, None)
    };
    let text = told(&KafkaLog::connect(options, None).err().expect("no pair"));
    assert!(text.contains("`security.key`"), "{text}");
}
