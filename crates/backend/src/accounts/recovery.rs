//! Ways back into an account: links sent by mail, and an email for who had none.

use super::{Accounts, AccountsError, Email, NewPassword, SecretToken, SignedIn, Username};
use crate::mail::{Mail, MailRoom, deliver};
use crate::store::StoreError;
use crate::store::accounts::{AccountStore, LinkPurpose, NewLink, Upgrade, User, UserStatus};
use blazing_sun_domain::{Millis, UserId};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Mails that wait to be sent; who asks for more is asked to come again.
const QUEUE: usize = 256;

const RESET_LIFE_MS: i64 = 60 * 60 * 1_000;
const VERIFY_LIFE_MS: i64 = 3 * 24 * 60 * 60 * 1_000;

/// What is to be sent, to whoever has the address.
struct Wanted {
    email: Email,
    purpose: LinkPurpose,
    asked: Millis,
}

/// Sends links, one after the other, and never while somebody waits for an answer: how long that takes would tell
/// who has an account.
pub(super) struct Postman {
    queue: mpsc::Sender<Wanted>,
}

impl Postman {
    pub(super) fn start(room: MailRoom, store: Arc<dyn AccountStore>) -> Postman {
        let (queue, mut wanted) = mpsc::channel::<Wanted>(QUEUE);
        tokio::spawn(async move {
            while let Some(wanted) = wanted.recv().await {
                if let Err(error) = send(&room, &*store, wanted).await {
                    tracing::warn!(%error, "a link could not be made");
                }
            }
        });
        Postman { queue }
    }
}

async fn send(
    room: &MailRoom,
    store: &dyn AccountStore,
    wanted: Wanted,
) -> Result<(), AccountsError> {
    let Some((user, _)) = store.user_by_email(wanted.email.as_str()).await? else {
        return Ok(());
    };
    let (Some(email), UserStatus::Active) = (&user.email, user.status) else {
        return Ok(());
    };
    let token = SecretToken::random()?;
    let life_ms = match wanted.purpose {
        LinkPurpose::ResetPassword => RESET_LIFE_MS,
        LinkPurpose::VerifyEmail => VERIFY_LIFE_MS,
    };
    let link = NewLink {
        hash: token.hash(),
        purpose: wanted.purpose,
        user: user.id,
        email: email.clone(),
        expires: wanted.asked.plus(life_ms),
    };
    store.add_link(link, wanted.asked).await?;
    // To the address as it is stored: what was typed may differ in case, and that may be another mailbox.
    let to = Email::parse(email)
        .map_err(|_| StoreError::Corrupt(format!("email of user {}", user.id)))?;
    let mail = written(wanted.purpose, to, &room.public_url, token.as_text());
    deliver(&*room.mailer, &mail).await;
    Ok(())
}

/// The token stands behind `#`, which browsers send to no server.
fn written(purpose: LinkPurpose, to: Email, public_url: &str, token: &str) -> Mail {
    match purpose {
        LinkPurpose::ResetPassword => Mail {
            to,
            subject: "Choose a new password",
            text: format!(
                "Somebody, probably you, asked for a new password at {public_url}.\n\n\
                 Choose it here within an hour:\n{public_url}/reset-password#{token}\n\n\
                 If it was not you, do nothing: your password stays as it is.\n"
            ),
        },
        LinkPurpose::VerifyEmail => Mail {
            to,
            subject: "Confirm your email address",
            text: format!(
                "This address was given for an account at {public_url}.\n\n\
                 Confirm within three days that it is yours:\n{public_url}/verify-email#{token}\n\n\
                 If it was not you, do nothing.\n"
            ),
        },
    }
}

impl Accounts {
    /// Whether this server sends mail.
    pub fn sends_mail(&self) -> bool {
        self.postman.is_some()
    }

    fn post(&self, email: Email, purpose: LinkPurpose) -> Result<(), AccountsError> {
        let postman = self.postman.as_ref().ok_or(AccountsError::NoMail)?;
        let wanted = Wanted {
            email,
            purpose,
            asked: self.now(),
        };
        postman
            .queue
            .try_send(wanted)
            .map_err(|_| AccountsError::Busy)
    }

