//! Back from a backup, into an empty folder: checksums first, then `audit`.

use super::{Copied, DATABASE, FORMAT, KEYS, MANIFEST, Manifest, files};
use crate::asked_wrongly::AskedWrongly;
use crate::audit;
use crate::cli::RestoreArgs;
use crate::place::Place;
use crate::progress::Progress;
use anyhow::Context;
use blazing_sun_backend::store::sqlite;
use blazing_sun_domain::Games;
use serde_json::json;
use std::path::Path;

/// What was restored, in words or as JSON, and whether the audit found nothing.
pub async fn run(
    args: &RestoreArgs,
    games: &Games,
    is_json: bool,
) -> anyhow::Result<(String, bool)> {
    let (from, into) = (args.from.clone(), args.data_dir.clone());
    let restored = tokio::task::spawn_blocking(move || copy(&from, &into));
    let manifest = restored.await??;
    let report = audit::settled(&Place::Folder(args.data_dir.clone()), games).await?;
    let is_clean = report.is_clean();
    let into = args.data_dir.display();
    if is_json {
        let told = json!({ "folder": into.to_string(), "backup": manifest, "clean": is_clean });
        return Ok((told.to_string(), is_clean));
    }
    let (count, bytes, made_at) = (manifest.files.len(), manifest.bytes(), &manifest.made_at);
    let audited = match is_clean {
        true => "audit found no difference".to_owned(),
        false => format!("audit found differences: blazing-sun audit --data-dir {into}"),
    };
    let keys = match manifest.has_keys() {
        true => String::new(),
        false => format!(
            "\nThe backup is without keys: put them into {into}/{KEYS} before a server starts there"
        ),
    };
    let text = format!("{into}: {count} files, {bytes} bytes, as of {made_at}; {audited}{keys}");
    Ok((text, is_clean))
}

fn copy(from: &Path, into: &Path) -> anyhow::Result<Manifest> {
    let manifest = read(from)?;
    let checking = Progress::of_bytes("checksums", manifest.bytes());
    for file in &manifest.files {
        check(from, file, &checking)?;
    }
    drop(checking);
    files::make_empty(into)?;
    let copying = Progress::of_bytes("restoring", manifest.bytes());
    for file in &manifest.files {
        files::copy(&from.join(&file.name), &into.join(&file.name), &copying)?;
    }
    Ok(manifest)
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
    // A name with a path in it would lead out of the folder.
    let is_plain = |file: &&Copied| !file.name.contains('/') && !file.name.starts_with('.');
    match manifest.files.iter().all(|file| is_plain(&file)) {
        true => Ok(manifest),
        false => Err(wrong("a file's name is no name".to_owned()).into()),
    }
}

fn check(from: &Path, file: &Copied, shown: &Progress) -> anyhow::Result<()> {
    let path = from.join(&file.name);
    let (bytes, sha256) =
        files::digest(&path, shown).context("the backup is not whole: take another one")?;
    match bytes == file.bytes && sha256 == file.sha256 {
        true => Ok(()),
        false => Err(AskedWrongly(format!(
            "{} is not what the backup was made with: its checksum differs; take another backup",
            path.display()
        ))
        .into()),
    }
}
