//! How players' money comes in: through which provider, and which keys and kinds of money go together.

use super::deployment::{Mode, Role, SecretText};
use super::sections::Config;
use super::{ConfigError, named};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// How players' money comes in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Payments {
    /// Who collects it; none: as the rest of the configuration suggests.
    pub provider: Option<PaymentProvider>,
    /// The provider's key, `sk_…` or `rk_…`.
    pub secret_key: Option<SecretText>,
    /// A file with it.
    pub secret_key_file: Option<PathBuf>,
    /// With which webhooks are signed, several separated by commas.
    pub webhook_secrets: Option<SecretText>,
    /// A file with them.
    pub webhook_secrets_file: Option<PathBuf>,
    /// Where a stand-in for Stripe's API is.
    pub api_url: Option<String>,
    /// PostgreSQL for the checkout.
    pub database_url: Option<SecretText>,
    /// Where the test bank of a cluster is.
    pub test_bank_url: Option<String>,
    /// Where `serve` has its test bank listen.
    pub test_bank_listen: SocketAddr,
    /// What is paid for, as the payer reads it.
    pub product_name: String,
    /// Minutes that a page can be paid.
    pub page_open_minutes: u32,
    /// Seconds after which an unpaid page is looked at.
    pub look_after_s: u32,
    /// Seconds until it is looked at again.
    pub look_every_s: u32,
    /// Seconds between readings of the provider's list of events.
    pub list_every_s: u32,
}

/// Who collects money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentProvider {
    /// Nobody.
    None,
    /// The stand-in for tests, on this machine alone.
    TestBank,
    /// Stripe.
    Stripe,
}

impl Default for Payments {
    fn default() -> Payments {
        Payments {
            provider: None,
            secret_key: None,
            secret_key_file: None,
            webhook_secrets: None,
            webhook_secrets_file: None,
            api_url: None,
            database_url: None,
            test_bank_url: None,
            test_bank_listen: (Ipv4Addr::LOCALHOST, 0).into(),
            product_name: "Top-up".to_owned(),
            page_open_minutes: 60,
            look_after_s: 120,
            look_every_s: 60,
            list_every_s: 30,
        }
    }
}

/// Whose money a key moves, as it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyMode {
    Live,
    Test,
    Unknown,
}

impl KeyMode {
    fn of(key: &str) -> KeyMode {
        let is_of = |mode: &str| {
            let rest = key.strip_prefix("sk_").or_else(|| key.strip_prefix("rk_"));
            let rest = rest.and_then(|rest| rest.strip_prefix(mode));
            rest.is_some_and(|rest| {
                rest.len() > 1 && rest.bytes().all(|byte| byte.is_ascii_graphic())
            })
        };
        if is_of("live_") {
            KeyMode::Live
        } else if is_of("test_") {
            KeyMode::Test
        } else {
            KeyMode::Unknown
        }
    }
}

impl Payments {
    /// The provider's key, wherever it is kept.
    pub fn secret_key(&self) -> Result<Option<SecretText>, ConfigError> {
        kept(
            self.secret_key.as_ref(),
            self.secret_key_file.as_deref(),
            "payments.secret_key_file",
        )
    }

    /// With which webhooks are signed.
    pub fn webhook_secrets(&self) -> Result<Vec<String>, ConfigError> {
        let file = self.webhook_secrets_file.as_deref();
        let kept = kept(
            self.webhook_secrets.as_ref(),
            file,
            "payments.webhook_secrets_file",
        )?;
        let secrets = kept
            .as_ref()
            .map_or("", SecretText::as_str)
            .split([',', '\n']);
        let secrets = secrets.map(str::trim).filter(|secret| !secret.is_empty());
        Ok(secrets.map(str::to_owned).collect())
    }

