//! The operator socket: a Unix domain socket in the data directory that its owner alone can open. There is
//! no port and no secret; who may write the directory may ask.

use super::Operator;
use super::protocol::{self, Failure, LINE_BYTES_MAX};
use blazing_sun_console::By;
use rustix::process::geteuid;
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const NAME: &str = "operator.sock";
const NEW: &str = ".operator.sock.new";
/// A Unix socket's path has 107 bytes at most.
const PATH_BYTES_MAX: usize = 100;

/// The path of a socket in a folder, however long the folder's own is.
struct Place {
    path: PathBuf,
    /// Keeps a path through `/proc/self/fd` valid.
    _folder: Option<File>,
}

impl Place {
    fn of(folder: &Path, name: &str) -> io::Result<Place> {
        let path = folder.join(name);
        if path.as_os_str().as_bytes().len() <= PATH_BYTES_MAX {
            return Ok(Place {
                path,
                _folder: None,
            });
        }
        let folder = File::open(folder)?;
        Ok(Place {
            path: format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()).into(),
            _folder: Some(folder),
        })
    }
}

/// Connects to the server that runs on a data directory.
pub(super) async fn connect(data_dir: &Path) -> io::Result<UnixStream> {
    let place = Place::of(data_dir, NAME)?;
    UnixStream::connect(&place.path).await
}

/// Whether a server takes operators' requests on a data directory.
pub async fn is_served(data_dir: &Path) -> bool {
    connect(data_dir).await.is_ok()
}

/// The listening socket; dropping it removes it.
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Opens the socket in a data directory that this process holds, in place of one that a killed
    /// server has left.
    pub fn bind(data_dir: &Path) -> io::Result<Listener> {
        let (new, place) = (Place::of(data_dir, NEW)?, Place::of(data_dir, NAME)?);
        match std::fs::remove_file(&new.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&new.path)?;
        // Nobody finds it under its name before it is its owner's alone.
        std::fs::set_permissions(&new.path, Permissions::from_mode(0o600))?;
        std::fs::rename(&new.path, &place.path)?;
        Ok(Listener {
            listener,
            path: data_dir.join(NAME),
        })
    }

    /// Answers until it is told to stop; what is being done then is still done and answered.
    pub async fn serve(self, operator: Operator, mut stopped: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) if is_of_this_user(&stream) => {
                    let (operator, stopped) = (operator.clone(), stopped.clone());
                    connections.spawn(async move {
                        if let Err(error) = talk(stream, &operator, stopped).await {
                            tracing::debug!(%error, "an operator's connection ended early");
                        }
                    });
                }
                Ok(_) => tracing::warn!("another user was refused at the operator socket"),
                Err(error) => {
                    tracing::warn!(%error, "the operator socket is closed");
                    break;
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A stale one harms nobody: it refuses connections, and the next server replaces it.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn is_of_this_user(stream: &UnixStream) -> bool {
    let own = geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn talk(
    stream: UnixStream,
    operator: &Operator,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let uid = stream.peer_cred().map_or(0, |peer| peer.uid());
    let peer = format!("uid-{uid}");
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let line = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
            line = next_line(&mut read) => line?,
        };
        let Some(line) = line else {
            return Ok(());
        };
        let answer = match line.map(|line| protocol::read_request(&line)) {
            Ok(Ok((request, by))) => {
                let by = By::command_line(by.as_deref().unwrap_or(&peer), uid);
                operator.answer(&by, request).await
            }
            Ok(Err(failure)) => Err(failure),
            Err(failure) => {
                let line = protocol::line_of_answer(&Err(failure));
                return write.write_all(line.as_bytes()).await;
            }
        };
        write
            .write_all(protocol::line_of_answer(&answer).as_bytes())
            .await?;
    }
}

/// The next line, or why it is none; nothing at the end.
pub(super) async fn next_line(
    read: &mut (impl AsyncBufReadExt + Unpin),
) -> io::Result<Option<Result<String, Failure>>> {
    let mut line = Vec::new();
    read.take(LINE_BYTES_MAX + 1)
        .read_until(b'\n', &mut line)
        .await?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() as u64 > LINE_BYTES_MAX {
        let message = format!("a line has at most {LINE_BYTES_MAX} bytes");
        return Ok(Some(Err(Failure::new("invalid_request", message))));
    }
    let text = String::from_utf8(line);
    Ok(Some(text.map_err(|_| {
        Failure::new("invalid_request", "a line is UTF-8")
    })))
}
