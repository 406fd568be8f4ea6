//! Making the topics that are missing.

use super::catalog::Catalog;
use super::error::{KafkaLogError, client_error};
use super::offsets::KafkaOffsets;
use super::options::{KafkaOptionError, KafkaOptions};
use super::settings::{self, ClientLog};
use super::threads::Threads;
use crate::log::LogError;
use crate::topics::TopicSpec;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::metadata::Metadata;
use rdkafka::types::RDKafkaErrorCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Before a second look for topics that were just made; the pause doubles up to …
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// … this.
const LOOK_AGAIN_AFTER_MAX: Duration = Duration::from_millis(320);
/// From this many copies on, an acknowledged record must be on two brokers.
const REPLICATED: i16 = 3;

pub(super) struct TopicMaker {
    pub(super) options: Arc<KafkaOptions>,
    pub(super) offsets: KafkaOffsets,
    pub(super) catalog: Arc<Catalog>,
    pub(super) threads: Threads,
}

/// An admin client that is dropped on a thread of its own.
pub(super) struct Admin {
    client: Option<AdminClient<ClientLog>>,
    threads: Threads,
}

impl Admin {
    pub(super) fn new(options: &KafkaOptions, threads: &Threads) -> Result<Admin, LogError> {
        let client = settings::admin(options).create_with_context(ClientLog::default());
        Ok(Admin {
            client: Some(client.map_err(client_error)?),
            threads: threads.clone(),
        })
    }

    pub(super) fn client(&self) -> Result<&AdminClient<ClientLog>, LogError> {
        self.client.as_ref().ok_or(LogError::Closed)
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            self.threads.retire(client);
        }
    }
}

impl TopicMaker {
    pub(super) async fn ensure(self, specs: Vec<TopicSpec>) -> Result<(), LogError> {
        let maker = Arc::new(self);
        let (asking, wanted) = (Arc::clone(&maker), specs.clone());
        let missing = maker.threads.ask(move || asking.missing(&wanted)).await?;
        if !missing.is_empty() {
            maker.make(&missing).await?;
        }
        let waiting = Arc::clone(&maker);
        maker.threads.ask(move || waiting.wait_for(&specs)).await
    }

    fn metadata(&self) -> Result<Metadata, LogError> {
        let metadata = self.offsets.metadata(None, self.options.request_wait);
        Ok(metadata.map_err(KafkaLogError::library("the list of topics did not come"))?)
    }

    fn missing(&self, specs: &[TopicSpec]) -> Result<Vec<TopicSpec>, LogError> {
        let metadata = self.metadata()?;
        let mut missing = Vec::new();
        for spec in specs {
            match self.partitions(&metadata, spec) {
                0 => missing.push(spec.clone()),
                found => check_partitions(spec, found)?,
            }
        }
        Ok(missing)
    }

    /// How many partitions it has; 0: there is no such topic.
    fn partitions(&self, metadata: &Metadata, spec: &TopicSpec) -> u32 {
        let name = self.options.full_name(&spec.name);
        let mut topics = metadata.topics().iter();
        topics
            .find(|topic| topic.name() == name)
            .map_or(0, |topic| topic.partitions().len() as u32)
    }

    async fn make(&self, specs: &[TopicSpec]) -> Result<(), LogError> {
        let admin = Admin::new(&self.options, &self.threads)?;
        let names: Vec<(String, String)> = specs
            .iter()
            .map(|spec| {
                (
                    self.options.full_name(&spec.name),
                    spec.retention_ms.max(-1).to_string(),
                )
            })
            .collect();
        let wait = self.options.request_wait;
        let options = AdminOptions::new()
            .request_timeout(Some(wait))
            .operation_timeout(Some(wait));
        let client = admin.client()?;
        let copies = match self.options.replication_factor {
            -1 => self.usual_copies(client, &options).await,
            copies => copies,
        };
        let topics: Vec<NewTopic<'_>> = names
            .iter()
            .zip(specs)
            .map(|((name, retention_ms), spec)| {
                self.new_topic(name, retention_ms, copies, spec.partitions)
            })
            .collect();
        let answers = client
            .create_topics(&topics, &options)
            .await
            .map_err(KafkaLogError::library("topics could not be made"))?;
        for answer in answers {
            match answer {
                // Another program was quicker; what it made is looked at afterwards.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => (),
                Err((topic, code)) => return Err(self.not_made(&topic, code).into()),
            }
        }
        Ok(())
    }

