//! Payments by the thousand against a bank that misbehaves, while the checkout is killed at K7 and K8: in the end what
//! was told has to be what the bank says was paid.

pub mod books;
pub mod ears;
pub mod payer;
pub mod process;
pub mod program;

use crate::Violation;
use anyhow::Context;
use blazing_sun_backbone::messages::{CheckoutRequest, PURPOSE_TOP_UP};
use blazing_sun_checkout::bank::{Bank, BankHandle, BankOptions, Misbehaviour, WebhookRetries};
use blazing_sun_checkout::secret::Secret;
use blazing_sun_domain::{Cents, UserId};
use books::{Books, Figures, Paid};
use ears::Ears;
use futures_util::{StreamExt, TryStreamExt, stream};
use payer::{Course, Payer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::Uuid;

/// Players that pay.
const USERS: u64 = 500;
/// Payments under way at a time.
const AT_ONCE: usize = 48;
/// How long what was lost may take to be found, once all is done.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);
/// How long a call may take.
const CALL_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked whether all has been found.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is run.
#[derive(Debug, Clone, Copy)]
pub struct PaymentsPlan {
    /// Decides all that is decided by chance.
    pub seed: u64,
    /// Payments asked for.
    pub payments: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct PaymentsReport {
    /// As planned.
    pub seed: u64,
    /// As planned.
    pub payments: u64,
    /// How long it took.
    pub took: Duration,
    /// How long what was lost took to be found, after all was done.
    pub settled_in: Duration,
    /// How the checkout ended, and how often.
    pub ends: BTreeMap<&'static str, u64>,
    /// What was compared.
    pub figures: Figures,
    /// Dead letters.
    pub letters: u64,
    /// What is wrong.
    pub violations: Vec<Violation>,
}

impl fmt::Display for PaymentsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs();
        writeln!(
            f,
            "seed {:#x}, {} payments in {took}s",
            self.seed, self.payments
        )?;
        let ends = self
            .ends
            .iter()
            .map(|(how, times)| format!("{how} {times}"));
        writeln!(f, "  kills       {}", ends.collect::<Vec<_>>().join(", "))?;
        let Figures {
            paid,
            held,
            unpaid,
            credited,
            received,
            refunded,
            disputed,
            records,
        } = &self.figures;
        writeln!(
            f,
            "  payments    {paid} paid, {unpaid} not paid, {held} in another amount or currency, {disputed} disputed"
        )?;
        writeln!(
            f,
            "  cents       {received} received, {credited} credited, {refunded} given back"
        )?;
        writeln!(
            f,
            "  records     {records} told, {} dead letters",
            self.letters
        )?;
        write!(
            f,
            "  last found  {:.1}s after the last was paid",
            self.settled_in.as_secs_f64()
        )?;
        for violation in self.violations.iter().take(20) {
            write!(f, "\n  VIOLATION   {violation}")?;
        }
        Ok(())
    }
}

/// Runs the plan.
pub async fn payments(plan: &PaymentsPlan) -> anyhow::Result<PaymentsReport> {
    let began = Instant::now();
    let folder = tempfile::tempdir()?;
    let bank = Arc::new(bank(folder.path(), plan.seed).await?);
    let (to_address, address) = watch::channel(String::new());
    let (stays, to_stay) = watch::channel(false);
    let supervised = {
        let (path, bank, seed) = (folder.path().to_owned(), Arc::clone(&bank), plan.seed);
        tokio::spawn(
            async move { process::supervise(&path, bank, seed, to_address, to_stay).await },
        )
    };
    let mut first = address.clone();
    first
        .wait_for(|address| !address.is_empty())
        .await
        .context("the checkout did not start")?;
    let payer = Payer {
        bank: Arc::clone(&bank),
        address,
        ears: Ears::open(folder.path())?,
        // A killed process's address may be another's by now, who never answers.
        http: reqwest::Client::builder().timeout(CALL_WITHIN).build()?,
    };
    let mut books = Books::default();
    let courses = courses(plan);
    let gone = courses.iter().map(|(request, course)| {
        let payer = &payer;
        async move {
            let gone = payer.go(request, *course).await;
            gone.with_context(|| format!("request {}", request.request_id))
                .map(|gone| (request.request_id, gone))
        }
    });
    let gone: Vec<_> = stream::iter(gone)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    for (request, _) in &courses {
        books.asked.insert(request.request_id, request.clone());
    }
    for (request_id, (session, mut truth)) in gone {
        if let Some(session) = session {
            truth.paid = paid(&payer, &session).await?;
        }
        books.truth.insert(request_id, truth);
    }
    stays.send_replace(true);
    let (mut last, ends) = supervised.await??;
    let settling = Instant::now();
    let (figures, violations) = loop {
        {
            let heard = payer.ears.heard();
            books.told.clone_from(&heard.told);
            books.letters.clone_from(&heard.letters);
        }
        let (figures, violations) = books.check();
        if violations.is_empty() || settling.elapsed() > SETTLED_WITHIN {
            break (figures, violations);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    last.kill().await?;
    Ok(PaymentsReport {
        seed: plan.seed,
        payments: plan.payments,
        took: began.elapsed(),
        settled_in: settling.elapsed(),
        ends,
        figures,
        letters: books.letters.len() as u64,
        violations,
    })
}

async fn bank(folder: &Path, seed: u64) -> anyhow::Result<BankHandle> {
    let mut options = BankOptions::new(folder.join("bank.sqlite3"), Secret::new(program::KEY));
    options.webhook_secrets = vec![Secret::new(program::SECRET)];
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

/// What is asked for, and what becomes of each.
fn courses(plan: &PaymentsPlan) -> Vec<(CheckoutRequest, Course)> {
    let mut random = fastrand::Rng::with_seed(plan.seed);
    let mut course = |_| {
        let user = UserId::new(random.u64(1..=USERS)).expect("users' ids begin with 1");
        let request = CheckoutRequest {
            request_id: Uuid::from_u128(random.u128(..)),
            user_id: user,
            amount_cents: Cents(random.i64(100..=50_000)),
            currency: "eur".to_owned(),
            purpose: PURPOSE_TOP_UP.to_owned(),
            timestamp: "2026-01-01T00:00:00.000Z".to_owned(),
            success_url: None,
            cancel_url: None,
        };
        (request, Course::random(&mut random))
    };
    (0..plan.payments).map(&mut course).collect()
}

/// What the bank says was paid.
async fn paid(payer: &Payer, session: &str) -> anyhow::Result<Option<Paid>> {
    let session = payer.session(session).await?;
    if session["payment_status"] != "paid" {
        return Ok(None);
    }
    let payment = &session["payment_intent"];
    let refunded = payment["latest_charge"]["amount_refunded"].as_i64();
    Ok(Some(Paid {
        payment_intent: payment["id"].as_str().unwrap_or_default().to_owned(),
        amount: payment["amount_received"].as_i64().unwrap_or_default(),
        currency: payment["currency"].as_str().unwrap_or_default().to_owned(),
        refunded: refunded.unwrap_or_default(),
    }))
}
