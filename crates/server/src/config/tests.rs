use super::*;
use std::io::Write;

fn from_environment(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = variables
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    Sources {
        environment: environment.collect(),
        ..Sources::default()
    }
    .load()
}

fn from_file(text: &str) -> Result<Config, ConfigError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Sources {
        file: Some(file.path().to_owned()),
        ..Sources::default()
    }
    .load()
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(
        file,
        "[server]\nlisten = '127.0.0.1:1'\ndata_dir = '/a'\n[log]\nretention_days = 3\n"
    )
    .unwrap();
    let mut sources = Sources {
        file: Some(file.path().to_owned()),
        ..Sources::default()
    };
    assert_eq!(sources.load().unwrap().server.listen.port(), 1);
    sources.environment = vec![
        ("BLAZING_SUN_SERVER__LISTEN".into(), "127.0.0.1:2".into()),
        ("BLAZING_SUN_SERVER__DATA_DIR".into(), "/b".into()),
        ("BLAZING_SUN_TOOLS".into(), "/tools".into()),
        ("HOME".into(), "/".into()),
    ];
    assert_eq!(sources.load().unwrap().server.listen.port(), 2);
    sources.flags = vec![Flag::new("--listen", "server.listen", "127.0.0.1:3")];
    let config = sources.load().unwrap();
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.server.data_dir, PathBuf::from("/b"));
    assert_eq!((config.log.retention_days, config.log.partitions), (3, 12));
}

#[test]
fn environment_variables_reach_every_kind_of_value() {
    let config = from_environment(&[
        ("BLAZING_SUN_KEYS", "/run/keys"),
        (
            "BLAZING_SUN_GATEWAY__ALLOWED_ORIGINS",
            r#"["https://play.example"]"#,
        ),
        ("BLAZING_SUN_GATEWAY__LIMITS__USER__BURST", "7"),
        ("BLAZING_SUN_ACCOUNTS__ALLOW_GUESTS", "false"),
        ("BLAZING_SUN_GAMES__BIGGER_DICE__ENTRY_FEE_CENTS", "500"),
        ("BLAZING_SUN_TELEMETRY__FORMAT", "json"),
    ])
    .unwrap();
    assert_eq!(config.keys, Some("/run/keys".into()));
    assert_eq!(config.gateway.allowed_origins, ["https://play.example"]);
    assert_eq!(
        config.gateway.limits.user,
        Rate {
            per_second: 30,
            burst: 7
        }
    );
    assert_eq!(config.accounts.allow_guests, Some(false));
    assert_eq!(config.games["bigger_dice"].entry_fee_cents, Some(500));
    assert_eq!(config.telemetry.format, Format::Json);
}

