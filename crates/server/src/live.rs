//! Settings that operators change without a restart: which there are, and how this process takes them.

use crate::config::{self, Config};
use crate::telemetry;
use blazing_sun_backbone::live::{LiveSet, maintenance_record};
use blazing_sun_backend::api::{ATTEMPTS, GUESTS};
use blazing_sun_backend::live::{Live, fee_setting, prize_setting};
use blazing_sun_console::{Kind, KnownSetting};
use blazing_sun_domain::Games;
use blazing_sun_gateway::{Control, Rate, Rates};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

const FILTER: &str = "telemetry.filter";
const COUNT_MAX: i64 = u32::MAX as i64;
const FEE_MAX: i64 = 100_000_000;

/// All that can be changed in a deployment that is configured so.
pub fn known(config: &Config, games: &Games) -> Vec<KnownSetting> {
    let filter = KnownSetting {
        name: FILTER.to_owned(),
        kind: Kind::Text {
            is_one: telemetry::is_filter,
            takes: "a filter of log lines, e.g. info,blazing_sun_gateway=debug",
        },
        unit: "",
        default: config.telemetry.filter.clone().into(),
    };
    let count =
        |name: String, unit, default: u32| whole(name, unit, (1, COUNT_MAX), default.into());
    let accounts = &config.accounts;
    let mut known = vec![
        filter,
        count(GUESTS.to_owned(), "an hour", accounts.guests_per_hour.get()),
        count(
            ATTEMPTS.to_owned(),
            "a quarter of an hour",
            accounts.attempts_per_quarter_hour.get(),
        ),
    ];
    let limits = &config.gateway.limits;
    for (of, rate) in [
        ("connection", limits.connection),
        ("user", limits.user),
        ("address", limits.address),
    ] {
        known.push(count(
            rate_setting(of, "per_second"),
            "messages a second",
            rate.per_second,
        ));
        known.push(count(
            rate_setting(of, "burst"),
            "messages at once",
            rate.burst,
        ));
    }
    for game in games.iter().filter(|game| !game.spec.open_table) {
        let own = config.games.get(game.name);
        let fee = own.and_then(|own| own.entry_fee_cents);
        let fee = fee.unwrap_or(game.entry_fee.0);
        let prize = own.and_then(|own| own.prize_percent);
        let prize = prize.unwrap_or(game.prize_percent);
        known.push(whole(fee_setting(game.name), "cents", (0, FEE_MAX), fee));
        known.push(whole(
            prize_setting(game.name),
            "percent",
            (0, 100),
            prize.into(),
        ));
    }
    known
}

fn whole(
    name: String,
    unit: &'static str,
    (least, most): (i64, i64),
    default: i64,
) -> KnownSetting {
    KnownSetting {
        name,
        kind: Kind::Whole { least, most },
        unit,
        default: Value::from(default),
    }
}

fn rate_setting(of: &str, what: &str) -> String {
    format!("gateway.limits.{of}.{what}")
}

/// Takes what operators have set. Clones are the same one.
#[derive(Clone)]
pub struct Applier(Arc<Inner>);

struct Inner {
    config: Config,
    live: Live,
    gateway: Option<Control>,
    taken: Mutex<Taken>,
}

/// What was applied last.
#[derive(Default)]
struct Taken {
    /// None: nothing yet, and decisions may be made by the newest already.
    revision: Option<i64>,
    /// The filter of log lines that an operator has set.
    filter: Option<String>,
}

impl Applier {
    /// Of a process with this configuration, and this gateway if it has one.
    pub fn new(config: &Config, live: Live, gateway: Option<Control>) -> Applier {
        Applier(Arc::new(Inner {
            config: config.clone(),
            live,
            gateway,
            taken: Mutex::default(),
        }))
    }

    /// Takes them, unless something newer was heard.
    pub fn apply(&self, set: LiveSet) {
        let Inner {
            config,
            live,
            gateway,
            taken,
        } = &*self.0;
        // Held, so that what is heard last is applied last.
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        live.set(set);
        let set = live.get();
        if taken.revision.is_some_and(|taken| taken >= set.revision) {
            return;
        }
        taken.revision = Some(set.revision);
        let wanted: Option<String> = set.get(FILTER);
        if taken.filter != wanted {
            let changed = match &wanted {
                Some(wanted) => telemetry::set_filter(wanted),
                None => telemetry::reset_filter(&config.telemetry),
            };
            match changed {
                Ok(()) => tracing::info!(filter = wanted, "log lines are filtered anew"),
                Err(error) => tracing::warn!(%error, "the filter of log lines stays as it is"),
            }
            taken.filter = wanted;
        }
        if let Some(gateway) = gateway {
            gateway.set_rates(&rates(config, &set));
            let news = set.maintenance();
            let news = news.map(|announced| maintenance_record(&announced, false));
            gateway.set_news(news.as_ref().map(|record| &*record.payload));
        }
    }
}

fn rates(config: &Config, set: &LiveSet) -> Rates {
    let rate = |of: &str, usual: config::Rate| Rate {
        per_second: set
            .get(&rate_setting(of, "per_second"))
            .unwrap_or(usual.per_second),
        burst: set.get(&rate_setting(of, "burst")).unwrap_or(usual.burst),
    };
    let limits = &config.gateway.limits;
    Rates {
        connection: rate("connection", limits.connection),
        user: rate("user", limits.user),
        address: rate("address", limits.address),
    }
}

/// A value as it is written on the command line: JSON, or a text.
pub fn value_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    #[test]
    fn settings_are_called_as_in_the_configuration() {
        let games = blazing_sun_domain::games::built_in();
        for setting in known(&Config::default(), &games) {
            assert!(keys::find(&setting.name).is_some(), "{}", setting.name);
        }
    }

    #[test]
    fn a_value_is_json_or_a_text() {
        assert_eq!(value_of("5"), json!(5));
        assert_eq!(value_of("info,x=debug"), json!("info,x=debug"));
    }
}
