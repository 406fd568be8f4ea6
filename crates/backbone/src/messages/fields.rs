//! Reading a payload field by field, so that an error can name the field.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A field that is missing or not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidField {
    /// The payload is no JSON object.
    #[error("the payload is not a JSON object")]
    NotAnObject,
    /// Not there, or null.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// There, but of another type or shape.
    #[error("`{name}`: {expected}")]
    Invalid {
        /// The field.
        name: &'static str,
        /// What was found and what it should be.
        expected: String,
    },
}

/// The fields of a payload.
pub struct Fields<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Fields<'a> {
    /// The fields of a JSON object.
    pub fn of(payload: &'a RawValue) -> Result<Fields<'a>, InvalidField> {
        serde_json::from_str(payload.get()).map(Fields).map_err(|_| InvalidField::NotAnObject)
    }

    /// The field, if it is there and not null.
    pub fn optional<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, InvalidField> {
        let Some(value) = self.0.get(name).filter(|value| value.get() != "null") else { return Ok(None) };
        serde_json::from_str(value.get()).map(Some).map_err(|error| {
            let text = error.to_string();
            let expected = text.split(" at line ").next().unwrap_or_default().to_owned();
            InvalidField::Invalid { name, expected }
        })
    }

    /// The field, which must be there.
    pub fn required<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, InvalidField> {
        self.optional(name)?.ok_or(InvalidField::Missing(name))
    }
}