#[test]
fn a_bad_value_names_its_key_what_it_got_and_what_it_takes() {
    for (variable, value, parts) in [
        (
            "SERVER__LISTEN",
            "nowhere",
            ["`server.listen`", "ADDRESS:PORT", "\"nowhere\""],
        ),
        (
            "MONEY",
            "EUR",
            ["`money`", "three lower-case letters", "\"EUR\""],
        ),
        (
            "DEPOSITS__MAX_CENTS",
            "99",
            ["`deposits.max_cents`", "deposits.min_cents to", "got 99"],
        ),
        (
            "DEPOSITS__DAY_CENTS",
            "-1",
            ["`deposits.day_cents`", "0 to 100000000", "got -1"],
        ),
        // What the checkout would refuse, it is not started with.
        (
            "PAYMENTS__PAGE_OPEN_MINUTES",
            "39",
            ["`payments.page_open_minutes`", "40 to 1380", "got 39"],
        ),
        (
            "PAYMENTS__PAGE_OPEN_MINUTES",
            "1381",
            ["`payments.page_open_minutes`", "40 to 1380", "got 1381"],
        ),
        (
            "LOG__PARTITIONS",
            "0",
            ["`log.partitions`", "1 to 1024", "got 0"],
        ),
        (
            "LOG__PARTITIONS",
            "many",
            ["`log.partitions`", "1 to 1024", "\"many\""],
        ),
        (
            "LOG__RETENTION_DAYS",
            "-1",
            ["`log.retention_days`", "1 to 3650", "-1"],
        ),
        (
            "GATEWAY__LIMITS__USER__BURST",
            "0",
            ["`gateway.limits.user.burst`", "above 0", "got 0"],
        ),
        (
            "GATEWAY__ALLOWED_ORIGINS",
            "[1]",
            ["`gateway.allowed_origins`", "list of origins", "[1]"],
        ),
        (
            "GATEWAY__ALLOWED_ORIGINS",
            r#"["*"]"#,
            ["`gateway.allowed_origins`", "list of origins", "[\"*\"]"],
        ),
        (
            "GATEWAY__TRUSTED_PROXIES",
            r#"["ten"]"#,
            ["`gateway.trusted_proxies`", "addresses", "[\"ten\"]"],
        ),
        (
            "ACCOUNTS__ALLOW_GUESTS",
            "perhaps",
            ["`accounts.allow_guests`", "true or false", "\"perhaps\""],
        ),
        (
            "GAMES__BIGGER_DICE__PRIZE_PERCENT",
            "101",
            ["`games.bigger_dice.prize_percent`", "0 to 100", "101"],
        ),
        (
            "TELEMETRY__FORMAT",
            "loud",
            ["`telemetry.format`", "auto, human or json", "\"loud\""],
        ),
        (
            "GATEWAY__ALLOWED_ORIGINS",
            &"[".repeat(100_000),
            ["`gateway.allowed_origins`", "list of origins", "[[["],
        ),
        (
            "TELEMETRY__FILTER",
            "a=b=c",
            ["`telemetry.filter`", "a filter", "\"a=b=c\""],
        ),
        (
            "TELEMETRY__OTLP_ENDPOINT",
            "https://collector.example",
            [
                "`telemetry.otlp_endpoint`",
                "http://HOST:PORT",
                "https://collector.example",
            ],
        ),
        (
            "TELEMETRY__TRACE_RATIO",
            "1.5",
            ["`telemetry.trace_ratio`", "0.0 to 1.0", "got 1.5"],
        ),
        (
            "TELEMETRY__METRICS_LISTEN",
            "9464",
            ["`telemetry.metrics_listen`", "ADDRESS:PORT", "9464"],
        ),
    ] {
        let variable = format!("BLAZING_SUN_{variable}");
        let error = from_environment(&[(&variable, value)])
            .unwrap_err()
            .to_string();
        for part in parts.iter().chain([&variable.as_str()]) {
            assert!(error.contains(part), "{error} lacks {part}");
        }
    }
}

#[test]
fn every_key_says_what_it_takes() {
    for key in KEYS.iter().filter(|key| !sources::is_text(key.name)) {
        let name = key
            .name
            .replace("<game>", "bigger_dice")
            .replace("<name>", "bigger_dice");
        let variable = format!("BLAZING_SUN_{}", name.replace('.', "__").to_uppercase());
        // No key takes a table.
        let error = from_environment(&[(&variable, "{a=1}")]);
        let error = match error {
            Err(error @ ConfigError::UnknownKey { .. }) => {
                assert!(error.to_string().contains(&variable), "{error}");
                continue;
            }
            other => other.unwrap_err().to_string(),
        };
        for part in [&format!("`{name}` takes {}", key.takes), "got", &variable] {
            assert!(error.contains(part), "{error} lacks {part}");
        }
    }
}

