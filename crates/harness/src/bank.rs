//! What payers, and their banks, do at the test bank whose page a session's url is.

use super::text;
use serde_json::{Value, json};

/// A page on which a payment can be made.
#[derive(Debug, Clone)]
pub struct PaymentPage {
    bank: String,
    session: String,
}

impl PaymentPage {
    /// From its address.
    pub fn of(session_url: &str) -> PaymentPage {
        let (bank, session) = session_url
            .split_once("/pay/")
            .unwrap_or_else(|| panic!("no page of a test bank: {session_url}"));
        PaymentPage {
            bank: bank.to_owned(),
            session: session.to_owned(),
        }
    }

    /// Pays in one of the bank's ways: `pay`, `decline`, `pay_later`, `pay_later_fails`, `abandon`.
    pub async fn pay(&self, http: &reqwest::Client, way: &str) -> Value {
        let body = json!({ "session": self.session, "way": way });
        self.control(http, "pay", body).await
    }

    /// Has the bank misbehave so from now on.
    pub async fn misbehave(&self, http: &reqwest::Client, how: Value) {
        self.control(http, "misbehave", how).await;
    }

    /// Lets the page's time run out.
    pub async fn expire(&self, http: &reqwest::Client) {
        let body = json!({ "session": self.session });
        self.control(http, "expire", body).await;
    }

    /// Ends the waiting for what is paid later, `paid` or `failed`. The key is the bank's.
    pub async fn settle(&self, http: &reqwest::Client, key: &str, outcome: &str) {
        let payment = self.payment_intent(http, key).await;
        let body = json!({ "payment_intent": payment, "as": outcome });
        self.control(http, "settle", body).await;
    }

    /// Pays all of it back.
    pub async fn refund(&self, http: &reqwest::Client, key: &str) {
        let payment = self.payment_intent(http, key).await;
        let body = json!({ "payment_intent": payment });
        self.control(http, "refund", body).await;
    }

    async fn payment_intent(&self, http: &reqwest::Client, key: &str) -> String {
        let url = format!("{}/v1/checkout/sessions/{}", self.bank, self.session);
        let answer = http.get(url).bearer_auth(key).send().await;
        let session: Value = answer.expect("an answer").json().await.expect("JSON");
        text(&session["payment_intent"])
    }

    async fn control(&self, http: &reqwest::Client, what: &str, body: Value) -> Value {
        let url = format!("{}/_bank/{what}", self.bank);
        let answer = http.post(url).json(&body).send().await.expect("an answer");
        let status = answer.status();
        let answer: Value = answer.json().await.expect("JSON");
        assert!(status.is_success(), "{what}: {answer}");
        answer
    }
}
