//! Pages that games of one's own bring along. Their files are read once, at the start: what is served
//! later is looked up in a table, so that no address leads to any other file.

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The module that the players' pages load.
const MODULE: &str = "index.js";
/// What all pages of a game may come to.
const FILES_MAX: usize = 1_000;
const BYTES_MAX: u64 = 32 * 1024 * 1024;
const DEPTH_MAX: usize = 8;

/// A file as it is handed out.
#[derive(Debug)]
pub struct PageFile {
    /// All of it.
    pub bytes: bytes::Bytes,
    /// Differs for other bytes.
    pub etag: String,
}

/// All files of all games' pages.
#[derive(Debug, Default)]
pub struct GamePages(BTreeMap<String, PageFile>);

/// Where the game's module is served.
pub fn module_address(game: &str) -> String {
    format!("/games/{game}/{MODULE}")
}

impl GamePages {
    /// Reads the folder of each game.
    pub fn read(folders: &[(String, PathBuf)]) -> anyhow::Result<GamePages> {
        let mut pages = GamePages::default();
        for (game, folder) in folders {
            let mut found = Folder {
                root: folder.canonicalize().with_context(|| {
                    format!("cannot read the page of `{game}` in {}", folder.display())
                })?,
                files: BTreeMap::new(),
                bytes: 0,
            };
            found
                .take(&found.root.clone(), "", 0)
                .with_context(|| format!("cannot serve the page of `{game}`"))?;
            ensure!(
                found.files.contains_key(MODULE),
                "the page of `{game}` has no {MODULE} in {}",
                folder.display()
            );
            let files = found.files.into_iter();
            pages
                .0
                .extend(files.map(|(name, file)| (format!("{game}/{name}"), file)));
        }
        Ok(pages)
    }

    /// The file at an address's path below `/games/`.
    pub fn get(&self, path: &str) -> Option<&PageFile> {
        self.0.get(path)
    }
}

struct Folder {
    root: PathBuf,
    files: BTreeMap<String, PageFile>,
    bytes: u64,
}

impl Folder {
    fn take(&mut self, folder: &Path, prefix: &str, depth: usize) -> anyhow::Result<()> {
        ensure!(
            depth <= DEPTH_MAX,
            "{} is too deep a folder, or leads into itself",
            folder.display()
        );
        let listed = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        for entry in listed {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                bail!("{} has a name that is not text", entry.path().display());
            };
            if name.starts_with('.') {
                continue;
            }
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            ensure!(
                name.bytes().all(is_plain),
                "{} can not be an address: names are of letters, digits, `.`, `_` and `-`",
                entry.path().display()
            );
            let path = entry
                .path()
                .canonicalize()
                .with_context(|| entry.path().display().to_string())?;
            ensure!(
                path.starts_with(&self.root),
                "{} leads out of the folder",
                entry.path().display()
            );
            let name = format!("{prefix}{name}");
            if path.is_dir() {
                self.take(&path, &format!("{name}/"), depth + 1)?;
            } else {
                self.add(name, &path)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, name: String, path: &Path) -> anyhow::Result<()> {
        let told = || path.display().to_string();
        let about = fs::metadata(path).with_context(told)?;
        ensure!(about.is_file(), "{} is no file", path.display());
        self.bytes += about.len();
        ensure!(
            self.files.len() < FILES_MAX && self.bytes <= BYTES_MAX,
            "{} holds more than {FILES_MAX} files or {} MiB",
            self.root.display(),
            BYTES_MAX / 1024 / 1024
        );
        let bytes = fs::read(path).with_context(told)?;
        let etag = format!("\"{}\"", hex::encode(&Sha256::digest(&bytes)[..16]));
        let bytes = bytes.into();
        self.files.insert(name, PageFile { bytes, etag });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn read(folder: &Path) -> Result<GamePages, String> {
        let read = GamePages::read(&[("my_game".to_owned(), folder.to_owned())]);
        read.map_err(|error| format!("{error:#}"))
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MODULE), "export default {}").unwrap();
        folder
    }

    #[test]
    fn the_files_of_a_folder_are_found_by_their_addresses() {
        let folder = folder();
        let inner = folder.path().join("images");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("a.svg"), "<svg/>").unwrap();
        fs::write(folder.path().join(".env"), "secret").unwrap();
        let pages = read(folder.path()).unwrap();
        let bytes = |path: &str| pages.get(path).map(|file| file.bytes.clone());
        assert_eq!(bytes("my_game/index.js").unwrap(), b"export default {}"[..]);
        assert_eq!(bytes("my_game/images/a.svg").unwrap(), b"<svg/>"[..]);
        for path in [
            "my_game/.env",
            "my_game/images",
            "my_game/",
            "my_game/images/../index.js",
            "other/index.js",
            "../my_game/index.js",
        ] {
            assert!(pages.get(path).is_none(), "{path}");
        }
        let etags: Vec<_> = pages.0.values().map(|file| &file.etag).collect();
        assert_ne!(etags[0], etags[1]);
    }

    #[test]
    fn what_can_not_be_served_is_named() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("passwords"), "x").unwrap();
        let refused = |spoil: &dyn Fn(&Path)| {
            let folder = folder();
            spoil(folder.path());
            read(folder.path()).unwrap_err()
        };
        let leads_out = refused(&|folder| {
            symlink(outside.path().join("passwords"), folder.join("a.txt")).unwrap();
        });
        assert!(
            leads_out.contains("a.txt leads out of the folder"),
            "{leads_out}"
        );
        let folder_out = refused(&|folder| symlink(outside.path(), folder.join("b")).unwrap());
        assert!(
            folder_out.contains("b leads out of the folder"),
            "{folder_out}"
        );
        let endless = refused(&|folder| symlink(folder, folder.join("again")).unwrap());
        assert!(endless.contains("leads into itself"), "{endless}");
        let strange = refused(&|folder| fs::write(folder.join("a b.js"), "").unwrap());
        assert!(
            strange.contains("a b.js can not be an address"),
            "{strange}"
        );
        let empty = refused(&|folder| fs::remove_file(folder.join(MODULE)).unwrap());
        assert!(empty.contains("`my_game` has no index.js"), "{empty}");
        let missing = read(&outside.path().join("nothing")).unwrap_err();
        assert!(
            missing.contains("cannot read the page of `my_game`"),
            "{missing}"
        );
    }
}
