//! `blazing-sun settings` and `maintenance`: what operators change without a restart, and how the answers look.

use crate::cli::{MaintenanceAction, SettingsAction};
use crate::live::value_of;
use crate::operator::{Failure, Request, Target};
use blazing_sun_domain::Millis;
use serde_json::{Value, json};

/// Asks, and gives what to print.
pub async fn settings(
    action: &SettingsAction,
    is_json: bool,
    target: &Target,
) -> Result<String, Failure> {
    match action {
        SettingsAction::List => {
            let all = target.ask(&Request::Settings).await?;
            Ok(listed(&all, is_json))
        }
        SettingsAction::Set { name, value } => {
            let value = Some(value_of(value));
            let all = change(name, value, target).await?;
            Ok(changed(&all, name, is_json))
        }
        SettingsAction::Unset { name } => {
            let all = change(name, None, target).await?;
            Ok(changed(&all, name, is_json))
        }
    }
}

async fn change(name: &str, value: Option<Value>, target: &Target) -> Result<Value, Failure> {
    let name = name.to_owned();
    target.ask(&Request::ChangeSetting { name, value }).await
}

/// Asks, and gives what to print.
pub async fn maintenance(
    action: &MaintenanceAction,
    is_json: bool,
    target: &Target,
) -> Result<String, Failure> {
    let request = match action {
        MaintenanceAction::Start { starts_at, message } => Request::StartMaintenance {
            starts_at_ms: starts_at.map(|Millis(at)| at),
            message: message.clone(),
        },
        MaintenanceAction::End => Request::EndMaintenance,
    };
    let all: Value = target.ask(&request).await?;
    let state = &all["maintenance"];
    Ok(match (is_json, state.is_null()) {
        (true, _) => json!({ "maintenance": state }).to_string(),
        (false, true) => "no maintenance: rooms are made again".to_owned(),
        (false, false) => format!(
            "maintenance from {} on: {}",
            text(&state["starts_at"]),
            text(&state["message"])
        ),
    })
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn settings_of(all: &Value) -> impl Iterator<Item = &Value> {
    all["settings"].as_array().into_iter().flatten()
}

fn listed(all: &Value, is_json: bool) -> String {
    if is_json {
        return format!("{all:#}");
    }
    let mut lines: Vec<String> = settings_of(all).map(line).collect();
    if !all["maintenance"].is_null() {
        let state = &all["maintenance"];
        let (at, by) = (text(&state["starts_at"]), text(&state["announced_by"]));
        let message = text(&state["message"]);
        lines.push(format!(
            "maintenance from {at} on, announced by {by}: {message}"
        ));
    }
    lines.join("\n")
}

fn changed(all: &Value, name: &str, is_json: bool) -> String {
    let setting = settings_of(all).find(|setting| setting["name"] == name);
    let setting = setting.unwrap_or(&Value::Null);
    match is_json {
        true => setting.to_string(),
        false => line(setting),
    }
}

fn line(setting: &Value) -> String {
    let value = format!(
        "{} = {} {}",
        text(&setting["name"]),
        text(&setting["value"]),
        text(&setting["unit"])
    );
    let from = match setting["from"] == "live" {
        true => format!(
            "set by {} at {}, configured {}",
            text(&setting["changed_by"]),
            text(&setting["changed_at"]),
            text(&setting["default"])
        ),
        false => "as configured".to_owned(),
    };
    format!("{}  ({from})", value.trim_end())
}
