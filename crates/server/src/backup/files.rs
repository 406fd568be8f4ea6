//! Files of a backup: for their owner alone, and on the disk before anybody is told.

use super::Manifest;
use crate::asked_wrongly::AskedWrongly;
use crate::progress::Progress;
use anyhow::Context;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

const OWNER_ONLY: u32 = 0o600;
const CHUNK: usize = 1 << 20;
/// Of 4 KiB: between two looks at the progress.
const PAGES: i32 = 2_000;
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes the folder, for its owner alone; one that is there has to be empty.
pub(super) fn make_empty(folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot make the folder {shown}"))?;
    let mut entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read the folder {shown}"))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(AskedWrongly(format!(
            "the folder {shown} has something in it: name one that is empty, or not there yet"
        ))
        .into()),
    }
}

/// The database as it is at one moment, whoever writes to it meanwhile.
pub(super) fn copy_database(from: &Path, to: &Path) -> anyhow::Result<()> {
    new_file(to)?;
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    source.busy_timeout(PATIENCE)?;
    // A copy begins anew when somebody writes, unless the reader holds on to what it saw first.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")?;
    let mut target = Connection::open(to)?;
    target.execute_batch("PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;")?;
    {
        let backup = Backup::new(&source, &mut target)?;
        let shown = Progress::of_bytes("copying", 0);
        loop {
            let step = backup.step(PAGES)?;
            let progress = backup.progress();
            let bytes = |pages: i32| u64::from(pages.unsigned_abs()) * 4_096;
            shown.out_of(bytes(progress.pagecount));
            shown.at(bytes(progress.pagecount - progress.remaining));
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
    target.close().map_err(|(_, error)| error)?;
    Ok(File::open(to)?.sync_all()?)
}

fn new_file(path: &Path) -> anyhow::Result<File> {
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(path);
    let file = file.with_context(|| format!("cannot make {}", path.display()))?;
    // What the process's mask took away does not matter, what it let through would.
    file.set_permissions(std::fs::Permissions::from_mode(OWNER_ONLY))?;
    Ok(file)
}

/// A file as it is; its length and its SHA-256.
pub(super) fn copy(from: &Path, to: &Path, shown: &Progress) -> anyhow::Result<(u64, String)> {
    let cannot_write = || format!("cannot write {}", to.display());
    let mut target = new_file(to)?;
    let (mut bytes, mut digest) = (0, Sha256::new());
    each_chunk(from, shown, |chunk| {
        bytes += chunk.len() as u64;
        digest.update(chunk);
        target.write_all(chunk).with_context(cannot_write)
    })?;
    target.sync_all().with_context(cannot_write)?;
    Ok((bytes, hex::encode(digest.finalize())))
}

/// Its length and its SHA-256.
pub(super) fn digest(path: &Path, shown: &Progress) -> anyhow::Result<(u64, String)> {
    let (mut bytes, mut digest) = (0, Sha256::new());
    each_chunk(path, shown, |chunk| {
        bytes += chunk.len() as u64;
        digest.update(chunk);
        Ok(())
    })?;
    Ok((bytes, hex::encode(digest.finalize())))
}

fn each_chunk(
    path: &Path,
    shown: &Progress,
    mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let cannot_read = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(cannot_read)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = file.read(&mut chunk).with_context(cannot_read)?;
        if length == 0 {
            return Ok(());
        }
        take(&chunk[..length])?;
        shown.add(length as u64);
    }
}

pub(super) fn write_manifest(path: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let mut file = new_file(path)?;
    let text = serde_json::to_vec_pretty(manifest)?;
    file.write_all(&text)
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}
