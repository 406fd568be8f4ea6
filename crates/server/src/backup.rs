//! `blazing-sun backup` and `restore`: a consistent copy of a folder, also beside a running server, and back.

mod files;
mod restore;
mod staging;

pub use restore::{Restored, run as restore};

use crate::asked_wrongly::AskedWrongly;
use crate::cli::BackupArgs;
use crate::config::{Config, Mode, Role, Sources};
use crate::data_dir::existing_database;
use crate::operator::{LogOf, Noting, noted};
use crate::progress::Progress;
use crate::serve::CHECKOUT_DATABASE;
use crate::test_bank;
use anyhow::Context;
use blazing_sun_backbone::clock;
use blazing_sun_backend::store::sqlite;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "backup.json";
const FORMAT: u32 = 1;
const KEYS: &str = "keys";
const DATABASE: &str = "blazing-sun.db";

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    made_at: String,
    /// The version that made it.
    program: String,
    /// The store's.
    schema: i64,
    files: Vec<Copied>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Copied {
    name: String,
    bytes: u64,
    sha256: String,
}

impl Manifest {
    fn has_keys(&self) -> bool {
        self.files.iter().any(|file| file.name == KEYS)
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// A name with a path in it would lead out of the folder.
fn is_plain(name: &str) -> bool {
    !name.contains('/') && !name.starts_with('.')
}

/// Backs a folder up; answers with what to print.
pub async fn run(args: &BackupArgs, is_json: bool) -> anyhow::Result<String> {
    let (config, folder) = folder_of(args)?;
    existing_database(&folder)?;
    let keys = match args.with_keys {
        true => Some(config.keys.unwrap_or_else(|| folder.join(KEYS))),
        false => None,
    };
    let into = std::path::absolute(&args.into).unwrap_or_else(|_| args.into.clone());
    let detail = json!({ "into": into.display().to_string(), "with_keys": args.with_keys });
    let from = folder.clone();
    let made = async move {
        tokio::task::spawn_blocking(move || copy(&from, &into, keys.as_deref())).await?
    };
    let manifest = noted(LogOf::Folder(&folder), Noting::Backup, detail, made).await?;
    let into = args.into.display();
    if is_json {
        return Ok(json!({ "folder": into.to_string(), "backup": manifest }).to_string());
    }
    let (count, bytes) = (manifest.files.len(), manifest.bytes());
    let keys = match manifest.has_keys() {
        true => "with the keys: keep it as safe as them",
        false => {
            "without the keys, which it is worth nothing without: keep a copy of them elsewhere, or use --with-keys"
        }
    };
    Ok(format!("{into}: {count} files, {bytes} bytes; {keys}"))
}

fn folder_of(args: &BackupArgs) -> anyhow::Result<(Config, PathBuf)> {
    let sources = Sources::of_process(args.deployment.config.clone(), args.deployment.flags());
    let (config, mode) = match args.deployment.data_dir {
        Some(_) => (sources.load()?, Mode::Embedded),
        None => sources.load_for(Role::Serve)?,
    };
    if mode == Mode::Distributed {
        return Err(AskedWrongly(of_cluster(&config, &args.into)).into());
    }
    let folder = config.server.data_dir.clone();
    Ok((config, folder))
}

/// What is to be done where PostgreSQL has the state: its own tools know more of it than this program.
fn of_cluster(config: &Config, into: &Path) -> String {
    let into = into.display();
    let checkout = match config.payments.database_url {
        Some(_) => format!(
            ", and so does `pg_dump --schema checkout --format custom --file {into}/checkout.dump \"$CHECKOUT_DATABASE_URL\"` for \
             the checkout, to be run first"
        ),
        None => String::new(),
    };
    format!(
        "this deployment's state is in PostgreSQL, which has the tools for it: `pg_dump --format custom --file \
         {into}/blazing-sun.dump \"$DATABASE_URL\"` takes one consistent snapshot beside running processes{checkout}; \
         pg_basebackup with an archive of its write-ahead log loses less. Kafka needs no backup: what was decided is in the database. Keep a copy \
         of the keys elsewhere. docs/operations.md says how all is restored, and which topics then"
    )
}

fn copy(folder: &Path, into: &Path, keys: Option<&Path>) -> anyhow::Result<Manifest> {
    files::make_empty(into)?;
    // In this order: what a checkout has told is found in a ledger that is as old or newer, never in an older one.
    let databases = [CHECKOUT_DATABASE, DATABASE, test_bank::DATABASE];
    let databases = databases
        .into_iter()
        .filter(|name| folder.join(name).is_file());
    let secrets = [
        test_bank::SECRET_KEY,
        test_bank::WEBHOOK_SECRET,
        test_bank::PORT,
    ];
    let secrets = secrets
        .into_iter()
        .filter(|name| keys.is_some() && folder.join(name).is_file());
    let mut copied = Vec::new();
    for name in databases {
        let (from, to) = (folder.join(name), into.join(name));
        files::copy_database(&from, &to)
            .with_context(|| format!("cannot copy {}", from.display()))?;
        copied.push(name);
    }
    let others = secrets.map(|name| (name, folder.join(name)));
    for (name, from) in others.chain(keys.map(|keys| (KEYS, keys.to_owned()))) {
        files::copy(&from, &into.join(name), &Progress::of("copying keys"))?;
        copied.push(name);
    }
    let schema = sqlite::schema(&into.join(DATABASE))
        .context("the copy can not be read")?
        .found;
    let hashing = Progress::of("checksums");
    let hashed = copied.iter().map(|name| {
        let (bytes, sha256) = files::digest(&into.join(name), &hashing)?;
        let name = (*name).to_owned();
        Ok(Copied {
            name,
            bytes,
            sha256,
        })
    });
    let manifest = Manifest {
        format: FORMAT,
        made_at: clock::now().to_string(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        schema,
        files: hashed.collect::<anyhow::Result<_>>()?,
    };
    files::write_manifest(&into.join(MANIFEST), &manifest)?;
    Ok(manifest)
}
