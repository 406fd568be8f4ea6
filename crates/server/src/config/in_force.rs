//! `blazing-sun config`: every key in force with its value and where that came from. What may be a secret
//! is masked.

use super::deployment::without_password;
use super::{ConfigError, Role, Sources, checked, leaves, wrong_type};
use figment::{Provider, Source};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

const MASKED: &str = "***";
/// A key whose last part has one of these in it holds a secret.
const SECRET: [&str; 4] = ["secret", "password", "token_key", "credential"];

/// One key in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// Dotted.
    pub key: String,
    /// As it is used; null where nothing is set.
    pub value: Value,
    /// Which kind of place it came from.
    pub source: SettingSource,
    /// The file, variable or flag; none for a default.
    pub from: Option<String>,
}

/// The kinds of places where a key can be set, in the order in which a later one goes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingSource {
    /// Nobody has set it.
    Default,
    /// The TOML file.
    File,
    /// An environment variable.
    Environment,
    /// The command line.
    Flag,
}

impl SettingSource {
    fn as_str(self) -> &'static str {
        match self {
            SettingSource::Default => "default",
            SettingSource::File => "file",
            SettingSource::Environment => "environment",
            SettingSource::Flag => "flag",
        }
    }
}

/// Every key in force, in the order of their names. What the role would refuse is refused.
pub fn settings(sources: &Sources, role: Role) -> Result<Vec<Setting>, ConfigError> {
    let figment = sources.figment()?;
    let config = checked(&figment)?;
    let mode = config.mode(role)?;
    config.check_payments(role, mode)?;
    let profiles = figment
        .data()
        .map_err(|error| wrong_type(&figment, &error))?;
    let mut names: Vec<String> = profiles
        .into_values()
        .flat_map(|section| leaves(&section.into(), ""))
        .collect();
    names.sort();
    names.dedup();
    let default_keys = config.server.data_dir.join("keys");
    let settings = names.into_iter().map(|key| {
        let found = figment.find_value(&key).ok();
        let mut value = found.map_or(Value::Null, |value| {
            serde_json::to_value(value).unwrap_or_default()
        });
        if key == "keys" && value.is_null() {
            value = default_keys.to_string_lossy().into();
        }
        value = shown_of(&key, value);
        let (source, from) = source_of(&figment, &key);
        Setting {
            key,
            value,
            source,
            from,
        }
    });
    Ok(settings.collect())
}

fn shown_of(key: &str, value: Value) -> Value {
    match &value {
        Value::Null => value,
        Value::String(url)
            if ["database.url", "mail.smtp_url", "payments.database_url"].contains(&key) =>
        {
            without_password(url).into()
        }
        _ if may_be_secret(key, &value) => MASKED.into(),
        _ => value,
    }
}

/// The keys themselves may have been given where their file's path belongs.
fn may_be_secret(key: &str, value: &Value) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    let is_no_path = |text: &str| !Path::new(text).exists() && !text.ends_with("keys");
    (SECRET.iter().any(|secret| last.contains(secret)) && !last.ends_with("_file"))
        || (key == "keys" && value.as_str().is_some_and(is_no_path))
}

fn source_of(figment: &figment::Figment, key: &str) -> (SettingSource, Option<String>) {
    let Some(metadata) = figment.find_metadata(key) else {
        return (SettingSource::Default, None);
    };
    match &metadata.source {
        Some(Source::File(path)) => (SettingSource::File, Some(path.display().to_string())),
        // Of all providers the one of the defaults alone is code.
        Some(Source::Code(_)) => (SettingSource::Default, None),
        _ => match metadata.name.strip_prefix("the environment variable ") {
            Some(variable) => (SettingSource::Environment, Some(variable.to_owned())),
            None => (SettingSource::Flag, Some(metadata.name.to_string())),
        },
    }
}

