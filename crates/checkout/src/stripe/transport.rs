//! One attempt at a call: HTTP, and what its answer means.

use super::client::STRIPE_VERSION;
use super::error::{StripeError, StripeOptionsError};
use crate::secret::Secret;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

const VERSION: HeaderName = HeaderName::from_static("stripe-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const SHOULD_RETRY: &str = "stripe-should-retry";
const REPLAYED: &str = "idempotent-replayed";
const REQUEST_ID: &str = "request-id";

/// The largest answer that is read: a page of events is the longest.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// What is sent.
pub(super) enum Call {
    Get {
        path: String,
    },
    Post {
        path: String,
        form: String,
        idempotency_key: String,
    },
}

impl Call {
    fn path(&self) -> &str {
        match self {
            Call::Get { path } | Call::Post { path, .. } => path,
        }
    }

    /// Without the query.
    pub(super) fn path_alone(&self) -> &str {
        self.path().split('?').next().unwrap_or_default()
    }
}

/// A good answer.
pub(super) struct Answer {
    pub(super) text: String,
}

/// The way to the provider.
#[derive(Clone)]
pub(super) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    scheme: Scheme,
    authority: Authority,
    authorization: HeaderValue,
    timeout: Duration,
}

impl Transport {
    pub(super) fn new(
        api_base: &str,
        key: &Secret,
        timeout: Duration,
    ) -> Result<Transport, StripeOptionsError> {
        let (scheme, authority) = address(api_base)?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", key.expose()))
            .ok()
            .filter(|_| {
                !key.expose().is_empty() && key.expose().bytes().all(|byte| byte.is_ascii_graphic())
            })
            .ok_or(StripeOptionsError::Key)?;
        authorization.set_sensitive(true);
        let tls = tls(scheme == Scheme::HTTPS)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Transport {
            client: Client::builder(TokioExecutor::new()).build(connector),
            scheme,
            authority,
            authorization,
            timeout,
        })
    }

    pub(super) fn base(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Sends it once.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer, StripeError> {
        let request = self.request(call)?;
        let exchange =
            async {
                let response = self.client.request(request).await.map_err(|error| {
                    match error.is_connect() {
                        true => not_sent(told(&error)),
                        false => unanswered(call, told(&error)),
                    }
                })?;
                let (head, body) = response.into_parts();
                let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
                let body = body.map_err(|error| unanswered(call, told(error.as_ref())))?;
                Ok((head, body.to_bytes()))
            };
        let silence = || {
            unanswered(
                call,
                format!("no answer within {} ms", self.timeout.as_millis()),
            )
        };
        let answered = tokio::time::timeout(self.timeout, exchange).await;
        let (head, body) = answered.unwrap_or_else(|_| Err(silence()))?;
        if head.status.is_success() {
            let text = String::from_utf8(body.into());
            let text = text.map_err(|_| unanswered(call, "its answer is not UTF-8".to_owned()))?;
            return Ok(Answer { text });
        }
        let error = failure(call, head.status, &head.headers, &body);
        let request_id = text(&head.headers, REQUEST_ID).unwrap_or_default();
        tracing::debug!(path = call.path_alone(), stripe.request_id = request_id, %error, "a call to the payment provider failed");
        Err(error)
    }

    fn request(&self, call: &Call) -> Result<Request<Full<Bytes>>, StripeError> {
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(call.path())
            .build();
        let request = uri.and_then(|uri| {
            let request = Request::builder()
                .uri(uri)
                .header(AUTHORIZATION, self.authorization.clone())
                .header(
                    USER_AGENT,
                    concat!("blazing-sun/", env!("CARGO_PKG_VERSION")),
                )
                .header(VERSION, STRIPE_VERSION);
            match call {
                Call::Get { .. } => request.method("GET").body(Full::default()),
                Call::Post {
                    form,
                    idempotency_key,
                    ..
                } => request
                    .method("POST")
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .header(IDEMPOTENCY_KEY, idempotency_key)
                    .body(Full::from(form.clone())),
            }
        });
        request.map_err(|error| StripeError::Refused {
            status: 0,
            kind: "invalid_request_error".to_owned(),
            code: None,
            param: None,
            message: format!("it can not be sent: {error}"),
        })
    }
}

