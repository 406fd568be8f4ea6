//! Where a restore works until all of it is there and on the disk: a folder within the one that it fills, which may be
//! a mount point, or lie where nobody else may write. While it is there, no server starts on that one.

use super::{DATABASE, MANIFEST, Manifest, files};
use crate::asked_wrongly::AskedWrongly;
use crate::data_dir::{DataDir, LOCK, UNFINISHED_RESTORE};
use anyhow::Context;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const OWNER_ONLY: u32 = 0o700;
/// What the folder that a restore worked in is called once all is in its place. It keeps no server away, and is removed.
const FINISHED_RESTORE: &str = ".restored";
/// What SQLite has beside a database.
const BESIDE_DATABASES: [&str; 3] = ["", "-wal", "-shm"];

/// A restore under way. Dropped before it is done, it leaves the folder as it was found.
pub(super) struct Staging {
    into: PathBuf,
    path: PathBuf,
    /// The folder was not there before.
    is_new: bool,
    is_done: bool,
    _held: DataDir,
}

impl Staging {
    /// Takes the folder, for its owner alone. It has to be empty, but for what a restore has left that was ended midway.
    pub(super) fn begin(into: &Path) -> anyhow::Result<Staging> {
        let is_new = !into.exists();
        refuse_filled(into)?;
        let held = DataDir::take_unfinished(into)?;
        // Another may have ended meanwhile.
        refuse_filled(into)?;
        let shown = into.display();
        std::fs::set_permissions(into, Permissions::from_mode(OWNER_ONLY))
            .with_context(|| format!("cannot keep {shown} for its owner alone"))?;
        let staging = Staging {
            path: into.join(UNFINISHED_RESTORE),
            into: into.to_owned(),
            is_new,
            is_done: false,
            _held: held,
        };
        let cannot_tidy =
            || format!("cannot remove from {shown} what an earlier restore has left there");
        staging.tidy().with_context(cannot_tidy)?;
        files::make_empty(&staging.path)?;
        sync(into)?;
        match into.parent() {
            Some(parent) if is_new && !parent.as_os_str().is_empty() => sync(parent)?,
            _ => {}
        }
        Ok(staging)
    }

    /// Where to put what is restored.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts all of it where it belongs.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.put_in_place()?;
        // Where it stays it does no harm, and what is restored is good.
        let _ = std::fs::remove_dir_all(self.into.join(FINISHED_RESTORE));
        Ok(())
    }

    /// All of it, in one step as far as servers can see: the last name that changes is what keeps them away.
    fn put_in_place(&mut self) -> anyhow::Result<()> {
        let mut names = names_in(&self.path)?;
        names.retain(|name| name != MANIFEST);
        // A tool takes a folder for a server's by this one.
        names.sort_by_key(|name| name == DATABASE);
        for name in &names {
            File::open(self.path.join(name)).and_then(|file| file.sync_all())?;
        }
        for name in &names {
            let (from, to) = (self.path.join(name), self.into.join(name));
            std::fs::rename(from, &to).with_context(|| format!("cannot make {}", to.display()))?;
        }
        sync(&self.into)?;
        let finished = self.into.join(FINISHED_RESTORE);
        std::fs::rename(&self.path, &finished)?;
        if let Err(error) = sync(&self.into) {
            // What is not surely on the disk is not done: all of it is taken back.
            std::fs::rename(&finished, &self.path)?;
            return Err(error);
        }
        self.is_done = true;
        Ok(())
    }

    /// Removes what a restore has put here; last of all what says that it is one's.
    fn tidy(&self) -> std::io::Result<()> {
        let finished = self.into.join(FINISHED_RESTORE);
        if finished.exists() {
            std::fs::remove_dir_all(finished)?;
        }
        if !self.path.exists() {
            return Ok(());
        }
        for name in names_of(&self.path) {
            for beside in BESIDE_DATABASES {
                let path = self.into.join(format!("{name}{beside}"));
                if path.exists() {
                    std::fs::remove_file(path)?;
                }
            }
        }
        std::fs::remove_dir_all(&self.path)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        // What stays keeps servers away, and the next restore removes it.
        if self.tidy().is_ok() && self.is_new {
            let _ = std::fs::remove_file(self.into.join(LOCK));
            let _ = std::fs::remove_dir(&self.into);
        }
    }
}

/// What the backup has that is being restored there: nothing is moved before this is known.
fn names_of(staging: &Path) -> Vec<String> {
    let text = std::fs::read(staging.join(MANIFEST)).unwrap_or_default();
    let manifest: Option<Manifest> = serde_json::from_slice(&text).ok();
    let files = manifest.into_iter().flat_map(|manifest| manifest.files);
    let names = files.map(|file| file.name);
    names.filter(|name| super::is_plain(name)).collect()
}