/// As lines for people: key, value, source.
pub fn table(settings: &[Setting]) -> String {
    let values: Vec<String> = settings.iter().map(|it| text_of(&it.value)).collect();
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let keys = width(&mut settings.iter().map(|it| it.key.chars().count()));
    let wide = width(&mut values.iter().map(|it| it.chars().count())).min(40);
    let lines = settings.iter().zip(&values).map(|(setting, value)| {
        let source = setting.source.as_str();
        let from = setting.from.as_ref();
        let from = from.map_or_else(String::new, |from| format!(": {from}"));
        format!("{:keys$}  {value:wide$}  {source}{from}", setting.key)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Flag;
    use super::*;

    fn of(sources: &Sources, key: &str) -> Setting {
        let all = settings(sources, Role::Serve).unwrap();
        let found = all.iter().find(|setting| setting.key == key);
        found
            .unwrap_or_else(|| panic!("no {key}: {all:#?}"))
            .clone()
    }

    #[test]
    fn each_key_says_where_it_came_from() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sun.toml");
        std::fs::write(&file, "[log]\nretention_days = 9\npartitions = 5\n").unwrap();
        let sources = Sources {
            file: Some(file.clone()),
            environment: vec![
                ("BLAZING_SUN_LOG__PARTITIONS".to_owned(), "6".to_owned()),
                (
                    "BLAZING_SUN_SERVER__LISTEN".to_owned(),
                    "127.0.0.1:1".to_owned(),
                ),
                (
                    "BLAZING_SUN_GAMES__BIGGER_DICE__PRIZE_PERCENT".to_owned(),
                    "70".to_owned(),
                ),
            ],
            flags: vec![Flag::new("--listen", "server.listen", "127.0.0.1:2")],
        };
        let check = |key: &str, value: Value, source, from: Option<&str>| {
            let setting = of(&sources, key);
            assert_eq!(
                (setting.value, setting.source, setting.from.as_deref()),
                (value, source, from)
            );
        };
        check(
            "log.retention_days",
            9.into(),
            SettingSource::File,
            file.to_str(),
        );
        let variable = Some("BLAZING_SUN_LOG__PARTITIONS");
        check(
            "log.partitions",
            6.into(),
            SettingSource::Environment,
            variable,
        );
        check(
            "server.listen",
            "127.0.0.1:2".into(),
            SettingSource::Flag,
            Some("--listen"),
        );
        check(
            "gateway.silence_max_s",
            20.into(),
            SettingSource::Default,
            None,
        );
        check("keys", "./data/keys".into(), SettingSource::Default, None);
        let variable = Some("BLAZING_SUN_GAMES__BIGGER_DICE__PRIZE_PERCENT");
        check(
            "games.bigger_dice.prize_percent",
            70.into(),
            SettingSource::Environment,
            variable,
        );
        let printed = table(&settings(&sources, Role::Serve).unwrap());
        assert!(
            printed.contains("environment: BLAZING_SUN_LOG__PARTITIONS"),
            "{printed}"
        );
    }

    #[test]
    fn every_key_of_the_table_is_there() {
        let all = settings(&Sources::default(), Role::Serve).unwrap();
        for key in super::super::KEYS
            .iter()
            .filter(|key| !key.name.contains('<'))
        {
            assert!(
                all.iter().any(|setting| setting.key == key.name),
                "{}",
                key.name
            );
        }
    }

    #[test]
    fn what_may_be_a_secret_is_masked() {
        let given = |value: &str| Sources {
            environment: vec![("BLAZING_SUN_KEYS".to_owned(), value.to_owned())],
            ..Sources::default()
        };
        let pasted = given("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
        assert_eq!(of(&pasted, "keys").value, MASKED);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        assert_eq!(of(&given(path), "keys").value, path);
        let mut distributed = given(path);
        for (name, value) in [
            ("DATABASE_URL", "postgres://sun:hidden@db/sun"),
            ("KAFKA_HOST", "kafka"),
            ("BLAZING_SUN_KAFKA__SASL__MECHANISM", "PLAIN"),
            ("BLAZING_SUN_KAFKA__SASL__USER", "7"),
            ("BLAZING_SUN_KAFKA__SASL__PASSWORD", "123"),
        ] {
            distributed
                .environment
                .push((name.to_owned(), value.to_owned()));
        }
        assert_eq!(of(&distributed, "kafka.sasl.password").value, MASKED);
        let url = of(&distributed, "database.url");
        assert_eq!(url.value, "postgres://sun:***@db/sun");
        assert_eq!(url.from.as_deref(), Some("DATABASE_URL"));
        let servers = of(&distributed, "kafka.bootstrap_servers");
        assert_eq!(servers.value, "kafka:9092");
        assert!(may_be_secret("stripe.webhook_secret", &Value::Null));
        assert!(!may_be_secret("accounts.access_token_minutes", &15.into()));
    }
}