/// Where the provider is. Only this machine may be spoken to in the clear.
fn address(api_base: &str) -> Result<(Scheme, Authority), StripeOptionsError> {
    let found = || {
        let visible = api_base.rsplit('@').next().unwrap_or_default();
        visible.to_owned()
    };
    let uri: Option<Uri> = api_base.trim_end_matches('/').parse().ok();
    let parts = uri.map(Uri::into_parts);
    let is_alone = |parts: &http::uri::Parts| {
        let path = parts
            .path_and_query
            .as_ref()
            .map_or("", |path| path.as_str());
        matches!(path, "" | "/")
    };
    let parts = parts
        .filter(is_alone)
        .ok_or_else(|| StripeOptionsError::Address { found: found() })?;
    let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
        return Err(StripeOptionsError::Address { found: found() });
    };
    let is_known = scheme == Scheme::HTTPS || scheme == Scheme::HTTP;
    if !is_known || authority.as_str().contains('@') {
        return Err(StripeOptionsError::Address { found: found() });
    }
    let host = authority.host().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match scheme == Scheme::HTTPS || is_here {
        true => Ok((scheme, authority)),
        false => Err(StripeOptionsError::Unencrypted { found: found() }),
    }
}

/// The system's certificates; without TLS nobody asks for them.
fn tls(is_needed: bool) -> Result<ClientConfig, StripeOptionsError> {
    let mut roots = RootCertStore::empty();
    if is_needed {
        // Some systems have old ones among them that can not be read.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(StripeOptionsError::Certificates);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of both versions");
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn not_sent(reason: String) -> StripeError {
    StripeError::Retryable {
        reason,
        after: None,
    }
}

/// What is sent again changes nothing if it only asks.
fn unanswered(call: &Call, reason: String) -> StripeError {
    match call {
        Call::Get { .. } => not_sent(reason),
        Call::Post { .. } => StripeError::Ambiguous {
            reason,
            is_final: false,
        },
    }
}

/// What an answer that is no success means.
fn failure(call: &Call, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> StripeError {
    #[derive(Deserialize, Default)]
    struct Body {
        #[serde(default)]
        error: Told,
    }
    #[derive(Deserialize, Default)]
    struct Told {
        #[serde(rename = "type", default)]
        kind: Option<String>,
        #[serde(default)]
        code: Option<String>,
        #[serde(default)]
        param: Option<String>,
        #[serde(default)]
        message: Option<String>,
    }
    let Body { error } = serde_json::from_slice(body).unwrap_or_default();
    let message = error
        .message
        .unwrap_or_else(|| "it did not say why".to_owned());
    let advice = text(headers, SHOULD_RETRY);
    let is_replayed = text(headers, REPLAYED) == Some("true");
    let may_retry = match advice {
        Some("true") => true,
        Some("false") => false,
        _ => status.is_server_error() || matches!(status.as_u16(), 409 | 429),
    };
    let reason = || format!("{status}: {message}");
    match (status.is_server_error(), call) {
        (true, Call::Post { .. }) => StripeError::Ambiguous {
            reason: reason(),
            is_final: is_replayed || !may_retry,
        },
        (true, Call::Get { .. }) => not_sent(reason()),
        (false, _) if may_retry => StripeError::Retryable {
            reason: reason(),
            after: text(headers, RETRY_AFTER.as_str())
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
        },
        (false, _) => StripeError::Refused {
            status: status.as_u16(),
            kind: error.kind.unwrap_or_default(),
            code: error.code,
            param: error.param,
            message,
        },
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// An error's text with those of its causes.
fn told(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        for good in [
            "https://api.stripe.com",
            "https://api.stripe.com/",
            "http://127.0.0.1:12111",
            "http://localhost:1",
            "http://[::1]:1",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        for (bad, names) in [
            ("http://api.stripe.com", "https://"),
            ("http://10.0.0.1", "https://"),
            ("ftp://api.stripe.com", "no URL"),
            ("api.stripe.com", "no URL"),
            ("", "no URL"),
            ("https://api.stripe.com/v1", "no URL"),
            ("https://sk_live_1@api.stripe.com", "no URL"),
        ] {
            let error = address(bad).unwrap_err().to_string();
            assert!(error.contains(names), "{bad}: {error}");
            assert!(!error.contains("sk_live"), "{error}");
        }
    }

    #[test]
    fn a_key_that_can_not_be_sent_is_refused_unseen() {
        for key in ["", "sk_test_1\n", "sk test", "sk_é"] {
            let made = Transport::new("http://127.0.0.1:1", &Secret::new(key), Duration::ZERO);
            assert_eq!(made.err(), Some(StripeOptionsError::Key), "{key:?}");
        }
    }
}
