//! Who may not sign in, and whose sign-ins end: stored, and told to what serves players here.

use blazing_sun_backend::accounts::{Accounts, OperatorError, Profile, UserRef};
use blazing_sun_backend::store::StoreError;
use blazing_sun_domain::UserId;
use std::sync::Arc;
use tokio::sync::Mutex;

/// What serves players in this process, if anything does. Others hear of it over the topics.
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

/// Bans users, lifts bans, and ends sign-ins.
#[derive(Clone)]
pub struct Bans {
    accounts: Arc<Accounts>,
    edge: Arc<dyn Edge>,
    /// One at a time, so that what the store says last is what the edge is told last.
    one_at_a_time: Arc<Mutex<()>>,
}

impl Bans {
    /// Of these accounts, before this edge.
    pub fn new(accounts: Arc<Accounts>, edge: Arc<dyn Edge>) -> Bans {
        Bans {
            accounts,
            edge,
            one_at_a_time: Arc::default(),
        }
    }

    /// What serves players here.
    pub fn edge(&self) -> &dyn Edge {
        &*self.edge
    }

    /// Bans a user, or lifts a ban: once begun it is done, also where nobody waits for it any more.
    pub async fn set(
        &self,
        who: &UserRef,
        is_banned: bool,
        reason: Option<&str>,
    ) -> Result<Profile, OperatorError> {
        let (own, who, reason) = (self.clone(), who.clone(), reason.map(str::to_owned));
        let set = tokio::spawn(async move {
            let _one_at_a_time = own.one_at_a_time.lock().await;
            let stored = |user| match is_banned {
                true => own.edge.shut_out(user),
                false => own.edge.let_in(user),
            };
            let set = own
                .accounts
                .set_banned(&who, is_banned, reason.as_deref(), stored);
            set.await
        });
        set.await.unwrap_or(Err(StoreError::Closed.into()))
    }
    /// Ends all of a user's sign-ins: once begun it is done, also where nobody waits for it any more.
    pub async fn sign_out(&self, who: &UserRef) -> Result<Profile, OperatorError> {
        let (own, who) = (self.clone(), who.clone());
        let ended = tokio::spawn(async move {
            let stored = |user| own.edge.close(user);
            own.accounts.sign_out(&who, stored).await
        });
        ended.await.unwrap_or(Err(StoreError::Closed.into()))
    }
}
