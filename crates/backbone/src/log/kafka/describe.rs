//! What the brokers tell of topics and groups, for who looks from outside. It asks on connections that are there.

use super::KafkaLog;
use super::error::{KafkaLogError, client_error};
use super::settings::{self, ClientLog};
use super::topics::Admin;
use crate::log::{Bounds, LogError, Topic};
use rdkafka::admin::{AdminOptions, ConfigSource, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Where a partition's copies are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionCopies {
    /// The broker that leads it; none while there is none.
    pub leader: Option<i32>,
    /// The brokers that have it.
    pub replicas: Vec<i32>,
    /// Those of them that keep up.
    pub in_sync: Vec<i32>,
}

/// A setting of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSetting {
    /// Its value; none where it is a secret.
    pub value: Option<String>,
    /// Whether it is the topic's own, and not what the brokers have for all.
    pub is_own: bool,
}

/// A topic's settings by their names.
pub type TopicSettings = BTreeMap<String, TopicSetting>;

/// A group that the brokers know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownGroup {
    /// Its name, without the deployment's prefix.
    pub name: String,
    /// How many members it has; a group whose members are told their partitions has none.
    pub members: usize,
}

/// Clients that ask for groups' offsets, one a group.
pub(super) type GroupClients = HashMap<String, Arc<BaseConsumer<ClientLog>>>;

impl KafkaLog {
    /// The topics of this deployment that there are, by name.
    pub async fn topic_names(&self) -> Result<Vec<String>, LogError> {
        let (offsets, catalog) = (self.offsets().clone(), Arc::clone(&self.handle.catalog));
        let ask = move || {
            offsets.refresh(&catalog)?;
            Ok(catalog.names())
        };
        self.handle.threads.ask(ask).await
    }

    /// Every partition of those of these topics that there are.
    pub async fn places_of(&self, topics: Vec<Topic>) -> Result<Vec<(Topic, u32)>, LogError> {
        let (offsets, catalog) = (self.offsets().clone(), Arc::clone(&self.handle.catalog));
        let ask = move || {
            if topics.iter().any(|topic| catalog.topic(topic).is_none()) {
                offsets.refresh(&catalog)?;
            }
            let places = topics.into_iter().flat_map(|topic| {
                let partitions = catalog.topic(&topic).map_or(0, |known| known.partitions);
                (0..partitions).map(move |partition| (topic.clone(), partition))
            });
            Ok(places.collect())
        };
        self.handle.threads.ask(ask).await
    }

    /// The bounds of each of these partitions, in their order, of all topics at once.
    pub async fn bounds_of(&self, places: &[(Topic, u32)]) -> Result<Vec<Bounds>, LogError> {
        let (offsets, wait) = (self.offsets().clone(), self.handle.options.request_wait);
        let places = places.to_vec();
        let ask = move || offsets.bounds(&places, wait);
        self.handle.threads.ask(ask).await
    }

    /// Where the copies of a topic's partitions are, in their order.
    pub async fn copies(&self, topic: &Topic) -> Result<Vec<PartitionCopies>, LogError> {
        let (offsets, wait) = (self.offsets().clone(), self.handle.options.request_wait);
        let name = self.handle.options.full_name(topic.as_str());
        let ask = move || {
            let metadata = offsets.metadata(Some(&name), wait);
            let metadata = metadata.map_err(KafkaLogError::library("a topic was not described"))?;
            let mut topics = metadata.topics().iter();
            let partitions = topics.find(|topic| topic.name() == name);
            let partitions = partitions.map_or(&[][..], |topic| topic.partitions());
            let mut copies: Vec<(i32, PartitionCopies)> = (partitions.iter())
                .map(|partition| {
                    let copies = PartitionCopies {
                        leader: Some(partition.leader()).filter(|leader| *leader >= 0),
                        replicas: partition.replicas().to_vec(),
                        in_sync: partition.isr().to_vec(),
                    };
                    (partition.id(), copies)
                })
                .collect();
            copies.sort_by_key(|(partition, _)| *partition);
            Ok(copies.into_iter().map(|(_, copies)| copies).collect())
        };
        self.handle.threads.ask(ask).await
    }

