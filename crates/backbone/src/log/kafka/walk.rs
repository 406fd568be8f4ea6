//! Walks: a consumer that belongs to no group, made with the first question and gone with the walk. Backwards it reads
//! windows of offsets, each forwards, as Kafka gives them.

use super::error::{KafkaLogError, client_error};
use super::options::KafkaOptions;
use super::reader::is_final;
use super::records::{incoming, record_bytes_read};
use super::settings::{self, ClientLog};
use super::threads::Threads;
use crate::log::walk::{Head, merge};
use crate::log::{LogError, Record, Span, Topic, Walk, Way};
use async_trait::async_trait;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is handed out at once.
const CHUNK_RECORDS: usize = 4_096;
/// How many records of a partition are read at first; what searches on reads more at a time.
const FIRST_WINDOW: u64 = 64;
const LARGEST_WINDOW: u64 = 2_048;
/// How many bytes of a partition are read at a time, about.
const WINDOW_BYTES: u64 = 512 << 10;
/// How long nothing comes before it is looked whether only marks are left, which are no records.
const SILENCE: Duration = Duration::from_millis(20);

pub(super) struct KafkaWalk {
    threads: Threads,
    /// None while a question is under way, and after one that was given up or failed.
    state: Option<WalkState>,
}

struct WalkState {
    reader: WalkReader,
    way: Way,
    sources: Vec<Source>,
}

/// A partition.
struct Source {
    head: Head,
    unread: Span,
    /// How many offsets are read at a time.
    window: u64,
}

impl KafkaWalk {
    pub(super) fn new(
        options: Arc<KafkaOptions>,
        threads: Threads,
        topic: &Topic,
        way: Way,
        spans: Vec<Span>,
    ) -> KafkaWalk {
        let sources = spans.into_iter().map(|unread| Source {
            head: Head {
                is_whole: unread.is_empty(),
                ..Head::default()
            },
            unread,
            window: FIRST_WINDOW,
        });
        let sources = sources.collect();
        let reader = WalkReader {
            full_name: options.full_name(topic.as_str()),
            options,
            topic: topic.clone(),
            threads: threads.clone(),
            consumer: None,
        };
        let state = WalkState {
            reader,
            way,
            sources,
        };
        KafkaWalk {
            threads,
            state: Some(state),
        }
    }
}

#[async_trait]
impl Walk for KafkaWalk {
    async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        let mut state = self.state.take().ok_or(LogError::Closed)?;
        let ask = move || {
            let records = state.next()?;
            Ok((state, records))
        };
        let (state, records) = self.threads.ask(ask).await?;
        self.state = Some(state);
        Ok(records)
    }
}

impl WalkState {
    fn next(&mut self) -> Result<Vec<Record>, LogError> {
        loop {
            let heads = self.sources.iter_mut().map(|source| &mut source.head);
            let records = merge(self.way, heads, CHUNK_RECORDS);
            let is_over = (self.sources.iter())
                .all(|source| source.head.is_whole && source.head.buffered.is_empty());
            if !records.is_empty() || is_over {
                return Ok(records);
            }
            self.fill()?;
        }
    }

    /// Reads on wherever little is left.
    fn fill(&mut self) -> Result<(), LogError> {
        let way = self.way;
        let mut low: Vec<&mut Source> = (self.sources.iter_mut())
            .filter(|source| source.is_low())
            .collect();
        let windows: Vec<Span> = low.iter().map(|source| source.next_window(way)).collect();
        let found = self.reader.read(&windows)?;
        for ((source, window), found) in low.iter_mut().zip(windows).zip(found) {
            source.take(way, window, found);
        }
        Ok(())
    }
}

impl Source {
    fn is_low(&self) -> bool {
        !self.head.is_whole && (self.head.buffered.len() as u64) * 2 < self.window
    }

    fn next_window(&self, way: Way) -> Span {
        let Span {
            partition,
            from,
            to,
        } = self.unread;
        match way {
            Way::On => Span {
                partition,
                from,
                to: to.min(from.saturating_add(self.window)),
            },
            Way::Back => Span {
                partition,
                from: from.max(to.saturating_sub(self.window)),
                to,
            },
        }
    }