fn refuse_filled(into: &Path) -> anyhow::Result<()> {
    if !into.exists() {
        return Ok(());
    }
    let staging = into.join(UNFINISHED_RESTORE);
    let of_restore = match staging.exists() {
        true => names_of(&staging),
        false => Vec::new(),
    };
    let is_known = |name: &String| {
        let of_file = |file: &String| {
            let beside = name.strip_prefix(file.as_str());
            beside.is_some_and(|beside| BESIDE_DATABASES.contains(&beside))
        };
        let is_own = [LOCK, UNFINISHED_RESTORE, FINISHED_RESTORE].contains(&name.as_str());
        is_own || of_restore.iter().any(of_file)
    };
    match names_in(into)?.iter().all(is_known) {
        true => Ok(()),
        false => Err(AskedWrongly(format!(
            "the folder {} has something in it: name one that is empty, or not there yet",
            into.display()
        ))
        .into()),
    }
}

fn names_in(folder: &Path) -> anyhow::Result<Vec<String>> {
    let cannot_read = || format!("cannot read the folder {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(cannot_read)?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: std::io::Result<_> = names.collect();
    names.with_context(cannot_read)
}

fn sync(folder: &Path) -> anyhow::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("cannot write {} to the disk", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::super::{Copied, FORMAT};
    use super::*;
    use crate::data_dir::DataDirError;

    const NAMES: [&str; 2] = [DATABASE, "keys"];

    fn begun(into: &Path) -> Staging {
        let staging = Staging::begin(into).unwrap();
        let files = NAMES.map(|name| Copied {
            name: name.to_owned(),
            bytes: 0,
            sha256: String::new(),
        });
        let manifest = Manifest {
            format: FORMAT,
            made_at: String::new(),
            program: String::new(),
            schema: 1,
            files: files.into(),
        };
        files::write_manifest(&staging.path().join(MANIFEST), &manifest).unwrap();
        for name in NAMES {
            std::fs::write(staging.path().join(name), name).unwrap();
        }
        staging
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn all_of_it_is_there_or_the_folder_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (new, empty) = (folder.path().join("new/data"), folder.path().join("empty"));
        std::fs::create_dir(&empty).unwrap();
        std::fs::set_permissions(&empty, Permissions::from_mode(0o755)).unwrap();
        for into in [&new, &empty] {
            drop(begun(into));
            begun(into).finish().unwrap();
            let mut names = names_in(into).unwrap();
            names.sort();
            assert_eq!(names, ["blazing-sun.db", "keys", "lock"]);
            assert_eq!(mode(into), 0o700);
            assert!(DataDir::take(into).is_ok());
            let refused = Staging::begin(into).err().unwrap().to_string();
            assert!(refused.contains("has something in it"), "{refused}");
        }
        let other = folder.path().join("other");
        drop(begun(&other));
        assert!(!other.exists());
    }

    #[test]
    fn what_was_ended_midway_keeps_servers_away_until_a_restore_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("data");
        for moved in [&NAMES[..0], &NAMES[1..], &NAMES[..]] {
            let mut staging = begun(&into);
            for name in moved {
                std::fs::rename(staging.path().join(name), into.join(name)).unwrap();
            }
            // As by a kill.
            staging.is_done = true;
            drop(staging);
            let refused = DataDir::take(&into).unwrap_err();
            assert!(
                matches!(refused, DataDirError::UnfinishedRestore { .. }),
                "{refused}"
            );
        }
        // What is somebody else's is not removed.
        std::fs::write(into.join("letters"), "").unwrap();
        assert!(Staging::begin(&into).is_err());
        std::fs::remove_file(into.join("letters")).unwrap();
        begun(&into).finish().unwrap();
        assert_eq!(std::fs::read_to_string(into.join("keys")).unwrap(), "keys");
        assert!(DataDir::take(&into).is_ok());
    }

    #[test]
    fn what_was_ended_at_the_very_end_is_restored() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("data");
        let finished = into.join(FINISHED_RESTORE);
        let mut staging = begun(&into);
        staging.put_in_place().unwrap();
        // As by a kill, which may come while the folder is being removed, too.
        drop(staging);
        assert!(finished.join(MANIFEST).exists());
        for _ in 0..2 {
            assert!(DataDir::take(&into).is_ok());
            let refused = Staging::begin(&into).err().unwrap().to_string();
            assert!(refused.contains("has something in it"), "{refused}");
            let _ = std::fs::remove_file(finished.join(MANIFEST));
        }
        // Nothing else is left: it may be restored into again.
        for name in NAMES {
            std::fs::remove_file(into.join(name)).unwrap();
        }
        begun(&into).finish().unwrap();
        assert!(!finished.exists());
        assert!(DataDir::take(&into).is_ok());
    }

    #[test]
    fn two_do_not_restore_into_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("data");
        let first = begun(&into);
        let refused = Staging::begin(&into).err().unwrap().to_string();
        assert!(refused.contains("in use by another process"), "{refused}");
        first.finish().unwrap();
    }
}
