//! Files of secrets: readable by their owner alone, and never replaced.

use super::KeysError;
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

const OWNER_ONLY: u32 = 0o600;
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The file's bytes, if nobody else can get at them.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let failed = |source| KeysError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeysError::TooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    let capacity = metadata.len().min(FILE_BYTES_MAX) as usize;
    let mut text = Zeroizing::new(Vec::with_capacity(capacity));
    (&mut file)
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut text)
        .map_err(failed)?;
    Ok(text)
}

/// Makes the file, whole or not at all, where there is none.
pub(super) fn create(path: &Path, contents: &impl Serialize) -> Result<(), KeysError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => KeysError::Exists {
            path: path.to_owned(),
        },
        _ => KeysError::File {
            path: path.to_owned(),
            source,
        },
    };
    let mut name = [0; 6];
    getrandom::fill(&mut name).map_err(|_| KeysError::NoRandomness)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let temporary = folder.join(format!(".keys-{}", hex::encode(name)));
    let text = serde_json::to_vec_pretty(contents).map_err(|error| failed(error.into()))?;
    let text = Zeroizing::new(text);
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(OWNER_ONLY)
            .open(&temporary)?;
        file.write_all(&text)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        // Unlike a rename, a link does not replace what another process has made meanwhile.
        fs::hard_link(&temporary, path)
    })();
    let removed = fs::remove_file(&temporary);
    written.and(removed).map_err(failed)?;
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed)
}
