//! Reading whole objects of fields: by type, so that what is read and what is published as a schema are one declaration.

use super::chat::Content;
use super::fields::{Fields, InvalidField};
use blazing_sun_domain::fairness::{Commitment, Seed};
use blazing_sun_domain::room::Channel;
use blazing_sun_domain::wallet::Period;
use blazing_sun_domain::{Cents, RoomId, UserId};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::str::FromStr;
use uuid::Uuid;

/// A type that a field can have.
pub(super) trait FieldValue: Sized {
    /// The field's value; none where it is not there, or null.
    fn find(fields: &Fields<'_>, name: &'static str) -> Result<Option<Self>, InvalidField>;
}

/// A type whose field says itself whether it has to be there.
pub(super) trait FromField: Sized {
    /// The field's value.
    fn from_field(fields: &Fields<'_>, name: &'static str) -> Result<Self, InvalidField>;
}

impl<T: FieldValue> FromField for Option<T> {
    fn from_field(fields: &Fields<'_>, name: &'static str) -> Result<Self, InvalidField> {
        T::find(fields, name)
    }
}

macro_rules! read_as {
    ($($type:ty => $read:expr,)*) => {$(
        impl FieldValue for $type {
            fn find(fields: &Fields<'_>, name: &'static str) -> Result<Option<Self>, InvalidField> {
                $read(fields, name)
            }
        }

        impl FromField for $type {
            fn from_field(fields: &Fields<'_>, name: &'static str) -> Result<Self, InvalidField> {
                Self::find(fields, name)?.ok_or(InvalidField::Missing(name))
            }
        }
    )*};
}

read_as! {
    RoomId => Fields::optional_id,
    UserId => Fields::optional,
    Vec<UserId> => Fields::optional,
    Uuid => Fields::optional,
    Vec<Uuid> => Fields::optional,
    String => Fields::optional,
    bool => Fields::optional,
    u32 => Fields::optional,
    Cents => Fields::optional,
    Channel => Fields::optional,
    Content => Fields::optional,
    Period => Fields::optional,
    Commitment => hex,
    Seed => hex,
}

fn hex<T: FromStr<Err: ToString>>(
    fields: &Fields<'_>,
    name: &'static str,
) -> Result<Option<T>, InvalidField> {
    let Some(text) = fields.optional::<String>(name)? else {
        return Ok(None);
    };
    let parsed = text.parse().map(Some);
    parsed.map_err(|error: T::Err| InvalidField::Invalid {
        name,
        expected: error.to_string(),
    })
}

/// A field that has to be there, and may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nullable<T>(pub Option<T>);

impl<T: DeserializeOwned> FromField for Nullable<T> {
    fn from_field(fields: &Fields<'_>, name: &'static str) -> Result<Self, InvalidField> {
        match fields.optional(name)? {
            None if !fields.has(name) => Err(InvalidField::Missing(name)),
            value => Ok(Nullable(value)),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Nullable<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

/// A password as it was typed. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

impl JsonSchema for Password {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Password".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

read_as! {
    Password => |fields: &Fields<'_>, name| Ok(fields.optional(name)?.map(Password)),
}
