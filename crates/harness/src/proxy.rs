//! A proxy in front of PostgreSQL that cuts connections around a COMMIT, as a network that fails would.

use fastrand::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// COMMIT as a simple query of the protocol, which is how clients of ours send it.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The server does not get the COMMIT.
    Before,
    /// The server gets it; whether it had answered nobody knows.
    Behind,
    /// The server has answered, and the client does not hear it.
    Answered,
}

const CUTS: [Cut; 3] = [Cut::Before, Cut::Behind, Cut::Answered];

/// The proxy; dropped, it takes its connections with it.
pub struct CommitProxy {
    address: SocketAddr,
    plan: Arc<Plan>,
    accepting: JoinHandle<()>,
}

struct Plan {
    seed: u64,
    /// One of so many COMMITs is cut; 0: none.
    one_of: AtomicU64,
    commits: AtomicU64,
    cut: [AtomicU64; 3],
}

impl CommitProxy {
    /// Before this server; it cuts nothing yet.
    pub async fn before(server: SocketAddr, seed: u64) -> CommitProxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let plan = Arc::new(Plan {
            seed,
            one_of: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            cut: Default::default(),
        });
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&plan)));
        CommitProxy {
            address,
            plan,
            accepting,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts one of so many COMMITs from now on; 0: none.
    pub fn cut_one_of(&self, commits: u64) {
        self.plan.one_of.store(commits, Ordering::Relaxed);
    }

    /// How many COMMITs came by.
    pub fn commits(&self) -> u64 {
        self.plan.commits.load(Ordering::Relaxed)
    }

    /// How many connections were cut so.
    pub fn cut(&self, cut: Cut) -> u64 {
        self.plan.cut[cut as usize].load(Ordering::Relaxed)
    }
}

impl Drop for CommitProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Plan {
    /// What becomes of the next COMMIT. Its number alone decides, so that a seed decides all.
    fn next(&self) -> Option<Cut> {
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        let one_of = self.one_of.load(Ordering::Relaxed);
        let mut random = Rng::with_seed(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        if one_of == 0 || random.u64(..one_of) != 0 {
            return None;
        }
        let cut = CUTS[random.usize(..CUTS.len())];
        self.cut[cut as usize].fetch_add(1, Ordering::Relaxed);
        Some(cut)
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, plan: Arc<Plan>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(client, server, Arc::clone(&plan)));
        while connections.try_join_next().is_some() {}
    }
}

/// Carries bytes both ways until one side ends, or a cut is due. Both sockets are then dropped.
async fn carry(mut client: TcpStream, server: SocketAddr, plan: Arc<Plan>) -> Option<()> {
    let mut server = TcpStream::connect(server).await.ok()?;
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    let (mut up, mut down) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    // What was passed on last: a COMMIT may come in two pieces.
    let mut tail = Vec::new();
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let count = read.ok().filter(|count| *count > 0)?;
                let bytes = &up[..count];
                let cut = commit_in(&mut tail, bytes).and_then(|at| Some((plan.next()?, at)));
                match cut {
                    None => server.write_all(bytes).await.ok()?,
                    Some((Cut::Before, at)) => {
                        server.write_all(&bytes[..at]).await.ok()?;
                        return None;
                    }
                    Some((Cut::Behind, _)) => {
                        server.write_all(bytes).await.ok()?;
                        return None;
                    }
                    Some((Cut::Answered, _)) => {
                        server.write_all(bytes).await.ok()?;
                        until_committed(&mut server).await;
                        return None;
                    }
                }
            }
            read = server.read(&mut down) => {
                let count = read.ok().filter(|count| *count > 0)?;
                client.write_all(&down[..count]).await.ok()?;
            }
        }
    }
}

/// Where in `bytes` the COMMIT begins, or 0 if it began before them.
fn commit_in(tail: &mut Vec<u8>, bytes: &[u8]) -> Option<usize> {
    let before = tail.len();
    tail.extend_from_slice(bytes);
    let found = tail.windows(COMMIT.len()).position(|part| part == COMMIT);
    let keep_from = tail.len().saturating_sub(COMMIT.len() - 1);
    tail.drain(..keep_from);
    found.map(|at| at.saturating_sub(before))
}

/// Takes what the server answers to all that was sent, up to the COMMIT's own answer or the connection's end.
async fn until_committed(server: &mut TcpStream) {
    let mut heard = Vec::new();
    let mut bytes = vec![0; 64 << 10];
    let is_answered = |heard: &[u8]| {
        [&b"COMMIT\0"[..], b"ROLLBACK\0"]
            .iter()
            .any(|tag| heard.windows(tag.len()).any(|part| part == *tag))
    };
    while !is_answered(&heard) {
        match server.read(&mut bytes).await {
            Ok(count) if count > 0 => heard.extend_from_slice(&bytes[..count]),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_found_also_in_two_pieces() {
        let mut tail = Vec::new();
        assert_eq!(commit_in(&mut tail, b"Q\0\0\0\x0aBEGIN\0"), None);
        let (one, other) = COMMIT.split_at(5);
        assert_eq!(commit_in(&mut tail, &[b"xx", one].concat()), None);
        assert_eq!(commit_in(&mut tail, other), Some(0));
        assert_eq!(commit_in(&mut tail, &[b"abc", COMMIT].concat()), Some(3));
        assert_eq!(commit_in(&mut tail, b"rest"), None);
    }

    #[test]
    fn a_seed_decides_which_commits_are_cut_and_how() {
        let plan = |seed| {
            let plan = Plan {
                seed,
                one_of: AtomicU64::new(3),
                commits: AtomicU64::new(0),
                cut: Default::default(),
            };
            (0..300).map(|_| plan.next()).collect::<Vec<_>>()
        };
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
        for cut in CUTS {
            let count = plan(7).iter().filter(|found| **found == Some(cut)).count();
            assert!((10..60).contains(&count), "{cut:?} {count}");
        }
    }
}
