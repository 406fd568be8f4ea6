//! Stripe's own stand-in for tests, started by `dev/stripe-mock.sh`.
//!
//! It checks each request against Stripe's description of its API and answers with an example, whatever was asked
//! before: it proves that a request is well formed and that an answer is understood, and nothing else.
//!
//! ```no_run
//! # use blazing_sun_harness::stripe_mock::{StripeMock, KEY};
//! let stripe = StripeMock::shared();
//! // A client takes these two: `http://127.0.0.1:<port>`, and a key that stripe-mock takes for one.
//! let (api_url, secret_key) = (stripe.url(), KEY);
//! ```

use crate::beside::{Beside, note_use};
use std::sync::OnceLock;

/// A key as stripe-mock wants one: any that looks like a secret key for tests.
pub const KEY: &str = "sk_test_123";

const SCRIPT: &str = "stripe-mock.sh";

/// It remembers nothing, so that all tests share one.
pub struct StripeMock {
    url: String,
    _server: Beside,
}

impl StripeMock {
    /// The one that tests share.
    ///
    /// Blocks until it answers. Fails the test, and says what to install, where it can not be started.
    pub fn shared() -> &'static StripeMock {
        static SHARED: OnceLock<StripeMock> = OnceLock::new();
        note_use("stripe-mock.used");
        SHARED.get_or_init(|| {
            let server = Beside::shared(SCRIPT, Vec::new());
            StripeMock {
                url: format!("http://127.0.0.1:{}", server.noted("port")),
                _server: server,
            }
        })
    }

    /// Its address, without a path.
    pub fn url(&self) -> &str {
        &self.url
    }
}
