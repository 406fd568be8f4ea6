//! The folder that holds everything a server must not lose: database and keys. One process at a time.

use blazing_sun_backend::store::{StoreError, sqlite};
use std::fs::{File, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Who holds a folder has locked this file in it.
pub const LOCK: &str = "lock";
/// What a process that holds a folder says when it is about something that may take long.
pub const UNDERWAY: [&str; 2] = [STARTING, MIGRATING];
/// A server that reads what is there.
pub const STARTING: &str = "starting";
/// A tool.
pub const MIGRATING: &str = "migrating";
/// Is in a folder for as long as something is restored into it.
pub const UNFINISHED_RESTORE: &str = ".restoring";

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It is not there, and cannot be made.
    #[error("cannot create the data directory {path}")]
    Create {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nothing can be written in it.
    #[error("cannot write to the data directory {path}")]
    Write {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another server runs on it.
    #[error("the data directory {path} is in use by another process")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A restore was ended midway.
    #[error(
        "a restore into {path} has not come to its end, and no server starts on a part of a backup: run \
         `blazing-sun restore` into it again"
    )]
    UnfinishedRestore {
        /// The folder.
        path: PathBuf,
    },
    /// Its database is not one that this program can read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// There is no server's data in it.
    #[error(
        "there is no data of a server in {path}: start one there first, or name another with --data-dir"
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// A data directory, held by this process alone.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    lock: File,
}

impl DataDir {
    /// Takes the folder, making it if it is missing. The lock ends with the process, however it ends.
    pub fn take(path: &Path) -> Result<DataDir, DataDirError> {
        let taken = DataDir::take_unfinished(path)?;
        match path.join(UNFINISHED_RESTORE).exists() {
            false => Ok(taken),
            true => Err(DataDirError::UnfinishedRestore {
                path: path.to_owned(),
            }),
        }
    }

    /// Takes it also where a restore was ended midway.
    pub fn take_unfinished(path: &Path) -> Result<DataDir, DataDirError> {
        create(path).map_err(|source| DataDirError::Create {
            path: path.to_owned(),
            source,
        })?;
        let cannot_write = |source| DataDirError::Write {
            path: path.to_owned(),
            source,
        };
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(cannot_write)?;
        match lock.try_lock() {
            Ok(()) => {
                let taken = DataDir {
                    path: path.to_owned(),
                    lock,
                };
                taken.says("");
                Ok(taken)
            }
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(cannot_write(source)),
        }
    }

    /// Leaves word in the folder of what this process is about, for who looks whether it is well.
    pub fn says(&self, what: &str) {
        let mut lock = &self.lock;
        let said = lock
            .rewind()
            .and_then(|()| lock.set_len(0))
            .and_then(|()| lock.write_all(what.as_bytes()));
        if let Err(error) = said {
            tracing::debug!(%error, "nobody is told what this process is about");
        }
    }

    /// What the holder of a folder is about that may take long, and since when.
    pub fn underway(path: &Path) -> Option<(&'static str, SystemTime)> {
        let lock = path.join(LOCK);
        let said = std::fs::read_to_string(&lock).ok()?;
        let what = UNDERWAY.into_iter().find(|what| *what == said)?;
        Some((what, std::fs::metadata(lock).ok()?.modified().ok()?))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        database_in(&self.path)
    }

    /// The keys file, where none is configured.
    pub fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }
}

/// The database of a folder that some server has used, if this program can read it.
pub fn existing_database(path: &Path) -> Result<PathBuf, DataDirError> {
    let database = database_file(path)?;
    match sqlite::check(&database) {
        Ok(()) => Ok(database),
        Err(source) => Err(DataDirError::Unreadable {
            path: database,
            source,
        }),
    }
}

/// The database's file, whatever is in it.
pub fn database_file(path: &Path) -> Result<PathBuf, DataDirError> {
    let database = database_in(path);
    match database.is_file() {
        true => Ok(database),
        false => Err(DataDirError::Empty {
            path: path.to_owned(),
        }),
    }
}

/// Where a folder's database is, or will be.
pub fn database_in(path: &Path) -> PathBuf {
    path.join("blazing-sun.db")
}

fn create(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    // Balances and password hashes are nobody else's business.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/data");
        let held = DataDir::take(&path).unwrap();
        let error = DataDir::take(&path).unwrap_err();
        assert!(
            error.to_string().contains("in use by another process"),
            "{error}"
        );
        assert_eq!(DataDir::underway(&path), None);
        held.says(MIGRATING);
        held.says(STARTING);
        assert_eq!(
            DataDir::underway(&path).map(|(what, _)| what),
            Some(STARTING)
        );
        drop(held);
        assert!(DataDir::take(&path).is_ok());
        assert_eq!(DataDir::underway(&path), None, "another has it");
    }

    #[test]
    fn a_file_in_its_place_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();
        assert!(matches!(
            DataDir::take(&path),
            Err(DataDirError::Create { .. })
        ));
        assert!(matches!(
            existing_database(&path),
            Err(DataDirError::Empty { .. })
        ));
    }
}
