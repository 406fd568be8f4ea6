//! Settings over HTTP.

use crate::settings::{MaintenanceState, Setting, SettingError};
use crate::{Admin, Console, Endpoint, query};
use axum::Json;
use axum::extract::{Path, State};
use blazing_sun_backbone::rest::problem::{INVALID_FORMAT, NOT_FOUND};
use blazing_sun_backbone::rest::{Access, Answer, Operation, Parameter, Place, Tag};
use blazing_sun_backend::api::Problem;
use blazing_sun_backend::api::body::Fields;
use blazing_sun_domain::Millis;
use schemars::json_schema;
use serde::Serialize;
use serde_json::{Value, json};

/// `GET settings`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct SettingList {
    /// By part.
    pub settings: Vec<Setting>,
    /// Null where none was announced.
    pub maintenance: Option<MaintenanceState>,
}

/// A setting's new value.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct NewValue {
    /// What it takes; null: as configured again.
    pub value: Value,
}

/// Maintenance to be announced.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct NewMaintenance {
    /// From then on no room is made; RFC 3339, now where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub starts_at: Option<String>,
    /// What players are told, 1 to 500 characters.
    #[schemars(length(min = 1, max = 500))]
    pub message: String,
}

fn post(path: &'static str, id: &'static str) -> Operation {
    Operation::post(path, id, Tag::Operators).access(Access::Operator)
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    const NAME: &str = "games.bigger_dice.entry_fee_cents";
    let list = SettingList {
        settings: vec![Setting {
            name: NAME.to_owned(),
            value: json!(500),
            default: json!(1_000),
            from: "live",
            kind: "a whole number from 0 to 100000000".to_owned(),
            unit: "cents",
            changed_at: Some("2026-01-31T20:15:00.000Z".to_owned()),
            changed_by: Some("cli:ada".to_owned()),
        }],
        maintenance: Some(MaintenanceState {
            starts_at: "2026-01-31T21:00:00.000Z".to_owned(),
            message: "A new version comes in; you will be back in a minute".to_owned(),
            announced_by: "cli:ada".to_owned(),
        }),
    };
    let answer = || Answer::json(200, "All settings, as they are in force now.", &list);
    let name = Parameter {
        place: Place::Path,
        name: "name",
        description: "The setting's name.",
        is_required: true,
        schema: json_schema!({ "type": "string" }),
        example: NAME.into(),
    };
    let value = NewValue { value: json!(500) };
    let back = NewValue { value: Value::Null };
    let soon = NewMaintenance {
        starts_at: Some("2026-01-31T21:00:00.000Z".to_owned()),
        message: "A new version comes in; you will be back in a minute".to_owned(),
    };
    vec![
        Endpoint::new(
            query::get("/api/v1/admin/settings", "liveSettings")
                .says("List what can be changed without a restart", "")
                .answers(answer()),
            settings,
        ),
        Endpoint::new(
            post("/api/v1/admin/settings/{name}", "changeSetting")
                .says(
                    "Change a setting, in all processes",
                    "What it costs to play is changed for rooms made from then on.",
                )
                .parameter(name)
                .body(true, [("value", value), ("as configured", back)])
                .answers(answer())
                .refuses(&[NOT_FOUND]),
            change,
        ),
        Endpoint::new(
            post("/api/v1/admin/maintenance", "startMaintenance")
                .says(
                    "Announce maintenance",
                    "All sockets hear of it. From its start on no room is made and nobody is matched; rooms go on to their end.",
                )
                .body(true, [("soon", soon)])
                .answers(answer()),
            start,
        ),
        Endpoint::new(
            post("/api/v1/admin/maintenance/end", "endMaintenance")
                .says("End maintenance, or take its announcement back", "")
                .answers(answer())
                .refuses(&[NOT_FOUND]),
            end,
        ),
    ]
}

async fn all(console: &Console) -> Result<Json<SettingList>, Problem> {
    let (settings, maintenance) = console.settings.list().await?;
    Ok(Json(SettingList {
        settings,
        maintenance,
    }))
}

async fn settings(_: Admin, State(console): State<Console>) -> Result<Json<SettingList>, Problem> {
    all(&console).await
}

async fn change(
    admin: Admin,
    State(console): State<Console>,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Json<SettingList>, Problem> {
    let value = fields.value("value").ok_or_else(|| {
        Problem::invalid_format("`value` is missing; null takes a change back.").in_field("value")
    })?;
    let value = Some(value.clone()).filter(|value| !value.is_null());
    console.settings.set(&admin.by(), &name, value).await?;
    all(&console).await
}

async fn start(
    admin: Admin,
    State(console): State<Console>,
    fields: Fields,
) -> Result<Json<SettingList>, Problem> {
    let message = fields.text("message")?;
    let starts_at = fields
        .optional_text("starts_at")?
        .map(instant)
        .transpose()?;
    let by = admin.by();
    let started = console.settings.start_maintenance(&by, starts_at, message);
    started.await?;
    all(&console).await
}

fn instant(text: &str) -> Result<Millis, Problem> {
    let read = text.parse::<jiff::Timestamp>();
    read.map(|at| Millis(at.as_millisecond())).map_err(|_| {
        let detail = "`starts_at` must be an instant as 2026-01-31T21:00:00Z.";
        Problem::invalid_format(detail).in_field("starts_at")
    })
}

async fn end(admin: Admin, State(console): State<Console>) -> Result<Json<SettingList>, Problem> {
    console.settings.end_maintenance(&admin.by()).await?;
    all(&console).await
}

impl From<SettingError> for Problem {
    fn from(error: SettingError) -> Problem {
        match error {
            SettingError::Unknown { .. } | SettingError::NoMaintenance => {
                Problem::new(NOT_FOUND, error.to_string())
            }
            SettingError::Value { .. } => {
                Problem::new(INVALID_FORMAT, error.to_string()).in_field("value")
            }
            SettingError::Message => {
                Problem::new(INVALID_FORMAT, error.to_string()).in_field("message")
            }
            SettingError::Store(error) => error.into(),
            SettingError::Log(_) | SettingError::Interrupted => Problem::unavailable(),
        }
    }
}
