//! The players' pages, embedded in the program, and the headers that go with every answer.

use crate::game_pages::GamePages;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use rust_embed::EmbeddedFile;
use std::sync::Arc;

#[derive(rust_embed::RustEmbed)]
#[folder = "../../web/play/dist"]
struct Pages;

const INDEX: &str = "index.html";
const NOT_BUILT: &str = "The players' pages are not part of this build. Build them with `make web`, then \
                         build the program again. The HTTP API is at /api/v1, the socket at /ws.\n";
const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");
const CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// What the build has written beside a file, by its ending and its name on the wire, the smallest first.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gz", "gzip")];

/// Answers what no other route did.
pub async fn serve(request: Request, games: Arc<GamePages>) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    let file = path.strip_prefix("games/").and_then(|path| games.get(path));
    if let Some(file) = file {
        let body = Body::from(file.bytes.clone());
        return answer(path, &file.etag, body, request.headers(), None);
    }
    if Pages::get(INDEX).is_none() {
        let status = if path.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::NOT_FOUND
        };
        return (status, NOT_BUILT).into_response();
    }
    let name = if is_page(path) { INDEX } else { path };
    match Pages::get(name) {
        Some(file) => answer_embedded(name, file, request.headers(), Pages::get),
        None => (StatusCode::NOT_FOUND, "There is nothing at this address.\n").into_response(),
    }
}

/// Addresses that are the pages' own business: those of rooms and of played games, of what concerns a player, and
/// those that links of mails lead to.
fn is_page(path: &str) -> bool {
    const WHOLE: [&str; 6] = [
        "",
        "wallet",
        "history",
        "profile",
        "reset-password",
        "verify-email",
    ];
    let has_parts = |prefix: &str, count: usize| {
        let rest = path.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.split('/').count() == count)
    };
    WHOLE.contains(&path) || has_parts("r/", 1) || has_parts("history/", 2)
}

pub(crate) fn answer_embedded(
    name: &str,
    plain: EmbeddedFile,
    asked: &HeaderMap,
    beside: impl Fn(&str) -> Option<EmbeddedFile>,
) -> Response {
    let smaller = ENCODINGS
        .iter()
        .filter(|(_, encoding)| takes(asked, encoding))
        .find_map(|(ending, encoding)| Some((beside(&format!("{name}.{ending}"))?, *encoding)));
    let (file, encoding) = match smaller {
        Some((file, encoding)) => (file, Some(encoding)),
        None => (plain, None),
    };
    let etag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let body = match file.data {
        std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes),
    };
    answer(name, &etag, body, asked, encoding)
}

/// Whether the client reads this encoding (RFC 9110, 12.5.3).
fn takes(asked: &HeaderMap, encoding: &str) -> bool {
    let offers = asked.get_all(header::ACCEPT_ENCODING).iter();
    let mut offers = offers
        .filter_map(|offers| offers.to_str().ok())
        .flat_map(|offers| offers.split(','));
    offers.any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let is_named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let quality = parts
            .find_map(|part| part.strip_prefix("q="))
            .unwrap_or("1");
        is_named && quality.parse().is_ok_and(|quality: f32| quality > 0.0)
    })
}

