//! What the clients of a cluster are set up with, by kind. Every client of the product is made from one of
//! these, so that each known trap of the library is avoided in one place.

use super::options::{KafkaOptions, KafkaSecurity, KafkaTls};
use parking_lot::Mutex;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The largest record, with key and headers, that is sent: what a broker takes where nothing else is set.
pub const RECORD_BYTES_MAX: usize = 1_000_000;

/// What all clients have in common.
pub fn client(options: &KafkaOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.bootstrap_servers)
        .set("client.id", &options.client_id)
        .set("reconnect.backoff.max.ms", "1000")
        .set("allow.auto.create.topics", "false")
        // A broker that hangs is left for another after this, not after the default of a minute.
        .set("socket.timeout.ms", "10000")
        .set("socket.connection.setup.timeout.ms", "5000")
        .set("socket.keepalive.enable", "true")
        // Where a lone broker has started again, the library may leave a partition with nobody who serves it although
        // it has heard who does (librdkafka #5593), until it hears it once more.
        .set("topic.metadata.refresh.interval.ms", "3000")
        // Otherwise thrice the same: it would forget all topics of brokers that are away for so long.
        .set("metadata.max.age.ms", "900000")
        .set("log.connection.close", "false");
    // Otherwise it is derived from a logging facade that this program does not use.
    config.set_log_level(RDKafkaLogLevel::Info);
    secure(&mut config, &options.security);
    config
}

fn secure(config: &mut ClientConfig, security: &KafkaSecurity) {
    let protocol = match (security, security.tls()) {
        (KafkaSecurity::Sasl { .. }, Some(_)) => "sasl_ssl",
        (KafkaSecurity::Sasl { .. }, None) => "sasl_plaintext",
        (_, Some(_)) => "ssl",
        (_, None) => "plaintext",
    };
    config.set("security.protocol", protocol);
    if let Some(KafkaTls { ca, cert, key }) = security.tls() {
        config.set("ssl.ca.location", "probe");
        for (setting, path) in [
            ("ssl.ca.location", ca),
            ("ssl.certificate.location", cert),
            ("ssl.key.location", key),
        ] {
            if let Some(path) = path.as_deref().and_then(|path| path.to_str()) {
                config.set(setting, path);
            }
        }
    }
    if let KafkaSecurity::Sasl {
        mechanism,
        user,
        password,
        ..
    } = security
    {
        config
            .set("sasl.mechanism", mechanism.name())
            .set("sasl.username", user)
            .set("sasl.password", password.reveal());
    }
}

/// A producer whose records keep their order, are never given up by the library, and wait for nothing.
/// Whoever uses it bounds what waits; the library's own bounds are out of the way.
pub fn producer(options: &KafkaOptions) -> ClientConfig {
    let mut config = client(options);
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        .set("message.timeout.ms", "0")
        .set("max.in.flight", "5")
        .set("compression.type", "none")
        .set("message.max.bytes", RECORD_BYTES_MAX.to_string())
        .set("queue.buffering.max.messages", "0")
        .set("queue.buffering.max.kbytes", "2097151");
    config
}

/// A consumer that is told its partitions with `assign`. `group` is whose offsets it may commit; a client
/// without a name for that can not read at all.
pub fn reader(options: &KafkaOptions, group: Option<&str>) -> ClientConfig {
    let mut config = client(options);
    config
        .set(
            "group.id",
            options.full_name(group.unwrap_or("blazing_sun.reader")),
        )
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.min.bytes", "1")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.queue.backoff.ms", "10")
        .set("fetch.error.backoff.ms", "50")
        .set("queued.max.messages.kbytes", "16384")
        .set("check.crcs", "true");
    config
}

/// A consumer that reads a few windows and is gone: it is told where a partition ends, and keeps little that nobody may
/// want.
pub fn walker(options: &KafkaOptions) -> ClientConfig {
    let mut config = reader(options, None);
    config
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "10")
        .set("fetch.message.max.bytes", "262144")
        .set("queued.max.messages.kbytes", "4096");
    config
}

/// A member of a group whose partitions the group hands out: `range`, which gives one member the same
/// partition of all topics.
pub fn member(options: &KafkaOptions, group: &str) -> ClientConfig {
    let mut config = reader(options, Some(group));
    config
        .set("partition.assignment.strategy", "range")
        .set(
            "session.timeout.ms",
            options.session.as_millis().to_string(),
        )
        .set(
            "heartbeat.interval.ms",
            (options.session / 4).as_millis().max(1).to_string(),
        );
    config
}

