//! The published contract at `/docs`, as it is committed: a page for people, made of `docs/protocol.md`, and beside it the
//! documents and schemas for programs.

mod markdown;

use crate::pages;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{self, HeaderValue};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

#[derive(rust_embed::RustEmbed)]
#[folder = "../../docs/contract"]
struct Contract;

const PROTOCOL: &str = include_str!("../../../docs/protocol.md");
const STYLE: &str = include_str!("docs_pages/style.css");
const STYLE_NAME: &str = "style.css";
/// The page needs its style sheet and nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// A file that never changes while the program runs.
struct Made {
    text: Bytes,
    etag: String,
}

impl Made {
    fn of(text: String) -> Made {
        let etag = format!("\"{}\"", hex::encode(&Sha256::digest(&text)[..16]));
        Made {
            text: text.into(),
            etag,
        }
    }
}

static PAGE: LazyLock<Made> = LazyLock::new(|| Made::of(markdown::page(PROTOCOL)));
static SHEET: LazyLock<Made> = LazyLock::new(|| Made::of(STYLE.to_owned()));

/// Adds the routes.
pub(crate) fn add(routes: Router) -> Router {
    routes
        .route("/docs", get(page))
        .route("/docs/", get(page))
        .route("/docs/{*file}", get(file))
}

async fn page(request: Request) -> Response {
    made("index.html", &PAGE, &request)
}

fn made(name: &str, file: &Made, request: &Request) -> Response {
    let body = Body::from(file.text.clone());
    under_policy(pages::answer(
        name,
        &file.etag,
        body,
        request.headers(),
        None,
    ))
}

async fn file(request: Request) -> Response {
    let path = request.uri().path();
    let name = path.strip_prefix("/docs/").unwrap_or(path);
    if name == STYLE_NAME {
        return made(name, &SHEET, &request);
    }
    match Contract::get(name) {
        Some(file) => under_policy(pages::answer_embedded(
            name,
            file,
            request.headers(),
            Contract::get,
        )),
        None => (StatusCode::NOT_FOUND, "There is no such document.\n").into_response(),
    }
}

fn under_policy(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    // Tools of other origins read the documents; nothing in them is anyone's secret.
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;

    async fn get(path: &str, known: Option<&HeaderValue>) -> (Response, String) {
        let mut request = Request::builder().method(Method::GET).uri(path);
        if let Some(known) = known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        let routes = TowerToHyperService::new(add(Router::new()));
        let response = routes.call(request.body(Body::empty()).unwrap()).await;
        let (head, body) = response.unwrap().into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        (Response::from_parts(head, Body::empty()), text)
    }

    #[tokio::test]
    async fn every_document_is_there_in_its_own_kind_and_kept_until_it_changes() {
        for (path, kind) in [
            ("/docs", "text/html; charset=utf-8"),
            ("/docs/", "text/html; charset=utf-8"),
            ("/docs/style.css", "text/css; charset=utf-8"),
            (
                "/docs/schemas/games.event.room_state.json",
                "application/json",
            ),
        ] {
            let (response, text) = get(path, None).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], kind, "{path}");
            assert_eq!(
                response.headers()[header::CONTENT_SECURITY_POLICY],
                POLICY,
                "{path}"
            );
            assert!(!text.is_empty(), "{path}");
            let (again, text) = get(path, Some(&response.headers()[header::ETAG])).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
            assert!(text.is_empty(), "{path}");
        }
    }

    #[tokio::test]
    async fn nothing_else_is_there() {
        for path in [
            "/docs/nothing.json",
            "/docs/../protocol.md",
            "/docs/%2e%2e/protocol.md",
        ] {
            let (response, _) = get(path, None).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
