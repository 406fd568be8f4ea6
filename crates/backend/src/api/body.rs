//! JSON bodies: read within bounds, and answered for field by field.

use super::problem::Problem;
use axum::body::HttpBody;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use blazing_sun_backbone::rest::problem::{TIMEOUT, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE};
use serde_json::{Map, Value};
use std::pin::Pin;
use std::time::Duration;

const BODY_BYTES_MAX: usize = 16 * 1024;
/// What is read and thrown away beyond that, so that a client that is still sending gets its answer.
const DISCARDED_BYTES_MAX: usize = 256 * 1024;
const READ_WITHIN: Duration = Duration::from_secs(10);

/// The fields of a JSON object. An empty body is an object without fields.
pub struct Fields(Map<String, Value>);

impl Fields {
    fn parse(bytes: &[u8]) -> Result<Fields, Problem> {
        if bytes.is_empty() {
            return Ok(Fields(Map::new()));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Fields(fields)),
            Ok(_) => Err(Problem::invalid_format("The body must be a JSON object.")),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let detail = format!("The body is not JSON, at line {line}, column {column}.");
                Err(Problem::invalid_format(detail))
            }
        }
    }

    /// A text that must be there.
    pub fn text(&self, name: &'static str) -> Result<&str, Problem> {
        self.optional_text(name)?
            .ok_or_else(|| Problem::invalid_format(format!("`{name}` is missing.")).in_field(name))
    }

    /// A whole number that must be there.
    pub fn whole_number(&self, name: &'static str) -> Result<i64, Problem> {
        let wrong = |what| Problem::invalid_format(format!("`{name}` {what}")).in_field(name);
        let value = self.0.get(name).filter(|value| !value.is_null());
        let value = value.ok_or_else(|| wrong("is missing."))?;
        value
            .as_i64()
            .or_else(|| whole(value.as_f64()?))
            .ok_or_else(|| wrong("must be a whole number."))
    }

    /// What stands there, of whatever kind; none where it is left out.
    pub fn value(&self, name: &'static str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A text that may be left out or null.
    pub fn optional_text(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => {
                Err(Problem::invalid_format(format!("`{name}` must be a text.")).in_field(name))
            }
        }
    }
}

/// JSON has one kind of number: 5.0 is as whole as 5, as far as each whole number has a value of its own.
fn whole(value: f64) -> Option<i64> {
    let is_exact = value.fract() == 0.0 && value.abs() < (1_u64 << f64::MANTISSA_DIGITS) as f64;
    is_exact.then_some(value as i64)
}

/// A body that is read field by field, as its schema describes it.
pub trait Read: Sized {
    /// Reads all fields, or says which one is at fault.
    fn read(fields: &Fields) -> Result<Self, Problem>;
}

/// The body of a request, read.
pub struct Body<T>(pub T);

impl<S: Sync, T: Read> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Problem> {
        let fields = Fields::from_request(request, state).await?;
        T::read(&fields).map(Body)
    }
}

impl<S: Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Fields, Problem> {
        let (parts, body) = request.into_parts();
        let read = tokio::time::timeout(READ_WITHIN, read(body)).await;
        let timeout = || {
            let detail = "The body took longer than 10 seconds to arrive.";
            Problem::new(TIMEOUT, detail)
        };
        let bytes = read.map_err(|_| timeout())??;
        if !bytes.is_empty() && !is_json(&parts.headers) {
            let detail = "The body must be sent as `Content-Type: application/json`.";
            return Err(Problem::new(UNSUPPORTED_MEDIA_TYPE, detail));
        }
        Fields::parse(&bytes)
    }
}

/// The texts under these names in a body of these bytes.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_body(bytes: &[u8], names: &[&'static str]) -> Vec<String> {
    let Ok(fields) = Fields::parse(bytes) else {
        return Vec::new();
    };
    let texts = names.iter().filter_map(|name| fields.text(name).ok());
    texts.map(str::to_owned).collect()
}

async fn read(mut body: axum::body::Body) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut length = 0;
    let mut body = Pin::new(&mut body);
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        let broken = |_| Problem::invalid_format("The body ended early.");
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        length += data.len();
        if length <= BODY_BYTES_MAX {
            bytes.extend_from_slice(&data);
        } else if length > DISCARDED_BYTES_MAX {
            break;
        }
    }
    if length > BODY_BYTES_MAX {
        let detail = "A request's body has at most 16 KiB.";
        return Err(Problem::new(TOO_LARGE, detail));
    }
    Ok(bytes)
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = value
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}
