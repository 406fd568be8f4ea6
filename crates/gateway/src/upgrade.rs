//! The HTTP side of `GET /ws`: who may connect, the handshake, and the way out of HTTP.

use crate::config::{GatewayConfig, Network};
use crate::limits::Address;
use crate::messages;
use crate::session::Session;
use crate::shared::Shared;
use crate::socket::{Closing, Socket};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use blazing_sun_backbone::client_address::parse_forwarded;
use blazing_sun_backbone::rest::{Answer, Operation, Parameter, Place, Tag};
use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use schemars::json_schema;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;
use tungstenite::handshake::derive_accept_key;
use uuid::Uuid;

/// The route as clients see it; what follows is described elsewhere.
pub fn operation() -> Operation {
    let header = |name, description, schema, example: &str| Parameter {
        place: Place::Header,
        name,
        description,
        is_required: true,
        schema,
        example: example.into(),
    };
    Operation::probe(PATH, "openSocket")
        .tagged(Tag::Socket)
        .says(
            "Open the socket",
            "A WebSocket (RFC 6455) on which one plays; `asyncapi.json` describes its messages. The access token is \
             sent on it, not here. Pages may open it whose origin the deployment allows.",
        )
        .parameter(header(
            "Upgrade",
            "The protocol.",
            json_schema!({ "const": "websocket" }),
            "websocket",
        ))
        .parameter(header(
            "Connection",
            "That it is to be changed.",
            json_schema!({ "const": "Upgrade" }),
            "Upgrade",
        ))
        .parameter(header(
            "Sec-WebSocket-Version",
            "The protocol's version.",
            json_schema!({ "const": "13" }),
            "13",
        ))
        .parameter(header(
            "Sec-WebSocket-Key",
            "16 random bytes, base64.",
            json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9+/]{21}[AQgw]==$" }),
            "dGhlIHNhbXBsZSBub25jZQ==",
        ))
        .answers(
            Answer::empty(101, "It is open.")
                .header("Upgrade", "`websocket`")
                .header("Connection", "`upgrade`")
                .header("Sec-WebSocket-Accept", "The answer to the key."),
        )
        .answers(Answer::text(400, "It is no handshake.", NO_HANDSHAKE))
        .answers(Answer::text(403, "Pages of this origin may not.", OTHER_ORIGIN))
        .answers(Answer::text(429, "The address has too many.", TOO_MANY))
        .answers(Answer::text(
            503,
            "The process starts or ends: come back, best to another.",
            DRAINING,
        ))
}

/// Where clients connect.
pub const PATH: &str = "/ws";

const NO_HANDSHAKE: &str = "a WebSocket handshake is expected here\n";
const OTHER_ORIGIN: &str = "this origin may not connect\n";
const TOO_MANY: &str = "too many connections\n";
const DRAINING: &str = "draining; come back\n";

fn answer(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    if !text.is_empty() {
        let kind = header::HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

/// Answers `GET /ws`.
pub(crate) fn upgrade(shared: &Arc<Shared>, mut request: Request<Body>) -> Response<Body> {
    let headers = request.headers();
    let Some(accept) = handshake(request.method(), headers) else {
        return answer(StatusCode::BAD_REQUEST, NO_HANDSHAKE);
    };
    if !is_origin_allowed(&shared.config, headers) {
        return answer(StatusCode::FORBIDDEN, OTHER_ORIGIN);
    }
    if shared.draining.load(Ordering::Acquire) {
        return answer(StatusCode::SERVICE_UNAVAILABLE, DRAINING);
    }
    if !shared.reading.load(Ordering::Acquire) {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "starting; come back\n");
    }
    let forwarded = forwarded_for(&shared.config.trusted_proxies, headers);
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip());
    let mut entered = None;
    if let Some(peer) = peer {
        entered = enter(
            shared,
            client_ip(&shared.config.trusted_proxies, peer, &forwarded),
        );
        if entered.is_none() {
            return answer(StatusCode::TOO_MANY_REQUESTS, TOO_MANY);
        }
    }
    let counted = Counted {
        shared: shared.clone(),
        address: entered,
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgraded.await {
            start(counted, upgraded, &forwarded);
        }
    });
    let mut response = answer(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.insert(
        header::UPGRADE,
        header::HeaderValue::from_static("websocket"),
    );
    headers.insert(
        header::CONNECTION,
        header::HeaderValue::from_static("upgrade"),
    );
    if let Ok(accept) = header::HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// A connection that counts for its address until its session does so itself.
struct Counted {
    shared: Arc<Shared>,
    address: Option<Arc<Address>>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(address) = self.address.take() {
            self.shared.addresses.leave(&address);
        }
    }
}

