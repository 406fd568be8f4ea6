//! How async code reaches the file: reads on a small pool of own connections, writes as jobs that the
//! engine runs inside its transaction, so that there is ever one writer and one fsync for all.

use super::{open_reader, open_writer};
use crate::store::StoreError;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{oneshot, watch};

/// Runs on the engine's thread inside its transaction, in a savepoint of its own.
pub type WriteJob = Box<dyn FnOnce(&Connection) -> JobOutcome + Send>;

/// Called after the commit (true) or the rollback (false) of the job's transaction.
pub type JobOutcome = Box<dyn FnOnce(bool) + Send>;

/// Jobs waiting for the engine, and how much of what it writes is durable.
pub struct WriteJobs {
    queue: Mutex<Option<Vec<WriteJob>>>,
    wake: Box<dyn Fn() + Send + Sync>,
    /// Counts the commits that were begun.
    begun: AtomicU64,
    durable: watch::Sender<Durable>,
}

/// Which commits are durable, or were rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durable {
    UpTo(u64),
    /// The engine has ended well.
    All,
    /// The engine has failed: the last ones may never be.
    NoMore,
}

impl WriteJobs {
    /// An empty queue; `wake` tells the engine that something was put in.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Arc<WriteJobs> {
        Arc::new(WriteJobs {
            queue: Mutex::new(Some(Vec::new())),
            wake: Box::new(wake),
            begun: AtomicU64::new(0),
            durable: watch::Sender::new(Durable::UpTo(0)),
        })
    }

    /// A commit is about to begin: from now on readers may see it.
    pub fn begin_commit(&self) {
        self.begun.fetch_add(1, Ordering::AcqRel);
    }

    /// The number of the last commit that was begun.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }

    /// All commits up to this one are durable, or were rolled back.
    pub fn is_durable(&self, number: u64) {
        self.durable.send_if_modified(|durable| match durable {
            Durable::UpTo(before) if *before < number => {
                *before = number;
                true
            }
            _ => false,
        });
    }

    /// Waits until all that could be read is durable, so that nobody hears what a power failure takes back.
    async fn settled(&self) -> Result<(), StoreError> {
        let begun = self.begun();
        let is_known = |durable: &Durable| match durable {
            Durable::UpTo(number) => *number >= begun,
            Durable::All | Durable::NoMore => true,
        };
        let mut durable = self.durable.subscribe();
        match durable.wait_for(is_known).await.as_deref() {
            Ok(Durable::UpTo(_) | Durable::All) => Ok(()),
            Ok(Durable::NoMore) | Err(_) => Err(StoreError::Closed),
        }
    }

    /// What has been put in since.
    pub fn take(&self) -> Vec<WriteJob> {
        self.queue
            .lock()
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// No more jobs; those that wait are dropped, and their callers told. Unless the engine ended well, nothing is
    /// read any more: it might not be durable.
    pub fn close(&self, ended_well: bool) {
        self.queue.lock().take();
        self.durable.send_replace(match ended_well {
            true => Durable::All,
            false => Durable::NoMore,
        });
    }

    fn put(&self, job: WriteJob) -> Result<(), StoreError> {
        match self.queue.lock().as_mut() {
            Some(queue) => queue.push(job),
            None => return Err(StoreError::Closed),
        }
        (self.wake)();
        Ok(())
    }
}

/// Connections kept for the next reads. A crowd of requests opens more for a moment; each has a cache of its own.
const IDLE_READERS_MAX: usize = 4;

#[derive(Clone)]
enum Writer {
    Engine(Arc<WriteJobs>),
    Direct(Arc<Mutex<Connection>>),
    /// Nothing is written.
    None,
}

/// Async access to the file.
#[derive(Clone)]
pub struct SqliteAccess {
    path: PathBuf,
    readers: Arc<Mutex<Vec<Connection>>>,
    writer: Writer,
}

impl SqliteAccess {
    /// Beside an engine that takes `jobs`.
    pub fn beside_engine(path: &Path, jobs: Arc<WriteJobs>) -> SqliteAccess {
        SqliteAccess {
            path: path.to_owned(),
            readers: Arc::default(),
            writer: Writer::Engine(jobs),
        }
    }

    /// With a write connection of its own, where no engine runs; brings the schema up to date.
    pub fn standalone(path: &Path) -> Result<SqliteAccess, StoreError> {
        super::migrate(&mut open_writer(path)?)?;
        SqliteAccess::unmigrated(path)
    }

