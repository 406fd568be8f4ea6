//! What an audit reads of the checkout's books: of a store that is there, as it is, beside a running checkout too.

use super::database::{Database, Transaction};
use super::sql::{PAYMENT, SqlStore, read_journal, read_payment, read_place};
use super::{JournalRow, Place, StoreError};
use crate::payment::Payment;
use async_trait::async_trait;
use serde::Deserialize;
use std::collections::HashSet;
use uuid::Uuid;

/// All that the checkout's books say.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Payments.
    pub payments: Vec<Payment>,
    /// Of which of them something is not published yet.
    pub untold: HashSet<Uuid>,
    /// How far each topic's partition was read, before the journal was.
    pub places: Vec<Place>,
    /// Payment records of games.
    pub journal: Vec<JournalRow>,
}

#[derive(Deserialize)]
struct Told {
    request_id: Uuid,
}

/// Reads the books.
#[async_trait]
pub trait PaymentBooks: Send + Sync {
    /// All of them.
    async fn books(&self) -> Result<Books, StoreError>;

    /// How far each topic's partition was read.
    async fn places(&self) -> Result<Vec<Place>, StoreError>;
}

#[async_trait]
impl<D: Database> PaymentBooks for SqlStore<D> {
    async fn books(&self) -> Result<Books, StoreError> {
        self.0.transact(|tx| Box::pin(read(tx))).await
    }

    async fn places(&self) -> Result<Vec<Place>, StoreError> {
        self.0.transact(|tx| Box::pin(places(tx))).await
    }
}

async fn places(tx: &mut dyn Transaction) -> Result<Vec<Place>, StoreError> {
    let rows = tx.rows("SELECT topic, partition, next_offset FROM place", &[]);
    rows.await?.into_iter().map(read_place).collect()
}

/// In an order in which what is written meanwhile makes nothing look wrong.
async fn read(tx: &mut dyn Transaction) -> Result<Books, StoreError> {
    let rows = tx.rows(PAYMENT, &[]).await?;
    let payments = rows
        .into_iter()
        .map(read_payment)
        .collect::<Result<_, _>>()?;
    let sql = "SELECT payload FROM outgoing WHERE published_ms IS NULL";
    let mut untold = HashSet::new();
    for mut row in tx.rows(sql, &[]).await? {
        let told: Result<Told, _> = serde_json::from_slice(&row.bytes()?);
        // A dead letter tells of no request.
        untold.extend(told.ok().map(|told| told.request_id));
    }
    let places = places(tx).await?;
    let sql = "SELECT event_id, user_id, at_ms, topic, partition, log_offset, record FROM journal";
    let rows = tx.rows(sql, &[]).await?;
    let journal = rows
        .into_iter()
        .map(read_journal)
        .collect::<Result<_, _>>()?;
    Ok(Books {
        payments,
        untold,
        places,
        journal,
    })
}
