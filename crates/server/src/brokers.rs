//! From the configuration to Kafka and PostgreSQL: options, names.

use crate::asked_wrongly::by_its_key;
use crate::config::{Config, Database, Kafka, KafkaTls, SecretText};
use anyhow::Context;
use blazing_sun_backbone::log::kafka::{self, KafkaOptions, KafkaSecurity, Password};
use blazing_sun_backbone::topics::Party;
use blazing_sun_backend::store::postgres::PgOptions;
use std::time::Duration;
use uuid::Uuid;

/// Bytes of a host's name in a gateway's.
const HOST_CHARS_MAX: usize = 40;

/// How Kafka is reached. `client_id` is what the brokers call this process.
pub fn kafka_options(kafka: &Kafka, client_id: &str) -> anyhow::Result<KafkaOptions> {
    let servers = kafka.bootstrap_servers.clone().unwrap_or_default();
    let options = KafkaOptions {
        topic_prefix: kafka.topic_prefix.clone(),
        replication_factor: kafka.replication_factor,
        security: security(kafka)?,
        client_id: client_id.to_owned(),
        buffer_bytes: usize::try_from(kafka.buffer_bytes).unwrap_or(usize::MAX),
        session: Duration::from_millis(kafka.session_timeout_ms.into()),
        ..KafkaOptions::new(servers)
    };
    options.check().map_err(by_its_key)?;
    Ok(options)
}

/// How PostgreSQL is reached.
pub fn postgres_options(database: &Database) -> anyhow::Result<PgOptions> {
    options_of("database.url", database.url.as_ref(), database)
}

/// How the checkout's is.
pub fn postgres_options_of_checkout(config: &Config) -> anyhow::Result<PgOptions> {
    let url = config.payments.database_url.as_ref();
    options_of("payments.database_url", url, &config.database)
}

fn options_of(
    key: &str,
    url: Option<&SecretText>,
    database: &Database,
) -> anyhow::Result<PgOptions> {
    let url = url.map_or("", |url| url.as_str());
    let options = PgOptions::parse(url).with_context(|| format!("`{key}` is of no use"))?;
    let options = options.pool_size(database.pool_size);
    Ok(match &database.ca {
        Some(ca) => options.trusting(ca).context("`database.ca` is of no use")?,
        None => options,
    })
}

fn security(kafka: &Kafka) -> anyhow::Result<KafkaSecurity> {
    let KafkaTls {
        enabled,
        ca,
        cert,
        key,
    } = kafka.tls.clone();
    let tls = enabled.then_some(kafka::KafkaTls { ca, cert, key });
    let sasl = &kafka.sasl;
    let Some(mechanism) = &sasl.mechanism else {
        return Ok(tls.map_or(KafkaSecurity::Plaintext, KafkaSecurity::Tls));
    };
    let password = match (&sasl.password, &sasl.password_file) {
        (Some(password), _) => password.as_str().to_owned(),
        (None, Some(file)) => {
            let read = std::fs::read_to_string(file);
            let mut text = read.with_context(|| {
                format!("cannot read `kafka.sasl.password_file` {}", file.display())
            })?;
            let length = text.trim_end_matches(['\r', '\n']).len();
            text.truncate(length);
            text
        }
        (None, None) => String::new(),
    };
    if tls.is_none() && mechanism == "PLAIN" {
        tracing::warn!("the password for Kafka travels in the clear: set `kafka.tls.enabled`");
    }
    Ok(KafkaSecurity::Sasl {
        mechanism: mechanism.parse().map_err(by_its_key)?,
        user: sasl.user.clone().unwrap_or_default(),
        password: Password::from(password),
        tls,
    })
}

/// What a gateway on Kafka is called, and the group under which Kafka's tools see how far it has read.
pub struct GatewayName {
    /// No other's.
    pub id: String,
    /// `ws_gateway`, or `ws_gateway.<id>` where it was given an id.
    pub group: String,
}

impl GatewayName {
    /// As configured, else a new one.
    pub fn of(config: &Config) -> GatewayName {
        let group = Party::Gateway.group();
        match &config.gateway.id {
            Some(id) => GatewayName {
                id: id.clone(),
                group: format!("{group}.{id}"),
            },
            None => GatewayName {
                id: unique_name(),
                group: group.to_owned(),
            },
        }
    }
}

/// This machine's name and what no other process has.
pub fn unique_name() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().to_ascii_lowercase();
    let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let host: String = host.chars().filter(plain).take(HOST_CHARS_MAX).collect();
    let random = Uuid::new_v4().simple().to_string();
    format!("{host}-{}", &random[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asked_wrongly::is_asked_wrongly;

    #[test]
    fn a_gateway_without_an_id_has_one_of_its_own_and_the_contracts_group() {
        let mut config = Config::default();
        let (one, other) = (GatewayName::of(&config), GatewayName::of(&config));
        assert_ne!(one.id, other.id);
        assert!((10..=64).contains(&one.id.len()), "{}", one.id);
        assert_eq!(one.group, "ws_gateway");
        config.gateway.id = Some("west".to_owned());
        let named = GatewayName::of(&config);
        assert_eq!((&*named.id, &*named.group), ("west", "ws_gateway.west"));
    }

    #[test]
    fn a_password_comes_from_its_file_without_the_lines_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "hidden\n").unwrap();
        let mut kafka = Kafka {
            bootstrap_servers: Some("kafka:9092".to_owned()),
            ..Kafka::default()
        };
        kafka.sasl.mechanism = Some("SCRAM-SHA-256".to_owned());
        kafka.sasl.user = Some("gateway".to_owned());
        kafka.sasl.password_file = Some(file.clone());
        let options = kafka_options(&kafka, "test").unwrap();
        assert_eq!(options.client_config().get("sasl.password"), Some("hidden"));
        assert!(!format!("{options:?}").contains("hidden"));
        std::fs::remove_file(&file).unwrap();
        let error = format!("{:#}", kafka_options(&kafka, "test").unwrap_err());
        assert!(error.contains("kafka.sasl.password_file"), "{error}");
        std::fs::write(&file, "\n").unwrap();
        let error = kafka_options(&kafka, "test").unwrap_err();
        assert!(is_asked_wrongly(&error), "{error:#}");
        assert!(
            error.to_string().starts_with("`kafka.sasl.password`: "),
            "{error}"
        );
        kafka.tls.enabled = true;
        kafka.tls.ca = Some(file);
        let error = kafka_options(&kafka, "test").unwrap_err().to_string();
        assert!(error.starts_with("`kafka.tls.ca`: "), "{error}");
    }
}