#[test]
fn an_unknown_key_is_an_error_that_suggests_the_nearest() {
    let error = from_file("[log]\nretention_day = 3\n")
        .unwrap_err()
        .to_string();
    assert!(error.contains("`log.retention_day`"), "{error}");
    assert!(
        error.contains("did you mean `log.retention_days`?"),
        "{error}"
    );
    let error = from_environment(&[("BLAZING_SUN_LISTEN", "127.0.0.1:1")])
        .unwrap_err()
        .to_string();
    assert!(error.contains("BLAZING_SUN_LISTEN"), "{error}");
    assert!(error.contains("did you mean `server.listen`?"), "{error}");
    let deep = format!("BLAZING_SUN_A{}", "__A".repeat(40_000));
    let error = from_environment(&[(&deep, "1")]).unwrap_err();
    assert!(matches!(error, ConfigError::UnknownKey { .. }));
    assert!(error.to_string().len() < 1_000);
    let error = from_file("zebra = 1").unwrap_err().to_string();
    assert!(
        error.contains("`zebra`") && !error.contains("mean"),
        "{error}"
    );
    for section in [
        "server = 1",
        "games = 2",
        "[games]\nbigger_dice = 3",
        "[games.bigger_dice.x]\ny = 1",
    ] {
        assert!(
            matches!(from_file(section), Err(ConfigError::UnknownKey { .. })),
            "{section}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let error = Sources {
        file: Some("/no/such/file".into()),
        ..Sources::default()
    }
    .load();
    assert!(matches!(error, Err(ConfigError::Unreadable { .. })));
    assert!(matches!(
        from_file("[server"),
        Err(ConfigError::NotToml { .. })
    ));
}

fn of_environment(variables: &[(&str, &str)]) -> Sources {
    let environment = variables
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    Sources {
        environment: environment.collect(),
        ..Sources::default()
    }
}

mod payments;

#[test]
fn kafka_and_the_database_belong_together_and_what_is_missing_is_named() {
    const KAFKA: (&str, &str) = ("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092");
    const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://u:hidden@db/sun");
    const KEYS: (&str, &str) = ("BLAZING_SUN_KEYS", "/run/keys");
    use Role::{Backend, Gateway, Serve};
    for (role, variables, expected) in [
        (Serve, &[][..], Ok(Mode::Embedded)),
        (Serve, &[KEYS][..], Ok(Mode::Embedded)),
        (Serve, &[KAFKA, DATABASE, KEYS][..], Ok(Mode::Distributed)),
        (Backend, &[KAFKA, DATABASE, KEYS][..], Ok(Mode::Distributed)),
        (Gateway, &[KAFKA, KEYS][..], Ok(Mode::Distributed)),
        (Gateway, &[KAFKA, DATABASE, KEYS][..], Ok(Mode::Distributed)),
        (
            Serve,
            &[KAFKA, KEYS][..],
            Err("DATABASE_URL (`database.url`) is missing"),
        ),
        (
            Backend,
            &[KAFKA, KEYS][..],
            Err("DATABASE_URL (`database.url`) is missing"),
        ),
        (
            Serve,
            &[DATABASE, KEYS][..],
            Err("KAFKA_BOOTSTRAP_SERVERS (`kafka."),
        ),
        (
            Backend,
            &[DATABASE, KEYS][..],
            Err("KAFKA_BOOTSTRAP_SERVERS (`kafka."),
        ),
        (
            Backend,
            &[KEYS][..],
            Err("KAFKA_BOOTSTRAP_SERVERS (`kafka."),
        ),
        (
            Gateway,
            &[KEYS][..],
            Err("KAFKA_BOOTSTRAP_SERVERS (`kafka."),
        ),
        (
            Gateway,
            &[DATABASE, KEYS][..],
            Err("KAFKA_BOOTSTRAP_SERVERS (`kafka."),
        ),
        (
            Gateway,
            &[KAFKA][..],
            Err("BLAZING_SUN_KEYS (`keys`) is missing"),
        ),
        (
            Serve,
            &[KAFKA, DATABASE][..],
            Err("BLAZING_SUN_KEYS (`keys`) is missing"),
        ),
        // Set to nothing is not set.
        (
            Serve,
            &[("DATABASE_URL", ""), ("KAFKA_HOST", "")][..],
            Ok(Mode::Embedded),
        ),
    ] {
        let outcome = of_environment(variables).load_for(role);
        match (outcome, expected) {
            (Ok((_, mode)), Ok(expected)) => assert_eq!(mode, expected, "{role:?} {variables:?}"),
            (Err(error), Err(expected)) => {
                let error = error.to_string();
                assert!(error.starts_with(expected), "{role:?}: {error}");
                assert!(!error.contains("hidden"), "{error}");
            }
            (outcome, expected) => panic!("{role:?} {variables:?}: {outcome:?}, not {expected:?}"),
        }
    }
}

#[test]
fn brokers_are_named_as_the_contract_has_it() {
    let servers = |variables: &[(&str, &str)]| {
        let config = from_environment(variables).unwrap();
        config.kafka.bootstrap_servers
    };
    for (variables, expected) in [
        (
            &[("KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2"), ("KAFKA_HOST", "c")][..],
            "a:1,b:2",
        ),
        (
            &[("KAFKA_HOST", "kafka"), ("KAFKA_PORT", "9093")][..],
            "kafka:9093",
        ),
        (&[("KAFKA_HOST", "kafka")][..], "kafka:9092"),
        (&[("KAFKA_HOST", "::1"), ("KAFKA_PORT", "1")][..], "[::1]:1"),
        (
            &[
                ("KAFKA_HOST", "a"),
                ("BLAZING_SUN_KAFKA__BOOTSTRAP_SERVERS", "b:1"),
            ][..],
            "b:1",
        ),
    ] {
        assert_eq!(
            servers(variables).as_deref(),
            Some(expected),
            "{variables:?}"
        );
    }
    let error = from_environment(&[("KAFKA_PORT", "9092")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "KAFKA_HOST is missing: KAFKA_PORT is set"
    );
    let error = from_environment(&[("KAFKA_HOST", "kafka"), ("KAFKA_PORT", "many")]);
    let error = error.unwrap_err().to_string();
    for part in [
        "kafka.bootstrap_servers",
        "HOST:PORT",
        "kafka:many",
        "KAFKA_HOST",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn what_belongs_together_is_asked_for_and_no_secret_is_quoted() {
    for (text, expected) in [
        ("[kafka.tls]\nca = '/ca'", "`kafka.tls.enabled` is missing"),
        (
            "[kafka.tls]\nenabled = true\ncert = '/c'",
            "`kafka.tls.key` is missing",
        ),
        (
            "[kafka.tls]\nenabled = true\nkey = '/k'",
            "`kafka.tls.cert` is missing",
        ),
        (
            "[kafka.sasl]\npassword = 'hidden'",
            "`kafka.sasl.mechanism` is missing",
        ),
        (
            "[kafka.sasl]\nmechanism = 'PLAIN'",
            "`kafka.sasl.user` is missing",
        ),
        (
            "[kafka.sasl]\nmechanism = 'PLAIN'\nuser = 'u'",
            "`kafka.sasl.password_file` is missing",
        ),
        (
            "[kafka.sasl]\nmechanism = 'GSSAPI'",
            "`kafka.sasl.mechanism` takes PLAIN",
        ),
        (
            "[kafka.sasl]\npassword = 7",
            "`kafka.sasl.password` takes a text, got a value",
        ),
        (
            "[database]\nurl = 'host=db password=hidden'",
            "`database.url` takes postgres://",
        ),
        (
            "database = 'postgres://u:hidden@db'",
            "unknown configuration key `database`",
        ),
        (
            "[database]\nurl = 'postgres://u:hidden@db/sun' oops",
            "the configuration file",
        ),
    ] {
        let error = format!("{:#}", anyhow::Error::from(from_file(text).unwrap_err()));
        assert!(error.starts_with(expected), "{text}: {error}");
        assert!(!error.contains("hidden"), "{error}");
    }
    let shown = from_file(
        "[kafka.sasl]\nmechanism='PLAIN'\nuser='u'\npassword='hidden'\n[database]\nurl='postgres://u:hidden@db'",
    );
    let shown = format!("{:?}", shown.unwrap());
    assert!(!shown.contains("hidden"), "{shown}");
}

#[test]
fn the_table_has_each_key_with_its_default() {
    let defaults = Value::serialize(Config::default()).unwrap();
    let mut known = leaves(&defaults, "");
    for key in KEYS.iter().filter(|key| !key.name.contains('<')) {
        let at = known.iter().position(|known| known == key.name);
        known.remove(at.unwrap_or_else(|| panic!("{} is in no section", key.name)));
        let value = defaults.find_ref(key.name).unwrap();
        let text = shown(value).trim_matches('"').to_owned();
        // What is not set has its default in words.
        if text != "null" {
            assert_eq!(text, key.default, "{}", key.name);
        }
    }
    assert!(known.is_empty(), "not in the table: {known:?}");
}

#[test]
fn generated_configuration_documentation_is_up_to_date() {
    const BEGIN: &str = "<!-- keys: made by `make generated` -->\n";
    const END: &str = "<!-- end of keys -->\n";
    let wanted = format!("\n{}\n", keys::table());
    blazing_sun_harness::generated::section("docs/configuration.md", BEGIN, END, &wanted);
}

#[cfg(not(feature = "failpoints"))]
#[test]
fn an_ordinary_build_knows_of_no_planted_fault() {
    for name in ["FAILPOINT", "FAULT", "POISON"] {
        let variable = format!("BLAZING_SUN_{name}");
        let error = from_environment(&[(&variable, "K1")]).unwrap_err();
        let key = name.to_lowercase();
        let expected = format!("unknown configuration key `{key}` in the environment variable");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}
