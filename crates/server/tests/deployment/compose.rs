//! compose.yaml: services, names, commands, and that the program takes what it is given there.

use crate::read;
use serde_yaml_ng::Value;
use std::collections::{BTreeMap, BTreeSet};

const PROCESSES: [&str; 5] = [
    "gateway-1",
    "gateway-2",
    "backend-1",
    "backend-2",
    "checkout",
];

/// The file, with what is said once filled in where it is used.
pub struct Compose(pub Value);

impl Compose {
    pub fn read() -> Compose {
        let mut value: Value = serde_yaml_ng::from_str(&read("compose.yaml")).expect("YAML");
        // What is filled in may itself say what is to be filled in.
        for _ in 0..3 {
            value.apply_merge().expect("merged");
        }
        Compose(value)
    }

    pub fn services(&self) -> BTreeSet<&str> {
        keys(&self.0["services"])
    }

    fn service(&self, name: &str) -> &Value {
        let service = &self.0["services"][name];
        assert!(service.is_mapping(), "no service {name}");
        service
    }

    pub fn text(&self, service: &str, key: &str) -> String {
        let value = self.service(service)[key].as_str();
        value
            .unwrap_or_else(|| panic!("{service}.{key} is no text"))
            .to_owned()
    }

    pub fn environment(&self, service: &str) -> BTreeMap<String, String> {
        let environment = self.service(service)["environment"].as_mapping();
        let pairs = environment.into_iter().flatten();
        pairs
            .map(|(name, value)| {
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                (text(name), text(value))
            })
            .collect()
    }

    pub fn list(&self, service: &str, key: &str) -> Vec<&str> {
        let list = self.service(service)[key].as_sequence();
        list.into_iter()
            .flatten()
            .map(|one| one.as_str().expect("a text"))
            .collect()
    }
}

pub fn keys(mapping: &Value) -> BTreeSet<&str> {
    let mapping = mapping.as_mapping().expect("a mapping");
    mapping
        .keys()
        .map(|key| key.as_str().expect("a name"))
        .collect()
}

#[test]
fn all_services_are_there_with_their_commands() {
    let compose = Compose::read();
    let others = [
        "kafka",
        "kafka-users",
        "postgres",
        "postgres-checkout",
        "proxy",
    ];
    assert_eq!(
        compose.services(),
        PROCESSES.into_iter().chain(others).collect()
    );
    for name in PROCESSES {
        let role = name.split('-').next().expect("a role");
        assert_eq!(compose.list(name, "command"), [role]);
        assert_eq!(compose.text(name, "image"), "blazing-sun:latest");
        // It needs the provider's keys.
        let profiles: &[&str] = if name == "checkout" {
            &["payments"]
        } else {
            &[]
        };
        assert_eq!(compose.list(name, "profiles"), profiles, "{name}");
    }
}

#[test]
fn everything_comes_back_and_is_looked_at() {
    let compose = Compose::read();
    for name in compose.services() {
        let service = compose.service(name);
        let once = name == "kafka-users";
        let restart = if once { "on-failure" } else { "unless-stopped" };
        assert_eq!(service["restart"].as_str(), Some(restart), "{name}");
        assert_eq!(
            service["healthcheck"]["test"].is_sequence(),
            !once,
            "{name}"
        );
    }
    for name in PROCESSES {
        let service = compose.service(name);
        assert_eq!(service["read_only"].as_bool(), Some(true), "{name}");
        assert_eq!(compose.list(name, "cap_drop"), ["ALL"], "{name}");
        let check = &service["healthcheck"]["test"];
        let check: Vec<_> = check.as_sequence().expect("a list").iter().collect();
        assert_eq!(check, ["CMD", "/blazing-sun", "probe"], "{name}");
        assert!(
            compose
                .text(name, "user")
                .starts_with("${BLAZING_SUN_USER:?"),
            "{name}"
        );
    }
}

#[test]
fn only_the_proxy_is_reached_from_outside_and_that_from_this_machine() {
    let compose = Compose::read();
    for name in compose.services() {
        let ports: &[&str] = match name {
            "proxy" => &["${PUBLISH:-127.0.0.1:8080}:8080"],
            _ => &[],
        };
        assert_eq!(compose.list(name, "ports"), ports, "{name}");
        let networks: &[&str] = match name {
            "proxy" => &["front"],
            "kafka" | "kafka-users" | "postgres" | "postgres-checkout" => &["back"],
            _ => &["front", "back"],
        };
        assert_eq!(compose.list(name, "networks"), networks, "{name}");
    }
    assert_eq!(
        compose.0["networks"]["back"]["internal"].as_bool(),
        Some(true)
    );
}

/// `docker compose exec kafka kafka-topics.sh --list --bootstrap-server localhost:9092`
#[test]
fn the_contracts_debugging_commands_find_kafka_and_its_tools() {
    let compose = Compose::read();
    assert_eq!(compose.text("kafka", "hostname"), "kafka");
    assert_eq!(compose.text("kafka", "build"), "kafka");
    assert!(read("kafka/Dockerfile").contains("\nENV PATH=\"/opt/kafka/bin:${PATH}\"\n"));
    let properties = read("kafka/server.properties");
    // On every address of the container, localhost among them; what it is sent on to is known on the network and in there.
    assert!(properties.contains("\nlisteners=LOOK://:9092,"));
    assert!(properties.contains("\nadvertised.listeners=LOOK://kafka:9092,SECURE://kafka:9094\n"));
    assert!(properties.contains("=LOOK:PLAINTEXT,"));
    for name in PROCESSES {
        assert_eq!(
            compose.environment(name)["KAFKA_BOOTSTRAP_SERVERS"],
            "kafka:9094"
        );
    }
}

#[test]
fn each_has_only_the_secrets_of_its_role() {
    let compose = Compose::read();
    for (name, secrets) in [
        ("gateway-1", &["keys-of-gateways", "kafka-gateway"][..]),
        ("gateway-2", &["keys-of-gateways", "kafka-gateway"]),
        ("backend-1", &["keys", "backend.toml", "kafka-backend"]),
        ("backend-2", &["keys", "backend.toml", "kafka-backend"]),
        ("checkout", &["checkout.toml", "kafka-checkout"]),
        ("kafka", &["kafka-admin"]),
        ("postgres", &["postgres"]),
        ("postgres-checkout", &["postgres-checkout"]),
        ("proxy", &[]),
    ] {
        assert_eq!(compose.list(name, "secrets"), secrets, "{name}");
        for (variable, value) in compose.environment(name) {
            let is_url = variable.contains("URL") && !variable.ends_with("PUBLIC_URL");
            let secret = variable.contains("PASSWORD") || is_url;
            assert!(
                !secret || value.starts_with("/run/secrets/"),
                "{name}: {variable}"
            );
        }
    }
}
