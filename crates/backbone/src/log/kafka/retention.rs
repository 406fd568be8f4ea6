//! How long the brokers keep the records of topics. For tools; each question makes a client of its own.

use super::error::{KafkaLogError, client_error};
use super::options::KafkaOptions;
use super::settings::{self, ClientLog};
use crate::log::LogError;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};

const SETTING: &str = "retention.ms";

/// The retention of each of these topics in milliseconds, below 0 for ever; none where brokers do not tell.
pub async fn of_topics(
    options: &KafkaOptions,
    topics: &[String],
) -> Result<Vec<Option<i64>>, LogError> {
    let client: AdminClient<ClientLog> = settings::admin(options)
        .create_with_context(ClientLog::default())
        .map_err(client_error)?;
    let names: Vec<String> = topics.iter().map(|name| options.full_name(name)).collect();
    let asked: Vec<_> = names
        .iter()
        .map(|name| ResourceSpecifier::Topic(name))
        .collect();
    let within = AdminOptions::new().request_timeout(Some(options.request_wait));
    let told = client.describe_configs(&asked, &within).await;
    let told = told.map_err(KafkaLogError::library("settings of topics did not come"))?;
    let retention = told.iter().map(|topic| {
        let setting = topic.as_ref().ok()?.get(SETTING)?;
        setting.value.as_deref()?.parse().ok()
    });
    Ok(retention.collect())
}
