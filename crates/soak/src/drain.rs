//! A drain under playing sockets: SIGTERM in the middle of the game, the next server on the same port at
//! once, and everyone comes back to go on.

use crate::Violation;
use crate::crew::Crew;
use crate::run::{Watch, launch};
use blazing_sun_harness::TestServer;
use fastrand::Rng;
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Players come back within this, not all at once.
const JITTER: Duration = Duration::from_secs(1);
/// All must be back so soon.
pub const BACK_WITHIN: Duration = Duration::from_secs(10);

/// What came of it.
#[derive(Debug)]
pub struct Drained {
    /// Playing sockets.
    pub sockets: usize,
    /// From SIGTERM to the end of the process.
    pub ended_in: Duration,
    /// From SIGTERM to the last player who has signed in again.
    pub back_in: Duration,
    /// Commands answered, before and after.
    pub answers: u64,
    /// What must never be, and is.
    pub violations: Vec<Violation>,
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "drain of {} playing sockets: ended in {:.2?}, all back in {:.2?}, {} commands answered, {} violations",
            self.sockets,
            self.ended_in,
            self.back_in,
            self.answers,
            self.violations.len()
        )?;
        for violation in self.violations.iter().take(20) {
            let text: String = violation.to_string().chars().take(1_500).collect();
            write!(f, "\n    {text}")?;
        }
        Ok(())
    }
}

/// Drains a server under so many players, who play on at the next one.
pub async fn drain(seed: u64, sockets: usize) -> anyhow::Result<Drained> {
    let mut random = Rng::with_seed(seed);
    let mut server = TestServer::launch(launch(&[])).await;
    let database = server.data_dir().join("blazing-sun.db");
    let mut crew = Crew::hire(server.address(), sockets, &mut random, 101, JITTER).await;
    crew.all_back().await;
    let frames = 40 * sockets as u64;
    crew.shared.frames_more(frames).await;

    crew.count_who_comes_back();
    let asked = Instant::now();
    server.terminate().await;
    let ended_in = asked.elapsed();
    let mut watch = Watch::default();
    // At rest for a moment: the next one is about to write.
    let mut violations = watch.look_at_log(&database)?;
    server.restart_with(launch(&[])).await;
    crew.all_back().await;
    let back_in = asked.elapsed();
    crew.shared.frames_more(frames).await;

    server.terminate().await;
    crew.server_ended().await;
    violations.extend(watch.look(&database, &crew)?);
    violations.extend(Watch::audit(&database)?);
    crew.dismiss().await;
    violations.extend(crew.heard().1);
    Ok(Drained {
        sockets,
        ended_in,
        back_in,
        answers: crew.shared.counts.answers.load(Ordering::Relaxed),
        violations,
    })
}
