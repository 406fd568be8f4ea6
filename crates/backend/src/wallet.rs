//! What players may pay in here, and where the deployment's money comes from.

use blazing_sun_domain::Account;
use blazing_sun_domain::wallet::DepositRules;

/// Requests of one player that may be open at a time.
pub(crate) const OPEN_MAX: usize = 32;

const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// What money from outside is decided by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletRules {
    /// Whether it is real money: then none is given out as demo money, and no test payment counts.
    pub is_real: bool,
    /// Whether there is a way to pay.
    pub takes_payments: bool,
    /// How much may be paid in.
    pub deposits: DepositRules,
    /// Where players may return to after paying (`https://play.example`), compared exactly.
    pub return_origins: Vec<String>,
    /// Whether pages on this machine's loopback are the deployment's too, on whatever port.
    pub returns_to_loopback: bool,
}

impl Default for WalletRules {
    fn default() -> WalletRules {
        WalletRules {
            is_real: false,
            takes_payments: true,
            deposits: DepositRules::default(),
            return_origins: Vec::new(),
            returns_to_loopback: false,
        }
    }
}

impl WalletRules {
    /// What the deployment's one money is, as it is kept from the first start on.
    pub fn money(&self, currency: &str) -> String {
        let kind = if self.is_real { "real" } else { "demo" };
        format!("{kind} {currency}")
    }

    /// Where money that was paid comes from.
    pub fn clearing(&self) -> Account {
        match self.is_real {
            true => Account::StripeClearing,
            false => Account::TestClearing,
        }
    }

    /// Whether the address is one of this deployment's.
    pub(crate) fn is_own(&self, url: &str) -> bool {
        let is_end = |rest: &str| rest.is_empty() || rest.starts_with(['/', '?', '#']);
        let of_origin = |origin: &String| url.strip_prefix(origin.as_str()).is_some_and(is_end);
        let on_loopback = |host: &&str| {
            let rest = url
                .strip_prefix("http://")
                .and_then(|rest| rest.strip_prefix(*host));
            rest.is_some_and(|rest| {
                let port = rest.strip_prefix(':');
                let after = port.map(|port| port.trim_start_matches(|c: char| c.is_ascii_digit()));
                is_end(after.unwrap_or(rest))
            })
        };
        let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic());
        let is_here = self.returns_to_loopback && LOOPBACK.iter().any(on_loopback);
        is_plain && (is_here || self.return_origins.iter().any(of_origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_addresses_are_the_deployments_own() {
        let rules = WalletRules {
            return_origins: vec!["https://play.example".to_owned()],
            ..WalletRules::default()
        };
        for (url, is_own) in [
            ("https://play.example", true),
            (
                "https://play.example/paid?session={CHECKOUT_SESSION_ID}",
                true,
            ),
            ("https://play.example?x", true),
            ("https://play.example.evil.example/", false),
            ("https://play.example@evil.example/", false),
            ("https://play.example\\@evil.example/", false),
            ("https://play.example:8443/", false),
            ("http://play.example/", false),
            ("https://play.example/\r\nx", false),
            ("javascript:alert(1)", false),
            ("", false),
        ] {
            assert_eq!(rules.is_own(url), is_own, "{url}");
        }
        assert!(!WalletRules::default().is_own("https://play.example"));
        let here = WalletRules {
            returns_to_loopback: true,
            ..WalletRules::default()
        };
        for (url, is_own) in [
            ("http://127.0.0.1:8080/paid", true),
            ("http://localhost/", true),
            ("http://[::1]:9", true),
            ("http://127.0.0.1.evil.example/", false),
            ("http://localhost:80@evil.example/", false),
            ("https://127.0.0.1/", false),
        ] {
            assert_eq!(here.is_own(url), is_own, "{url}");
            assert!(!rules.is_own(url), "{url}");
        }
        assert_eq!(rules.money("eur"), "demo eur");
    }
}
