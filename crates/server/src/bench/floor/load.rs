//! Both ends of a command's way: commands go out, events come back. Each carries when it was due and its
//! number, so that nothing has to be looked up.

use super::FloorOptions;
use super::ground::Ground;
use super::owners::{FloorProducer, reader};
use crate::bench::figures::latencies;
use crate::bench::{SECOND_NS, SETUP_NS};
use anyhow::{Context, anyhow, bail};
use blazing_sun_backbone::log::kafka::settings;
use hdrhistogram::Histogram;
use rdkafka::Message;
use rdkafka::consumer::BaseConsumer;
use rdkafka::producer::BaseRecord;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(10);
/// What has not come by then is lost.
const DRAIN_NS: u64 = 10 * SECOND_NS;
const HEAD_BYTES: usize = 16;

/// Sends and counts.
pub struct Load {
    consumer: BaseConsumer,
    sender: Arc<Sender>,
    in_flight: usize,
    rate: Option<f64>,
    warmup_ns: u64,
    measured_ns: u64,
    next: u64,
}

/// What a round gave.
pub struct Outcome {
    pub latency_ns: Histogram<u64>,
    pub end_ns: u64,
    pub lost: u64,
    pub doubled: u64,
}

struct Sender {
    producer: FloorProducer,
    topic: String,
    partitions: u64,
    payload_bytes: usize,
    started: Instant,
}

impl Sender {
    fn now_ns(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    fn send(&self, number: u64, due_ns: u64) -> anyhow::Result<()> {
        let mut payload = Vec::with_capacity(self.payload_bytes);
        payload.extend(due_ns.to_be_bytes());
        payload.extend(number.to_be_bytes());
        payload.resize(self.payload_bytes, b'x');
        let partition = number % self.partitions;
        let key = format!("room-{partition}");
        let record = BaseRecord::to(&self.topic)
            .partition(partition as i32)
            .key(key.as_bytes())
            .payload(&payload);
        let sent = self.producer.send(record);
        sent.map_err(|(error, _)| error)
            .context("a command could not be appended")
    }

    /// Sends at a rate from `from_ns` until `end_ns`; the number after the last.
    fn pace(&self, first: u64, rate: f64, from_ns: u64, end_ns: u64) -> anyhow::Result<u64> {
        let gap_ns = SECOND_NS as f64 / rate;
        for number in first.. {
            let due_ns = from_ns + ((number - first) as f64 * gap_ns) as u64;
            if due_ns >= end_ns {
                return Ok(number);
            }
            let wait_ns = due_ns.saturating_sub(self.now_ns());
            if wait_ns > 0 {
                std::thread::sleep(Duration::from_nanos(wait_ns));
            }
            self.send(number, due_ns)?;
        }
        Ok(first)
    }
}

impl Load {
    /// Ready to send.
    pub fn start(ground: &Ground, options: &FloorOptions) -> anyhow::Result<Load> {
        let config = settings::reader(&ground.kafka, None);
        let nanoseconds = |seconds: f64| (seconds * SECOND_NS as f64) as u64;
        Ok(Load {
            consumer: reader(&config, &ground.events(), options)?,
            sender: Arc::new(Sender {
                producer: settings::producer(&ground.kafka).create()?,
                topic: ground.commands(),
                partitions: u64::from(options.partitions),
                payload_bytes: options.payload_bytes.max(HEAD_BYTES),
                started: Instant::now(),
            }),
            in_flight: options.in_flight,
            rate: options.rate,
            warmup_ns: nanoseconds(options.warmup),
            measured_ns: nanoseconds(options.seconds),
            next: 0,
        })
    }

    /// Sends one command through each partition and waits for them: clients connect and find their way with the first.
    pub fn open(&mut self) -> anyhow::Result<()> {
        let mut arrivals = Arrivals::after(self.next);
        for _ in 0..self.sender.partitions {
            self.send_next()?;
        }
        let until_ns = self.sender.now_ns() + SETUP_NS;
        while arrivals.missing(self.next) > 0 {
            self.take(&mut arrivals)?;
            if self.sender.now_ns() > until_ns {
                bail!("the first commands did not come back within 60 s");
            }
        }
        Ok(())
    }

