//! `blazing-sun audit`: what the stored data says about every cent and every room.

use crate::cli::AuditArgs;
use crate::export::Readable;
use anyhow::Context;
use blazing_sun_backend::audit::{AuditReport, audit};
use blazing_sun_domain::Games;
use std::fmt;
use std::io::Write;

/// Audits and prints; whether nothing differs.
pub async fn run(args: &AuditArgs, games: &Games, out: &mut impl Write) -> anyhow::Result<bool> {
    let readable = Readable::at(args.data.place()?, games).await?;
    let database = readable.database.clone();
    let audited = tokio::task::spawn_blocking(move || {
        audit(&database).with_context(|| format!("cannot audit {}", database.display()))
    });
    let mut report = audited.await??;
    report.checks.extend(readable.compare_topics().await?);
    if args.json {
        let mut json = serde_json::to_value(&report)?;
        json["clean"] = report.is_clean().into();
        writeln!(out, "{json:#}")?;
    } else {
        write!(out, "{}", Printed(&report))?;
    }
    Ok(report.is_clean())
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