    /// How many copies the brokers make where nobody says.
    async fn usual_copies(&self, client: &AdminClient<ClientLog>, options: &AdminOptions) -> i16 {
        const SETTING: &str = "default.replication.factor";
        let (offsets, wait) = (self.offsets.clone(), self.options.request_wait);
        let metadata = self.threads.ask(move || {
            let metadata = offsets.probe(wait);
            Ok(metadata.map_err(KafkaLogError::library("the list of brokers did not come"))?)
        });
        let broker = match metadata.await {
            Ok(metadata) => metadata.orig_broker_id(),
            Err(_) => return 1,
        };
        let broker = [ResourceSpecifier::Broker(broker)];
        let described = client.describe_configs(&broker, options);
        let described = described.await.unwrap_or_default();
        let config = described.first().and_then(|config| config.as_ref().ok());
        let value = config.and_then(|config| config.get(SETTING)?.value.as_deref()?.parse().ok());
        value.unwrap_or_else(|| {
            tracing::info!("brokers do not tell {SETTING}; topics get no min.insync.replicas");
            1
        })
    }

    fn new_topic<'a>(
        &self,
        name: &'a str,
        retention_ms: &'a str,
        copies: i16,
        partitions: u32,
    ) -> NewTopic<'a> {
        let replication = TopicReplication::Fixed(i32::from(self.options.replication_factor));
        let topic = NewTopic::new(name, partitions as i32, replication)
            .set("retention.ms", retention_ms)
            .set("cleanup.policy", "delete")
            .set("compression.type", "producer")
            .set("message.timestamp.type", "CreateTime");
        match copies >= REPLICATED {
            true => topic.set("min.insync.replicas", "2"),
            false => topic,
        }
    }

    fn not_made(&self, topic: &str, code: RDKafkaErrorCode) -> KafkaLogError {
        if code != RDKafkaErrorCode::InvalidReplicationFactor {
            return KafkaLogError::topic(topic, code);
        }
        let reason = format!(
            "{} copies of topic `{topic}` are more than there are brokers",
            self.options.replication_factor
        );
        KafkaOptionError::new("replication_factor", reason).into()
    }

    /// Waits until every topic is known with a leader for each partition.
    fn wait_for(&self, specs: &[TopicSpec]) -> Result<(), LogError> {
        let deadline = Instant::now() + self.options.request_wait;
        let mut pause = LOOK_AGAIN_AFTER;
        loop {
            let metadata = self.metadata()?;
            let mut absent = None;
            for spec in specs {
                match self.partitions(&metadata, spec) {
                    0 => absent = Some(spec),
                    found => check_partitions(spec, found)?,
                }
            }
            let leaderless = self.leaderless(&metadata, specs);
            let is_late = Instant::now() >= deadline;
            match (absent, leaderless) {
                (None, None) => break self.catalog.learn(&metadata),
                (None, Some(name)) if is_late => {
                    tracing::warn!(kafka.topic = name, "a partition has no leader");
                    break self.catalog.learn(&metadata);
                }
                (Some(spec), _) if is_late => {
                    let name = self.options.full_name(&spec.name);
                    return Err(KafkaLogError::topic(&name, "it was made and is not there").into());
                }
                _ => (),
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LOOK_AGAIN_AFTER_MAX);
        }
        Ok(())
    }

    fn leaderless(&self, metadata: &Metadata, specs: &[TopicSpec]) -> Option<String> {
        let names: Vec<String> = specs
            .iter()
            .map(|spec| self.options.full_name(&spec.name))
            .collect();
        let mut topics = metadata.topics().iter();
        topics
            .find(|topic| {
                names.iter().any(|name| name == topic.name())
                    && topic
                        .partitions()
                        .iter()
                        .any(|partition| partition.leader() < 0)
            })
            .map(|topic| topic.name().to_owned())
    }
}

fn check_partitions(spec: &TopicSpec, found: u32) -> Result<(), LogError> {
    if found == spec.partitions {
        return Ok(());
    }
    Err(LogError::PartitionCount {
        topic: spec.name.clone(),
        found,
        wanted: spec.partitions,
    })
}