/// A client that asks questions and makes topics, and never reads or writes records.
pub fn admin(options: &KafkaOptions) -> ClientConfig {
    client(options)
}

/// Carries the library's own log lines and errors into the program's log, at most one a kind and while,
/// and keeps the error that a start-up fails with.
#[derive(Default)]
pub struct ClientLog {
    state: Mutex<ClientLogState>,
    commits_answered: AtomicUsize,
}

#[derive(Default)]
struct ClientLogState {
    warned: Vec<(RDKafkaErrorCode, Instant)>,
    latest: Option<(RDKafkaErrorCode, String)>,
}

/// How often the same kind of error is logged.
const WARN_INTERVAL: Duration = Duration::from_secs(30);

impl ClientLog {
    /// The latest error that the library told.
    pub fn latest(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.state.lock().latest.clone()
    }

    /// How many commits of offsets were answered.
    pub fn commits_answered(&self) -> usize {
        self.commits_answered.load(Ordering::Relaxed)
    }

    fn is_due(&self, code: RDKafkaErrorCode, reason: &str) -> bool {
        let mut state = self.state.lock();
        // "All brokers are down" follows what says why, and says less.
        if code != RDKafkaErrorCode::AllBrokersDown || state.latest.is_none() {
            state.latest = Some((code, reason.to_owned()));
        }
        let now = Instant::now();
        state
            .warned
            .retain(|(_, at)| now.duration_since(*at) < WARN_INTERVAL);
        let is_due = state.warned.iter().all(|(warned, _)| *warned != code);
        if is_due {
            state.warned.push((code, now));
        }
        is_due
    }
}

impl ClientContext for ClientLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => {
                tracing::info!(kafka.facility = facility, "{line}");
            }
            _ => tracing::debug!(kafka.facility = facility, "{line}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        if self.is_due(code, reason) {
            tracing::warn!(kafka.error = %code, "Kafka: {reason}");
        }
    }
}

impl ConsumerContext for ClientLog {
    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        self.commits_answered.fetch_add(1, Ordering::Relaxed);
        // The library says this where nothing had to be written.
        if let Err(error) = result
            && error.rdkafka_error_code() != Some(RDKafkaErrorCode::NoOffset)
        {
            self.error(error, "a group's offsets were not written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_what_keeps_records_safe() {
        let options = KafkaOptions::new("localhost:9092");
        let expect = |config: ClientConfig, settings: &[(&str, &str)]| {
            for (setting, value) in settings {
                assert_eq!(config.get(setting), Some(*value), "{setting}");
            }
            config
                .create_native_config()
                .expect("the library knows every setting");
        };
        expect(
            producer(&options),
            &[
                ("acks", "all"),
                ("enable.idempotence", "true"),
                ("linger.ms", "0"),
                ("message.timeout.ms", "0"),
                ("max.in.flight", "5"),
                ("compression.type", "none"),
                ("reconnect.backoff.max.ms", "1000"),
                ("topic.metadata.refresh.interval.ms", "3000"),
            ],
        );
        expect(
            member(&options, "blazing_sun"),
            &[
                ("group.id", "blazing_sun"),
                ("enable.auto.commit", "false"),
                ("fetch.min.bytes", "1"),
                ("fetch.wait.max.ms", "100"),
                ("fetch.queue.backoff.ms", "10"),
                ("fetch.error.backoff.ms", "50"),
                ("session.timeout.ms", "6000"),
                ("allow.auto.create.topics", "false"),
                ("partition.assignment.strategy", "range"),
                ("topic.metadata.refresh.interval.ms", "3000"),
            ],
        );
    }

    #[test]
    fn the_same_error_is_logged_once_in_a_while() {
        let log = ClientLog::default();
        assert!(log.is_due(RDKafkaErrorCode::BrokerTransportFailure, "refused"));
        assert!(!log.is_due(RDKafkaErrorCode::BrokerTransportFailure, "refused"));
        assert!(log.is_due(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down"));
        let (code, reason) = log.latest().expect("there was one");
        assert_eq!(
            (code, reason.as_str()),
            (RDKafkaErrorCode::BrokerTransportFailure, "refused")
        );
    }
}
