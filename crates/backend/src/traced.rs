//! The way of a command through its backend as spans of its trace: decided, committed, published. None of it is there
//! for a command that is part of no trace.

use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::trace::{Parent, Span, SpanKind};
use std::time::SystemTime;

/// A command that is part of a trace, from when it is taken until what came of it is published.
pub(crate) struct Traced {
    command: Span,
    begun: SystemTime,
    correlation_id: String,
}

impl Traced {
    /// Of a record that names a sampled span.
    pub(crate) fn take(record: &Record) -> Option<Traced> {
        let parent = Parent::of(&record.headers)?;
        let begun = SystemTime::now();
        let mut command = Span::child(parent, "backend.command", SpanKind::Consumer, begun);
        command.set("messaging.destination.name", record.topic.to_string());
        command.set(
            "messaging.destination.partition.id",
            i64::from(record.partition),
        );
        command.set("messaging.kafka.offset", record.offset as i64);
        Some(Traced {
            command,
            begun,
            correlation_id: String::new(),
        })
    }

    /// What is read of it.
    pub(crate) fn is_of(&mut self, event_type: &str, correlation_id: &str) {
        self.command.set("command.type", event_type.to_owned());
        self.command
            .set("correlation_id", correlation_id.to_owned());
        correlation_id.clone_into(&mut self.correlation_id);
    }

    /// For the headers of what comes of it.
    pub(crate) fn traceparent(&self) -> String {
        self.command.as_parent().to_header()
    }

    /// It is decided.
    pub(crate) fn decided(&self) {
        self.step("backend.decide", SpanKind::Internal, self.begun);
    }

    fn step(&self, name: &'static str, kind: SpanKind, since: SystemTime) {
        let mut step = Span::child(self.command.as_parent(), name, kind, since);
        step.set("correlation_id", self.correlation_id.clone());
    }
}

/// Commands of a batch that is being committed.
pub(crate) struct Committing {
    traced: Vec<Traced>,
    begun: SystemTime,
}

impl Committing {
    /// Of these; none if none is part of a trace.
    pub(crate) fn begin(traced: Vec<Traced>) -> Option<Box<Committing>> {
        let begun = SystemTime::now();
        (!traced.is_empty()).then(|| Box::new(Committing { traced, begun }))
    }

    /// They are committed.
    pub(crate) fn committed(self) -> Publishing {
        for traced in &self.traced {
            traced.step("backend.commit", SpanKind::Internal, self.begun);
        }
        Publishing {
            traced: self.traced,
            begun: SystemTime::now(),
        }
    }
}

/// Commands of a committed batch, until what came of them is on its topics: then this is dropped.
pub(crate) struct Publishing {
    traced: Vec<Traced>,
    begun: SystemTime,
}

impl Drop for Publishing {
    fn drop(&mut self) {
        for traced in &self.traced {
            traced.step("backend.publish", SpanKind::Producer, self.begun);
        }
    }
}
