//! Who may not sign in: stored, and told to what serves players here.

use blazing_sun_backend::accounts::{Accounts, OperatorError, Profile, UserRef};
use blazing_sun_domain::UserId;
use std::sync::Arc;
use tokio::sync::Mutex;

/// What serves players in this process, if anything does. Others hear of bans over the topics.
pub trait Edge: Send + Sync + 'static {
    /// Refuses the user's tokens and ends their connections.
    fn shut_out(&self, user: UserId);

    /// Refuses them no more.
    fn let_in(&self, user: UserId);

    /// Ends the user's connections.
    fn close(&self, user: UserId);
}

/// Nothing here serves players.
pub struct NoEdge;

impl Edge for NoEdge {
    fn shut_out(&self, _: UserId) {}
    fn let_in(&self, _: UserId) {}
    fn close(&self, _: UserId) {}
}

/// Bans users and lifts bans.
pub struct Bans {
    accounts: Arc<Accounts>,
    edge: Arc<dyn Edge>,
    /// One at a time, so that what the store says last is what the edge is told last.
    one_at_a_time: Mutex<()>,
}

impl Bans {
    /// Of these accounts, before this edge.
    pub fn new(accounts: Arc<Accounts>, edge: Arc<dyn Edge>) -> Bans {
        Bans {
            accounts,
            edge,
            one_at_a_time: Mutex::default(),
        }
    }

    /// What serves players here.
    pub fn edge(&self) -> &dyn Edge {
        &*self.edge
    }

    /// Bans a user, or lifts a ban.
    pub async fn set(
        &self,
        who: &UserRef,
        is_banned: bool,
        reason: Option<&str>,
    ) -> Result<Profile, OperatorError> {
        let _one_at_a_time = self.one_at_a_time.lock().await;
        let profile = self.accounts.set_banned(who, is_banned, reason).await?;
        match is_banned {
            true => self.edge.shut_out(profile.user_id),
            false => self.edge.let_in(profile.user_id),
        }
        Ok(profile)
    }
}
