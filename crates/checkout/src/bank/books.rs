//! One transaction over what the bank knows: things are loaded, changed and saved through it.

use super::error::Declined;
use super::misbehaviour::Misbehaviour;
use super::state::{Dispute, Payment, Refund, Session, SessionStatus};
use blazing_sun_domain::Millis;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Which request of the API changes something; nothing where it was not one.
#[derive(Debug, Clone, Default)]
pub(super) struct Cause {
    pub(super) request: Option<String>,
    pub(super) idempotency_key: Option<String>,
}

/// A transaction, the time in it, and what else it depends on.
pub(super) struct Books<'a> {
    pub(super) tx: &'a Transaction<'a>,
    pub(super) now: Millis,
    pub(super) base_url: &'a str,
    pub(super) settle_after: Option<Duration>,
    pub(super) misbehaviour: Misbehaviour,
    pub(super) cause: Cause,
}

const MISBEHAVIOUR: &str = "misbehaviour";

impl Books<'_> {
    pub(super) fn now_s(&self) -> i64 {
        self.now.0.div_euclid(1_000)
    }

    /// A session and its number.
    pub(super) fn session(&self, id: &str) -> Result<(i64, Session), Declined> {
        let query = "SELECT seq, state FROM session WHERE id = ?1";
        self.load(query, id)?
            .ok_or_else(|| Declined::not_found("checkout.session", "session", id))
    }

    pub(super) fn add_session(&self, session: &Session) -> Result<(), Declined> {
        let query = "INSERT INTO session (id, expires_at_s, state) VALUES (?1, ?2, ?3)";
        let values = params![session.id, session.expires_at_s, json(session)?];
        self.tx.prepare_cached(query)?.execute(values)?;
        Ok(())
    }

    pub(super) fn save_session(&self, session: &Session) -> Result<(), Declined> {
        let query =
            "UPDATE session SET payment_intent = ?2, expires_at_s = ?3, state = ?4 WHERE id = ?1";
        let expires_at_s =
            Some(session.expires_at_s).filter(|_| session.status == SessionStatus::Open);
        let values = params![
            session.id,
            session.payment_intent,
            expires_at_s,
            json(session)?
        ];
        self.tx.prepare_cached(query)?.execute(values)?;
        Ok(())
    }

    pub(super) fn sessions_to_expire(&self) -> Result<Vec<Session>, Declined> {
        let query =
            "SELECT seq, state FROM session WHERE expires_at_s <= ?1 ORDER BY seq LIMIT 100";
        self.load_all(query, params![self.now_s()])
    }

    pub(super) fn payment(&self, id: &str) -> Result<Payment, Declined> {
        let query = "SELECT seq, state FROM payment WHERE id = ?1";
        let found = self.load(query, id)?;
        found
            .map(|(_, payment)| payment)
            .ok_or_else(|| Declined::not_found("payment_intent", "intent", id))
    }

    pub(super) fn payment_of_charge(&self, id: &str) -> Result<Payment, Declined> {
        let query = "SELECT payment.seq, state FROM payment JOIN charge ON payment = payment.id WHERE charge.id = ?1";
        let found = self.load(query, id)?;
        found
            .map(|(_, payment)| payment)
            .ok_or_else(|| Declined::not_found("charge", "id", id))
    }

    /// Adds it where it is new.
    pub(super) fn save_payment(&self, payment: &Payment) -> Result<(), Declined> {
        let query = "INSERT INTO payment (id, settles_at_ms, state) VALUES (?1, ?2, ?3)
                     ON CONFLICT (id) DO UPDATE SET settles_at_ms = ?2, state = ?3";
        let values = params![payment.id, payment.settles_at_ms, json(payment)?];
        self.tx.prepare_cached(query)?.execute(values)?;
        if let Some(charge) = payment.charge() {
            let query = "INSERT OR IGNORE INTO charge (id, payment) VALUES (?1, ?2)";
            self.tx
                .prepare_cached(query)?
                .execute([&charge.id, &payment.id])?;
        }
        Ok(())
    }

    pub(super) fn payments_to_settle(&self) -> Result<Vec<Payment>, Declined> {
        let query =
            "SELECT seq, state FROM payment WHERE settles_at_ms <= ?1 ORDER BY seq LIMIT 100";
        self.load_all(query, params![self.now.0])
    }

    pub(super) fn refund(&self, id: &str) -> Result<Refund, Declined> {
        let found = self.load("SELECT seq, state FROM refund WHERE id = ?1", id)?;
        found
            .map(|(_, refund)| refund)
            .ok_or_else(|| Declined::not_found("refund", "refund", id))
    }

    pub(super) fn add_refund(&self, refund: &Refund) -> Result<(), Declined> {
        let query = "INSERT INTO refund (id, payment, state) VALUES (?1, ?2, ?3)";
        let values = params![refund.id, refund.payment_intent, json(refund)?];
        self.tx.prepare_cached(query)?.execute(values)?;
        Ok(())
    }

    pub(super) fn dispute(&self, id: &str) -> Result<Dispute, Declined> {
        let found = self.load("SELECT seq, state FROM dispute WHERE id = ?1", id)?;
        found
            .map(|(_, dispute)| dispute)
            .ok_or_else(|| Declined::not_found("dispute", "dispute", id))
    }

    /// The newest of a payment.
    pub(super) fn dispute_of(&self, payment: &str) -> Result<Option<Dispute>, Declined> {
        let query = "SELECT seq, state FROM dispute WHERE payment = ?1 ORDER BY seq DESC LIMIT 1";
        Ok(self.load(query, payment)?.map(|(_, dispute)| dispute))
    }

    /// Adds it where it is new.
    pub(super) fn save_dispute(&self, dispute: &Dispute) -> Result<(), Declined> {
        let query = "INSERT INTO dispute (id, payment, state) VALUES (?1, ?2, ?3)
                     ON CONFLICT (id) DO UPDATE SET state = ?3";
        let values = params![dispute.id, dispute.payment_intent, json(dispute)?];
        self.tx.prepare_cached(query)?.execute(values)?;
        Ok(())
    }

    pub(super) fn set_misbehaviour(&mut self, misbehaviour: Misbehaviour) -> Result<(), Declined> {
        self.set(MISBEHAVIOUR, &json(&misbehaviour)?)?;
        self.misbehaviour = misbehaviour;
        Ok(())
    }

    pub(super) fn set(&self, name: &str, value: &str) -> Result<(), Declined> {
        let query = "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
        self.tx.prepare_cached(query)?.execute([name, value])?;
        Ok(())
    }

    fn load<T: DeserializeOwned>(
        &self,
        query: &str,
        id: &str,
    ) -> Result<Option<(i64, T)>, Declined> {
        let mut statement = self.tx.prepare_cached(query)?;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
        let found = statement.query_row([id], read).optional()?;
        let Some((seq, state)) = found else {
            return Ok(None);
        };
        Ok(Some((seq, serde_json::from_str(&state)?)))
    }

    pub(super) fn load_all<T: DeserializeOwned>(
        &self,
        query: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<T>, Declined> {
        let mut statement = self.tx.prepare_cached(query)?;
        let states = statement.query_map(values, |row| row.get::<_, String>(1))?;
        states
            .map(|state| Ok(serde_json::from_str(&state?)?))
            .collect()
    }
}

/// A setting, if it was ever set.
pub(super) fn setting(tx: &Transaction<'_>, name: &str) -> Result<Option<String>, Declined> {
    let query = "SELECT value FROM setting WHERE name = ?1";
    Ok(tx
        .prepare_cached(query)?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

/// How the bank was last told to misbehave.
pub(super) fn misbehaviour(tx: &Transaction<'_>) -> Result<Misbehaviour, Declined> {
    match setting(tx, MISBEHAVIOUR)? {
        Some(text) => Ok(serde_json::from_str(&text)?),
        None => Ok(Misbehaviour::default()),
    }
}

fn json(state: &impl Serialize) -> Result<String, Declined> {
    Ok(serde_json::to_string(state)?)
}
