//! Why something could not be done with Kafka.

use super::options::KafkaOptionError;
use crate::log::LogError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::Arc;
use std::time::Duration;

/// Why Kafka could not do it: the source of a [`LogError::Storage`].
#[derive(Debug, thiserror::Error)]
pub enum KafkaLogError {
    /// An option is wrong.
    #[error(transparent)]
    Option(#[from] KafkaOptionError),
    /// The brokers do not let this program in.
    #[error(
        "Kafka at {servers} refuses this program: {reason}; `kafka.sasl` and `kafka.tls` say who it is to the brokers"
    )]
    Refused {
        /// Where.
        servers: String,
        /// In the library's words.
        reason: String,
    },
    /// No broker answered.
    #[error("no broker at {servers} answered within {wait:?}: {reason}")]
    Unreachable {
        /// Where.
        servers: String,
        /// For how long it was tried.
        wait: Duration,
        /// In the library's words.
        reason: String,
    },
    /// An append was taken, and its acknowledgement never came.
    #[error("Kafka did not acknowledge it, and may still have it: {0}")]
    Unacknowledged(String),
    /// A topic could not be made or used.
    #[error("topic `{topic}`: {reason}")]
    Topic {
        /// Its name on the brokers.
        topic: String,
        /// In the broker's or the library's words.
        reason: String,
    },
    /// What the library says.
    #[error("{doing}")]
    Library {
        /// What was being done.
        doing: &'static str,
        /// What it says.
        #[source]
        source: KafkaError,
    },
    /// No thread could be started.
    #[error("a thread could not be started")]
    Thread(#[from] std::io::Error),
}

impl KafkaLogError {
    pub(super) fn library(doing: &'static str) -> impl FnOnce(KafkaError) -> KafkaLogError {
        move |source| KafkaLogError::Library { doing, source }
    }

    pub(super) fn topic(topic: &str, reason: impl ToString) -> KafkaLogError {
        KafkaLogError::Topic {
            topic: topic.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl From<KafkaLogError> for LogError {
    fn from(error: KafkaLogError) -> LogError {
        LogError::Storage(Arc::new(error))
    }
}

/// A client that could not be made, by the option that its settings come from.
pub(super) fn client_error(error: KafkaError) -> KafkaLogError {
    let text = error.to_string();
    let options = [
        ("ssl.ca.location", "security.ca"),
        ("ssl.certificate.location", "security.cert"),
        ("ssl.key.location", "security.key"),
        ("sasl.", "security.mechanism"),
        ("bootstrap.servers", "bootstrap_servers"),
    ];
    match options.iter().find(|(setting, _)| text.contains(setting)) {
        Some((_, option)) => KafkaOptionError::new(option, text).into(),
        None => KafkaLogError::Library {
            doing: "a Kafka client could not be made",
            source: error,
        },
    }
}

/// That the brokers know this program's place and do not let it in, which no waiting mends.
pub(super) fn is_refusal(code: RDKafkaErrorCode, reason: &str) -> bool {
    match code {
        RDKafkaErrorCode::Authentication
        | RDKafkaErrorCode::SaslAuthenticationFailed
        | RDKafkaErrorCode::UnsupportedSASLMechanism
        | RDKafkaErrorCode::SSL
        | RDKafkaErrorCode::ClusterAuthorizationFailed => true,
        // How a broker turns down a certificate, or the lack of one, once TLS is spoken.
        RDKafkaErrorCode::BrokerTransportFailure => reason.contains("SSL alert"),
        _ => false,
    }
}