fn enter(shared: &Shared, ip: IpAddr) -> Option<Arc<Address>> {
    let limits = &shared.config.limits;
    if shared.config.unlimited {
        return shared.addresses.enter(ip, u32::MAX);
    }
    let address = shared
        .addresses
        .enter(ip, limits.connections_per_address_max)?;
    if address.meter.take(shared.live.address(), shared.now_us()) {
        return Some(address);
    }
    shared.addresses.leave(&address);
    None
}

fn start(mut counted: Counted, upgraded: Upgraded, forwarded: &[IpAddr]) {
    let shared = counted.shared.clone();
    let Some((stream, mut early)) = tcp_of(upgraded) else {
        tracing::error!("a WebSocket came over something else than a TCP stream and was dropped");
        return;
    };
    let Ok(peer) = stream.peer_addr() else { return };
    prepare(&stream, shared.config.limits.behind_bytes_max);
    let ip = client_ip(&shared.config.trusted_proxies, peer.ip(), forwarded);
    let (address, welcome_only) = match counted.address.take().or_else(|| enter(&shared, ip)) {
        Some(address) => (address, None),
        None => match shared.addresses.enter(ip, u32::MAX) {
            Some(address) => (address, Some(Closing::policy("too many connections"))),
            None => return,
        },
    };
    let now_ms = shared.now_ms();
    let until_ms = now_ms + duration_ms(shared.config.authenticate_within);
    let socket = Arc::new(Socket::new(Uuid::new_v4(), address, now_ms, until_ms));
    shared.connections.lock().insert(socket.id, socket.clone());
    messages::welcome(&socket);
    if let Some(closing) = welcome_only {
        socket.close(closing);
    }
    // A drain that began meanwhile has not seen this one.
    if shared.draining.load(Ordering::Acquire) {
        socket.close(Closing::DRAINING);
    }
    let mut session = Session::new(shared, socket, stream);
    if !early.is_empty() {
        session.feed(&mut early);
    }
    tokio::spawn(session);
}

pub(crate) fn duration_ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

/// The TCP stream, and what was read of it beyond the request. With it goes all that HTTP held.
fn tcp_of(upgraded: Upgraded) -> Option<(TcpStream, Vec<u8>)> {
    let early = |bytes: Bytes| bytes.to_vec();
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => Some((parts.io.into_inner(), early(parts.read_buf))),
        Err(upgraded) => {
            use hyper_util::server::conn::auto::upgrade::downcast;
            let parts = downcast::<TokioIo<TcpStream>>(upgraded).ok()?;
            Some((parts.io.into_inner(), early(parts.read_buf)))
        }
    }
}

