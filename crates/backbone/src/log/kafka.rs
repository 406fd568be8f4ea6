//! The event log on Apache Kafka: what several gateways and backends share.

mod options;
pub mod settings;

pub use options::{
    KafkaOptionError, KafkaOptions, KafkaSecurity, KafkaTls, Password, SaslMechanism,
};
