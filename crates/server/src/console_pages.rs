//! The operators' console at `/kafka`, embedded in the program. What it shows comes from `/api/v1/admin`, which asks who is there.

use crate::pages;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{self, HeaderValue};

#[derive(rust_embed::RustEmbed)]
#[folder = "../../web/console/dist"]
struct Console;

const INDEX: &str = "index.html";
/// With a digest in each name, and nothing but files.
const ASSETS: &str = "assets/";
const NOT_BUILT: &str = "The operators' pages are not part of this build. Build them with `make web`, then build the \
                         program again.\n";
/// It needs its own files and the API, and no socket.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; \
     frame-ancestors 'none'; base-uri 'none'",
);
/// Operators' pages are nobody's search result.
const ROBOTS: (&str, HeaderValue) = ("x-robots-tag", HeaderValue::from_static("noindex"));

/// Adds the routes.
pub(crate) fn add(routes: Router) -> Router {
    routes
        .route("/kafka", get(serve))
        .route("/kafka/", get(serve))
        .route("/kafka/{*path}", get(serve))
}

/// A file, or else the one page, which knows all addresses beside them.
async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    let path = path.strip_prefix("/kafka").unwrap_or(path);
    let path = path.trim_start_matches('/');
    let found = Console::get(path).map(|file| (path, file));
    let found = match found {
        None if !path.starts_with(ASSETS) => Console::get(INDEX).map(|page| (INDEX, page)),
        found => found,
    };
    let mut response = match found {
        Some((name, file)) => pages::answer_embedded(name, file, request.headers(), Console::get),
        None => not_there(path),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(ROBOTS.0, ROBOTS.1);
    response
}

fn not_there(path: &str) -> Response {
    if path.starts_with(ASSETS) {
        return (StatusCode::NOT_FOUND, "There is nothing at this address.\n").into_response();
    }
    (StatusCode::OK, NOT_BUILT).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::Method;
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;

    async fn get(path: &str) -> Response {
        let request = Request::builder().method(Method::GET).uri(path);
        let request = request.body(Body::empty()).expect("a request");
        let service = TowerToHyperService::new(add(Router::new()));
        service.call(request).await.expect("an answer")
    }

    #[tokio::test]
    async fn every_address_of_the_console_is_its_page_under_its_own_policy() {
        for path in [
            "/kafka",
            "/kafka/",
            "/kafka/topics/games.events/messages",
            "/kafka/trace/0190b1f0-1111-7222-8333-444455556666",
            "/kafka/../../Cargo.toml",
        ] {
            let response = get(path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str();
            let policy = policy.expect("text");
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self'; "),
                "{policy}"
            );
            assert!(
                !policy.contains("unsafe") && !policy.contains("ws"),
                "{policy}"
            );
            assert_eq!(response.headers()[ROBOTS.0], "noindex");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_no_page() {
        let response = get("/kafka/assets/gone-1a2b.js").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(get("/elsewhere").await.status(), StatusCode::NOT_FOUND);
    }
}