    /// What was read of a window goes behind what is here.
    fn take(&mut self, way: Way, window: Span, mut found: Vec<Record>) {
        let bytes: usize = found.iter().map(record_bytes_read).sum();
        let bytes_each = (bytes / found.len().max(1)).max(1) as u64;
        let fitting = (WINDOW_BYTES / bytes_each).max(1);
        self.window = (self.window * 2).min(LARGEST_WINDOW).min(fitting);
        match way {
            Way::On => self.unread.from = window.to,
            Way::Back => {
                self.unread.to = window.from;
                found.reverse();
            }
        }
        self.head.buffered.extend(found);
        self.head.is_whole = self.unread.is_empty();
    }
}

struct WalkReader {
    options: Arc<KafkaOptions>,
    topic: Topic,
    full_name: String,
    threads: Threads,
    consumer: Option<BaseConsumer<ClientLog>>,
}

impl Drop for WalkReader {
    fn drop(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            self.threads.retire(consumer);
        }
    }
}

impl WalkReader {
    /// What there is of each of these windows, in the order of the offsets.
    fn read(&mut self, windows: &[Span]) -> Result<Vec<Vec<Record>>, LogError> {
        self.assign(windows)?;
        let consumer = self.consumer.as_ref().ok_or(LogError::Closed)?;
        let mut found: Vec<Vec<Record>> = windows.iter().map(|_| Vec::new()).collect();
        let mut is_done: Vec<bool> = windows.iter().map(Span::is_empty).collect();
        let deadline = Instant::now() + self.options.request_wait;
        let place = |partition: i32| {
            let is_its = |window: &Span| i64::from(window.partition) == i64::from(partition);
            windows.iter().position(is_its)
        };
        while is_done.contains(&false) {
            match consumer.poll(SILENCE) {
                Some(Ok(message)) => {
                    let Some(at) = place(message.partition()) else {
                        continue;
                    };
                    let offset = message.offset() as u64;
                    if windows[at].covers(offset) {
                        found[at].push(incoming(&self.topic, &message));
                    }
                    is_done[at] |= offset + 1 >= windows[at].to;
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    if let Some(at) = place(partition) {
                        is_done[at] = true;
                    }
                }
                Some(Err(error)) if is_final(&error) => {
                    let doing = "a topic can not be read";
                    return Err(KafkaLogError::library(doing)(error).into());
                }
                // The library goes on by itself; what it told was logged.
                Some(Err(_)) => {}
                None => self.pass_marks(consumer, windows, &mut is_done)?,
            }
            if Instant::now() > deadline {
                return Err(LogError::Unavailable);
            }
        }
        Ok(found)
    }

    /// Ends the windows whose last offsets are no records.
    fn pass_marks(
        &self,
        consumer: &BaseConsumer<ClientLog>,
        windows: &[Span],
        is_done: &mut [bool],
    ) -> Result<(), LogError> {
        let positions = consumer.position();
        let positions = positions.map_err(KafkaLogError::library("positions are not told"))?;
        for (window, is_done) in windows.iter().zip(is_done) {
            let found = positions.find_partition(&self.full_name, window.partition as i32);
            if let Some(Offset::Offset(next)) = found.map(|found| found.offset()) {
                *is_done |= next as u64 >= window.to;
            }
        }
        Ok(())
    }

    fn assign(&mut self, windows: &[Span]) -> Result<(), LogError> {
        let mut wanted = TopicPartitionList::with_capacity(windows.len());
        for window in windows.iter().filter(|window| !window.is_empty()) {
            let from = Offset::Offset(window.from as i64);
            wanted
                .add_partition_offset(&self.full_name, window.partition as i32, from)
                .map_err(KafkaLogError::library("a partition can not be read"))?;
        }
        let consumer = match self.consumer.take() {
            Some(consumer) => consumer,
            None => settings::walker(&self.options)
                .create_with_context(ClientLog::default())
                .map_err(client_error)?,
        };
        let assigned = consumer.assign(&wanted);
        self.consumer = Some(consumer);
        Ok(assigned.map_err(KafkaLogError::library("partitions can not be read"))?)
    }
}