    /// The settings of these topics, by their names, in the order of the topics.
    pub async fn settings(&self, topics: &[Topic]) -> Result<Vec<TopicSettings>, LogError> {
        let options = &self.handle.options;
        let admin = Admin::new(options, &self.handle.threads)?;
        let names: Vec<String> = (topics.iter())
            .map(|topic| options.full_name(topic.as_str()))
            .collect();
        let asked = names.iter().map(|name| ResourceSpecifier::Topic(name));
        let asked: Vec<_> = asked.collect();
        let wait = AdminOptions::new().request_timeout(Some(options.request_wait));
        let described = admin.client()?.describe_configs(&asked, &wait).await;
        let described =
            described.map_err(KafkaLogError::library("topics' settings were not told"))?;
        let found = described.into_iter().zip(&names).map(|(found, name)| {
            let found = found.map_err(|code| KafkaLogError::topic(name, code))?;
            let settings = found.entries.into_iter().map(|entry| {
                let setting = TopicSetting {
                    is_own: matches!(entry.source, ConfigSource::DynamicTopic),
                    value: entry.value.filter(|_| !entry.is_sensitive),
                };
                (entry.name, setting)
            });
            Ok(settings.collect())
        });
        found.collect()
    }

    /// The groups of this deployment.
    pub async fn groups(&self) -> Result<Vec<KnownGroup>, LogError> {
        let (offsets, options) = (self.offsets().clone(), Arc::clone(&self.handle.options));
        let ask = move || {
            let groups = offsets.group_list(options.request_wait);
            let groups =
                groups.map_err(KafkaLogError::library("the list of groups did not come"))?;
            let known = groups.groups().iter().filter_map(|group| {
                let name = group.name().strip_prefix(&options.topic_prefix)?;
                Some(KnownGroup {
                    name: name.to_owned(),
                    members: group.members().len(),
                })
            });
            Ok(known.collect())
        };
        self.handle.threads.ask(ask).await
    }

    /// The next offset of each of these partitions that a group has committed, in their order; none where it has
    /// committed nothing. The client that asks for a group is kept for the next time.
    pub async fn committed(
        &self,
        group: &str,
        places: &[(Topic, u32)],
    ) -> Result<Vec<Option<u64>>, LogError> {
        let handle = Arc::clone(&self.handle);
        let (group, places) = (group.to_owned(), places.to_vec());
        let ask = move || {
            let client = handle.client_of(&group)?;
            let options = &handle.options;
            let mut asked = TopicPartitionList::with_capacity(places.len());
            for (topic, partition) in &places {
                let partition = i32::try_from(*partition).unwrap_or(i32::MAX);
                asked.add_partition(&options.full_name(topic.as_str()), partition);
            }
            let answer = client.committed_offsets(asked, options.request_wait);
            // Takes the library's log lines, which otherwise collect.
            drop(client.poll(std::time::Duration::ZERO));
            let answer =
                answer.map_err(KafkaLogError::library("a group's offsets did not come"))?;
            let next = |(topic, partition): &(Topic, u32)| {
                let partition = i32::try_from(*partition).ok()?;
                let found = answer.find_partition(&options.full_name(topic.as_str()), partition)?;
                match found.offset() {
                    Offset::Offset(next) => u64::try_from(next).ok(),
                    _ => None,
                }
            };
            Ok(places.iter().map(next).collect())
        };
        self.handle.threads.ask(ask).await
    }
}

impl super::Handle {
    fn client_of(&self, group: &str) -> Result<Arc<BaseConsumer<ClientLog>>, KafkaLogError> {
        let mut clients = self.group_clients.lock();
        if let Some(client) = clients.get(group) {
            return Ok(Arc::clone(client));
        }
        let client: BaseConsumer<ClientLog> = settings::reader(&self.options, Some(group))
            .create_with_context(ClientLog::default())
            .map_err(client_error)?;
        let client = Arc::new(client);
        clients.insert(group.to_owned(), Arc::clone(&client));
        Ok(client)
    }
}
