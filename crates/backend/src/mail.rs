//! The mail port: what is sent to users, and the desk that has it sent.

use crate::accounts::Email;
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How often a mail is tried.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A message in plain text.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Whose mailbox.
    pub to: Email,
    /// One line.
    pub subject: &'static str,
    /// The text. It may hold a link that opens an account.
    pub text: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Nobody can say that it will not go the next time.
    #[error("the mail server can not be reached or refuses for now: {0}")]
    Transient(String),
    /// It will never be taken.
    #[error("the mail server refuses it: {0}")]
    Refused(String),
}

/// Sends mail.
///
/// Guarantees: when it has answered well, somebody else is responsible for the mail.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Hands one mail on.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// Where mail comes from: who sends it, and the address that links in it begin with.
#[derive(Clone)]
pub struct MailRoom {
    /// Sends it.
    pub mailer: Arc<dyn Mailer>,
    /// `https://play.example`, without a slash at its end. Never taken from a request.
    pub public_url: String,
}

/// Hands a mail on, a few times if need be.
pub(crate) async fn deliver(mailer: &dyn Mailer, mail: &Mail) {
    let mut pause = FIRST_PAUSE;
    for tries in 1.. {
        let error = match mailer.send(mail).await {
            Ok(()) => return,
            Err(error) => error,
        };
        if matches!(error, MailError::Refused(_)) || tries == TRIES {
            tracing::warn!(%error, mail.subject, "a mail was not sent");
            return;
        }
        tokio::time::sleep(pause).await;
        pause *= 4;
    }
}
