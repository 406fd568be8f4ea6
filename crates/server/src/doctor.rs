//! `blazing-sun doctor`: looks at all that a deployment stands on, and says of each fault what is to be done.

mod brokers;
mod certificates;
mod cluster;
mod folder;
mod machine;
mod webhooks;

use crate::cli::DoctorArgs;
use crate::config::{Mode, Role, Sources};
use blazing_sun_domain::Games;
use serde::Serialize;
use serde_json::json;

/// Something is amiss.
#[derive(Debug, Serialize)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    problem: String,
    /// What is to be done.
    remedy: String,
}

/// What was looked at so far, and what was found.
#[derive(Debug, Default)]
struct Examination {
    checks: Vec<&'static str>,
    findings: Vec<Finding>,
}

impl Examination {
    /// Looks at something; what is found next is of it.
    fn look(&mut self, check: &'static str) {
        self.checks.push(check);
    }

    fn find(&mut self, problem: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding {
            check: self.checks.last().copied().unwrap_or_default(),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// What came of a look; an error is a finding.
    fn found<T, E: Into<anyhow::Error>>(
        &mut self,
        looked: Result<T, E>,
        remedy: &str,
    ) -> Option<T> {
        match looked {
            Ok(found) => Some(found),
            Err(error) => {
                self.find(format!("{:#}", error.into()), remedy);
                None
            }
        }
    }
}

/// What there is to say, in words or as JSON, and whether nothing was found.
pub async fn run(
    args: &DoctorArgs,
    games: &Games,
    is_json: bool,
) -> anyhow::Result<(String, bool)> {
    let mut examination = Examination::default();
    examine(args, games, &mut examination).await;
    let is_healthy = examination.findings.is_empty();
    let text = match is_json {
        true => json!({
            "healthy": is_healthy,
            "checks": examination.checks,
            "findings": examination.findings,
        })
        .to_string(),
        false => told(&examination),
    };
    Ok((text, is_healthy))
}

async fn examine(args: &DoctorArgs, games: &Games, examination: &mut Examination) {
    examination.look("configuration");
    let sources = Sources::of_process(args.deployment.config.clone(), args.deployment.flags());
    let loaded = match args.deployment.data_dir {
        Some(_) => sources
            .load_for_folder()
            .map(|config| (config, Mode::Embedded)),
        None => sources.load_for(args.role),
    };
    let remedy = "correct it there; docs/configuration.md lists every key with what it takes";
    let Some((config, mode)) = examination.found(loaded, remedy) else {
        return;
    };
    machine::examine(&config, args, mode, examination);
    certificates::examine(&config, examination);
    match mode {
        Mode::Embedded => folder::examine(&config, games, examination).await,
        Mode::Distributed => cluster::examine(&config, args.role, games, examination).await,
    }
    if args.role != Role::Gateway {
        webhooks::examine(&config, examination).await;
    }
}

fn told(examination: &Examination) -> String {
    let mut lines = Vec::new();
    for check in &examination.checks {
        let of_check = |finding: &&Finding| finding.check == *check;
        let findings: Vec<_> = examination.findings.iter().filter(of_check).collect();
        if findings.is_empty() {
            lines.push(format!("ok     {check}"));
        }
        for Finding {
            problem, remedy, ..
        } in findings
        {
            lines.push(format!("WRONG  {check}: {problem}\n       do: {remedy}"));
        }
    }
    let count = examination.findings.len();
    lines.push(match count {
        0 => format!("\nnothing found in {} checks", examination.checks.len()),
        1 => "\n1 finding".to_owned(),
        _ => format!("\n{count} findings"),
    });
    lines.join("\n")
}
