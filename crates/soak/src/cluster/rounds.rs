//! One round of a cluster's run: which process it befalls, what is done to it, and whether that came about.

use super::LOOK_AGAIN;
use super::stores::Stores;
use crate::crew::Crew;
use crate::run::Kill;
use blazing_sun_harness::{Cluster, Process};
use fastrand::Rng;
use std::time::{Duration, Instant};

/// What a round waits for has come about by then, or the round has failed.
const ROUND_MAX: Duration = Duration::from_secs(30);
/// Players who hear hardly anything any more are no reason to wait: they are found later.
const FRAMES_WITHIN: Duration = Duration::from_secs(6);
/// What a backend says that has taken a partition over.
const TAKEN_OVER: &str = "the partition is taken over";

/// One of the processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Gateway(usize),
    Backend(usize),
}

/// What came of a round.
pub(super) struct Round {
    pub victim: Who,
    /// What did not come about, and had to.
    pub missed: Option<String>,
}

/// Rounds, one after the other, on one cluster.
pub(super) struct Rounds<'a> {
    cluster: &'a mut Cluster,
    stores: &'a Stores,
    crew: &'a Crew,
    random: Rng,
    /// Who has ended in the last round, and is not there again.
    dead: Option<Who>,
}

impl<'a> Rounds<'a> {
    pub fn new(
        cluster: &'a mut Cluster,
        stores: &'a Stores,
        crew: &'a Crew,
        random: Rng,
    ) -> Rounds<'a> {
        Rounds {
            cluster,
            stores,
            crew,
            random,
            dead: None,
        }
    }

    /// Ends a process, or stops it for a while.
    pub async fn next(&mut self, kill: Kill) -> anyhow::Result<Round> {
        let victim = self.victim_of(kill);
        let is_dead = self.dead == Some(victim);
        if let Some(who) = self.dead.filter(|who| *who != victim) {
            self.start(who, None).await;
        }
        let missed = match kill {
            Kill::Point(point) => self.end_at(victim, is_dead, point).await,
            Kill::FreezeAt(point) => self.freeze_at(victim, is_dead, point).await?,
            Kill::Freeze => self.freeze_sometime(victim, is_dead).await?,
            Kill::Signal | Kill::Drain => {
                self.end_sometime(victim, is_dead, kill).await;
                None
            }
        };
        let goes_on = matches!(kill, Kill::Freeze | Kill::FreezeAt(_));
        self.dead = (!goes_on).then_some(victim);
        Ok(Round { victim, missed })
    }

    /// Has all processes run again.
    pub async fn end(mut self) {
        if let Some(who) = self.dead.take() {
            self.start(who, None).await;
        }
    }

    async fn end_at(&mut self, victim: Who, is_dead: bool, point: &str) -> Option<String> {
        let hits = self.random.u64(match point {
            "K6" => 1..=3,
            "K9" => 10..=400,
            _ => 2..=40,
        });
        self.arm(victim, is_dead, &format!("{point}:{hits}")).await;
        // The first rebalance is its own; more come with another member.
        if let (Who::Backend(at), "K6", 2..) = (victim, point, hits)
            && self.until_it_owns(victim).await
        {
            let other = Who::Backend(1 - at);
            if self.random.bool() {
                self.process(other).terminate().await;
            } else {
                self.process(other).kill().await;
            }
            self.start(other, None).await;
        }
        let ended = self.process(victim).ended();
        if tokio::time::timeout(ROUND_MAX, ended).await.is_ok() {
            return None;
        }
        self.process(victim).kill().await;
        Some(format!(
            "{point}:{hits} was not reached within {ROUND_MAX:?}"
        ))
    }

    async fn end_sometime(&mut self, victim: Who, is_dead: bool, kill: Kill) {
        if is_dead {
            self.start(victim, None).await;
        }
        self.some_frames().await;
        if kill == Kill::Drain {
            self.process(victim).terminate().await;
        } else {
            self.process(victim).kill().await;
        }
    }

    /// At a kill point: what a batch holds is stale when the process goes on.
    async fn freeze_at(
        &mut self,
        victim: Who,
        is_dead: bool,
        point: &str,
    ) -> anyhow::Result<Option<String>> {
        let hits = self.random.u64(2..=40);
        let armed = format!("{point}:{hits}:freeze");
        self.arm(victim, is_dead, &armed).await;
        let until = Instant::now() + ROUND_MAX;
        while !self.process(victim).is_stopped() {
            if Instant::now() > until {
                return Ok(Some(format!(
                    "{armed} was not reached within {ROUND_MAX:?}"
                )));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.go_on_as_a_zombie(victim).await
    }

    async fn freeze_sometime(
        &mut self,
        victim: Who,
        is_dead: bool,
    ) -> anyhow::Result<Option<String>> {
        if is_dead {
            self.start(victim, None).await;
        }
        // A zombie is who has owned something.
        let until = Instant::now() + ROUND_MAX;
        while self.stores.owners().await?.len() < 2 || !self.until_it_owns(victim).await {
            if Instant::now() > until {
                let missed = format!("not both backends own something within {ROUND_MAX:?}");
                return Ok(Some(missed));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.some_frames().await;
        self.process(victim).stop_signal();
        self.go_on_as_a_zombie(victim).await
    }

    /// Lets a stopped process go on once the other has taken over what it owned.
    async fn go_on_as_a_zombie(&mut self, victim: Who) -> anyhow::Result<Option<String>> {
        let before = self.stores.owners().await?;
        let until = Instant::now() + ROUND_MAX;
        let missed = loop {
            let owners = self.stores.owners().await?;
            if owners.len() == 1 && (before.len() > 1 || owners.is_disjoint(&before)) {
                break None;
            }
            if Instant::now() > until {
                let missed = "what the stopped one owned was not taken over within";
                break Some(format!("{missed} {ROUND_MAX:?}"));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        self.process(victim).continue_signal();
        self.some_frames().await;
        Ok(missed)
    }

    /// Starts a process with a kill point in it.
    async fn arm(&mut self, victim: Who, is_dead: bool, failpoint: &str) {
        if !is_dead {
            self.process(victim).kill().await;
        }
        self.start(victim, Some(failpoint)).await;
    }

    /// Waits until players have heard something more.
    async fn some_frames(&mut self) {
        let frames = self.random.u64(100..=1_500);
        let frames = self.crew.shared.frames_more(frames);
        // In time or not.
        let _ = tokio::time::timeout(FRAMES_WITHIN, frames).await;
    }

    /// Waits until a backend has taken something over since it was started; whether it has, and lives.
    async fn until_it_owns(&mut self, who: Who) -> bool {
        let until = Instant::now() + ROUND_MAX;
        let process = self.process(who);
        while process.is_running() && Instant::now() < until {
            if process.log_of_this_start().contains(TAKEN_OVER) {
                return true;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        false
    }

    fn victim_of(&mut self, kill: Kill) -> Who {
        let is_gateways = match kill {
            Kill::Point(point) => point == "K9",
            Kill::Signal | Kill::Drain => self.random.bool(),
            Kill::Freeze | Kill::FreezeAt(_) => false,
        };
        let at = self.random.usize(..2);
        let victim = match is_gateways {
            true => Who::Gateway(at),
            false => Who::Backend(at),
        };
        // Who is dead has to be started anyhow; the other is the one that goes on meanwhile.
        let same_role =
            |dead: &Who| std::mem::discriminant(dead) == std::mem::discriminant(&victim);
        let dead = self.dead.filter(same_role);
        dead.filter(|_| self.random.u8(..4) > 0).unwrap_or(victim)
    }

    fn process(&mut self, who: Who) -> &mut Process {
        match who {
            Who::Gateway(at) => self.cluster.gateway(at),
            Who::Backend(at) => self.cluster.backend(at),
        }
    }

    async fn start(&mut self, who: Who, failpoint: Option<&str>) {
        let armed = failpoint.map(|at| ("BLAZING_SUN_FAILPOINT".to_owned(), at.to_owned()));
        let armed: Vec<(String, String)> = armed.into_iter().collect();
        match who {
            Who::Gateway(at) => self.cluster.restart_gateway_with(at, &armed).await,
            Who::Backend(at) => self.cluster.restart_backend_with(at, &armed).await,
        }
    }
}
