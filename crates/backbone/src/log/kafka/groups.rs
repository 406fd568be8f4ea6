//! What Kafka knows of groups: their names, and how far they have committed. For tools; each question makes a
//! client of its own and blocks.

use super::error::{KafkaLogError, client_error};
use super::options::KafkaOptions;
use super::settings::{self, ClientLog};
use crate::log::{LogError, Topic};
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::TopicPartitionList;

/// The groups whose names begin with the deployment's prefix, without it.
pub fn names(options: &KafkaOptions) -> Result<Vec<String>, LogError> {
    let client: BaseConsumer<ClientLog> = settings::admin(options)
        .create_with_context(ClientLog::default())
        .map_err(client_error)?;
    let groups = client.fetch_group_list(None, options.request_wait);
    let groups = groups.map_err(KafkaLogError::library("the list of groups did not come"))?;
    let names = groups.groups().iter().map(|group| group.name());
    let names = names.filter_map(|name| name.strip_prefix(&options.topic_prefix));
    Ok(names.map(str::to_owned).collect())
}

/// The next offset of each of these partitions that a group has committed, in their order; none where it has
/// committed nothing.
pub fn committed(
    options: &KafkaOptions,
    group: &str,
    places: &[(Topic, u32)],
) -> Result<Vec<Option<u64>>, LogError> {
    let client: BaseConsumer<ClientLog> = settings::reader(options, Some(group))
        .create_with_context(ClientLog::default())
        .map_err(client_error)?;
    let mut asked = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        let partition = i32::try_from(*partition).unwrap_or(i32::MAX);
        asked.add_partition(&options.full_name(topic.as_str()), partition);
    }
    let answer = client.committed_offsets(asked, options.request_wait);
    let answer = answer.map_err(KafkaLogError::library("a group's offsets did not come"))?;
    let next = |(topic, partition): &(Topic, u32)| {
        let partition = i32::try_from(*partition).ok()?;
        let found = answer.find_partition(&options.full_name(topic.as_str()), partition)?;
        match found.offset() {
            Offset::Offset(next) => u64::try_from(next).ok(),
            _ => None,
        }
    };
    Ok(places.iter().map(next).collect())
}
