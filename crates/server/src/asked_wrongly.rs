//! Which failures of a start lie with whoever asked for it; others may be well another time.

use crate::config::ConfigError;
use crate::data_dir::DataDirError;
use blazing_sun_backbone::credentials::KeysError;
use blazing_sun_backbone::log::LogError;
use blazing_sun_backbone::log::kafka::KafkaOptionError;
use blazing_sun_backend::owner::OwnerError;
use blazing_sun_backend::store::StoreError;
use blazing_sun_backend::store::postgres::PgOptionsError;
use blazing_sun_checkout::store::StoreError as CheckoutStoreError;
use std::error::Error;

/// What is asked for does not go together, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AskedWrongly(pub String);

/// Whether the same can never be well without another configuration, other keys, or other arguments.
pub fn is_asked_wrongly(error: &anyhow::Error) -> bool {
    error.chain().any(is_wrong)
}

/// Whether there is no data, or none that this program can read.
pub fn is_of_other_data(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let of_store = cause.downcast_ref().is_some_and(|error| {
            matches!(
                error,
                StoreError::NotOurs | StoreError::Newer { .. } | StoreError::Unsuitable(_)
            )
        });
        let of_checkout = cause.downcast_ref().is_some_and(|error| {
            matches!(
                error,
                CheckoutStoreError::Newer { .. } | CheckoutStoreError::Unsuitable(_)
            )
        });
        of_store || of_checkout || cause.is::<DataDirError>()
    })
}

fn is_wrong(cause: &(dyn Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<OwnerError>() {
        return is_of_another_deployment(error);
    }
    if let Some(error) = cause.downcast_ref::<KeysError>() {
        return !matches!(error, KeysError::NoRandomness);
    }
    matches!(cause.downcast_ref(), Some(LogError::PartitionCount { .. }))
        || cause.is::<AskedWrongly>()
        || cause.is::<ConfigError>()
        || cause.is::<PgOptionsError>()
        || cause.is::<KafkaOptionError>()
}

fn is_of_another_deployment(error: &OwnerError) -> bool {
    matches!(
        error,
        OwnerError::Keys
            | OwnerError::Topics { .. }
            | OwnerError::OtherTopics { .. }
            | OwnerError::Partitions { .. }
            | OwnerError::Money { .. }
            | OwnerError::Purpose { .. }
            | OwnerError::Log(LogError::PartitionCount { .. })
    )
}

/// Says of an option of the Kafka adapter which key of the configuration sets it.
pub fn by_its_key(error: KafkaOptionError) -> AskedWrongly {
    let key = match error.option {
        "security.ca" => "tls.ca",
        "security.cert" => "tls.cert",
        "security.key" => "tls.key",
        "security.mechanism" => "sasl.mechanism",
        "security.user" => "sasl.user",
        "security.password" => "sasl.password",
        option => option,
    };
    AskedWrongly(format!("`kafka.{key}`: {}", error.reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    fn with_context(error: impl Into<anyhow::Error>) -> anyhow::Error {
        let failed: anyhow::Result<()> = Err(error.into());
        failed.context("it does not start").unwrap_err()
    }

    #[test]
    fn what_no_waiting_mends_was_asked_wrongly() {
        let count = || LogError::PartitionCount {
            topic: "t".to_owned(),
            found: 2,
            wanted: 3,
        };
        let taken = std::io::Error::from(std::io::ErrorKind::AddrInUse);
        for (error, is_wrong) in [
            (with_context(PgOptionsError::Scheme), true),
            (with_context(OwnerError::Keys), true),
            (with_context(count()), true),
            (with_context(OwnerError::Log(count())), true),
            (with_context(LogError::Unavailable), false),
            (with_context(KeysError::NoRandomness), false),
            (with_context(taken), false),
        ] {
            assert_eq!(is_asked_wrongly(&error), is_wrong, "{error:#}");
        }
    }
}
