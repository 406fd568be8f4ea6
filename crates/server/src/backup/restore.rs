//! Back from a backup, into an empty folder: checksums first; then a copy beside, which is brought up to date and
//! audited; and only when all that is on the disk is it put where a server looks for it.

use super::staging::Staging;
use super::{Copied, DATABASE, FORMAT, KEYS, MANIFEST, Manifest, files, is_plain};
use crate::asked_wrongly::AskedWrongly;
use crate::audit;
use crate::cli::RestoreArgs;
use crate::data_dir::database_in;
use crate::migrate;
use crate::operator::own;
use crate::place::Place;
use crate::progress::Progress;
use crate::serve::CHECKOUT_DATABASE;
use anyhow::Context;
use blazing_sun_backbone::clock;
use blazing_sun_backend::audit::AuditReport;
use blazing_sun_backend::store::operators::Outcome;
use blazing_sun_backend::store::sqlite::{self, SqliteAccess, SqliteOperators};
use blazing_sun_console::Actions;
use blazing_sun_domain::Games;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

const ACTION: &str = "restore";

/// What was restored.
pub struct Restored {
    /// In words or as JSON.
    pub text: String,
    /// Whether it was audited, and nothing differs.
    pub is_clean: bool,
}

/// What the audit has found, or why there is none.
enum Audited {
    Clean,
    Differs(u64),
    Failed(String),
}

/// Restores; an error leaves the folder as it was. What the audit finds is told: a backup whose books differ may be
/// all that there is.
pub async fn run(args: &RestoreArgs, games: &Games, is_json: bool) -> anyhow::Result<Restored> {
    let (from, into) = (args.from.clone(), args.data_dir.clone());
    let copied = tokio::task::spawn_blocking(move || copy(&from, &into));
    let (staging, manifest) = copied.await??;
    let cannot_migrate = "cannot bring what the backup has to this program's schema";
    let migrated = migrate::bring_up_to_date(staging.path()).await;
    migrated.context(cannot_migrate)?;
    let audited = audited(staging.path(), games, args, &manifest).await?;
    tokio::task::spawn_blocking(move || {
        settle(staging.path())?;
        staging.finish()
    })
    .await??;
    Ok(told(args, &manifest, &audited, is_json))
}

/// Audits what was copied, with the rows of it in its own log of operators' actions.
async fn audited(
    staging: &Path,
    games: &Games,
    args: &RestoreArgs,
    manifest: &Manifest,
) -> anyhow::Result<Audited> {
    let into = std::path::absolute(&args.data_dir).unwrap_or_else(|_| args.data_dir.clone());
    let into = into.display().to_string();
    let append = async |detail, outcome| {
        let access = SqliteAccess::standalone(&database_in(staging))?;
        let actions = Actions::new(Arc::new(SqliteOperators::new(access)), Arc::new(clock::now));
        let by = own();
        let row = actions.entry(&by, ACTION, Some(&into), detail, outcome);
        actions.rows().append(row).await
    };
    let cannot_note = "cannot write into the operators' log of what the backup has";
    let (made_at, program) = (&manifest.made_at, &manifest.program);
    let backup = json!({ "backup_made_at": made_at, "backup_program": program });
    let asked = append(backup, Outcome::Asked).await.context(cannot_note)?;
    let report = audit::settled(&Place::Folder(staging.to_owned()), games).await;
    let audited = Audited::of(report);
    let mut detail = json!({ "asked": asked });
    match &audited {
        Audited::Clean => detail["differences"] = 0.into(),
        Audited::Differs(count) => detail["differences"] = (*count).into(),
        Audited::Failed(error) => detail["audit_error"] = error.as_str().into(),
    }
    append(detail, Outcome::Done).await.context(cannot_note)?;
    Ok(audited)
}

impl Audited {
    fn of(report: anyhow::Result<AuditReport>) -> Audited {
        match report {
            Ok(report) if report.is_clean() => Audited::Clean,
            Ok(report) => {
                let differences = report.checks.iter().map(|check| check.differences);
                Audited::Differs(differences.sum())
            }
            Err(error) => Audited::Failed(format!("{error:#}")),
        }
    }
}