fn prepare(stream: &TcpStream, behind_bytes_max: usize) {
    let _ = stream.set_nodelay(true);
    // What the client does not take shall wait where it is counted, not in the kernel.
    #[cfg(target_os = "linux")]
    {
        let unsent = u32::try_from(behind_bytes_max / 2).unwrap_or(u32::MAX);
        let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(unsent);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = behind_bytes_max;
}

/// The answer to the client's key, if this is a WebSocket handshake (RFC 6455, 4.2.1).
fn handshake(method: &Method, headers: &HeaderMap) -> Option<String> {
    let has = |name: header::HeaderName, token: &str| {
        let lists = headers
            .get_all(name)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        lists
            .flat_map(|list| list.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(token))
    };
    let version = headers.get(header::SEC_WEBSOCKET_VERSION)?;
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?.as_bytes();
    let asked = method == Method::GET
        && has(header::UPGRADE, "websocket")
        && has(header::CONNECTION, "upgrade")
        && version == "13"
        && key.len() == 24;
    asked.then(|| derive_accept_key(key))
}

/// CORS does not protect WebSockets: a page of any origin may open one, and the browser then names that origin.
fn is_origin_allowed(config: &GatewayConfig, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).into_iter();
    let origin = match (origins.next(), origins.next()) {
        (None, _) => return true,
        (Some(origin), None) => origin.to_str().unwrap_or_default(),
        (Some(_), Some(_)) => return false,
    };
    if !config.allowed_origins.is_empty() {
        return config
            .allowed_origins
            .iter()
            .any(|allowed| allowed == origin);
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let of_host = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    of_host.is_some_and(|of_host| of_host.eq_ignore_ascii_case(host)) && is_loopback(host)
}

/// Whether `host[:port]` names this machine itself.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The addresses of `X-Forwarded-For`, the nearest last; empty where no proxy is trusted.
fn forwarded_for(proxies: &[Network], headers: &HeaderMap) -> Vec<IpAddr> {
    if proxies.is_empty() {
        return Vec::new();
    }
    let lists = headers.get_all("x-forwarded-for").into_iter();
    let parts = lists.flat_map(|list| list.to_str().unwrap_or("?").split(','));
    let mut addresses = Vec::new();
    for part in parts {
        match parse_forwarded(part.trim()) {
            Some(address) => addresses.push(address),
            // Who put this there is unknown, and so is what stands before it.
            None => addresses.clear(),
        }
    }
    addresses
}

/// The nearest address that is not a trusted proxy's.
fn client_ip(proxies: &[Network], peer: IpAddr, forwarded: &[IpAddr]) -> IpAddr {
    let trusted = |ip: IpAddr| proxies.iter().any(|proxy| proxy.contains(ip));
    let mut client = peer.to_canonical();
    for next in forwarded.iter().rev() {
        if !trusted(client) {
            break;
        }
        client = next.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn origins_are_compared_exactly() {
        let listed = GatewayConfig {
            allowed_origins: vec!["https://play.example".to_owned()],
            ..GatewayConfig::for_testing()
        };
        let own = GatewayConfig::for_testing();
        for (config, host, origin, allowed) in [
            (&listed, "play.example", "https://play.example", true),
            (&listed, "play.example", "https://play.example:8443", false),
            (&listed, "play.example", "http://play.example", false),
            (&listed, "play.example", "https://play.example.evil", false),
            (&listed, "play.example", "null", false),
            (&listed, "localhost:1", "http://localhost:1", false),
            (&own, "localhost:8080", "http://localhost:8080", true),
            (&own, "127.0.0.1:8080", "http://127.0.0.1:8080", true),
            (&own, "[::1]:8080", "http://[::1]:8080", true),
            (&own, "localhost:8080", "http://localhost:9090", false),
            (&own, "play.example", "https://play.example", false),
            (&own, "localhost.evil", "http://localhost.evil", false),
            (&own, "localhost:8080", "null", false),
            (&own, "localhost:8080", "", false),
        ] {
            let headers = headers(&[("host", host), ("origin", origin)]);
            assert_eq!(
                is_origin_allowed(config, &headers),
                allowed,
                "{host} {origin}"
            );
        }
        assert!(is_origin_allowed(
            &listed,
            &headers(&[("host", "play.example")])
        ));
        let twice = [
            ("origin", "https://play.example"),
            ("origin", "https://play.example"),
        ];
        assert!(!is_origin_allowed(&listed, &headers(&twice)));
    }

    #[test]
    fn only_trusted_proxies_name_the_client() {
        let proxies: Vec<Network> = vec!["10.0.0.0/8".parse().unwrap()];
        for (peer, list, client) in [
            ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
            ("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
            ("203.0.113.9", "1.1.1.1", "203.0.113.9"),
            ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
            ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
            ("10.0.0.1", "1.1.1.1, nonsense", "10.0.0.1"),
            ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ] {
            let forwarded = forwarded_for(&proxies, &headers(&[("x-forwarded-for", list)]));
            let found = client_ip(&proxies, peer.parse().unwrap(), &forwarded);
            assert_eq!(found.to_string(), client, "{peer} {list}");
        }
        let untrusting = forwarded_for(&[], &headers(&[("x-forwarded-for", "1.1.1.1")]));
        assert!(untrusting.is_empty());
    }
}
