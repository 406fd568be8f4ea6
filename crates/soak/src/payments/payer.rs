//! One payment from its request on: what a player, and later their bank, do about it.

use super::books::Truth;
use super::ears::Ears;
use super::process::Address;
use super::program::KEY;
use blazing_sun_backbone::messages::{CheckoutRequest, CheckoutStatus};
use blazing_sun_checkout::bank::{BankHandle, DisputeStage, Settlement, Way};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Between two attempts to reach a checkout that was killed.
const AGAIN: Duration = Duration::from_millis(20);

/// What becomes of a payment.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// How often it is asked for.
    pub asks: u32,
    /// How it is paid.
    pub ways: Ways,
    /// How much of it is given back, in parts of four.
    pub refunds: u32,
    /// How it is disputed.
    pub dispute: &'static [DisputeStage],
}

/// How a payment is paid, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ways {
    /// At once.
    Paid,
    /// After a card that was declined.
    DeclinedFirst,
    /// Later.
    Later,
    /// Later, in vain.
    LaterInVain,
    /// Not at all, until it expires.
    Never,
}

const LOST: &[DisputeStage] = &[
    DisputeStage::Created,
    DisputeStage::FundsWithdrawn,
    DisputeStage::Lost,
];
const WON: &[DisputeStage] = &[
    DisputeStage::Created,
    DisputeStage::FundsWithdrawn,
    DisputeStage::FundsReinstated,
    DisputeStage::Won,
];

impl Course {
    /// One by chance.
    pub fn random(random: &mut fastrand::Rng) -> Course {
        let ways = match random.u32(0..100) {
            0..55 => Ways::Paid,
            55..65 => Ways::DeclinedFirst,
            65..77 => Ways::Later,
            77..85 => Ways::LaterInVain,
            _ => Ways::Never,
        };
        let is_paid = !matches!(ways, Ways::LaterInVain | Ways::Never);
        let of_paid = |rate: bool| is_paid && rate;
        let refunds = match of_paid(random.u32(0..100) < 15) {
            true => random.u32(1..=4),
            false => 0,
        };
        let dispute: &[DisputeStage] = match random.u32(0..100) {
            0..3 if is_paid && refunds < 4 => LOST,
            3..6 if is_paid && refunds < 4 => WON,
            _ => &[],
        };
        Course {
            asks: random.u32(1..=3),
            ways,
            refunds,
            dispute,
        }
    }
}

/// What a payer needs.
#[derive(Clone)]
pub struct Payer {
    /// The bank.
    pub bank: Arc<BankHandle>,
    /// Where the checkout is.
    pub address: Address,
    /// What it tells.
    pub ears: Ears,
    /// For calls.
    pub http: reqwest::Client,
}

impl Payer {
    /// The whole course; the session, where there was one, and the stages of the dispute.
    pub async fn go(
        &self,
        request: &CheckoutRequest,
        course: Course,
    ) -> anyhow::Result<(Option<String>, Truth)> {
        for _ in 0..course.asks {
            self.ask(request).await?;
        }
        let mut truth = Truth::default();
        let first = self.ears.first(request.request_id).await?;
        let session = match (first.status, first.session_id) {
            (CheckoutStatus::SessionCreated, Some(session)) => session,
            _ => return Ok((None, truth)),
        };
        let later = |settlement| self.pay_later(&session, settlement);
        match course.ways {
            Ways::Paid => drop(self.bank.pay(&session, Way::Pay).await?),
            Ways::DeclinedFirst => {
                self.bank.pay(&session, Way::Decline).await?;
                self.bank.pay(&session, Way::Pay).await?;
            }
            Ways::Later => later(Settlement::Paid).await?,
            Ways::LaterInVain => later(Settlement::Failed).await?,
            Ways::Never => self.bank.expire(&session).await?,
        }
        if course.refunds > 0 || !course.dispute.is_empty() {
            let payment = self.payment_of(&session).await?;
            for _ in 0..course.refunds {
                let part = request.amount_cents.0 / 4;
                self.bank.refund(&payment, Some(part)).await?;
            }
            for stage in course.dispute {
                self.bank.dispute(&payment, *stage).await?;
                truth.stages.push(match stage {
                    DisputeStage::Created => "created",
                    DisputeStage::FundsWithdrawn => "funds_withdrawn",
                    DisputeStage::FundsReinstated => "funds_reinstated",
                    DisputeStage::Won | DisputeStage::Lost => "closed",
                });
            }
        }
        Ok((Some(session), truth))
    }

    /// Until it is taken: where the answer is lost it may be twice on the topic.
    async fn ask(&self, request: &CheckoutRequest) -> anyhow::Result<()> {
        let body = serde_json::to_vec(request)?;
        loop {
            let url = format!("{}/ask", *self.address.borrow());
            let sent = self.http.post(url).body(body.clone()).send().await;
            if sent.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn pay_later(&self, session: &str, settlement: Settlement) -> anyhow::Result<()> {
        self.bank.pay(session, Way::PayLater).await?;
        let payment = self.payment_of(session).await?;
        Ok(self.bank.settle(&payment, settlement).await?)
    }

    async fn payment_of(&self, session: &str) -> anyhow::Result<String> {
        let session = self.session(session).await?;
        let id = session["payment_intent"]["id"].as_str();
        Ok(id.unwrap_or_default().to_owned())
    }

    /// As the bank has it.
    pub async fn session(&self, session: &str) -> anyhow::Result<Value> {
        let url = format!(
            "{}/v1/checkout/sessions/{session}?expand[]=payment_intent.latest_charge",
            self.bank.url()
        );
        let answer = self.http.get(url).bearer_auth(KEY).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }
}
