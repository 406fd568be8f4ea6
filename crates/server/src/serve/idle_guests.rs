//! Closes guests who have not come for long, now and then, a few at a time.

use crate::operator::Operator;
use blazing_sun_backend::accounts::{Accounts, AccountsError, CLOSED_AT_ONCE};
use std::sync::Arc;
use std::time::Duration;

/// While all that one call closes were found.
const SOON: Duration = Duration::from_secs(30);
/// While fewer were.
const LATER: Duration = Duration::from_secs(600);

/// For as long as it is let.
pub(super) async fn close(accounts: Arc<Accounts>, operator: Operator) {
    loop {
        let wait = match close_some(&accounts, &operator).await {
            Ok(count) if count < CLOSED_AT_ONCE as usize => LATER,
            Ok(_) => SOON,
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(
                    error,
                    "idle guests cannot be closed right now; trying again later"
                );
                LATER
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// How many were closed.
async fn close_some(accounts: &Accounts, operator: &Operator) -> Result<usize, AccountsError> {
    let closed = accounts.close_idle_guests().await?;
    // Nobody comes back while their money goes.
    for user in &closed {
        operator.shut_out(*user);
    }
    accounts.take_back_from_closed_guests().await?;
    Ok(closed.len())
}