    /// The same, with the schema as it is: some tables may be missing.
    pub fn unmigrated(path: &Path) -> Result<SqliteAccess, StoreError> {
        let writer = Writer::Direct(Arc::new(Mutex::new(open_writer(path)?)));
        Ok(SqliteAccess {
            path: path.to_owned(),
            readers: Arc::default(),
            writer,
        })
    }

    /// For reading alone, beside whoever writes; what is stored has to be of this program's schema.
    pub fn read_only(path: &Path) -> SqliteAccess {
        SqliteAccess {
            path: path.to_owned(),
            readers: Arc::default(),
            writer: Writer::None,
        }
    }

    /// Runs `query` on a read connection off the async threads. It sees what was committed before, and is
    /// answered once that is durable.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (path, readers) = (self.path.clone(), self.readers.clone());
        let run = move || {
            let pooled = readers.lock().pop();
            let connection = match pooled {
                Some(connection) => connection,
                None => open_reader(&path)?,
            };
            let answer = query(&connection);
            let mut readers = readers.lock();
            if readers.len() < IDLE_READERS_MAX {
                readers.push(connection);
            }
            answer
        };
        let answer = tokio::task::spawn_blocking(run)
            .await
            .unwrap_or(Err(StoreError::Closed))?;
        if let Writer::Engine(jobs) = &self.writer {
            jobs.settled().await?;
        }
        Ok(answer)
    }

    /// Runs `change` in a savepoint of the engine's next transaction and answers once that is
    /// durable. An error of `change` undoes `change` alone.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let job: WriteJob = Box::new(move |connection| {
            let answer = in_savepoint(connection, change);
            Box::new(move |committed| {
                // The caller may have gone away meanwhile.
                let _ = sender.send(if committed {
                    answer
                } else {
                    Err(StoreError::Closed)
                });
            })
        });
        match &self.writer {
            Writer::None => return Err(StoreError::Closed),
            Writer::Engine(jobs) => jobs.put(job)?,
            Writer::Direct(connection) => {
                let connection = connection.clone();
                let run = move || job(&connection.lock())(true);
                tokio::task::spawn_blocking(run)
                    .await
                    .map_err(|_| StoreError::Closed)?;
            }
        }
        receiver.await.unwrap_or(Err(StoreError::Closed))
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    change: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.execute_batch("SAVEPOINT job")?;
    let answer = change(connection);
    let end = if answer.is_ok() {
        "RELEASE job"
    } else {
        "ROLLBACK TO job; RELEASE job"
    };
    connection.execute_batch(end)?;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is done without waiting.
    async fn is_done(waiting: impl Future<Output = Result<(), StoreError>> + Unpin) -> bool {
        tokio::select! {
            biased;
            _ = waiting => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn a_reader_hears_only_what_is_durable() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        super::super::migrate(&mut open_writer(&path).unwrap()).unwrap();
        let jobs = WriteJobs::new(|| ());
        let access = SqliteAccess::beside_engine(&path, Arc::clone(&jobs));
        let read = || {
            access.read(|connection| {
                Ok(connection.query_row("SELECT 7", [], |row| row.get::<_, i64>(0))?)
            })
        };
        assert_eq!(read().await.unwrap(), 7);

        jobs.begin_commit();
        let first = jobs.begun();
        jobs.begin_commit();
        let mut waiting = Box::pin(jobs.settled());
        jobs.is_durable(first);
        assert!(
            !is_done(&mut waiting).await,
            "the second is not durable yet"
        );
        jobs.is_durable(jobs.begun());
        jobs.is_durable(first);
        waiting.await.unwrap();
        assert_eq!(read().await.unwrap(), 7);

        jobs.begin_commit();
        let mut waiting = Box::pin(jobs.settled());
        assert!(!is_done(&mut waiting).await);
        jobs.close(false);
        assert!(matches!(waiting.await, Err(StoreError::Closed)));
        assert!(matches!(read().await, Err(StoreError::Closed)));
    }

    #[tokio::test]
    async fn after_a_good_end_all_can_be_read() {
        let jobs = WriteJobs::new(|| ());
        jobs.begin_commit();
        jobs.close(true);
        jobs.settled().await.unwrap();
    }
}
