//! One payment from its request on: what a player, and later their bank, do about it.

use super::KEY;
use super::books::{Paid, Truth};
use super::player::Player;
use anyhow::Context;
use blazing_sun_backbone::messages::{CheckoutRequest, PURPOSE_TOP_UP, top_up_request_id};
use blazing_sun_checkout::bank::{BankHandle, DisputeStage, Settlement, Way};
use blazing_sun_domain::{Cents, CommandId};
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

/// What becomes of a payment.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// How often it is asked for.
    pub asks: u32,
    /// Whether it is asked for by HTTP.
    pub by_http: bool,
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
            by_http: random.bool(),
            ways,
            refunds,
            dispute,
        }
    }
}

/// A payment that has gone its course.
#[derive(Debug)]
pub struct Gone {
    /// What was asked for.
    pub request: CheckoutRequest,
    /// Its page; none: there never was one.
    pub session: Option<String>,
    /// What became of it there, but for what was paid.
    pub truth: Truth,
}

fn request(player: &Player, command: Uuid, amount: i64) -> CheckoutRequest {
    CheckoutRequest {
        request_id: top_up_request_id(player.user, CommandId(command)),
        user_id: player.user,
        amount_cents: Cents(amount),
        currency: "eur".to_owned(),
        purpose: PURPOSE_TOP_UP.to_owned(),
        timestamp: String::new(),
        success_url: None,
        cancel_url: None,
    }
}

/// What payers need.
pub struct Payer {
    /// The bank.
    pub bank: Arc<BankHandle>,
    /// For calls.
    pub http: reqwest::Client,
}

impl Payer {
    /// The whole course of a player's payment.
    pub async fn go(&self, player: &Player, amount: i64, course: Course) -> anyhow::Result<Gone> {
        // Commands are taken for some time after their ids were made.
        let command = Uuid::now_v7();
        let request = request(player, command, amount);
        let page = self.page(player, command, &request, course).await;
        let page = page.with_context(|| format!("request {}", request.request_id))?;
        let Some(page) = page else {
            return Ok(Gone {
                request,
                session: None,
                truth: Truth::default(),
            });
        };
        let (_, session) = page.rsplit_once("/pay/").context("no page of the bank")?;
        let truth = self.pay(session, &request, course).await;
        Ok(Gone {
            truth: truth.with_context(|| format!("session {session}"))?,
            session: Some(session.to_owned()),
            request,
        })
    }

    async fn page(
        &self,
        player: &Player,
        command: Uuid,
        request: &CheckoutRequest,
        course: Course,
    ) -> anyhow::Result<Option<String>> {
        let amount = request.amount_cents.0;
        for _ in 0..course.asks {
            if !(course.by_http && player.ask_by_http(command, amount).await?) {
                player.ask(command, amount);
            }
        }
        player.page(command, request.request_id, amount).await
    }

    async fn pay(
        &self,
        session: &str,
        request: &CheckoutRequest,
        course: Course,
    ) -> anyhow::Result<Truth> {
        let mut truth = Truth::default();
        let later = |settlement| self.pay_later(session, settlement);
        match course.ways {
            Ways::Paid => drop(self.bank.pay(session, Way::Pay).await?),
            Ways::DeclinedFirst => {
                self.bank.pay(session, Way::Decline).await?;
                self.bank.pay(session, Way::Pay).await?;
            }
            Ways::Later => later(Settlement::Paid).await?,
            Ways::LaterInVain => later(Settlement::Failed).await?,
            Ways::Never => self.bank.expire(session).await?,
        }
        if course.refunds > 0 || !course.dispute.is_empty() {
            let payment = self.payment_of(session).await?;
            for _ in 0..course.refunds {
                let part = request.amount_cents.0 / 4;
                self.bank.refund(&payment, Some(part)).await?;
            }
            for stage in course.dispute {
                let dispute = self.bank.dispute(&payment, *stage).await?;
                if let DisputeStage::Lost = stage {
                    truth.lost = dispute["amount"].as_i64().unwrap_or_default();
                }
                truth.stages.push(match stage {
                    DisputeStage::Created => "created",
                    DisputeStage::FundsWithdrawn => "funds_withdrawn",
                    DisputeStage::FundsReinstated => "funds_reinstated",
                    DisputeStage::Won | DisputeStage::Lost => "closed",
                });
            }
        }
        Ok(truth)
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

    /// What the bank says was paid.
    pub async fn paid(&self, session: &str) -> anyhow::Result<Option<Paid>> {
        let session = self.session(session).await?;
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

    async fn session(&self, session: &str) -> anyhow::Result<Value> {
        let url = format!(
            "{}/v1/checkout/sessions/{session}?expand[]=payment_intent.latest_charge",
            self.bank.url()
        );
        let answer = self.http.get(url).bearer_auth(KEY).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }
}
