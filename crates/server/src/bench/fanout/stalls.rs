//! Subscribers that stop reading: the others' latency with and without them, what the server holds
//! meanwhile, and when it lets them go.

use super::crowd::{Crowd, PUBLISHER};
use super::step::{Pace, Step, Tally};
use super::{FanoutOptions, add_steps, titled};
use crate::bench::SECOND_NS;
use crate::bench::figures::{Figures, percentile_ms};
use crate::bench::machine::Machine;

/// Those that do not read are to be gone within so long, at the rate below.
const UNTIL_CLOSED_NS: u64 = 90 * SECOND_NS;
const CLOSING_RATE: f64 = 200.0;

struct Round {
    without: Step,
    with: Step,
    resident_before: Option<u64>,
    resident_max: Option<u64>,
    /// Seconds from the stop of reading to the close, of each.
    closed_s: Vec<f64>,
    /// Seconds from 256 KiB having been sent to the others.
    closed_behind_s: Vec<f64>,
    left_open: u64,
}

/// Measures each round twice: while all read, and after some have stopped.
pub fn measure(
    crowd: &mut Crowd,
    options: &FanoutOptions,
    percent: f64,
    machine: &Machine,
) -> anyhow::Result<Figures> {
    let subscribers = crowd.subscribers();
    let stalled =
        ((subscribers as f64 * percent / 100.0).round() as usize).clamp(1, subscribers - 1);
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        rounds.push(round(crowd, options, stalled, machine)?);
    }
    let title = format!(
        "{} messages/s, {stalled} of them stop reading",
        options.rate
    );
    let mut figures = titled(options, &title);
    let p99 = |step: &Step| percentile_ms(&step.latency_ns, 99.0);
    let without = rounds.iter().map(|round| p99(&round.without));
    figures.add("p99_ms_while_all_read", 3, without);
    let with = rounds.iter().map(|round| p99(&round.with));
    figures.add("p99_ms_of_the_others", 3, with);
    let rise = rounds
        .iter()
        .map(|round| 100.0 * (p99(&round.with) / p99(&round.without).max(1e-9) - 1.0));
    figures.add("p99_rise_percent", 1, rise);
    let megabytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / 1e6);
    let before = rounds.iter().map(|round| megabytes(round.resident_before));
    figures.add_visible("server_mb_before", 1, before);
    let most = rounds.iter().map(|round| megabytes(round.resident_max));
    figures.add_visible("server_mb_max", 1, most);
    let closed = rounds.iter().flat_map(|round| &round.closed_s).copied();
    figures.add("closed_after_stalling_s", 2, closed);
    let behind = rounds
        .iter()
        .flat_map(|round| &round.closed_behind_s)
        .copied();
    figures.add("closed_after_256_kib_s", 2, behind);
    let steps: Vec<&Step> = rounds.iter().map(|round| &round.with).collect();
    add_steps(&mut figures, &steps, machine);
    let left_open = rounds.iter().map(|round| round.left_open).sum();
    figures.count("stalled_and_left_open", left_open, true);
    figures.notes.push(
        "256 KiB count from what the others were sent: the stalled ones' own kernel buffers took some of it"
            .to_owned(),
    );
    Ok(figures)
}

fn round(
    crowd: &mut Crowd,
    options: &FanoutOptions,
    stalled: usize,
    machine: &Machine,
) -> anyhow::Result<Round> {
    let pace = Pace::of(options, options.rate);
    // The last of them: the first ones are served first.
    let first_stalled = crowd.subscribers() + 1 - stalled;
    let reads = |member: usize| member < first_stalled;
    let without = crowd.step_of(&pace, machine, reads)?;
    let resident_before = machine.resident_bytes();
    let stalled_ns = crowd.sockets.now_ns();
    for member in first_stalled..=crowd.subscribers() {
        crowd.stall(member)?;
    }
    let with = crowd.step_of(&pace, machine, reads)?;
    let mut resident_max = resident_before.max(machine.resident_bytes());

    // On at a rate that fills their buffers, until all are closed.
    let counts = (0..=crowd.subscribers())
        .map(|member| member != PUBLISHER && reads(member))
        .collect();
    let mut tally = Tally::new(counts, with.bytes);
    let (started_ns, mut published) = (crowd.sockets.now_ns(), 0_u64);
    loop {
        let now_ns = crowd.sockets.now_ns();
        resident_max = resident_max.max(machine.resident_bytes());
        let all_closed = crowd.closed_ns[first_stalled..].iter().all(Option::is_some);
        let late = now_ns > started_ns + UNTIL_CLOSED_NS;
        if (all_closed && tally.missing() == 0) || late {
            break;
        }
        let gap_ns = SECOND_NS as f64 / options.rate.max(CLOSING_RATE);
        let due_ns = started_ns + (published as f64 * gap_ns) as u64;
        if !all_closed && due_ns <= now_ns {
            let number = crowd.publish();
            tally.published(number, due_ns);
            published += 1;
        }
        crowd.take(SECOND_NS / 500, &mut tally, &mut |_, _| {})?;
        crowd.sockets.beat();
    }
    let seconds =
        |from_ns: u64, to_ns: u64| to_ns.saturating_sub(from_ns) as f64 / SECOND_NS as f64;
    let closed: Vec<u64> = crowd.closed_ns[first_stalled..]
        .iter()
        .flatten()
        .copied()
        .collect();
    let behind_ns = with.behind_ns.or(tally.behind_ns);
    let left_open = (stalled - closed.len()) as u64;
    let behind = closed
        .iter()
        .map(|at_ns| behind_ns.map_or(0.0, |behind_ns| seconds(behind_ns, *at_ns)));
    let outcome = Round {
        without,
        with,
        resident_before,
        resident_max,
        closed_s: closed
            .iter()
            .map(|at_ns| seconds(stalled_ns, *at_ns))
            .collect(),
        closed_behind_s: behind.collect(),
        left_open,
    };
    for member in first_stalled..=crowd.subscribers() {
        crowd.close(member);
    }
    crowd.reopen()?;
    Ok(outcome)
}
