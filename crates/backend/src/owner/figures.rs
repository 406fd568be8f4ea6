//! What a running backend has before it and behind it, for those who watch it.

use super::mailbox::{Mailbox, Wanted};
use super::shared::{CONSUMED, Shared};
use crate::partition::Held;
use blazing_sun_backbone::log::Bounds;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long somebody waits to hear how much is held.
const HELD_WITHIN: Duration = Duration::from_secs(5);

/// Looks at a running backend. Clones are the same one.
#[derive(Clone)]
pub struct Figures(Arc<Shared>);

impl Figures {
    pub(super) fn of(shared: &Arc<Shared>) -> Figures {
        Figures(Arc::clone(shared))
    }

    /// The topics that partitions consume.
    pub const CONSUMED: [&str; 5] = CONSUMED;

    /// How many partitions every topic has.
    pub fn partitions(&self) -> usize {
        self.0.mailboxes.len()
    }

    /// The partitions that it owns and decides in.
    pub fn owned(&self) -> Vec<u32> {
        owned(&self.0.mailboxes)
    }

    /// How much it holds in memory; none where an owner does not answer.
    pub async fn held(&self) -> Option<Held> {
        let mut all = Held::default();
        let asked = self.0.mailboxes.iter().map(|mailbox| {
            let (sender, receiver) = oneshot::channel();
            mailbox.ask_held(sender);
            receiver
        });
        let asked = asked.collect::<Vec<_>>();
        let until = tokio::time::Instant::now() + HELD_WITHIN;
        for receiver in asked {
            all.add(tokio::time::timeout_at(until, receiver).await.ok()?.ok()?);
        }
        Some(all)
    }

    /// Records that are committed and not acknowledged by brokers, and how long the oldest of them has waited, in
    /// milliseconds.
    pub fn outbox(&self) -> (u64, u64) {
        let lanes = self.0.publisher.lanes();
        let of = |partition: u32| {
            let backlog = lanes.backlog(partition);
            let unpublished = self.0.unpublished[partition as usize].load(Ordering::Relaxed);
            let oldest_ms = u64::try_from(backlog.oldest_ms).unwrap_or(0);
            (backlog.records + unpublished, oldest_ms)
        };
        let all = lanes.partitions().map(of);
        all.fold((0, 0), |(sum, most), (records, oldest)| {
            (sum + records, most.max(oldest))
        })
    }

    /// How many records of each consumed topic its own partitions have not decided, where the topics end as given.
    pub fn lag(&self, ends: &[(&'static str, Vec<Bounds>)]) -> Vec<(&'static str, u64)> {
        let owned = self.owned();
        let of_topic = |(name, ends): &(&'static str, Vec<Bounds>)| {
            let behind = owned.iter().filter_map(|partition| {
                let bounds = ends.get(*partition as usize)?;
                let decided = self.0.decided[*partition as usize].lock();
                let next = decided.iter().find(|(topic, _)| topic.as_str() == *name);
                let next = next.map_or(bounds.earliest, |(_, next)| *next);
                Some(bounds.end.saturating_sub(next))
            });
            (*name, behind.sum())
        };
        ends.iter().map(of_topic).collect()
    }
}

/// The partitions that are owned.
pub(super) fn owned(mailboxes: &[Mailbox]) -> Vec<u32> {
    let mailboxes = (0..).zip(mailboxes);
    let owned = mailboxes.filter(|(_, mailbox)| matches!(mailbox.wanted(), Wanted::Owned(_)));
    owned.map(|(partition, _)| partition).collect()
}
