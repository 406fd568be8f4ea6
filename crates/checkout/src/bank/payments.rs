//! What can happen to a payment: made, paid in one of several ways, settled later, expired, paid back, disputed. Each is told by the
//! events that Stripe tells it by, in Stripe's order.

use super::books::Books;
use super::error::Declined;
use super::render;
use super::state::{
    Charge, ChargeStatus, Dispute, DisputeStatus, Metadata, Method, Move, Payment, PaymentStatus,
    Refund, Session, SessionStatus, new_id,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a payer does on the bank's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Pays at once.
    Pay,
    /// Pays with a card that is declined; the session stays open.
    Decline,
    /// Pays by a way that takes days: complete and unpaid, until it settles as paid.
    PayLater,
    /// The same, but it settles as failed.
    PayLaterFails,
    /// Goes back; the session stays open until it expires.
    Abandon,
}

/// How a payment by "pay later" ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// The money came.
    Paid,
    /// It did not.
    Failed,
}

/// What happens to a disputed payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStage {
    /// The payer's bank asks for the money.
    Created,
    /// It has taken the money.
    FundsWithdrawn,
    /// It has given the money back.
    FundsReinstated,
    /// It is over, and the payer was wrong.
    Won,
    /// It is over, and the money is gone.
    Lost,
}

