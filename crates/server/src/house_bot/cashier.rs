//! What a bot pays with: before it joins a room, it has what all its rooms may cost.

use super::house::{House, Order, ROOMS_OF_BOT_MAX};
use blazing_sun_backbone::messages::CREDIT_CENTS_MAX;
use blazing_sun_backend::accounts::{Accounts, UserRef};
use blazing_sun_domain::{Cents, CommandId, UserId};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use uuid::Uuid;

const ATTEMPTS_MAX: u32 = 3;
/// A room that the bot could not pay for is not looked at before.
const REST: Duration = Duration::from_secs(10);

/// Stands between the house and one bot.
pub struct Cashier {
    /// The bot's place among the bots.
    pub number: usize,
    /// Whose money.
    pub user_id: UserId,
    /// Balances and credits.
    pub accounts: Arc<Accounts>,
    /// Told of what cannot be paid.
    pub house: Arc<House>,
    /// From the house.
    pub orders: mpsc::Receiver<Order>,
    /// To the bot.
    pub covered: mpsc::Sender<Order>,
}

impl Cashier {
    /// Passes orders on once they are covered.
    pub async fn run(mut self) {
        while let Some(order) = self.orders.recv().await {
            match self.cover(Cents(order.fees_cents)).await {
                Ok(()) => {
                    if self.covered.send(order).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(user.id = %self.user_id, room.id = %order.room_id, error = format!("{error:#}"), "a bot can not pay");
                    let now = Instant::now();
                    self.house
                        .release(self.number, &order.room_id, now + REST, now);
                }
            }
        }
    }

    /// Demo money for as many seats as the bot can have, if it cannot pay those it is to have. Under
    /// one id: whether an attempt came through or not, it is given once.
    async fn cover(&self, fees: Cents) -> anyhow::Result<()> {
        let (_, balance) = self.accounts.user(self.user_id).await?;
        if balance >= fees {
            return Ok(());
        }
        let amount = Cents(fees.0.saturating_mul(ROOMS_OF_BOT_MAX as i64)).min(CREDIT_CENTS_MAX);
        let (who, id) = (UserRef::Id(self.user_id), CommandId(Uuid::now_v7()));
        let mut attempt = 1;
        loop {
            let credited = self.accounts.credit(&who, amount, Some("house bot"), id);
            match credited.await {
                Ok(_) => return Ok(()),
                Err(error) if attempt == ATTEMPTS_MAX => return Err(error.into()),
                Err(_) => attempt += 1,
            }
        }
    }
}
