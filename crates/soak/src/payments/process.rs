//! The checkout's process: it ends at its kill points and is started again until it is told to stay.

use crate::payments::program::LOG;
use blazing_sun_checkout::bank::BankHandle;
use blazing_sun_harness::{built, command};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::watch;

/// How the program is called that is killed.
pub const PROGRAM: &str = "blazing-sun-checkout-under-fault";

/// How long a start may take.
const START: Duration = Duration::from_secs(30);
/// How long a process is left that does not come to its kill point.
const LIFE_MAX: Duration = Duration::from_secs(20);
/// The latest hit of a kill point at which a process ends.
const HITS_MAX: u64 = 30;

/// Where the checkout is.
pub type Address = watch::Receiver<String>;

/// Starts and ends processes until `stays` says that the next one is to stay; then it is returned, with how the others
/// ended.
pub async fn supervise(
    folder: &Path,
    bank: Arc<BankHandle>,
    seed: u64,
    address: watch::Sender<String>,
    mut stays: watch::Receiver<bool>,
) -> anyhow::Result<(Child, BTreeMap<&'static str, u64>)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut ends = BTreeMap::new();
    loop {
        let last = *stays.borrow_and_update();
        let point = *random.choice(&["K7", "K8"]).unwrap_or(&"K7");
        let kill = format!("{point}:{}", random.u64(1..=HITS_MAX));
        let mut child = start(folder, &bank, (!last).then_some(kill), &address).await?;
        if last {
            return Ok((child, ends));
        }
        let ended = tokio::select! {
            status = child.wait() => Some(status?),
            () = tokio::time::sleep(LIFE_MAX) => None,
            _ = stays.changed() => None,
        };
        let how = match ended {
            Some(status) if status.code().is_none() => point,
            Some(status) => anyhow::bail!("{PROGRAM} has ended by itself: {status}"),
            None => {
                child.kill().await?;
                "SIGKILL"
            }
        };
        *ends.entry(how).or_default() += 1;
    }
}

async fn start(
    folder: &Path,
    bank: &BankHandle,
    kill: Option<String>,
    address: &watch::Sender<String>,
) -> anyhow::Result<Child> {
    let path = folder.to_string_lossy();
    let mut command = command(&built(PROGRAM), &[&path, bank.url()]);
    command.stdout(Stdio::piped());
    if let Some(kill) = kill {
        command.env("BLAZING_SUN_FAILPOINT", kill);
    }
    let mut child = command.spawn()?;
    let output = child.stdout.take();
    let output = output.ok_or_else(|| anyhow::anyhow!("{PROGRAM} has no output"))?;
    let mut lines = BufReader::new(output).lines();
    let line = tokio::time::timeout(START, lines.next_line()).await??;
    // One that has met its kill point before it could say where it is ends the round as any other.
    if let Some(line) = line {
        bank.send_webhooks_to(&format!("http://{line}/webhooks/stripe"))?;
        address.send_replace(format!("http://{line}"));
    }
    Ok(child)
}

/// The log's file.
pub fn log_of(folder: &Path) -> std::path::PathBuf {
    folder.join(LOG)
}