pub(crate) fn answer(
    name: &str,
    etag: &str,
    body: Body,
    asked: &HeaderMap,
    encoding: Option<&'static str>,
) -> Response {
    // The build puts a digest into each name under assets/: what such a name means never changes.
    let caching = match name.starts_with("assets/") {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if is_known(asked, etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let kind = match kind.type_() {
        mime_guess::mime::TEXT => format!("{kind}; charset=utf-8"),
        _ => kind.to_string(),
    };
    if let Ok(kind) = HeaderValue::from_str(&kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    (headers, body).into_response()
}

fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    let known = asked
        .get(header::IF_NONE_MATCH)
        .and_then(|known| known.to_str().ok());
    known.is_some_and(|known| {
        known.split(',').any(|known| {
            matches!(known.trim().trim_start_matches("W/"), "*")
                || known.trim().trim_start_matches("W/") == etag
        })
    })
}

/// Sets on every answer what keeps a browser from doing more with it than was meant.
pub async fn with_security_headers(request: Request, next: Next) -> Response {
    let policy = content_policy(request.headers().get(header::HOST));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(policy);
    response
}

/// Some browsers do not take a socket on the own host for `'self'`: it is named.
fn content_policy(host: Option<&HeaderValue>) -> HeaderValue {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let host = host.and_then(|host| host.to_str().ok());
    let sockets = host
        .filter(|host| !host.is_empty() && host.bytes().all(plain))
        .map_or_else(String::new, |host| format!(" ws://{host} wss://{host}"));
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
         media-src 'self'; manifest-src 'self'; connect-src 'self'{sockets}; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    HeaderValue::from_str(&policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &str, headers: &[(HeaderName, &str)]) -> Response {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        serve(request.body(Body::empty()).unwrap(), Arc::default()).await
    }

    fn file(bytes: &'static [u8]) -> EmbeddedFile {
        EmbeddedFile {
            data: bytes.into(),
            metadata: rust_embed::Metadata::__rust_embed_new([7; 32], None, None),
        }
    }

    fn alone(name: &str, asked: &HeaderMap) -> Response {
        answer_embedded(name, file(b"x"), asked, |_| None)
    }

    #[tokio::test]
    async fn a_smaller_file_beside_it_is_sent_to_who_reads_it() {
        let all = ["br", "gz"].as_slice();
        for (accepted, built, expected) in [
            ("gzip, deflate, br, zstd", all, Some("br")),
            ("gzip, br;q=0", all, Some("gzip")),
            ("br;q=0.5", all, Some("br")),
            ("GZIP;q=1.0", all, Some("gzip")),
            ("gzip, br", &["gz"], Some("gzip")),
            ("br", &["gz"], None),
            ("gzip, br", &[], None),
            ("", all, None),
            ("identity, brotli, br;q=x", all, None),
        ] {
            let mut asked = HeaderMap::new();
            asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            let answer = answer_embedded("assets/a.js", file(b"plain"), &asked, |name| {
                let ending = name.strip_prefix("assets/a.js.")?;
                built.contains(&ending).then(|| match ending {
                    "br" => file(b"br"),
                    _ => file(b"gzip"),
                })
            });
            let encoding = answer.headers().get(header::CONTENT_ENCODING);
            let encoding = encoding.map(|encoding| encoding.to_str().unwrap().to_owned());
            assert_eq!(encoding.as_deref(), expected, "{accepted}");
            assert_eq!(answer.headers()[header::VARY], "accept-encoding");
            assert_eq!(
                answer.headers()[header::CONTENT_TYPE],
                "text/javascript; charset=utf-8"
            );
            let body = axum::body::to_bytes(answer.into_body(), 99).await.unwrap();
            assert_eq!(body, expected.unwrap_or("plain").as_bytes(), "{accepted}");
        }
    }

    #[test]
    fn a_known_file_is_not_sent_again_and_hashed_names_are_kept_for_ever() {
        let first = alone("assets/main-1a2b.js", &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert!(
            first.headers()[header::CACHE_CONTROL]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        assert_eq!(
            first.headers()[header::CONTENT_TYPE],
            "text/javascript; charset=utf-8"
        );
        let mut asked = HeaderMap::new();
        asked.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        let again = alone("assets/main-1a2b.js", &asked);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let page = alone("index.html", &HeaderMap::new());
        assert_eq!(page.headers()[header::CACHE_CONTROL], "no-cache");
    }

    #[tokio::test]
    async fn paths_outside_the_pages_are_not_found() {
        for path in [
            "/../Cargo.toml",
            "/%2e%2e/Cargo.toml",
            "/assets",
            "/r/a/b",
            "/history/a",
            "/history/a/b/c",
            "/wallet/a",
            "/api/v1/x",
        ] {
            assert_eq!(
                get(path, &[]).await.status(),
                StatusCode::NOT_FOUND,
                "{path}"
            );
        }
        for path in [
            "/",
            "/r/a",
            "/wallet",
            "/profile",
            "/history",
            "/history/bigger_dice/a",
            "/reset-password",
            "/verify-email",
        ] {
            assert_eq!(get(path, &[]).await.status(), StatusCode::OK, "{path}");
        }
        let post = Request::builder()
            .method("POST")
            .uri("/")
            .body(Body::empty())
            .unwrap();
        let answer = serve(post, Arc::default()).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn the_policy_names_the_own_host_and_nothing_that_is_none() {
        let policy = |host: Option<&'static str>| {
            content_policy(host.map(HeaderValue::from_static).as_ref())
                .to_str()
                .unwrap()
                .to_owned()
        };
        let own = policy(Some("127.0.0.1:8080"));
        assert!(
            own.contains("connect-src 'self' ws://127.0.0.1:8080 wss://127.0.0.1:8080;"),
            "{own}"
        );
        assert!(own.contains("frame-ancestors 'none'") && own.contains("base-uri 'none'"));
        assert!(
            own.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{own}"
        );
        assert!(!own.contains("unsafe"), "{own}");
        for bad in [None, Some("a; script-src *"), Some("")] {
            assert!(policy(bad).contains("connect-src 'self';"), "{bad:?}");
        }
    }
}
