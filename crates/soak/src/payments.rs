//! Payments by the thousand through everything that there is: players at sockets and the HTTP API, the ledger, the
//! checkout, and a bank that misbehaves, while processes are killed. In the end what was told, what players have and
//! what they heard has to be what the bank says was paid.

pub mod balances;
pub mod books;
pub mod ears;
pub mod payer;
pub mod player;
pub mod report;
pub mod site;

pub use report::PaymentsReport;

use crate::Violation;
use blazing_sun_checkout::bank::{Bank, BankHandle, BankOptions, Misbehaviour, WebhookRetries};
use blazing_sun_checkout::secret::Secret;
use books::{Books, Figures};
use ears::Ears;
use futures_util::{StreamExt, TryStreamExt, stream};
use payer::{Course, Gone, Payer};
use player::Player;
use site::Site;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The bank's key.
pub const KEY: &str = "sk_test_soak";
/// With which the bank signs.
pub const SECRET: &str = "whsec_soak";
/// Payments under way at a time.
const AT_ONCE: usize = 48;
/// A player's payments are so many, more or less.
const PAYMENTS_OF_A_PLAYER: u64 = 20;
/// How long what was lost may take to be found, once all is done.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);
/// How long a call may take.
const CALL_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked whether all has been found.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// On what it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum On {
    /// One process that is everything, on a folder: it is what is killed.
    Folder,
    /// Two gateways, two backends and a checkout, on Kafka and PostgreSQL: checkout and backends are killed.
    Cluster,
}

/// What is run.
#[derive(Debug, Clone)]
pub struct PaymentsPlan {
    /// Decides all that is decided by chance.
    pub seed: u64,
    /// On what.
    pub on: On,
    /// Payments asked for.
    pub payments: u64,
    /// At which hit of K7 or K8 a process ends, at least and at most; none: nothing is killed.
    pub hits: Option<(u64, u64)>,
    /// `BLAZING_SUN_FAULT` of every process.
    pub fault: Option<String>,
    /// How long what was lost may take to be found, once all is done.
    pub settled_within: Duration,
}

impl PaymentsPlan {
    /// With kills, and without a planted fault.
    pub fn new(seed: u64, on: On, payments: u64) -> PaymentsPlan {
        PaymentsPlan {
            seed,
            on,
            payments,
            hits: Some(match on {
                On::Folder => (20, 120),
                // Whoever comes next waits for the lease of the one that was killed.
                On::Cluster => (100, 500),
            }),
            fault: None,
            settled_within: SETTLED_WITHIN,
        }
    }
}

/// Runs the plan.
pub async fn payments(plan: &PaymentsPlan) -> anyhow::Result<PaymentsReport> {
    let began = Instant::now();
    let folder = tempfile::tempdir()?;
    let mut random = fastrand::Rng::with_seed(plan.seed);
    let bank = Arc::new(bank(folder.path(), plan.seed).await?);
    let mut site = Site::start(plan, &bank).await?;
    let doors = site.doors();
    let ears = Ears::open(site.log()?).await?;
    // A killed process's address may be another's by now, who never answers.
    let http = reqwest::Client::builder()
        .timeout(CALL_WITHIN)
        .no_proxy()
        .build()?;
    let count = plan.payments.div_ceil(PAYMENTS_OF_A_PLAYER);
    let mut players = Vec::new();
    for _ in 0..count {
        players.push(Player::sign_in(&doors, &http).await?);
    }
    let payer = Payer {
        bank: Arc::clone(&bank),
        http,
    };
    let (stays, to_stay) = watch::channel(false);
    let killing = tokio::spawn(site.kill_until(plan.hits, random.fork(), to_stay));
    let mut books = Books::default();
    let payments: Vec<_> = (0..plan.payments)
        .map(|_| {
            let player = &players[random.usize(..players.len())];
            (
                player,
                random.i64(100..=50_000),
                Course::random(&mut random),
            )
        })
        .collect();
    let gone = payments
        .iter()
        .map(|(player, amount, course)| payer.go(player, *amount, *course));
    let gone = stream::iter(gone).buffer_unordered(AT_ONCE);
    let gone: Result<Vec<_>, _> = gone.try_collect().await;
    stays.send_replace(true);
    let (mut site, ends) = killing.await??;
    let gone = gone.map_err(|error| match site.keep_logs() {
        Some(logs) => error.context(format!("logs: {}", logs.display())),
        None => error,
    })?;
    for Gone {
        request,
        session,
        mut truth,
    } in gone
    {
        if let Some(session) = session {
            truth.paid = payer.paid(&session).await?;
        }
        books.truth.insert(request.request_id, truth);
        books.asked.insert(request.request_id, request);
    }
    let settling = Instant::now();
    let (figures, mut violations) = loop {
        let (figures, violations) = look(&mut books, &ears, &players).await?;
        if violations.is_empty() || settling.elapsed() > plan.settled_within {
            break (figures, violations);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let settled_in = settling.elapsed();
    violations.extend(site.audit().await?);
    let logs = (!violations.is_empty()).then(|| site.keep_logs()).flatten();
    let frames = players.iter().map(|player| player.heard().frames).sum();
    Ok(PaymentsReport {
        seed: plan.seed,
        on: plan.on,
        payments: plan.payments,
        players: count,
        frames,
        took: began.elapsed(),
        settled_in,
        ends,
        figures,
        letters: books.letters.len() as u64,
        logs,
        violations,
    })
}

/// Holds all that was told, all that players have, and all that they heard against what the bank says.
async fn look(
    books: &mut Books,
    ears: &Ears,
    players: &[Player],
) -> anyhow::Result<(Figures, Vec<Violation>)> {
    {
        let heard = ears.heard();
        books.told.clone_from(&heard.told);
        books.letters.clone_from(&heard.letters);
    }
    let (figures, mut violations) = books.check();
    // Those of whom nothing is told yet need not be asked.
    if violations.is_empty() {
        violations = balances::check(books, players).await?;
    }
    Ok((figures, violations))
}

async fn bank(folder: &Path, seed: u64) -> anyhow::Result<BankHandle> {
    let mut options = BankOptions::new(folder.join("bank.sqlite3"), Secret::new(KEY));
    options.webhook_secrets = vec![Secret::new(SECRET)];
    options.retries = WebhookRetries {
        pause: Duration::from_millis(50),
        pause_max: Duration::from_secs(1),
        ..WebhookRetries::default()
    };
    let bank = Bank::start(options).await?;
    bank.misbehave(Misbehaviour {
        seed,
        duplicates: 0.2,
        reorder: 0.1,
        delay_ms: 200,
        drop: 0.1,
        error_500_after_effect: 0.03,
        rotate_secret: 0.2,
        forge_signature: 0.1,
        stale_signature: 0.1,
        wrong_amount: 0.02,
        wrong_currency: 0.02,
    })
    .await?;
    Ok(bank)
}
