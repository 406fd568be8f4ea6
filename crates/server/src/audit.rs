//! `blazing-sun audit`: what the stored data says about every cent and every room.

pub(crate) mod checkout;

use crate::cli::AuditArgs;
use crate::export::Readable;
use crate::place::Place;
use anyhow::Context;
use blazing_sun_backend::audit::{AuditReport, audit, ledger_books};
use blazing_sun_domain::Games;
use checkout::OnTopics;
use std::fmt;
use std::io::Write;
use std::time::Duration;

/// What processes of a cluster have told each other is decided in this time.
const SETTLES_WITHIN: Duration = Duration::from_secs(2);
const LOOKS_MAX: u32 = 3;

/// Audits and prints; whether nothing differs.
pub async fn run(args: &AuditArgs, games: &Games, out: &mut impl Write) -> anyhow::Result<bool> {
    let place = args.data.place()?;
    let mut report = look(&place, games).await?;
    // Beside a running cluster something is always on its way from one process to another.
    for _ in 1..LOOKS_MAX {
        if report.is_clean() || matches!(place, Place::Folder(_)) {
            break;
        }
        tokio::time::sleep(SETTLES_WITHIN).await;
        report = look(&place, games).await?;
    }
    if args.json {
        let mut json = serde_json::to_value(&report)?;
        json["clean"] = report.is_clean().into();
        writeln!(out, "{json:#}")?;
    } else {
        write!(out, "{}", Printed(&report))?;
    }
    Ok(report.is_clean())
}

async fn look(place: &Place, games: &Games) -> anyhow::Result<AuditReport> {
    // First: whatever it has told by now is in the ledger, or on its way there.
    let books = match place {
        Place::Folder(folder) => checkout::of_folder(folder).await?,
        Place::Cluster(config) => checkout::of_cluster(config).await?,
    };
    let readable = Readable::at(place.clone(), games).await?;
    let database = readable.database.clone();
    let audited = tokio::task::spawn_blocking(move || {
        let audited = audit(&database).and_then(|report| Ok((report, ledger_books(&database)?)));
        audited.with_context(|| format!("cannot audit {}", database.display()))
    });
    let (mut report, ledger) = audited.await??;
    report.checks.extend(readable.compare_topics().await?);
    if let Some(books) = books {
        let topics = OnTopics::read(&*place.log().await?, games).await?;
        report
            .checks
            .extend(checkout::compare(&books, &ledger, &topics));
    }
    Ok(report)
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
