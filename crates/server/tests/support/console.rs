//! The console's API as an operator asks it, whatever the server stands on.

use blazing_sun_backbone::rest::{Method, Operation, Place};
use serde_json::Value;

/// Where the API is, and who asks.
pub struct Console {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Console {
    pub fn new(http: &reqwest::Client, url: String, token: &str) -> Console {
        Console {
            http: http.clone(),
            url,
            token: token.to_owned(),
        }
    }

    pub fn as_other(&self, token: &str) -> Console {
        Console::new(&self.http, self.url.clone(), token)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(reqwest::Method::GET, path, None).await
    }

    /// The answer, which has to be a success.
    pub async fn ok(&self, path: &str) -> Value {
        let (status, answer) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {answer:#}");
        answer
    }

    pub async fn ask(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let url = format!("{}/api/v1/admin/{path}", self.url);
        let mut request = self.http.request(method, url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// Asks for every operation there is, with what its document gives as examples.
    pub async fn ask_all(&self) -> Vec<(&'static str, u16, Value)> {
        let mut answers = Vec::new();
        for operation in blazing_sun_console::operations() {
            let path = path_of(&operation);
            let path = path.strip_prefix("/api/v1/admin/").expect("of operators");
            let (method, body) = match operation.method {
                Method::Get => (reqwest::Method::GET, None),
                Method::Post => (
                    reqwest::Method::POST,
                    Some(Value::Object(Default::default())),
                ),
            };
            let (status, answer) = self.ask(method, path, body.as_ref()).await;
            answers.push((operation.id, status, answer));
        }
        answers
    }

    /// Panics unless every operation is refused like this.
    pub async fn is_refused_everything(&self, status: u16, code: &str) {
        for (operation, answered, answer) in self.ask_all().await {
            let told = (answered, answer["code"].as_str());
            assert_eq!(told, (status, Some(code)), "{operation}: {answer:#}");
        }
    }
}

fn path_of(operation: &Operation) -> String {
    let in_path = operation.parameters.iter();
    let in_path = in_path.filter(|parameter| parameter.place == Place::Path);
    in_path.fold(operation.path.to_owned(), |path, parameter| {
        let example = match &parameter.example {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        path.replace(&format!("{{{}}}", parameter.name), &example)
    })
}
