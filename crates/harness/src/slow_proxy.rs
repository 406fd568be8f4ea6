//! A proxy through which everything arrives late, as over a network that is slow.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// Pieces on their way in one direction.
const ON_THE_WAY_MAX: usize = 256;

/// The proxy; dropped, it takes its connections with it.
pub struct SlowProxy {
    address: SocketAddr,
    plan: Arc<Plan>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Plan {
    server: OnceLock<SocketAddr>,
    delay_ms: AtomicU64,
    pieces: AtomicU64,
}

impl SlowProxy {
    /// It listens, delays nothing, and goes nowhere yet.
    pub async fn bind() -> SlowProxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let plan = Arc::<Plan>::default();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&plan)));
        SlowProxy {
            address,
            plan,
            accepting,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads to this server from now on, and for ever.
    pub fn leads_to(&self, server: SocketAddr) {
        self.plan.server.set(server).expect("said once");
    }

    /// Delays what comes from now on by so much, each way.
    pub fn delay(&self, by: Duration) {
        let by_ms = by.as_millis() as u64;
        self.plan.delay_ms.store(by_ms, Ordering::Relaxed);
    }

    /// How many pieces came by.
    pub fn pieces(&self) -> u64 {
        self.plan.pieces.load(Ordering::Relaxed)
    }
}

impl Drop for SlowProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, plan: Arc<Plan>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(client, Arc::clone(&plan)));
        while connections.try_join_next().is_some() {}
    }
}

/// Both ways, until one side ends.
async fn carry(client: TcpStream, plan: Arc<Plan>) -> Option<()> {
    let server = TcpStream::connect(plan.server.get()?).await.ok()?;
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        _ = one_way(from_client, to_server, &plan) => {}
        _ = one_way(from_server, to_client, &plan) => {}
    }
    Some(())
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    plan: &Plan,
) -> Option<()> {
    let (pieces, mut on_the_way) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY_MAX);
    let read = async {
        let mut bytes = vec![0; 64 << 10];
        loop {
            let count = from
                .read(&mut bytes)
                .await
                .ok()
                .filter(|count| *count > 0)?;
            plan.pieces.fetch_add(1, Ordering::Relaxed);
            let delay = Duration::from_millis(plan.delay_ms.load(Ordering::Relaxed));
            let piece = (Instant::now() + delay, bytes[..count].to_vec());
            pieces.send(piece).await.ok()?;
        }
    };
    let write = async {
        while let Some((due, bytes)) = on_the_way.recv().await {
            tokio::time::sleep_until(due).await;
            to.write_all(&bytes).await.ok()?;
        }
        Some(())
    };
    tokio::select! {
        read = read => read,
        written = write => written,
    }
}
