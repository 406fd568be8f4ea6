//! Hashing of passwords: argon2id, off the async threads, at most two at once.

use super::rules::Password;
use super::tokens;
use crate::store::accounts::PasswordHash;
use argon2::password_hash::SaltString;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

const AT_ONCE: usize = 2;
const TURN_WAIT_MAX: Duration = Duration::from_secs(8);

/// What a hash costs, to us and to whoever guesses.
#[derive(Debug, Clone, Copy)]
pub struct PasswordCost {
    /// KiB of memory. 19 MiB, as OWASP's Password Storage Cheat Sheet asks of two passes.
    pub memory_kib: u32,
    /// Passes over it. 2.
    pub passes: u32,
}

impl Default for PasswordCost {
    fn default() -> PasswordCost {
        PasswordCost {
            memory_kib: 19 * 1024,
            passes: 2,
        }
    }
}

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub enum PasswordsError {
    /// Too many wait for their turn.
    #[error("too many passwords wait to be hashed")]
    Busy,
    /// The operating system gave no random bytes.
    #[error("no random bytes")]
    Randomness(#[source] getrandom::Error),
    /// The cost is outside what argon2 takes, or the hash function failed.
    #[error("argon2 failed")]
    Argon2(#[source] argon2::password_hash::Error),
    /// The runtime is stopping.
    #[error("the hashing thread is gone")]
    Stopped,
}

/// Hashes and compares.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    nobodys: PasswordHash,
}

impl Passwords {
    /// Takes as long as one hash.
    pub fn new(cost: PasswordCost) -> Result<Passwords, PasswordsError> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None)
            .map_err(|error| PasswordsError::Argon2(error.into()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobodys = hash_with(&argon2, &tokens::random::<32>()?)?;
        Ok(Passwords {
            argon2,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            nobodys,
        })
    }

    /// The hash to store.
    pub(super) async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordsError> {
        self.in_turn(move |argon2| hash_with(argon2, password.as_bytes()))
            .await?
    }

    /// Whether the password is the one that was hashed. Without a hash it takes as long and is false,
    /// so that the time does not tell who has an account.
    pub(super) async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<bool, PasswordsError> {
        let is_somebodys = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobodys.clone());
        let compare = move |argon2: &Argon2<'static>| {
            let parsed = argon2::PasswordHash::new(&hash.0).map_err(PasswordsError::Argon2)?;
            match argon2.verify_password(password.as_bytes(), &parsed) {
                Ok(()) => Ok(is_somebodys),
                Err(argon2::password_hash::Error::Password) => Ok(false),
                Err(error) => Err(PasswordsError::Argon2(error)),
            }
        };
        self.in_turn(compare).await?
    }

    /// The turn belongs to the work, not to the caller: one that goes away frees it no earlier.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, PasswordsError> {
        let turn = tokio::time::timeout(TURN_WAIT_MAX, self.turns.clone().acquire_owned()).await;
        let turn = turn
            .map_err(|_| PasswordsError::Busy)?
            .map_err(|_| PasswordsError::Stopped)?;
        let argon2 = self.argon2.clone();
        let run = move || {
            let done = work(&argon2);
            drop(turn);
            done
        };
        tokio::task::spawn_blocking(run)
            .await
            .map_err(|_| PasswordsError::Stopped)
    }
}

fn hash_with(argon2: &Argon2<'_>, password: &[u8]) -> Result<PasswordHash, PasswordsError> {
    let salt = SaltString::encode_b64(&tokens::random::<16>()?).map_err(PasswordsError::Argon2)?;
    let hash = argon2
        .hash_password(password, &salt)
        .map_err(PasswordsError::Argon2)?;
    Ok(PasswordHash(hash.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> Passwords {
        Passwords::new(PasswordCost {
            memory_kib: 8,
            passes: 1,
        })
        .unwrap()
    }

    #[tokio::test]
    async fn a_hash_is_of_its_password_alone_and_never_the_same_twice() {
        let passwords = cheap();
        let hash = passwords
            .hash(Password::from("correct horse"))
            .await
            .unwrap();
        assert_ne!(
            hash,
            passwords
                .hash(Password::from("correct horse"))
                .await
                .unwrap()
        );
        assert!(hash.0.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
        let right = passwords.verify(Password::from("correct horse"), Some(hash.clone()));
        assert!(right.await.unwrap());
        assert!(
            !passwords
                .verify(Password::from("correct horsf"), Some(hash))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify(Password::from("anything"), None)
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn a_stored_hash_that_is_none_is_an_error_and_no_entry() {
        let (passwords, junk) = (cheap(), PasswordHash("junk".to_owned()));
        let outcome = passwords.verify(Password::from("x"), Some(junk)).await;
        assert!(matches!(outcome, Err(PasswordsError::Argon2(_))));
    }

    #[tokio::test]
    async fn no_more_than_two_run_at_once() {
        let passwords = cheap();
        let (running, most) = (
            Arc::new(parking_lot::Mutex::new(0)),
            Arc::new(parking_lot::Mutex::new(0)),
        );
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (passwords, running, most) = (passwords.clone(), running.clone(), most.clone());
                tokio::spawn(async move {
                    let work = move |argon2: &Argon2<'static>| {
                        let now = {
                            let mut running = running.lock();
                            *running += 1;
                            *running
                        };
                        let mut highest = most.lock();
                        *highest = now.max(*highest);
                        drop(highest);
                        hash_with(argon2, b"work").unwrap();
                        *running.lock() -= 1;
                    };
                    passwords.in_turn(work).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!((1..=2).contains(&*most.lock()));
    }

    #[tokio::test]
    async fn by_default_a_guess_is_expensive() {
        let passwords = Passwords::new(PasswordCost::default()).unwrap();
        let hash = passwords
            .hash(Password::from("correct horse"))
            .await
            .unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }

    #[test]
    fn a_cost_that_argon2_does_not_take_is_an_error() {
        assert!(
            Passwords::new(PasswordCost {
                memory_kib: 1,
                passes: 1
            })
            .is_err()
        );
        assert!(
            Passwords::new(PasswordCost {
                memory_kib: 8,
                passes: 0
            })
            .is_err()
        );
    }

    #[test]
    fn nothing_shows_a_secret() {
        let shown = format!(
            "{:?} {:?}",
            Password::from("hunter2"),
            PasswordHash("hunter2".to_owned())
        );
        assert!(!shown.contains("hunter2"));
    }
}