    /// One round; `begins` is told when what is measured begins.
    pub fn round(&mut self, begins: &mut dyn FnMut(u64)) -> anyhow::Result<Outcome> {
        let start_ns = self.sender.now_ns();
        let from_ns = start_ns + self.warmup_ns;
        let end_ns = from_ns + self.measured_ns;
        let mut arrivals = Arrivals::after(self.next);
        let pacer = self.begin(start_ns, end_ns)?;
        let (mut begun, mut latency_ns) = (false, latencies());
        loop {
            let now_ns = self.sender.now_ns();
            if now_ns >= end_ns {
                break;
            }
            if !begun && now_ns >= from_ns {
                begun = true;
                begins(now_ns);
            }
            let Some(due_ns) = self.take(&mut arrivals)? else {
                continue;
            };
            let now_ns = self.sender.now_ns();
            if begun && now_ns < end_ns {
                latency_ns.saturating_record(now_ns.saturating_sub(due_ns));
            }
            if pacer.is_none() && now_ns < end_ns {
                self.send_next()?;
            }
        }
        let ended_ns = self.sender.now_ns();
        if let Some(pacer) = pacer {
            self.next = pacer.join().map_err(|_| anyhow!("the sender panicked"))??;
        }
        while arrivals.missing(self.next) > 0 && self.sender.now_ns() < ended_ns + DRAIN_NS {
            self.take(&mut arrivals)?;
        }
        Ok(Outcome {
            latency_ns,
            end_ns: ended_ns,
            lost: arrivals.missing(self.next),
            doubled: arrivals.doubled,
        })
    }

    fn begin(
        &mut self,
        start_ns: u64,
        end_ns: u64,
    ) -> anyhow::Result<Option<JoinHandle<anyhow::Result<u64>>>> {
        let Some(rate) = self.rate else {
            for _ in 0..self.in_flight {
                self.send_next()?;
            }
            return Ok(None);
        };
        let (sender, first) = (Arc::clone(&self.sender), self.next);
        let pacing = move || sender.pace(first, rate, start_ns, end_ns);
        Ok(Some(std::thread::Builder::new().spawn(pacing)?))
    }

    fn send_next(&mut self) -> anyhow::Result<()> {
        self.sender.send(self.next, self.sender.now_ns())?;
        self.next += 1;
        Ok(())
    }

    /// The next event, if it came soon: when its command was due.
    fn take(&self, arrivals: &mut Arrivals) -> anyhow::Result<Option<u64>> {
        let Some(message) = self.consumer.poll(POLL) else {
            return Ok(None);
        };
        let message = message.context("events could not be read")?;
        let payload = message.payload().unwrap_or_default();
        let head = payload.first_chunk::<HEAD_BYTES>();
        let (due_ns, number) = head.map(read_head).context("an event without its head")?;
        Ok(arrivals.note(number).then_some(due_ns))
    }
}

fn read_head(head: &[u8; HEAD_BYTES]) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *head;
    let due_ns = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    (due_ns, u64::from_be_bytes([i, j, k, l, m, n, o, p]))
}

/// Which numbers of a round have come.
struct Arrivals {
    first: u64,
    seen: Vec<bool>,
    count: u64,
    doubled: u64,
}

impl Arrivals {
    fn after(first: u64) -> Arrivals {
        Arrivals {
            first,
            seen: Vec::new(),
            count: 0,
            doubled: 0,
        }
    }

    /// Whether it is new; one that an earlier round gave up is nobody's.
    fn note(&mut self, number: u64) -> bool {
        let Some(at) = number.checked_sub(self.first) else {
            return false;
        };
        let at = at as usize;
        self.seen.resize(self.seen.len().max(at + 1), false);
        let is_new = !std::mem::replace(&mut self.seen[at], true);
        self.count += u64::from(is_new);
        self.doubled += u64::from(!is_new);
        is_new
    }

    /// How many of those before `end` have not come.
    fn missing(&self, end: u64) -> u64 {
        (end - self.first).saturating_sub(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_twice_and_what_does_not_come_is_counted() {
        let mut arrivals = Arrivals::after(10);
        assert!(arrivals.note(11) && !arrivals.note(11));
        assert!(!arrivals.note(9), "of an earlier round");
        assert!(arrivals.note(10));
        assert_eq!((arrivals.missing(13), arrivals.doubled), (1, 1));
    }
}
