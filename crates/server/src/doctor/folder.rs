//! A folder: its database, its log, and the server on it.

use super::Examination;
use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError, UNFINISHED_RESTORE, database_file};
use crate::migrate;
use crate::operator;
use crate::place::{Place, read_only};
use crate::serve::topic_specs;
use blazing_sun_backbone::clock;
use blazing_sun_backend::store::sqlite;
use blazing_sun_domain::Games;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// A tool has the folder no longer than this, and a server that has started opens its socket in this time.
const HELD_WITHIN: Duration = Duration::from_secs(3);
/// Reading back what there is, and schemas that are brought up to date, take no longer.
const UNDERWAY_WITHIN: Duration = Duration::from_secs(600);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Clocks that are set step back by less.
pub(super) const CLOCK_MS: i64 = 60_000;

pub(super) async fn examine(config: &Config, games: &Games, examination: &mut Examination) {
    let folder = &config.server.data_dir;
    examination.look("data");
    if folder.join(UNFINISHED_RESTORE).exists() {
        let error = DataDirError::UnfinishedRestore {
            path: folder.clone(),
        };
        return examination.find(
            error.to_string(),
            "run the same `blazing-sun restore` again",
        );
    }
    let remedy = "name the folder of a server with --data-dir, or start one on it first";
    let Some(database) = examination.found(database_file(folder), remedy) else {
        return;
    };
    examination.look("server");
    server(folder, examination).await;
    examination.look("schema");
    if !schema(&Place::Folder(folder.clone()), examination).await {
        return;
    }
    examination.look("topics");
    let glance = async { Ok::<_, anyhow::Error>(read_only(&database)?.glance().await?) };
    let remedy = "restore the newest backup: blazing-sun restore";
    let Some(glance) = examination.found(glance.await, remedy) else {
        return;
    };
    let wanted = topic_specs(config, games);
    for topic in &glance.topics {
        let Some(spec) = wanted.iter().find(|spec| spec.name == topic.name) else {
            continue;
        };
        if spec.partitions != topic.partitions {
            let (found, wanted) = (topic.partitions, spec.partitions);
            examination.find(
                format!("the topics have {found} partitions, and `log.partitions` is {wanted}"),
                format!("set `log.partitions` to {found}: it never changes after the first start"),
            );
            break;
        }
    }
    examination.look("clock");
    if let Some(newest) = glance.newest {
        let ahead_ms = newest.0 - clock::now().0;
        if ahead_ms > CLOCK_MS {
            examination.find(
                format!("the newest record was appended {} s after this machine's clock: it was set back, or is wrong", ahead_ms / 1_000),
                "set the clock right (NTP) before a server starts: deadlines and ids of commands go by it",
            );
        }
    }
    examination.look("rooms");
    let count = sqlite::quarantined_rooms(&database);
    if let Some(count) = examination.found(count, "restore the newest backup: blazing-sun restore")
    {
        quarantined(count, examination);
    }
}

pub(super) fn quarantined(count: u64, examination: &mut Examination) {
    if count > 0 {
        examination.find(
            format!("{count} rooms can not be loaded and are quarantined, their money in escrow"),
            "start a program that has their games in the version that they were played with; each start tries them again; or give their fees back: blazing-sun room close",
        );
    }
}

/// Whether the stores can be read by this program.
pub(super) async fn schema(place: &Place, examination: &mut Examination) -> bool {
    let remedy = "name a database of this program, or restore a backup";
    let Some(stores) = examination.found(migrate::stores(place).await, remedy) else {
        return false;
    };
    let mut is_readable = true;
    for store in stores {
        let (name, schema) = (store.store, store.schema);
        if schema.is_newer() {
            is_readable = false;
            examination.find(
                format!("the {name}'s schema is {}, and this program knows none above {}", schema.found, schema.known),
                "run the newer program that has written it, or restore a backup of before: blazing-sun restore",
            );
        } else if schema.is_behind() {
            is_readable &= schema.found > 0;
            examination.find(
                format!(
                    "the {name}'s schema is {}, and this program's {}",
                    schema.found, schema.known
                ),
                "blazing-sun migrate",
            );
        }
    }
    is_readable
}

/// Whether the holder has begun not long ago what takes its time.
fn is_underway(folder: &Path) -> bool {
    let since = DataDir::underway(folder).map(|(_, since)| since);
    since.is_some_and(|since| since.elapsed().is_ok_and(|it| it < UNDERWAY_WITHIN))
}

async fn server(folder: &Path, examination: &mut Examination) {
    let until = Instant::now() + HELD_WITHIN;
    loop {
        let taken = DataDir::take(folder);
        match taken {
            Err(DataDirError::InUse { .. }) if operator::is_served(folder).await => return,
            Err(DataDirError::InUse { .. }) if is_underway(folder) => return,
            Err(DataDirError::InUse { .. }) if Instant::now() < until => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(DataDirError::InUse { .. }) => {
                let shown = folder.display();
                let about = DataDir::underway(folder).map(|(what, _)| what);
                let about = about.map(|what| format!(": it has been {what} for long"));
                let about = about.unwrap_or_default();
                return examination.find(
                    format!("a process holds {shown} and answers no operator{about}"),
                    format!("find it (`fuser {shown}/lock`) and read its log; end it if it hangs, and start the server again"),
                );
            }
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                return examination.find(error, "run doctor as the user that the server runs as");
            }
            Ok(_) => return,
        }
    }
}
