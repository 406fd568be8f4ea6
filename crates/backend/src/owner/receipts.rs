//! What became of each record that was handed to a producer, as its library tells it.

use super::lanes::{Lanes, Place};
use super::refused::{Refused, Tell};
use blazing_sun_backbone::log::Position;
use blazing_sun_backbone::log::kafka::settings::ClientLog;
use blazing_sun_backbone::log::kafka::{DeliveryContext, GIVEN_BACK};
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Refusals that no attempt would change.
const FOR_GOOD: [RDKafkaErrorCode; 3] = [
    RDKafkaErrorCode::MessageSizeTooLarge,
    RDKafkaErrorCode::InvalidMessageSize,
    RDKafkaErrorCode::InvalidRecord,
];

/// Which record an acknowledgement is for.
pub(super) struct Receipt {
    pub place: Place,
    pub generation: u64,
}

/// How the publisher's producers do.
pub(super) struct Standing {
    pub lanes: Lanes,
    /// The producer of this generation.
    pub generation: AtomicU64,
    /// Another producer is needed.
    pub is_broken: AtomicBool,
    /// When a record was last acknowledged, or none was waited for.
    pub heard: Mutex<Instant>,
    /// Whether an acknowledgement came since this was last looked at.
    pub has_come: AtomicBool,
    pub refused: Mutex<Refused>,
}

/// Hears of one producer.
pub(super) struct Receipts {
    standing: Arc<Standing>,
    log: ClientLog,
}

impl Receipts {
    pub fn of(standing: &Arc<Standing>) -> Receipts {
        Receipts {
            standing: Arc::clone(standing),
            log: ClientLog::default(),
        }
    }
}

impl ClientContext for Receipts {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.log.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::Fatal)) {
            self.standing.is_broken.store(true, Ordering::Relaxed);
        }
        self.log.error(error, reason);
    }
}

impl DeliveryContext for Receipts {
    type Receipt = Receipt;
    /// What came behind a refused record would be taken for a repeat once that is published.
    const GIVES_BACK: bool = true;

    fn delivered(&self, outcome: Result<Position, KafkaError>, receipt: Receipt) {
        let standing = &self.standing;
        if receipt.generation != standing.generation.load(Ordering::Acquire) {
            return;
        }
        match outcome {
            Ok(_) => {
                *standing.heard.lock() = Instant::now();
                standing.refused.lock().published();
                standing.has_come.store(true, Ordering::Relaxed);
                standing.lanes.acknowledge(receipt.place);
            }
            Err(error) => {
                let code = error.rdkafka_error_code();
                if standing.is_failed(code) {
                    return;
                }
                let is_for_good = is_for_good(code);
                let (place, now) = (receipt.place, Instant::now());
                if standing.lanes.refuse(place, is_for_good, now) {
                    standing.tell_passed_over(place, code);
                } else if !is_for_good {
                    standing.refuse(code);
                }
            }
        }
    }
}

/// Whether no attempt would help.
pub(super) fn is_for_good(code: Option<RDKafkaErrorCode>) -> bool {
    code.is_some_and(|code| FOR_GOOD.contains(&code))
}

impl Standing {
    pub fn new(lanes: Lanes) -> Arc<Standing> {
        Arc::new(Standing {
            lanes,
            generation: AtomicU64::new(0),
            is_broken: AtomicBool::new(false),
            heard: Mutex::new(Instant::now()),
            has_come: AtomicBool::new(false),
            refused: Mutex::default(),
        })
    }

    pub fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    pub fn receipt(&self, place: Place) -> Receipt {
        Receipt {
            place,
            generation: self.generation.load(Ordering::Acquire),
        }
    }

    /// Whether a record was not taken because the producer fails for good.
    pub fn is_failed(&self, code: Option<RDKafkaErrorCode>) -> bool {
        if code == Some(RDKafkaErrorCode::Fatal) {
            self.is_broken.store(true, Ordering::Relaxed);
        }
        self.is_broken()
    }

    /// A record was not taken.
    pub fn refuse(&self, code: Option<RDKafkaErrorCode>) {
        if code == Some(GIVEN_BACK) {
            return;
        }
        match self.refused.lock().refused(Instant::now()) {
            Some(Tell::First) => {
                tracing::warn!(kafka.error = ?code, "a record was not published; it is tried again");
            }
            Some(Tell::More(records)) => {
                tracing::warn!(kafka.error = ?code, records, "records are still not published");
            }
            Some(Tell::Over(..)) | None => {}
        }
    }

    /// Tells that a record is never sent: all that follows must not wait for it.
    pub fn tell_passed_over(&self, place: Place, code: Option<RDKafkaErrorCode>) {
        tracing::error!(
            partition = place.partition,
            batch_no = place.batch_no,
            kafka.error = ?code,
            "a committed record is never published: the brokers do not take it"
        );
    }

    /// Tells once that records are published again.
    pub fn tell_if_over(&self) {
        if self.lanes.any_refused() {
            return;
        }
        if let Some(Tell::Over(attempts, took)) = self.refused.lock().look(Instant::now()) {
            let outage_ms = took.as_millis() as u64;
            tracing::warn!(attempts, outage_ms, "records are published again");
        }
    }
}
