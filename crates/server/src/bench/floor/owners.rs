//! The middle of a command's way: one consumer hands each partition's commands to a thread of its own,
//! which commits what is queued in one transaction and appends an event for each.

use super::FloorOptions;
use super::ground::{self, Ground};
use crate::bench::figures::latencies;
use anyhow::{Context, anyhow, bail};
use blazing_sun_backbone::log::kafka::settings;
use futures_util::future::try_join4;
use hdrhistogram::Histogram;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, Message};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// As many as an owner of ours takes at once.
const BATCH_MAX: usize = 512;
const POLL: Duration = Duration::from_millis(50);
const LAST_EVENTS: Duration = Duration::from_secs(5);

/// A producer with a thread that serves it.
pub type FloorProducer = ThreadedProducer<DefaultProducerContext>;

/// The threads.
pub struct Owners {
    threads: Vec<JoinHandle<anyhow::Result<()>>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    ends: AtomicBool,
    measured: Mutex<Option<Histogram<u64>>>,
    error: Mutex<Option<String>>,
}

impl Shared {
    fn fail(&self, error: &anyhow::Error) {
        lock(&self.error).get_or_insert_with(|| format!("{error:#}"));
        self.ends.store(true, Ordering::Relaxed);
    }
}

impl Owners {
    /// Starts to consume from the topic's beginning.
    pub fn start(ground: &Ground, options: &FloorOptions) -> anyhow::Result<Owners> {
        let shared = Arc::new(Shared::default());
        let producer: FloorProducer = settings::producer(&ground.kafka).create()?;
        let (mut threads, mut queues) = (Vec::new(), Vec::new());
        for partition in 0..options.partitions {
            let (sender, receiver) = channel();
            queues.push(sender);
            let owner = Owner::of(partition, ground, receiver, producer.clone(), &shared)?;
            threads.push(spawn(&shared, move || owner.run())?);
        }
        let consumer = reader(
            &settings::reader(&ground.kafka, None),
            &ground.commands(),
            options,
        )?;
        let ends = Arc::clone(&shared);
        threads.push(spawn(&shared, move || {
            let done = hand_out(&consumer, &queues, &ends);
            drop(queues);
            producer.flush(LAST_EVENTS)?;
            done
        })?);
        Ok(Owners { threads, shared })
    }

    /// From now on commits are counted.
    pub fn begin_measuring(&self) {
        *self.measured() = Some(latencies());
    }

    /// How long each commit took since.
    pub fn end_measuring(&self) -> Histogram<u64> {
        self.measured().take().unwrap_or_else(latencies)
    }

    /// What went wrong in a thread.
    pub fn check(&self) -> anyhow::Result<()> {
        match &*lock(&self.shared.error) {
            Some(error) => bail!("{error}"),
            None => Ok(()),
        }
    }

    /// Ends all threads.
    pub fn end(mut self) -> anyhow::Result<()> {
        self.shared.ends.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        Ok(())
    }

    fn measured(&self) -> MutexGuard<'_, Option<Histogram<u64>>> {
        lock(&self.shared.measured)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(
    shared: &Arc<Shared>,
    work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> std::io::Result<JoinHandle<anyhow::Result<()>>> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new().spawn(move || {
        let done = work();
        if let Err(error) = &done {
            shared.fail(error);
        }
        done
    })
}

/// A consumer of all of a topic, from its beginning.
pub fn reader(
    config: &ClientConfig,
    topic: &str,
    options: &FloorOptions,
) -> anyhow::Result<BaseConsumer> {
    let consumer: BaseConsumer = config.create()?;
    let mut all = TopicPartitionList::new();
    for partition in 0..options.partitions {
        all.add_partition_offset(topic, partition as i32, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    Ok(consumer)
}

fn hand_out(
    consumer: &BaseConsumer,
    queues: &[Sender<Vec<u8>>],
    shared: &Shared,
) -> anyhow::Result<()> {
    while !shared.ends.load(Ordering::Relaxed) {
        let Some(message) = consumer.poll(POLL) else {
            continue;
        };
        let message = message.context("commands could not be read")?;
        let payload = message.payload().unwrap_or_default().to_vec();
        let queue = queues.get(message.partition() as usize);
        if queue.is_some_and(|queue| queue.send(payload).is_err()) {
            // Its owner has said why it ended.
            break;
        }
    }
    Ok(())
}

struct Owner {
    partition: i32,
    queue: Receiver<Vec<u8>>,
    producer: FloorProducer,
    events: String,
    shared: Arc<Shared>,
    runtime: tokio::runtime::Runtime,
    client: tokio_postgres::Client,
    fence: tokio_postgres::Statement,
    insert: tokio_postgres::Statement,
}

impl Owner {
    fn of(
        partition: u32,
        ground: &Ground,
        queue: Receiver<Vec<u8>>,
        producer: FloorProducer,
        shared: &Arc<Shared>,
    ) -> anyhow::Result<Owner> {
        let schema = &ground.schema;
        let fence = format!(
            "UPDATE {schema}.owner SET batch_no = $2 WHERE partition = $1 AND batch_no + 1 = $2"
        );
        let insert = format!("INSERT INTO {schema}.batch VALUES ($1, $2, $3)");
        // The connection is served by the thread that waits for it: no other has to be woken.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (client, fence, insert) = runtime.block_on(async {
            let (client, connection) = ground::connect(&ground.database_url).await?;
            tokio::spawn(connection);
            let fence = client.prepare(&fence).await?;
            let insert = client.prepare(&insert).await?;
            anyhow::Ok((client, fence, insert))
        })?;
        Ok(Owner {
            partition: partition as i32,
            queue,
            producer,
            events: ground.events(),
            shared: Arc::clone(shared),
            runtime,
            client,
            fence,
            insert,
        })
    }

    fn run(self) -> anyhow::Result<()> {
        let mut batch_no = 0i64;
        while let Ok(first) = self.queue.recv() {
            let mut batch = vec![first];
            batch.extend(self.queue.try_iter().take(BATCH_MAX - 1));
            batch_no += 1;
            let begun = Instant::now();
            self.commit(batch_no, &batch.concat())?;
            let commit_ns = begun.elapsed().as_nanos() as u64;
            for event in &batch {
                self.publish(event)?;
            }
            if let Some(measured) = &mut *lock(&self.shared.measured) {
                measured.saturating_record(commit_ns);
            }
        }
        Ok(())
    }

    /// One round trip: each request is on its way before the first is answered.
    fn commit(&self, batch_no: i64, records: &[u8]) -> anyhow::Result<()> {
        let client = &self.client;
        let fenced: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&self.partition, &batch_no];
        let row: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&self.partition, &batch_no, &records];
        let transaction = try_join4(
            client.batch_execute("BEGIN"),
            client.execute(&self.fence, &fenced),
            client.execute(&self.insert, &row),
            client.batch_execute("COMMIT"),
        );
        let ((), rows, _, ()) = self
            .runtime
            .block_on(transaction)
            .context("a batch could not be committed")?;
        match rows {
            1 => Ok(()),
            _ => bail!("partition {} was fenced", self.partition),
        }
    }

    fn publish(&self, event: &[u8]) -> anyhow::Result<()> {
        let record = BaseRecord::<[u8], [u8]>::to(&self.events)
            .partition(self.partition)
            .payload(event);
        let sent = self.producer.send(record);
        sent.map_err(|(error, _)| error)
            .context("an event could not be appended")
    }
}
