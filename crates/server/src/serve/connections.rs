//! HTTP on the listener, with bounds on what clients may leave open.

use super::front;
use crate::config::Config;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use blazing_sun_backbone::client_address::subscriber;
use blazing_sun_backbone::rest::problem::TIMEOUT;
use blazing_sun_gateway::Network;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A request's body has to come, and its answer to begin, within so long.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of a request's head, more than any browser sends.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// After the system had no file left for a connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What clients may leave open.
pub(super) struct Bounds {
    head_within: Duration,
    connections_max: usize,
    per_address_max: usize,
    /// Behind these stand many.
    proxies: Vec<Network>,
}

impl Bounds {
    /// As configured; for measuring there is none on the number of connections.
    pub(super) fn of(config: &Config, unlimited: bool) -> anyhow::Result<Bounds> {
        let lifted = |max| if unlimited { usize::MAX } else { max };
        let proxies = config.gateway.trusted_proxies.iter();
        Ok(Bounds {
            head_within: Duration::from_secs(config.server.request_head_within_s.into()),
            connections_max: lifted(config.server.connections_max),
            per_address_max: lifted(config.server.connections_per_address_max),
            proxies: proxies
                .map(|proxy| proxy.parse())
                .collect::<Result<_, _>>()?,
        })
    }

    fn of_peer(&self, peer: IpAddr) -> usize {
        if self.proxies.iter().any(|proxy| proxy.contains(peer)) {
            usize::MAX
        } else {
            self.per_address_max
        }
    }
}

/// The open connections.
#[derive(Default)]
struct Open(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection that counts until this is dropped.
struct Counted {
    open: Arc<Open>,
    address: IpAddr,
}

impl Open {
    fn enter(self: &Arc<Open>, peer: IpAddr, bounds: &Bounds) -> Option<Counted> {
        let address = subscriber(peer);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = counts.by_address.get(&address).copied().unwrap_or(0);
        if counts.all >= bounds.connections_max || of_address >= bounds.of_peer(peer) {
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(address, of_address + 1);
        Some(Counted {
            open: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(count) = counts.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

/// Answers requests until it is told to stop, and then those that have begun. Dropping it ends all connections.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Router,
    bounds: Bounds,
    mut stopped: watch::Receiver<bool>,
) {
    let open = Arc::new(Open::default());
    let mut connections = JoinSet::new();
    let told = stopped.clone();
    let mut stop = pin!(asked(&mut stopped));
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Closed without a word: there is nothing to spend on it.
                let Some(counted) = open.enter(peer.ip(), &bounds) else {
                    tracing::debug!(client.address = %peer.ip(), "too many connections");
                    continue;
                };
                let serving = connection(
                    stream,
                    peer,
                    routes.clone(),
                    bounds.head_within,
                    told.clone(),
                );
                connections.spawn(async move {
                    serving.await;
                    drop(counted);
                });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn asked(stopped: &mut watch::Receiver<bool>) {
    // A lost sender stops it as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// Serves one connection until its end, or until it has become a WebSocket.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    routes: Router,
    head_within: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "a connection keeps Nagle's delay");
    }
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        routes.call(request)
    });
    // The gateway takes the stream out of exactly this type of I/O.
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_within)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut served = pin!(served);
    let outcome = tokio::select! {
        outcome = &mut served => outcome,
        () = asked(&mut stopped) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = outcome {
        tracing::trace!(error = %error, "a connection ended early");
    }
}

/// Answers 408 where a request's body, or its answer, takes too long.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    let is_api = front::is_api(request.uri().path());
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) if is_api => front::problem(TIMEOUT, "The request took too long."),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "the request took too long\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(connections_max: usize, per_address_max: usize) -> Bounds {
        Bounds {
            head_within: Duration::from_secs(1),
            connections_max,
            per_address_max,
            proxies: vec!["10.0.0.0/8".parse().expect("a network")],
        }
    }

    #[test]
    fn connections_are_counted_by_address_and_in_all() {
        let (open, bounds) = (Arc::new(Open::default()), bounds(4, 2));
        let enter = |address: &str| open.enter(address.parse().expect("an address"), &bounds);
        let first = enter("2001:db8::1");
        let second = enter("2001:db8::2");
        assert!(first.is_some() && second.is_some());
        assert!(enter("2001:db8::3").is_none(), "the same /64");
        drop(first);
        let third = enter("2001:db8::3");
        assert!(third.is_some());
        let proxied = [enter("10.0.0.1"), enter("10.0.0.1")];
        assert!(proxied.iter().all(Option::is_some));
        assert!(enter("10.0.0.1").is_none(), "there are four");
        drop((second, third, proxied));
        let counts = open.0.lock().expect("the counts");
        assert_eq!((counts.all, counts.by_address.len()), (0, 0));
    }

    #[test]
    fn a_proxy_may_have_more_than_one_client() {
        let (open, bounds) = (Arc::new(Open::default()), bounds(9, 1));
        let proxy: IpAddr = [10, 0, 0, 1].into();
        let entered: Vec<_> = (0..3).map(|_| open.enter(proxy, &bounds)).collect();
        assert!(entered.iter().all(Option::is_some));
    }
}