impl Books<'_> {
    /// What a payer does. Where they are sent then; nowhere after a card that was declined.
    pub(super) fn pay(&self, session: &str, way: Way) -> Result<Option<String>, Declined> {
        let (number, mut session) = self.session(session)?;
        self.expire_if_due(&mut session)?;
        if session.status != SessionStatus::Open {
            let status = session.status.as_str();
            return Err(Declined::conflict(format!(
                "the session {} is {status}, not open",
                session.id
            )));
        }
        if way == Way::Abandon {
            return Ok(session.cancel_url);
        }
        self.misbehave_over_money(number, &mut session);
        let mut payment = self.payment_for(&mut session)?;
        match way {
            Way::Pay => self.paid_at_once(&mut session, &mut payment)?,
            Way::Decline => self.declined(&mut session, &mut payment)?,
            Way::PayLater => self.promised(&mut session, &mut payment, true)?,
            Way::PayLaterFails => self.promised(&mut session, &mut payment, false)?,
            Way::Abandon => {}
        }
        let goes_on = way != Way::Decline;
        Ok(goes_on.then(|| success_url(&session)))
    }

    fn misbehave_over_money(&self, number: i64, session: &mut Session) {
        // A second attempt is over the amount that the first one was over.
        if session.payment_intent.is_some() {
            return;
        }
        if self.misbehaviour.strikes("wrong_amount", number) {
            session.amount += 100;
        }
        if self.misbehaviour.strikes("wrong_currency", number) {
            session.currency = if session.currency == "usd" {
                "eur"
            } else {
                "usd"
            }
            .to_owned();
        }
    }

    /// The session's, made at the first attempt to pay.
    fn payment_for(&self, session: &mut Session) -> Result<Payment, Declined> {
        if let Some(id) = &session.payment_intent {
            return self.payment(id);
        }
        let payment = Payment {
            id: new_id("pi_3", 23),
            session: session.id.clone(),
            created_s: self.now_s(),
            amount: session.amount,
            currency: session.currency.clone(),
            status: PaymentStatus::RequiresPaymentMethod,
            metadata: session.payment_metadata.clone(),
            charges: Vec::new(),
            settles_at_ms: None,
            settles_as_paid: false,
        };
        session.payment_intent = Some(payment.id.clone());
        self.save_payment(&payment)?;
        self.emit("payment_intent.created", &render::payment(&payment))?;
        Ok(payment)
    }

    fn new_charge(&self, status: ChargeStatus, method: Method) -> Charge {
        Charge {
            id: new_id("ch_3", 23),
            created_s: self.now_s(),
            status,
            method,
            amount_refunded: 0,
            is_disputed: false,
        }
    }

    fn paid_at_once(&self, session: &mut Session, payment: &mut Payment) -> Result<(), Declined> {
        payment
            .charges
            .push(self.new_charge(ChargeStatus::Succeeded, Method::Card));
        payment.status = PaymentStatus::Succeeded;
        (session.status, session.is_paid) = (SessionStatus::Complete, true);
        self.save(session, payment)?;
        self.emit_charge("charge.succeeded", payment)?;
        self.emit("payment_intent.succeeded", &render::payment(payment))?;
        self.emit_session("checkout.session.completed", session)
    }

    fn declined(&self, session: &mut Session, payment: &mut Payment) -> Result<(), Declined> {
        payment
            .charges
            .push(self.new_charge(ChargeStatus::Failed, Method::Card));
        self.save(session, payment)?;
        self.emit_charge("charge.failed", payment)?;
        self.emit("payment_intent.payment_failed", &render::payment(payment))
    }

    fn promised(
        &self,
        session: &mut Session,
        payment: &mut Payment,
        is_kept: bool,
    ) -> Result<(), Declined> {
        payment
            .charges
            .push(self.new_charge(ChargeStatus::Pending, Method::SepaDebit));
        payment.status = PaymentStatus::Processing;
        payment.settles_as_paid = is_kept;
        let after = self
            .settle_after
            .map(|after| i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
        payment.settles_at_ms = after.map(|after| self.now.plus(after).0);
        session.status = SessionStatus::Complete;
        self.save(session, payment)?;
        self.emit_charge("charge.pending", payment)?;
        self.emit("payment_intent.processing", &render::payment(payment))?;
        self.emit_session("checkout.session.completed", session)
    }

    /// Ends the waiting for a payment by "pay later".
    pub(super) fn settle(&self, payment: &str, settlement: Settlement) -> Result<Value, Declined> {
        let mut payment = self.payment(payment)?;
        if payment.status != PaymentStatus::Processing {
            let status = payment.status.as_str();
            return Err(Declined::conflict(format!(
                "the payment {} is {status}, not processing",
                payment.id
            )));
        }
        let (_, mut session) = self.session(&payment.session)?;
        let is_paid = settlement == Settlement::Paid;
        let (status, charge_status) = match is_paid {
            true => (PaymentStatus::Succeeded, ChargeStatus::Succeeded),
            false => (PaymentStatus::RequiresPaymentMethod, ChargeStatus::Failed),
        };
        (payment.status, payment.settles_at_ms) = (status, None);
        if let Some(charge) = payment.charge_mut() {
            charge.status = charge_status;
        }
        session.is_paid = is_paid;
        self.save(&session, &payment)?;
        let (charge_kind, payment_kind, session_kind) = match is_paid {
            true => (
                "charge.succeeded",
                "payment_intent.succeeded",
                "checkout.session.async_payment_succeeded",
            ),
            false => (
                "charge.failed",
                "payment_intent.payment_failed",
                "checkout.session.async_payment_failed",
            ),
        };
        self.emit_charge(charge_kind, &payment)?;
        self.emit(payment_kind, &render::payment(&payment))?;
        self.emit_session(session_kind, &session)?;
        Ok(render::payment(&payment))
    }

    /// Ends an open session.
    pub(super) fn expire(&self, session: &str) -> Result<Value, Declined> {
        let (_, mut session) = self.session(session)?;
        self.expire_if_due(&mut session)?;
        if session.status != SessionStatus::Open {
            let message = format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of {}.",
                session.status.as_str()
            );
            return Err(Declined::of_state(None, message));
        }
        self.end(&mut session)?;
        Ok(render::session(&session, self.base_url))
    }

    pub(super) fn expire_if_due(&self, session: &mut Session) -> Result<(), Declined> {
        match session.status == SessionStatus::Open && session.expires_at_s <= self.now_s() {
            true => self.end(session),
            false => Ok(()),
        }
    }

    fn end(&self, session: &mut Session) -> Result<(), Declined> {
        session.status = SessionStatus::Expired;
        self.save_session(session)?;
        self.emit_session("checkout.session.expired", session)
    }

    /// What happens by itself once its time has come. Whether there may be more of it.
    pub(super) fn pass_time(&self) -> Result<bool, Declined> {
        let (sessions, payments) = (self.sessions_to_expire()?, self.payments_to_settle()?);
        for mut session in sessions.iter().cloned() {
            self.end(&mut session)?;
        }
        for payment in &payments {
            let settlement = match payment.settles_as_paid {
                true => Settlement::Paid,
                false => Settlement::Failed,
            };
            self.settle(&payment.id, settlement)?;
        }
        Ok(!(sessions.is_empty() && payments.is_empty()))
    }

    /// Pays back some of a payment, or all that is left of it.
    pub(super) fn pay_back(
        &self,
        mut payment: Payment,
        amount: Option<i64>,
        reason: Option<String>,
        metadata: Metadata,
    ) -> Result<Value, Declined> {
        let is_paid = payment.status == PaymentStatus::Succeeded;
        let (total, id) = (payment.amount, payment.id.clone());
        let Some(charge) = payment.charge_mut().filter(|_| is_paid) else {
            let message =
                format!("This PaymentIntent ({id}) does not have a successful charge to refund.");
            return Err(Declined::of_state(None, message));
        };
        let left = total - charge.amount_refunded;
        if left == 0 {
            let message = format!("Charge {} has already been refunded.", charge.id);
            return Err(Declined::of_state(Some("charge_already_refunded"), message));
        }
        if charge.is_disputed {
            let message = format!(
                "Charge {} has been charged back; cannot issue a refund.",
                charge.id
            );
            return Err(Declined::of_state(Some("charge_disputed"), message));
        }
        let amount = amount.unwrap_or(left);
        if amount > left {
            let message = format!(
                "Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
            );
            return Err(Declined {
                param: Some("amount".to_owned()),
                ..Declined::of_state(Some("amount_too_large"), message)
            });
        }
        charge.amount_refunded += amount;
        let refund = Refund {
            id: new_id("re_3", 23),
            payment_intent: payment.id.clone(),
            charge: payment
                .charge()
                .map(|charge| charge.id.clone())
                .unwrap_or_default(),
            created_s: self.now_s(),
            amount,
            currency: payment.currency.clone(),
            reason,
            metadata,
        };
        self.save_payment(&payment)?;
        self.add_refund(&refund)?;
        let rendered = render::refund(&refund);
        self.emit_charge("charge.refunded", &payment)?;
        self.emit("refund.created", &rendered)?;
        Ok(rendered)
    }

    /// Takes a payment's dispute one step further.
    pub(super) fn dispute_at(&self, payment: &str, stage: DisputeStage) -> Result<Value, Declined> {
        let payment = self.payment(payment)?;
        let open = self
            .dispute_of(&payment.id)?
            .filter(|dispute| dispute.status == DisputeStatus::NeedsResponse);
        let rendered = match (stage, open) {
            (DisputeStage::Created, None) => self.open_dispute(payment)?,
            (DisputeStage::Created, Some(open)) => {
                return Err(Declined::conflict(format!(
                    "the payment {} is disputed already, by {}",
                    payment.id, open.id
                )));
            }
            (_, None) => {
                return Err(Declined::conflict(format!(
                    "no dispute of the payment {} is open",
                    payment.id
                )));
            }
            (stage, Some(open)) => self.advance(open, stage)?,
        };
        Ok(rendered)
    }

    fn open_dispute(&self, mut payment: Payment) -> Result<Value, Declined> {
        let is_paid = payment.status == PaymentStatus::Succeeded;
        let (total, id, currency) = (payment.amount, payment.id.clone(), payment.currency.clone());
        let Some(charge) = payment.charge_mut().filter(|_| is_paid) else {
            return Err(Declined::conflict(format!(
                "the payment {id} is not paid, and so can not be disputed"
            )));
        };
        let amount = total - charge.amount_refunded;
        if amount == 0 {
            return Err(Declined::conflict(format!(
                "the payment {id} is paid back, and so can not be disputed"
            )));
        }
        charge.is_disputed = true;
        let dispute = Dispute {
            id: new_id("dp_1", 23),
            payment_intent: id,
            charge: charge.id.clone(),
            created_s: self.now_s(),
            amount,
            currency,
            reason: "fraudulent".to_owned(),
            status: DisputeStatus::NeedsResponse,
            moves: Vec::new(),
        };
        self.save_payment(&payment)?;
        self.save_dispute(&dispute)?;
        let rendered = render::dispute(&dispute);
        self.emit("charge.dispute.created", &rendered)?;
        Ok(rendered)
    }

    fn advance(&self, mut dispute: Dispute, stage: DisputeStage) -> Result<Value, Declined> {
        let is_withdrawn = dispute.balance() < 0;
        match stage {
            DisputeStage::FundsWithdrawn if !is_withdrawn => self.move_money(&mut dispute, -1)?,
            DisputeStage::FundsReinstated if is_withdrawn => self.move_money(&mut dispute, 1)?,
            DisputeStage::Won => self.close(&mut dispute, DisputeStatus::Won)?,
            DisputeStage::Lost => self.close(&mut dispute, DisputeStatus::Lost)?,
            DisputeStage::FundsWithdrawn => {
                return Err(Declined::conflict(format!(
                    "the money of {} is withdrawn already",
                    dispute.id
                )));
            }
            DisputeStage::FundsReinstated | DisputeStage::Created => {
                return Err(Declined::conflict(format!(
                    "the money of {} is not withdrawn",
                    dispute.id
                )));
            }
        }
        Ok(render::dispute(&dispute))
    }

    fn move_money(&self, dispute: &mut Dispute, sign: i64) -> Result<(), Declined> {
        dispute.moves.push(Move {
            id: new_id("txn_1", 23),
            created_s: self.now_s(),
            amount: sign * dispute.amount,
        });
        self.save_dispute(dispute)?;
        let kind = match sign < 0 {
            true => "charge.dispute.funds_withdrawn",
            false => "charge.dispute.funds_reinstated",
        };
        self.emit(kind, &render::dispute(dispute))
    }

    fn close(&self, dispute: &mut Dispute, status: DisputeStatus) -> Result<(), Declined> {
        dispute.status = status;
        self.save_dispute(dispute)?;
        self.emit("charge.dispute.closed", &render::dispute(dispute))
    }

    fn save(&self, session: &Session, payment: &Payment) -> Result<(), Declined> {
        self.save_payment(payment)?;
        self.save_session(session)
    }

    fn emit_session(&self, kind: &str, session: &Session) -> Result<(), Declined> {
        self.emit(kind, &render::session(session, self.base_url))
    }

    fn emit_charge(&self, kind: &str, payment: &Payment) -> Result<(), Declined> {
        match payment.charge() {
            Some(charge) => self.emit(kind, &render::charge(charge, payment)),
            None => Ok(()),
        }
    }
}

/// Where the payer goes after paying.
pub(super) fn success_url(session: &Session) -> String {
    session
        .success_url
        .replace("{CHECKOUT_SESSION_ID}", &session.id)
}
