//! `blazing-sun audit`: what the stored data says about every cent and every room.

pub(crate) mod checkout;

use crate::cli::AuditArgs;
use crate::export::Readable;
use crate::place::Place;
use crate::progress::Progress;
use anyhow::Context;
use blazing_sun_backend::audit::{AuditReport, audit_telling, ledger_books};
use blazing_sun_console::Percent;
use blazing_sun_domain::Games;
use checkout::OnTopics;
use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// What processes of a cluster have told each other is decided in this time.
const SETTLES_WITHIN: Duration = Duration::from_secs(2);
const LOOKS_MAX: u32 = 3;

/// Audits and prints; whether nothing differs. With `--watch` again and again, and then what has changed is printed:
/// it ends where something differs.
pub async fn run(args: &AuditArgs, games: &Games, out: &mut impl Write) -> anyhow::Result<bool> {
    let place = args.data.place()?;
    let mut report = settled(&place, games).await?;
    print(&report, args.json, out)?;
    let Some(every) = args.watch else {
        return Ok(report.is_clean());
    };
    while report.is_clean() {
        tokio::time::sleep(Duration::from_secs(every.into())).await;
        let next = settled(&place, games).await?;
        if next.totals != report.totals || !next.is_clean() {
            match (args.json, next.is_clean()) {
                (false, true) => write!(out, "{}", Changed(&report, &next))?,
                _ => print(&next, args.json, out)?,
            }
            out.flush()?;
        }
        report = next;
    }
    Ok(false)
}

/// Audits once, for who asks over HTTP.
pub async fn once(
    place: Place,
    games: Games,
    percent: Percent,
) -> Result<serde_json::Value, String> {
    let made = settled_telling(&place, &games, &percent)
        .await
        .and_then(|report| json_of(&report));
    made.map_err(|error| format!("{error:#}"))
}

/// What is found once everything that was on its way has arrived.
pub async fn settled(place: &Place, games: &Games) -> anyhow::Result<AuditReport> {
    let nobody: Percent = Arc::new(|_| ());
    settled_telling(place, games, &nobody).await
}

async fn settled_telling(
    place: &Place,
    games: &Games,
    percent: &Percent,
) -> anyhow::Result<AuditReport> {
    let shown = Progress::of("auditing");
    let mut report = look(place, games, &shown, percent).await?;
    // Beside a running cluster something is always on its way from one process to another.
    for _ in 1..LOOKS_MAX {
        if report.is_clean() || matches!(place, Place::Folder(_)) {
            break;
        }
        tokio::time::sleep(SETTLES_WITHIN).await;
        shown.now("auditing again");
        report = look(place, games, &shown, percent).await?;
    }
    Ok(report)
}

fn json_of(report: &AuditReport) -> anyhow::Result<serde_json::Value> {
    let mut json = serde_json::to_value(report)?;
    json["clean"] = report.is_clean().into();
    Ok(json)
}

fn print(report: &AuditReport, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    match json {
        true => writeln!(out, "{:#}", json_of(report)?)?,
        false => write!(out, "{}", Printed(report))?,
    }
    Ok(out.flush()?)
}

async fn look(
    place: &Place,
    games: &Games,
    shown: &Progress,
    percent: &Percent,
) -> anyhow::Result<AuditReport> {
    // First: whatever it has told by now is in the ledger, or on its way there.
    let books = match place {
        Place::Folder(folder) => checkout::of_folder(folder).await?,
        Place::Cluster(config) => checkout::of_cluster(config).await?,
    };
    let readable = Readable::at(place.clone(), games).await?;
    shown.now("checking");
    let database = readable.database.clone();
    let (shown, percent) = (shown.percents("checking"), percent.clone());
    let audited = tokio::task::spawn_blocking(move || {
        let tell = |done| {
            shown(done);
            percent(done);
        };
        let audited = audit_telling(&database, &tell)
            .and_then(|report| Ok((report, ledger_books(&database)?)));
        audited.with_context(|| format!("cannot audit {}", database.display()))
    });
    let (mut report, ledger) = audited.await??;
    report.checks.extend(readable.compare_topics().await?);
    if let Some(books) = books {
        let topics = OnTopics::read(&*place.log().await?, games, &books, &ledger).await?;
        report
            .checks
            .extend(checkout::compare(&books, &ledger, &topics));
    }
    Ok(report)
}

/// What has changed between two audits, without a difference in either.
struct Changed<'a>(&'a AuditReport, &'a AuditReport);

impl fmt::Display for Changed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, now) = (&self.0.totals, &self.1.totals);
        write!(f, "{}  ", blazing_sun_backbone::clock::now())?;
        for (name, before, now) in [
            ("players", before.players_cents, now.players_cents),
            ("escrow", before.escrow_cents, now.escrow_cents),
            ("rake", before.rake_cents, now.rake_cents),
            ("mint", before.mint_cents, now.mint_cents),
            ("clearing", before.clearing_cents, now.clearing_cents),
            (
                "test clearing",
                before.test_clearing_cents,
                now.test_clearing_cents,
            ),
            ("receivable", before.receivable_cents, now.receivable_cents),
            ("disputed", before.disputed_cents, now.disputed_cents),
            ("withdrawals", before.withdrawal_cents, now.withdrawal_cents),
        ] {
            if now != before {
                write!(f, "{name} {now} ({:+}), ", now - before)?;
            }
        }
        writeln!(f, "sum {}, all zero", now.sum_cents)
    }
}

struct Printed<'a>(&'a AuditReport);

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AuditReport { checks, totals } = self.0;
        for check in checks {
            let verdict = if check.differences == 0 {
                "ok"
            } else {
                "WRONG"
            };
            writeln!(
                f,
                "{verdict:<6}{}: {} looked at, {} differ",
                check.name, check.looked_at, check.differences
            )?;
            for named in &check.named {
                writeln!(f, "        {named}")?;
            }
        }
        writeln!(
            f,
            "\nin cents: players {}, escrow {}, rake {}, mint {}, clearing {}, test clearing {}, receivable {}, \
             disputed {}, withdrawals {}; sum {}",
            totals.players_cents,
            totals.escrow_cents,
            totals.rake_cents,
            totals.mint_cents,
            totals.clearing_cents,
            totals.test_clearing_cents,
            totals.receivable_cents,
            totals.disputed_cents,
            totals.withdrawal_cents,
            totals.sum_cents
        )?;
        let differences: u64 = checks.iter().map(|check| check.differences).sum();
        match differences {
            0 => writeln!(f, "all zero: no differences in {} checks", checks.len()),
            count => writeln!(f, "{count} differences"),
        }
    }
}
