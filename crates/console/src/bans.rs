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
    /// One is stored and handed to the log at a time, so that what the store says last is what everybody is told last.
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
            let one_at_a_time = own.one_at_a_time.lock().await;
            let stored = |user| match is_banned {
                true => own.edge.shut_out(user),
                false => own.edge.let_in(user),
            };
            let set = own
                .accounts
                .set_banned(&who, is_banned, reason.as_deref(), stored);
            let told = set.await?;
            // A log that answers late, or not at all, keeps no other ban from being stored.
            drop(one_at_a_time);
            told.await
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

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use blazing_sun_backbone::credentials::Keys;
    use blazing_sun_backbone::log::{
        Appended, Bounds, EventLog, LogError, NewRecord, Start, Subscription, Topic,
    };
    use blazing_sun_backbone::topics::TopicSpec;
    use blazing_sun_backend::accounts::{
        AccountsConfig, AccountsParts, PasswordCost, Passwords, system_clock,
    };
    use blazing_sun_backend::store::accounts::{AccountStore, Creation, NewUser};
    use blazing_sun_backend::store::sqlite::{SqliteAccess, SqliteAccounts, SqliteReads};
    use blazing_sun_domain::Millis;
    use std::time::Duration;
    use tokio::sync::{mpsc, watch};

    const DEADLINE: Duration = Duration::from_secs(20);

    /// Takes everything, and answers when the test says so, as Kafka does that is silent for a while.
    #[derive(Default)]
    struct SilentLog(parking_lot::Mutex<Vec<(Vec<NewRecord>, Appended)>>);

    #[async_trait]
    impl EventLog for SilentLog {
        async fn ensure_topics(&self, _: &[TopicSpec]) -> Result<(), LogError> {
            Err(LogError::Unavailable)
        }

        fn append(&self, records: Vec<NewRecord>, appended: Appended) -> Result<(), LogError> {
            self.0.lock().push((records, appended));
            Ok(())
        }

        fn subscribe(
            &self,
            _: Vec<(Topic, u32, Start)>,
        ) -> Result<Box<dyn Subscription>, LogError> {
            Err(LogError::Unavailable)
        }

        async fn bounds(&self, _: &Topic) -> Result<Vec<Bounds>, LogError> {
            Err(LogError::Unavailable)
        }
    }

    /// Tells the test who is shut out.
    struct Told(mpsc::UnboundedSender<UserId>);

    impl Edge for Told {
        fn shut_out(&self, user: UserId) {
            let _ = self.0.send(user);
        }
        fn let_in(&self, _: UserId) {}
        fn close(&self, _: UserId) {}
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_silent_log_keeps_no_ban_from_being_stored() {
        let folder = tempfile::tempdir().unwrap();
        let access = SqliteAccess::standalone(&folder.path().join("store.db")).unwrap();
        let store = Arc::new(SqliteAccounts::new(access.clone()));
        let keys = Keys::generate(Millis(0)).unwrap();
        let log = Arc::new(SilentLog::default());
        let (_commits, committed) = watch::channel(0);
        let cost = PasswordCost {
            memory_kib: 8,
            passes: 1,
        };
        let accounts = Accounts::new(AccountsParts {
            store: store.clone(),
            reads: Arc::new(SqliteReads::new(access)),
            log: log.clone(),
            commits: committed,
            signer: keys.signer(),
            passwords: Passwords::new(cost).unwrap(),
            clock: system_clock(),
            mail: None,
            config: AccountsConfig::default(),
        });
        let (told, mut shut_out) = mpsc::unbounded_channel();
        let bans = Bans::new(Arc::new(accounts), Arc::new(Told(told)));

        let mut banned = Vec::new();
        let mut asked = Vec::new();
        for name in ["Ada", "Bob"] {
            let user = NewUser {
                credentials: None,
                username: name.to_owned(),
                roles: vec!["guest".to_owned()],
            };
            let created = store.create_user(user, None, Millis(1)).await.unwrap();
            let Creation::Created(user) = created else {
                panic!("{created:?}");
            };
            let (bans, id) = (bans.clone(), user.id);
            asked.push(tokio::spawn(async move {
                bans.set(&UserRef::Id(id), true, None).await
            }));
            let stored = tokio::time::timeout(DEADLINE, shut_out.recv()).await;
            assert_eq!(stored.expect("it is stored"), Some(id));
            banned.push(id);
        }

        // What was stored first is told first.
        let handed_over = async {
            while log.0.lock().len() < banned.len() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, handed_over).await.unwrap();
        let waiting = std::mem::take(&mut *log.0.lock());
        for ((records, appended), user) in waiting.into_iter().zip(banned) {
            assert_eq!(records[0].key, user.to_string());
            appended(Ok(Vec::new()));
        }
        for asked in asked {
            assert_eq!(asked.await.unwrap().unwrap().status, "banned");
        }
    }
}