    /// Has a link for a new password sent, if there is an account with this email. Whether there is, nobody is told.
    pub fn forgot_password(&self, email: Email) -> Result<(), AccountsError> {
        self.post(email, LinkPurpose::ResetPassword)
    }

    /// Chooses a new password by a link, ends all other sign-ins, and signs in.
    pub async fn reset_password(
        &self,
        link: &SecretToken,
        password: NewPassword,
    ) -> Result<SignedIn, AccountsError> {
        let hash = self.passwords.hash(password.into()).await?;
        let user = self
            .store
            .reset_password(link.hash(), hash, self.now())
            .await?;
        let user = user.ok_or(AccountsError::LinkInvalid)?;
        tracing::info!(user.id = %user.id, "a password was reset by mail");
        self.open(user).await
    }

    /// Has a link sent that shows a user's address to be theirs.
    pub async fn ask_verification(&self, user: UserId) -> Result<(), AccountsError> {
        let user = self.store.user(user).await?;
        let user = user.ok_or(AccountsError::SignedOut)?;
        match (&user.email, user.email_verified) {
            (None, _) => Err(AccountsError::NoEmail),
            (_, Some(_)) => Err(AccountsError::AlreadyVerified),
            (Some(email), None) => {
                let email = Email::parse(email)
                    .map_err(|_| StoreError::Corrupt(format!("email of user {}", user.id)))?;
                self.post(email, LinkPurpose::VerifyEmail)
            }
        }
    }

    /// Takes an address as its user's, by a link.
    pub async fn verify_email(&self, link: &SecretToken) -> Result<(), AccountsError> {
        let user = self.store.verify_email(link.hash(), self.now()).await?;
        user.map(drop).ok_or(AccountsError::LinkInvalid)
    }

    /// Gives a guest an email and a password: the same user, with all that is theirs.
    pub async fn upgrade(
        &self,
        guest: UserId,
        email: Email,
        password: NewPassword,
        username: Option<Username>,
    ) -> Result<SignedIn, AccountsError> {
        let (user, _) = self.user(guest).await?;
        if crate::store::accounts::upgraded_roles(&user).is_none() {
            return Err(AccountsError::NotAGuest);
        }
        // Only saves a hash; the store decides.
        if self.store.user_by_email(email.as_str()).await?.is_some() {
            return Err(AccountsError::EmailTaken);
        }
        let hash = self.passwords.hash(password.into()).await?;
        let credentials = (email.clone().into(), hash);
        let username = username.map(String::from);
        match self
            .store
            .upgrade_guest(guest, credentials, username)
            .await?
        {
            Upgrade::Upgraded(user) => {
                self.welcome(email);
                self.open(user).await
            }
            Upgrade::EmailTaken => Err(AccountsError::EmailTaken),
            Upgrade::NotAGuest => Err(AccountsError::NotAGuest),
        }
    }

    /// Asks a new address to show itself, where mail is sent; the account is good without.
    pub(super) fn welcome(&self, email: Email) {
        if self.sends_mail()
            && let Err(error) = self.post(email, LinkPurpose::VerifyEmail)
        {
            tracing::warn!(%error, "a new address was not asked to show itself");
        }
    }

    /// Begins a family for a user who has just shown who they are.
    pub(super) async fn open(&self, user: User) -> Result<SignedIn, AccountsError> {
        let refresh_token = SecretToken::random()?;
        let (family, token) = (self.new_family()?, self.to_keep(&refresh_token));
        let now = self.now();
        if !self.store.open_family(user.id, family, token, now).await? {
            return Err(AccountsError::AccountClosed);
        }
        self.signed_in(user, refresh_token).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_hides_its_token_from_servers_and_nothing_that_users_chose_stands_in_a_mail() {
        let to = || Email::parse("ada@b.co").unwrap();
        for (purpose, page) in [
            (LinkPurpose::ResetPassword, "/reset-password#"),
            (LinkPurpose::VerifyEmail, "/verify-email#"),
        ] {
            let mail = written(purpose, to(), "https://play.example", "T0ken");
            assert!(
                mail.text
                    .contains(&format!("https://play.example{page}T0ken\n")),
                "{}",
                mail.text
            );
            assert!(!format!("{mail:?}").contains("T0ken"));
        }
    }
}
