//! This machine: keys, rights of files, free space.

use super::Examination;
use crate::cli::DoctorArgs;
use crate::config::{Config, Mode, Role};
use crate::test_bank;
use blazing_sun_backbone::credentials::{GatewayKeys, Keys, KeysError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const OTHERS: u32 = 0o077;

pub(super) fn examine(
    config: &Config,
    args: &DoctorArgs,
    mode: Mode,
    examination: &mut Examination,
) {
    let folder = &config.server.data_dir;
    if args.role != Role::Checkout {
        examination.look("keys");
        let path = keys_path(config);
        let loaded = match args.role {
            Role::Gateway => GatewayKeys::load(&path).map(|_| ()),
            _ => Keys::load(&path).map(|_| ()),
        };
        if let Err(error) = loaded {
            let remedy = remedy_of(&error, &path);
            examination.find(format!("{:#}", anyhow::Error::from(error)), remedy);
        }
    }
    let disk = match mode {
        Mode::Embedded => {
            examination.look("file modes");
            modes(folder, examination);
            folder.clone()
        }
        // Where `audit` and `replay` make their copies.
        Mode::Distributed => std::env::temp_dir(),
    };
    examination.look("disk space");
    free_space(&disk, args.free_bytes_min, examination);
}

/// The keys file of a process with this configuration.
pub(super) fn keys_path(config: &Config) -> PathBuf {
    let of_folder = || config.server.data_dir.join("keys");
    config.keys.clone().unwrap_or_else(of_folder)
}

fn remedy_of(error: &KeysError, path: &Path) -> String {
    let path = path.display();
    match error {
        KeysError::TooOpen { .. } => {
            format!("chmod 600 {path}; if somebody may have read it, make new keys")
        }
        KeysError::File { source, .. } if source.kind() == ErrorKind::NotFound => format!(
            "put the deployment's own keys file back to {path} before a server starts: with new keys nobody's sessions, seeds and room \
             passwords can be opened"
        ),
        _ => format!("put a whole copy of the deployment's keys file to {path}"),
    }
}

fn modes(folder: &Path, examination: &mut Examination) {
    let secrets = [test_bank::SECRET_KEY, test_bank::WEBHOOK_SECRET];
    let secrets = secrets.map(|name| (folder.join(name), "600"));
    for (path, mode) in std::iter::once((folder.to_owned(), "700")).chain(secrets) {
        let Ok(metadata) = std::fs::metadata(&path) else {
            continue;
        };
        let found = metadata.mode() & 0o7777;
        if found & OTHERS != 0 {
            let shown = path.display();
            examination.find(
                format!("others than its owner can get at {shown}: its mode is {found:o}"),
                format!("chmod {mode} {shown}"),
            );
        }
    }
}

fn free_space(path: &Path, least: u64, examination: &mut Examination) {
    // What is not there yet will be made in the nearest folder that is.
    let there = path.ancestors().find(|path| path.exists());
    let place = match there {
        Some(there) if !there.as_os_str().is_empty() => there,
        _ => Path::new("."),
    };
    match rustix::fs::statvfs(place) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            if free < least {
                let shown = place.display();
                examination.find(
                    format!("{free} bytes are free on the disk of {shown}, less than {least}"),
                    "make room, or take a larger disk: a full one refuses every command",
                );
            }
        }
        Err(error) => examination.find(
            format!(
                "the free space of {} is not known: {error}",
                place.display()
            ),
            "look at the disk",
        ),
    }
}