    /// Keys with whether their values make sense.
    pub(super) fn checks(&self) -> [(bool, &'static str); 9] {
        let is_url = |url: &SecretText| {
            let url = url.as_str();
            url.starts_with("postgres://") || url.starts_with("postgresql://")
        };
        let name = self.product_name.chars();
        [
            (
                self.api_url.as_deref().is_none_or(is_loopback_url),
                "payments.api_url",
            ),
            (
                self.database_url.as_ref().is_none_or(is_url),
                "payments.database_url",
            ),
            (
                self.test_bank_url.as_deref().is_none_or(is_loopback_url),
                "payments.test_bank_url",
            ),
            (
                self.test_bank_listen.ip().is_loopback(),
                "payments.test_bank_listen",
            ),
            (
                (1..=250).contains(&name.clone().count()) && !name.clone().any(char::is_control),
                "payments.product_name",
            ),
            (
                (40..=1_380).contains(&self.page_open_minutes),
                "payments.page_open_minutes",
            ),
            (
                (1..=86_400).contains(&self.look_after_s),
                "payments.look_after_s",
            ),
            (
                (1..=86_400).contains(&self.look_every_s),
                "payments.look_every_s",
            ),
            (
                (1..=86_400).contains(&self.list_every_s),
                "payments.list_every_s",
            ),
        ]
    }
}

/// A text that is given itself or in a file of its own; one that is empty is not given.
fn kept(
    text: Option<&SecretText>,
    file: Option<&Path>,
    key: &'static str,
) -> Result<Option<SecretText>, ConfigError> {
    if let Some(text) = text.filter(|text| !text.as_str().trim().is_empty()) {
        return Ok(Some(SecretText::from(text.as_str().trim().to_owned())));
    }
    let Some(file) = file else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(file).map_err(|source| ConfigError::SecretFile {
        key,
        path: file.to_owned(),
        source,
    })?;
    let text = text.trim();
    Ok((!text.is_empty()).then(|| SecretText::from(text.to_owned())))
}

/// Whether a stand-in is named for a provider that is not asked.
fn payments_elsewhere(payments: &Payments, provider: PaymentProvider) -> bool {
    payments.api_url.is_some() && provider != PaymentProvider::Stripe
}

fn is_loopback_url(url: &str) -> bool {
    let Some(Ok(authority)) = url
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/').parse::<http::uri::Authority>())
    else {
        return false;
    };
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

impl Config {
    /// Who collects money for a process like this. Where nothing is said: Stripe with a key of Stripe's, else the test bank
    /// where `serve` plays for demo money on this machine alone.
    fn provider(&self, role: Role, mode: Mode) -> PaymentProvider {
        let payments = &self.payments;
        if let Some(provider) = payments.provider {
            return provider;
        }
        let has_key = payments.secret_key.is_some() || payments.secret_key_file.is_some();
        let is_own = self.server.listen.ip().is_loopback()
            && self.gateway.trusted_proxies.is_empty()
            && self.server.public_url.is_none();
        match (role, mode) {
            _ if has_key => PaymentProvider::Stripe,
            (Role::Serve, Mode::Embedded) if is_own && !self.money.is_real() => {
                PaymentProvider::TestBank
            }
            _ => PaymentProvider::None,
        }
    }

    /// Writes down what follows from the rest.
    pub(super) fn settle_payments(&mut self, role: Role, mode: Mode) {
        let provider = self.provider(role, mode);
        self.payments.provider = Some(provider);
        self.deposits
            .enabled
            .get_or_insert(provider != PaymentProvider::None);
    }

    /// Refuses kinds of money that do not go together, and a checkout that lacks something.
    pub(super) fn check_payments(&self, role: Role, mode: Mode) -> Result<(), ConfigError> {
        let (real, provider) = (self.money.is_real(), self.provider(role, mode));
        let refused = |why: String| Err(ConfigError::Payments { why });
        if real && self.accounts.allow_guests == Some(true) {
            return refused(format!(
                "`accounts.allow_guests` is true, and `money` is {}: guests play for demo money alone; leave it out",
                self.money.0
            ));
        }
        if real && provider == PaymentProvider::TestBank {
            return refused(format!(
                "`payments.provider` is test_bank, and `money` is {}: the test bank pays with test money; take stripe, or \
                 money = \"demo\"",
                self.money.0
            ));
        }
        self.check_key(provider)?;
        if payments_elsewhere(&self.payments, provider) {
            return refused(format!(
                "{} is for a test key of Stripe's, and `payments.provider` is not stripe",
                named("payments.api_url")
            ));
        }
        match (role, mode) {
            (Role::Checkout, _) | (Role::Serve, Mode::Embedded) => {
                self.check_checkout(role, provider)
            }
            _ => Ok(()),
        }
    }

    /// Refuses a test bank where there is a live key.
    pub fn check_test_bank(&self) -> Result<(), ConfigError> {
        self.check_key(PaymentProvider::TestBank)
    }

    /// A key, wherever there is one, is of this deployment's money.
    fn check_key(&self, provider: PaymentProvider) -> Result<(), ConfigError> {
        let real = self.money.is_real();
        let Some(key) = self.payments.secret_key()? else {
            return Ok(());
        };
        let name = named("payments.secret_key");
        let why = match (KeyMode::of(key.as_str()), provider) {
            (KeyMode::Live, PaymentProvider::TestBank) => format!(
                "{name} is a live key, and `payments.provider` is test_bank: real money and test money do not go together"
            ),
            (KeyMode::Live, _) if !real => format!(
                "{name} is a live key, and the deployment plays for demo money: with it, real money would buy nothing; take \
                 a test key, or a currency for `money` from the first start on"
            ),
            (KeyMode::Test, _) if real => format!(
                "{name} is a test key, and `money` is {}: what is paid with it is no money; take a live key, or money = \"demo\"",
                self.money.0
            ),
            (KeyMode::Live, _) if self.payments.api_url.is_some() => format!(
                "{name} is a live key, and {} is set: a live key goes to Stripe alone",
                named("payments.api_url")
            ),
            (KeyMode::Unknown, _) => format!(
                "{name} is no secret key of the provider's: these begin with sk_live_, rk_live_, sk_test_ or rk_test_"
            ),
            _ => return Ok(()),
        };
        Err(ConfigError::Payments { why })
    }

    fn check_checkout(&self, role: Role, provider: PaymentProvider) -> Result<(), ConfigError> {
        let payments = &self.payments;
        let missing = |key: &'static str, why: &str| {
            Err(ConfigError::Missing {
                key,
                why: why.to_owned(),
            })
        };
        let has_own_bank = role == Role::Serve && provider == PaymentProvider::TestBank;
        if provider == PaymentProvider::None {
            return match (role, self.money.is_real() && payments.provider.is_none()) {
                (Role::Checkout, _) => missing(
                    "payments.provider",
                    "a checkout works with stripe or test_bank",
                ),
                (_, true) => missing(
                    "payments.secret_key",
                    "`money` is real, and nobody collects it; `payments.provider` = \"none\" does without",
                ),
                _ => Ok(()),
            };
        }
        if !has_own_bank {
            if payments.secret_key()?.is_none() {
                return missing(
                    "payments.secret_key",
                    "the checkout asks the provider with it",
                );
            }
            if payments.webhook_secrets()?.is_empty() {
                return missing(
                    "payments.webhook_secrets",
                    "the provider signs its webhooks with it, and shows it as whsec_…",
                );
            }
        }
        if role == Role::Checkout
            && provider == PaymentProvider::TestBank
            && payments.test_bank_url.is_none()
        {
            return missing(
                "payments.test_bank_url",
                "a checkout is told where the test bank is, as `blazing-sun test-bank` says",
            );
        }
        if self.server.public_url.is_none() && !self.server.listen.ip().is_loopback() {
            return missing("server.public_url", "payers are sent back to it");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_whose_money_they_move() {
        for (key, mode) in [
            ("sk_live_51Hx", KeyMode::Live),
            ("rk_live_51Hx", KeyMode::Live),
            ("sk_test_51Hx", KeyMode::Test),
            ("rk_test_51Hx", KeyMode::Test),
            ("pk_live_51Hx", KeyMode::Unknown),
            ("sk_live_", KeyMode::Unknown),
            ("sk_test_a b", KeyMode::Unknown),
            ("", KeyMode::Unknown),
        ] {
            assert_eq!(KeyMode::of(key), mode, "{key}");
        }
    }

    #[test]
    fn the_test_bank_is_on_this_machine() {
        for (url, fine) in [
            ("http://127.0.0.1:4242", true),
            ("http://localhost:4242/", true),
            ("http://[::1]:4242", true),
            ("https://127.0.0.1:4242", false),
            ("http://127.0.0.1.bank.example", false),
            ("http://bank.example:4242", false),
            ("127.0.0.1:4242", false),
            ("http://", false),
        ] {
            assert_eq!(is_loopback_url(url), fine, "{url}");
        }
    }

    #[test]
    fn secrets_come_from_files_too() {
        let folder = tempfile::tempdir().unwrap();
        let (key, hooks) = (folder.path().join("key"), folder.path().join("hooks"));
        std::fs::write(&key, "sk_test_1\n").unwrap();
        std::fs::write(&hooks, "whsec_1, whsec_2\nwhsec_3\n").unwrap();
        let payments = Payments {
            secret_key_file: Some(key),
            webhook_secrets_file: Some(hooks.clone()),
            ..Payments::default()
        };
        assert_eq!(
            payments.secret_key().unwrap().unwrap().as_str(),
            "sk_test_1"
        );
        assert_eq!(
            payments.webhook_secrets().unwrap(),
            ["whsec_1", "whsec_2", "whsec_3"]
        );
        std::fs::remove_file(&hooks).unwrap();
        let error = payments.webhook_secrets().unwrap_err().to_string();
        assert!(error.contains("payments.webhook_secrets_file"), "{error}");
    }
}
