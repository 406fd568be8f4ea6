//! Why the bank does not start, and what it answers to a request that it does not carry out: Stripe's error bodies.

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a bank can not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// It would be reached from elsewhere.
    #[error("the test bank listens on this machine alone, on 127.0.0.1 or [::1], not on {0}")]
    NotLoopback(SocketAddr),
    /// The address is taken or not this machine's.
    #[error("the test bank can not listen on {address}")]
    Listen {
        /// As it was asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Its file.
    #[error("the test bank's file {}", path.display())]
    Database {
        /// As it was asked for.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Its file has a schema that this program does not know.
    #[error("the test bank's file {} is none of this program's: {reason}", path.display())]
    Schema {
        /// As it was asked for.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// Webhooks go to this machine alone.
    #[error(
        "the test bank sends webhooks to this machine alone, to http://127.0.0.1:<port>/…, not to `{0}`"
    )]
    WebhookUrl(String),
    /// What was asked for is not done.
    #[error(transparent)]
    Declined(#[from] Declined),
}

/// What is answered to a request that is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Declined {
    /// HTTP's.
    pub status: u16,
    /// Stripe's `type`.
    pub kind: &'static str,
    /// Stripe's `code`.
    pub code: Option<&'static str>,
    /// Which parameter is at fault.
    pub param: Option<String>,
    /// For people.
    pub message: String,
    /// Whether the request was well formed, and was refused for how things are: such an answer is kept for its idempotency key.
    pub(super) is_of_execution: bool,
}

const INVALID: &str = "invalid_request_error";

impl Declined {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Declined {
        Declined {
            status,
            kind,
            code: None,
            param: None,
            message: message.into(),
            is_of_execution: false,
        }
    }

    fn with(self, code: &'static str, param: impl Into<String>) -> Declined {
        Declined {
            code: Some(code),
            param: Some(param.into()),
            ..self
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Declined {
        Declined::new(400, INVALID, message)
    }

    pub(super) fn invalid_param(
        code: &'static str,
        param: impl Into<String>,
        message: impl Into<String>,
    ) -> Declined {
        Declined::invalid(message).with(code, param)
    }

    pub(super) fn missing_param(param: impl Into<String>) -> Declined {
        let param = param.into();
        Declined::invalid(format!("Missing required param: {param}."))
            .with("parameter_missing", param)
    }

    pub(super) fn unknown_param(param: impl Into<String>) -> Declined {
        let param = param.into();
        Declined::invalid(format!("Received unknown parameter: {param}"))
            .with("parameter_unknown", param)
    }

    /// The request itself names what is not there.
    pub(super) fn not_found(object: &str, param: &str, id: &str) -> Declined {
        let id: String = id.chars().take(80).collect();
        Declined::new(404, INVALID, format!("No such {object}: '{id}'"))
            .with("resource_missing", param)
    }

    pub(super) fn unknown_url(method: &str, path: &str) -> Declined {
        let path: String = path.chars().take(200).collect();
        Declined::new(
            404,
            INVALID,
            format!("Unrecognized request URL ({method}: {path})."),
        )
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Declined {
        Declined::new(401, INVALID, message)
    }

    pub(super) fn too_large(bytes_max: usize) -> Declined {
        Declined::new(
            413,
            INVALID,
            format!("The request is larger than {bytes_max} bytes."),
        )
    }

    pub(super) fn too_slow() -> Declined {
        Declined::new(408, INVALID, "The request did not arrive in time.")
    }

    pub(super) fn idempotency(message: impl Into<String>) -> Declined {
        Declined::new(400, "idempotency_error", message)
    }

    /// The request is in order, but things are not as it needs them.
    pub(super) fn of_state(code: Option<&'static str>, message: impl Into<String>) -> Declined {
        Declined {
            code,
            is_of_execution: true,
            ..Declined::invalid(message)
        }
    }

    /// Of the control API: what was asked of is not in the state for it.
    pub(super) fn conflict(message: impl Into<String>) -> Declined {
        Declined::new(409, INVALID, message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Declined {
        Declined::new(403, INVALID, message)
    }

    pub(super) fn internal() -> Declined {
        Declined::new(
            500,
            "api_error",
            "The test bank failed over this request; its log says why.",
        )
    }

    /// As Stripe writes it.
    pub(super) fn body(&self) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = self.code {
            error["code"] = json!(code);
            let page = code.replace('_', "-");
            error["doc_url"] = json!(format!("https://stripe.com/docs/error-codes/{page}"));
        }
        if let Some(param) = &self.param {
            error["param"] = json!(param);
        }
        json!({ "error": error })
    }
}

impl From<rusqlite::Error> for Declined {
    fn from(error: rusqlite::Error) -> Declined {
        tracing::error!(%error, "the test bank's file");
        Declined::internal()
    }
}

impl From<serde_json::Error> for Declined {
    fn from(error: serde_json::Error) -> Declined {
        tracing::error!(%error, "what stands in the test bank's file");
        Declined::internal()
    }
}
