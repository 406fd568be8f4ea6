//! Where spans go: to a collector, by OTLP over HTTP, in batches and beside all else. One that does not answer costs
//! the spans and nothing more.

use crate::config::{Role, Telemetry};
use anyhow::Context;
use blazing_sun_backbone::trace;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use std::time::Duration;

const PATH: &str = "/v1/traces";
/// What is left is sent within so long at the end.
const LAST_WITHIN: Duration = Duration::from_secs(2);

/// Spans on their way. Dropping it sends the last ones.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends spans from now on; none where no collector is configured. Outside of any runtime.
    pub fn start(config: &Telemetry, role: Role) -> anyhow::Result<Option<Traces>> {
        let Some(endpoint) = &config.otlp_endpoint else {
            return Ok(None);
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(address_of(endpoint))
            .build()
            .with_context(|| format!("traces can not be sent to {endpoint}"))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            // Which traces there are is decided before a span is made.
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(resource(role))
            .build();
        global::set_tracer_provider(provider.clone());
        trace::start(config.trace_ratio);
        tracing::info!(
            telemetry.otlp_endpoint = endpoint,
            telemetry.trace_ratio = config.trace_ratio,
            "traces are sent to a collector"
        );
        Ok(Some(Traces(provider)))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        trace::stop();
        if let Err(error) = self.0.shutdown_with_timeout(LAST_WITHIN) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// What the environment says of the service goes before what is known here.
fn resource(role: Role) -> Resource {
    let is_named = ["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"]
        .iter()
        .any(|name| std::env::var(name).is_ok_and(|value| value.contains(|c: char| c != ' ')));
    let resource = Resource::builder().with_attributes([
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.namespace", "blazing_sun"),
        KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
    ]);
    match is_named {
        true => resource.build(),
        false => resource
            .with_service_name(format!("blazing-sun-{}", role.name()))
            .build(),
    }
}

fn address_of(endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    match endpoint.ends_with(PATH) {
        true => endpoint.to_owned(),
        false => format!("{endpoint}{PATH}"),
    }
}

/// Whether this can be a collector's address. Without TLS: one that is elsewhere has a collector of its own before it.
pub fn is_collector(endpoint: &str) -> bool {
    let uri = endpoint.parse::<http::Uri>();
    uri.is_ok_and(|uri| {
        uri.scheme_str() == Some("http")
            && uri.query().is_none()
            && uri.authority().is_some_and(|authority| {
                !authority.host().is_empty() && !authority.as_str().contains('@')
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_named_with_or_without_its_path() {
        for endpoint in [
            "http://127.0.0.1:4318",
            "http://127.0.0.1:4318/",
            "http://127.0.0.1:4318/v1/traces",
        ] {
            assert!(is_collector(endpoint), "{endpoint}");
            assert_eq!(address_of(endpoint), "http://127.0.0.1:4318/v1/traces");
        }
        for endpoint in [
            "",
            "collector:4318",
            "https://collector.example",
            "grpc://127.0.0.1:4317",
            "http://user:secret@collector:4318",
            "http://collector:4318/?key=secret",
            "/v1/traces",
        ] {
            assert!(!is_collector(endpoint), "{endpoint}");
        }
    }
}
