//! Traces: one command's way from the frame that brought it, over topics and backends, to the sockets that its events
//! go to. Spans are made where a trace is sampled, and nowhere else; from process to process it goes on by the record
//! header `traceparent` (W3C Trace Context). Whoever starts the process says where spans go.

use crate::log::Headers;
use crate::messages::header;
use opentelemetry::global::{self, BoxedSpan};
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer,
};
use opentelemetry::{Context, KeyValue, Value};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

pub use opentelemetry::trace::SpanKind;

static IS_ON: AtomicBool = AtomicBool::new(false);
/// Of the traces that begin here, as the bits of a fraction.
static RATIO: AtomicU64 = AtomicU64::new(0);

/// Makes spans from now on, of so large a part of the traces that begin here and of all that others sample. They go to
/// the global tracer provider, which is set before.
pub fn start(ratio: f64) {
    RATIO.store(ratio.to_bits(), Ordering::Relaxed);
    IS_ON.store(true, Ordering::Release);
}

/// Makes no more spans.
pub fn stop() {
    IS_ON.store(false, Ordering::Release);
}

/// Whether spans are made at all.
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// The time, where it may be needed for a span.
pub fn now() -> Option<SystemTime> {
    is_on().then(SystemTime::now)
}

/// A span that others follow from, here or in another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    trace: TraceId,
    span: SpanId,
}

impl Parent {
    /// What a record's headers name, if it is sampled and spans are made here.
    pub fn of(headers: &Headers) -> Option<Parent> {
        match is_on() {
            true => Parent::parse(headers.get(header::TRACEPARENT)?),
            false => None,
        }
    }

    /// The sampled span that a `traceparent` names.
    pub fn parse(text: &[u8]) -> Option<Parent> {
        let text = std::str::from_utf8(text).ok()?;
        let mut parts = text.split('-');
        let (version, trace) = (parts.next()?, parts.next()?);
        let (span, flags) = (parts.next()?, parts.next()?);
        let is_hex = |part: &str, length: usize| {
            part.len() == length
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
        };
        // Later versions may have more parts.
        let is_well = is_hex(version, 2)
            && version != "ff"
            && is_hex(trace, 32)
            && is_hex(span, 16)
            && is_hex(flags, 2)
            && (version != "00" || parts.next().is_none());
        if !is_well {
            return None;
        }
        let parent = Parent {
            trace: TraceId::from_hex(trace).ok()?,
            span: SpanId::from_hex(span).ok()?,
        };
        let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        let is_valid = parent.trace != TraceId::INVALID && parent.span != SpanId::INVALID;
        (is_sampled && is_valid).then_some(parent)
    }

    /// The same as a `traceparent`.
    pub fn to_header(self) -> String {
        format!("00-{}-{}-01", self.trace, self.span)
    }

    fn context(self) -> Context {
        let flags = TraceFlags::SAMPLED;
        let state = TraceState::default();
        let remote = SpanContext::new(self.trace, self.span, flags, true, state);
        Context::new().with_remote_span_context(remote)
    }
}

/// Something that takes time, as part of a trace. It ends when it is dropped.
#[derive(Debug)]
pub struct Span(BoxedSpan);

impl Span {
    /// Begins a trace, if this one is sampled; `since` is [`now`] at its beginning.
    pub fn root(name: &'static str, kind: SpanKind, since: Option<SystemTime>) -> Option<Span> {
        let since = since?;
        let ratio = f64::from_bits(RATIO.load(Ordering::Relaxed));
        let is_sampled = ratio >= 1.0 || fastrand::f64() < ratio;
        is_sampled.then(|| Span::begin(&Context::new(), name, kind, since))
    }

    /// Goes on with a trace.
    pub fn child(parent: Parent, name: &'static str, kind: SpanKind, since: SystemTime) -> Span {
        Span::begin(&parent.context(), name, kind, since)
    }

    fn begin(context: &Context, name: &'static str, kind: SpanKind, since: SystemTime) -> Span {
        let tracer = global::tracer("blazing_sun");
        let builder = tracer.span_builder(name);
        let builder = builder.with_kind(kind).with_start_time(since);
        Span(builder.start_with_context(&tracer, context))
    }

    /// For what follows from it.
    pub fn as_parent(&self) -> Parent {
        let context = self.0.span_context();
        Parent {
            trace: context.trace_id(),
            span: context.span_id(),
        }
    }

    /// Notes something of it.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.set_attribute(KeyValue::new(name, value));
    }

    /// Notes that it failed.
    pub fn fail(&mut self, why: &'static str) {
        self.0.set_status(Status::error(why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sampled_and_valid_parent_is_gone_on_with() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let well = format!("00-{trace}-{span}-01");
        let parent = Parent::parse(well.as_bytes()).expect("a parent");
        assert_eq!(parent.to_header(), well);
        for (text, is_parent) in [
            (format!("00-{trace}-{span}-03"), true),
            (format!("cc-{trace}-{span}-01-what-comes-later"), true),
            (format!("00-{trace}-{span}-00"), false),
            (format!("00-{trace}-{span}-01-more"), false),
            (format!("ff-{trace}-{span}-01"), false),
            (format!("00-{}-{span}-01", trace.to_uppercase()), false),
            (format!("00-{}-{span}-01", "0".repeat(32)), false),
            (format!("00-{trace}-{}-01", "0".repeat(16)), false),
            (format!("00-{trace}-{span}"), false),
            (format!("00-{trace}-{span}-+1"), false),
            (format!("00-{trace}-ä{span}-01"), false),
            (String::new(), false),
        ] {
            assert_eq!(
                Parent::parse(text.as_bytes()).is_some(),
                is_parent,
                "{text}"
            );
        }
    }

    #[test]
    fn nothing_is_traced_where_spans_go_nowhere() {
        let mut headers = crate::log::HeadersBuilder::default();
        let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.push(header::TRACEPARENT, sampled);
        assert_eq!(Parent::of(&headers.build()), None);
        assert!(Span::root("a", SpanKind::Server, now()).is_none());
    }
}