fn told(args: &RestoreArgs, manifest: &Manifest, audited: &Audited, is_json: bool) -> Restored {
    let into = args.data_dir.display();
    let is_clean = matches!(audited, Audited::Clean);
    if is_json {
        let mut told = json!({ "folder": into.to_string(), "backup": manifest, "clean": is_clean });
        match audited {
            Audited::Clean => {}
            Audited::Differs(count) => told["differences"] = (*count).into(),
            Audited::Failed(error) => told["audit_error"] = error.as_str().into(),
        }
        let text = told.to_string();
        return Restored { text, is_clean };
    }
    let (count, bytes, made_at) = (manifest.files.len(), manifest.bytes(), &manifest.made_at);
    let audited = match audited {
        Audited::Clean => "audit found no difference".to_owned(),
        Audited::Differs(count) => format!(
            "restored, but its books differ: audit found {count} differences, which `blazing-sun audit --data-dir {into}` shows"
        ),
        Audited::Failed(error) => format!("restored, but it could not be audited: {error}"),
    };
    let keys = match manifest.has_keys() {
        true => String::new(),
        false => format!(
            "\nThe backup is without keys: put them into {into}/{KEYS} before a server starts there"
        ),
    };
    let text = format!("{into}: {count} files, {bytes} bytes, as of {made_at}; {audited}{keys}");
    Restored { text, is_clean }
}

fn copy(from: &Path, into: &Path) -> anyhow::Result<(Staging, Manifest)> {
    let manifest = read(from)?;
    let checking = Progress::of_bytes("checksums", manifest.bytes());
    for file in &manifest.files {
        let read = files::digest(&from.join(&file.name), &checking);
        check(from, file, read)?;
    }
    drop(checking);
    let staging = Staging::begin(into)?;
    files::write_manifest(&staging.path().join(MANIFEST), &manifest)?;
    let copying = Progress::of_bytes("restoring", manifest.bytes());
    for file in &manifest.files {
        let to = staging.path().join(&file.name);
        let copied = files::copy(&from.join(&file.name), &to, &copying);
        check(from, file, Ok(copied?))?;
    }
    Ok((staging, manifest))
}

/// Has all that was written since in the databases' own files.
fn settle(staging: &Path) -> anyhow::Result<()> {
    for name in [DATABASE, CHECKOUT_DATABASE] {
        let path = staging.join(name);
        if path.is_file() {
            let writer = sqlite::open_writer(&path)?;
            let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
            let is_busy: i64 = writer.query_row(checkpoint, [], |row| row.get(0))?;
            anyhow::ensure!(is_busy == 0, "{} is still read", path.display());
            writer.close().map_err(|(_, error)| error)?;
        }
    }
    Ok(())
}

fn read(from: &Path) -> anyhow::Result<Manifest> {
    let path = from.join(MANIFEST);
    let wrong = |why: String| AskedWrongly(format!("{} is no backup: {why}", from.display()));
    let text = std::fs::read_to_string(&path)
        .map_err(|error| wrong(format!("cannot read {MANIFEST}: {error}")))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| wrong(format!("{MANIFEST}: {error}")))?;
    let known = sqlite::known_version();
    if manifest.format != FORMAT {
        let format = manifest.format;
        return Err(wrong(format!(
            "its format is {format}, this program reads {FORMAT}"
        ))
        .into());
    }
    if !manifest.files.iter().any(|file| file.name == DATABASE) {
        return Err(wrong(format!("it has no {DATABASE}")).into());
    }
    if manifest.schema > known {
        let (found, program) = (manifest.schema, &manifest.program);
        return Err(AskedWrongly(format!(
            "the backup is of a newer program ({program}): its schema is {found}, this program knows none above {known}; restore it \
             with that program"
        ))
        .into());
    }
    match manifest.files.iter().all(|file| is_plain(&file.name)) {
        true => Ok(manifest),
        false => Err(wrong("a file's name is no name".to_owned()).into()),
    }
}

fn check(from: &Path, file: &Copied, read: anyhow::Result<(u64, String)>) -> anyhow::Result<()> {
    let path = from.join(&file.name);
    let (bytes, sha256) = read.context("the backup is not whole: take another one")?;
    match bytes == file.bytes && sha256 == file.sha256 {
        true => Ok(()),
        false => Err(AskedWrongly(format!(
            "{} is not what the backup was made with: its checksum differs; take another backup",
            path.display()
        ))
        .into()),
    }
}
