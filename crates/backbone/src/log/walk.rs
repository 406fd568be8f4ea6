//! Walks: a topic's records looked through in order, forwards or backwards, for who searches rather than follows.

use super::{LogError, Record};
use async_trait::async_trait;
use std::collections::VecDeque;

/// Which way a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To what is newer.
    On,
    /// To what is older.
    Back,
}

/// What a walk covers of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which partition; a walk has one span of each at most.
    pub partition: u32,
    /// The first offset.
    pub from: u64,
    /// One past the last.
    pub to: u64,
}

impl Span {
    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.from >= self.to
    }

    /// Whether it covers this offset.
    pub fn covers(&self, offset: u64) -> bool {
        (self.from..self.to).contains(&offset)
    }

    /// Leaves out this offset and all that a walk meets before it.
    pub fn pass(&mut self, way: Way, offset: u64) {
        match way {
            Way::On => self.from = self.from.max(offset + 1),
            Way::Back => self.to = self.to.min(offset),
        }
    }
}

/// A walk through the records of some partitions of one topic.
///
/// Guarantees: records of one partition come in the order of their offsets, or in the reverse of it; across partitions
/// they come in the order in which the log has them (by time, where it has no other). The order follows from the log
/// and the spans alone, so that a walk of what another has left goes on as that one would have.
#[async_trait]
pub trait Walk: Send {
    /// The next records; none once all that is kept of the spans has come. After a call that was given up, or that
    /// failed, the walk is over: begin another.
    async fn next(&mut self) -> Result<Vec<Record>, LogError>;
}

/// What is here of a partition's records, the next first, in the order of a walk.
#[derive(Default)]
pub(super) struct Head {
    pub buffered: VecDeque<Record>,
    /// Whether nothing is still to come.
    pub is_whole: bool,
}

/// Hands out the records of several partitions by time, each partition's in its order, until one of them has nothing
/// here of which more may come.
pub(super) fn merge<'h>(
    way: Way,
    heads: impl Iterator<Item = &'h mut Head>,
    at_most: usize,
) -> Vec<Record> {
    let mut taken = Vec::new();
    let mut heads: Vec<&mut Head> = heads.collect();
    while taken.len() < at_most {
        let is_awaited = |head: &&mut Head| head.buffered.is_empty() && !head.is_whole;
        if heads.iter().any(is_awaited) {
            break;
        }
        let ranked = heads.iter_mut().filter_map(|head| {
            let record = head.buffered.front()?;
            Some(((record.timestamp.0, record.partition), head))
        });
        let next = match way {
            Way::On => ranked.min_by_key(|(rank, _)| *rank),
            Way::Back => ranked.max_by_key(|(rank, _)| *rank),
        };
        let Some(record) = next.and_then(|(_, head)| head.buffered.pop_front()) else {
            break;
        };
        taken.push(record);
    }
    taken
}
