//! A collector of traces, for tests: takes what is sent by OTLP over HTTP, and keeps its spans.

use super::DEADLINE;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A span as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentSpan {
    /// As hexadecimal digits.
    pub trace_id: String,
    /// The same.
    pub span_id: String,
    /// Empty for the first of a trace.
    pub parent_id: String,
    /// What it is called.
    pub name: String,
    /// Of which process.
    pub service: String,
    /// Nanoseconds since the epoch.
    pub start_ns: u64,
    /// The same.
    pub end_ns: u64,
    /// What it notes, as text.
    pub attributes: BTreeMap<String, String>,
}

/// A running collector.
pub struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<SentSpan>>>,
    serving: JoinHandle<()>,
}

impl Collector {
    /// On a free port of this machine.
    pub async fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let spans = Arc::<Mutex<Vec<SentSpan>>>::default();
        let into = spans.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take_all(stream, into.clone()));
            }
        });
        Collector {
            address,
            spans,
            serving,
        }
    }

    /// What processes are told of it, every trace of theirs sampled and sent soon.
    pub fn environment(&self) -> Vec<(String, String)> {
        let set = |name: &str, value: String| (name.to_owned(), value);
        vec![
            set(
                "BLAZING_SUN_TELEMETRY__OTLP_ENDPOINT",
                format!("http://{}", self.address),
            ),
            set("BLAZING_SUN_TELEMETRY__TRACE_RATIO", "1.0".to_owned()),
            set("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
        ]
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<SentSpan> {
        let spans = self.spans.lock();
        spans.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for spans of which this is found.
    pub async fn until<T>(&self, what: &str, found: impl Fn(&[SentSpan]) -> Option<T>) -> T {
        let looked = async {
            loop {
                let spans = self.spans();
                if let Some(found) = found(&spans) {
                    return found;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        match tokio::time::timeout(DEADLINE, looked).await {
            Ok(found) => found,
            Err(_) => panic!("{what} did not come: {:#?}", self.spans()),
        }
    }
}

/// The spans of the trace in which one of this name notes this correlation id.
pub fn trace_of(spans: &[SentSpan], name: &str, correlation_id: &str) -> Option<Vec<SentSpan>> {
    let is_first = |span: &&SentSpan| {
        span.name == name
            && span.attributes.get("correlation_id").map(String::as_str) == Some(correlation_id)
    };
    let first = spans.iter().find(is_first)?;
    let of_trace = spans.iter().filter(|span| span.trace_id == first.trace_id);
    Some(of_trace.cloned().collect())
}

/// The spans of this name below that one; none: at the beginning of the trace.
pub fn named<'s>(
    trace: &'s [SentSpan],
    name: &str,
    parent: Option<&SentSpan>,
) -> Vec<&'s SentSpan> {
    let parent = parent.map_or("", |parent| parent.span_id.as_str());
    let all = trace.iter();
    all.filter(|span| span.name == name && span.parent_id == parent)
        .collect()
}

/// The same where there is exactly one.
pub fn one<'s>(trace: &'s [SentSpan], name: &str, parent: Option<&SentSpan>) -> &'s SentSpan {
    match named(trace, name, parent)[..] {
        [span] => span,
        _ => panic!("not one {name} below {parent:?}: {trace:#?}"),
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Requests of one connection, one after the other.
async fn take_all(mut stream: TcpStream, spans: Arc<Mutex<Vec<SentSpan>>>) {
    let mut bytes = Vec::new();
    while let Some(body) = request(&mut stream, &mut bytes).await {
        keep(&body, &spans);
        let answer =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

fn keep(body: &[u8], spans: &Mutex<Vec<SentSpan>>) {
    let sent = ExportTraceServiceRequest::decode(body).expect("a request of OTLP");
    let mut spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
    for of_process in sent.resource_spans {
        let attributes = of_process.resource.map(|resource| resource.attributes);
        let attributes = texts(attributes.unwrap_or_default());
        let service = attributes.get("service.name").cloned().unwrap_or_default();
        let all = of_process.scope_spans.into_iter();
        let all = all.flat_map(|scope| scope.spans);
        spans.extend(all.map(|span| sent_span(span, &service)));
    }
}

/// The next request's body; none at the end.
async fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = head {
            let text = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            assert!(text.starts_with("post /v1/traces "), "{text}");
            assert!(
                text.contains("content-type: application/x-protobuf"),
                "{text}"
            );
            let length = text.lines().find_map(|line| {
                let value = line.strip_prefix("content-length:")?;
                value.trim().parse::<usize>().ok()
            });
            let length = length.expect("a length");
            let whole = end + 4 + length;
            if bytes.len() >= whole {
                let rest = bytes.split_off(whole);
                let body = std::mem::replace(bytes, rest).split_off(end + 4);
                return Some(body);
            }
        }
        let read = stream.read_buf(bytes).await.ok()?;
        if read == 0 {
            return None;
        }
    }
}

fn sent_span(span: Span, service: &str) -> SentSpan {
    SentSpan {
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        name: span.name,
        service: service.to_owned(),
        start_ns: span.start_time_unix_nano,
        end_ns: span.end_time_unix_nano,
        attributes: texts(span.attributes),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let attributes = attributes.into_iter();
    attributes
        .map(|attribute| (attribute.key, text(attribute.value)))
        .collect()
}
