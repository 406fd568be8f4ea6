//! Which keys and kinds of money go together.

use super::*;

const LIVE: (&str, &str) = ("STRIPE_SECRET_KEY", "sk_live_hidden");
const RESTRICTED: (&str, &str) = ("STRIPE_SECRET_KEY", "rk_live_hidden");
const TEST: (&str, &str) = ("STRIPE_SECRET_KEY", "sk_test_hidden");
const HOOK: (&str, &str) = ("STRIPE_WEBHOOK_SECRET", "whsec_hidden,whsec_too");
const EUR: (&str, &str) = ("BLAZING_SUN_MONEY", "eur");
const GUESTS: (&str, &str) = ("BLAZING_SUN_ACCOUNTS__ALLOW_GUESTS", "true");
const BANK: (&str, &str) = ("BLAZING_SUN_PAYMENTS__PROVIDER", "test_bank");
const STRIPE: (&str, &str) = ("BLAZING_SUN_PAYMENTS__PROVIDER", "stripe");
const NOBODY: (&str, &str) = ("BLAZING_SUN_PAYMENTS__PROVIDER", "none");
const KAFKA: (&str, &str) = ("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092");
const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://u:hidden@db/sun");
const OWN: (&str, &str) = ("CHECKOUT_DATABASE_URL", "postgres://u:hidden@db/checkout");
const KEYS: (&str, &str) = ("BLAZING_SUN_KEYS", "/run/keys");
const API: (&str, &str) = ("STRIPE_API_URL", "http://127.0.0.1:2");
const AT: (&str, &str) = ("BLAZING_SUN_PAYMENTS__TEST_BANK_URL", "http://127.0.0.1:1");

#[test]
fn keys_and_money_go_together_or_the_start_is_refused() {
    use PaymentProvider::{None, Stripe, TestBank};
    use Role::{Backend, Checkout, Serve};
    type Expected = Result<PaymentProvider, &'static str>;
    let cases: [(Role, &[(&str, &str)], Expected); 31] = [
        (Serve, &[], Ok(TestBank)),
        (Serve, &[NOBODY], Ok(None)),
        (Serve, &[TEST, HOOK], Ok(Stripe)),
        (Serve, &[TEST, HOOK, API], Ok(Stripe)),
        (Serve, &[EUR, LIVE, HOOK], Ok(Stripe)),
        (
            Serve,
            &[EUR, LIVE, HOOK, API],
            Err(
                "is a live key, and STRIPE_API_URL (`payments.api_url`) is set: a live key goes to Stripe alone",
            ),
        ),
        (
            Serve,
            &[API],
            Err("STRIPE_API_URL (`payments.api_url`) is for a test key of Stripe's"),
        ),
        (
            Checkout,
            &[KAFKA, OWN, TEST, HOOK, BANK, AT, API],
            Err("STRIPE_API_URL (`payments.api_url`) is for a test key of Stripe's"),
        ),
        (Serve, &[EUR, RESTRICTED, HOOK], Ok(Stripe)),
        (Serve, &[EUR, NOBODY], Ok(None)),
        (
            Serve,
            &[LIVE, HOOK],
            Err("is a live key, and the deployment plays for demo money"),
        ),
        (
            Serve,
            &[RESTRICTED, HOOK],
            Err("is a live key, and the deployment plays for demo money"),
        ),
        (
            Serve,
            &[LIVE, HOOK, BANK],
            Err("is a live key, and `payments.provider` is test_bank"),
        ),
        (Serve, &[LIVE, NOBODY], Err("is a live key")),
        (
            Serve,
            &[EUR, LIVE, HOOK, GUESTS],
            Err("`accounts.allow_guests` is true, and `money` is eur"),
        ),
        (
            Serve,
            &[EUR, NOBODY, GUESTS],
            Err("`accounts.allow_guests` is true"),
        ),
        (
            Serve,
            &[EUR, BANK],
            Err("`payments.provider` is test_bank, and `money` is eur"),
        ),
        (
            Serve,
            &[EUR, TEST, HOOK],
            Err("is a test key, and `money` is eur"),
        ),
        (
            Serve,
            &[EUR],
            Err("STRIPE_SECRET_KEY (`payments.secret_key`) is missing"),
        ),
        (
            Serve,
            &[STRIPE],
            Err("STRIPE_SECRET_KEY (`payments.secret_key`) is missing"),
        ),
        (
            Serve,
            &[TEST],
            Err("STRIPE_WEBHOOK_SECRET (`payments.webhook_secrets`) is missing"),
        ),
        (
            Serve,
            &[("STRIPE_SECRET_KEY", "pk_test_hidden"), HOOK],
            Err("is no secret key of the provider's"),
        ),
        // Others of a cluster know that there is a checkout, and none of its keys.
        (Backend, &[KAFKA, DATABASE, KEYS, EUR, STRIPE], Ok(Stripe)),
        (Backend, &[KAFKA, DATABASE, KEYS], Ok(None)),
        (
            Backend,
            &[KAFKA, DATABASE, KEYS, LIVE],
            Err("is a live key"),
        ),
        (Checkout, &[KAFKA, OWN, EUR, LIVE, HOOK], Ok(Stripe)),
        (Checkout, &[KAFKA, OWN, TEST, HOOK, BANK, AT], Ok(TestBank)),
        (
            Checkout,
            &[KAFKA, OWN, TEST, HOOK, BANK],
            Err("`payments.test_bank_url` is missing"),
        ),
        (
            Checkout,
            &[KAFKA, OWN],
            Err("`payments.provider` is missing"),
        ),
        (
            Checkout,
            &[KAFKA, TEST, HOOK],
            Err("CHECKOUT_DATABASE_URL (`payments.database_url`) is missing"),
        ),
        (
            Checkout,
            &[OWN, TEST, HOOK],
            Err("KAFKA_BOOTSTRAP_SERVERS (`kafka.bootstrap_servers`) is missing"),
        ),
    ];
    for (role, variables, expected) in cases {
        let sources = of_environment(variables);
        let loaded = sources.load_for(role);
        let listed = in_force::settings(&sources, role).map(|_| ());
        match expected {
            Ok(provider) => {
                let (config, _) = loaded.unwrap_or_else(|error| panic!("{variables:?}: {error}"));
                assert_eq!(config.payments.provider, Some(provider), "{variables:?}");
                assert_eq!(
                    config.deposits.enabled,
                    Some(provider != None),
                    "{variables:?}"
                );
                assert!(!format!("{config:?}").contains("hidden"));
                listed.unwrap();
            }
            Err(expected) => {
                let error = loaded.unwrap_err().to_string();
                assert!(error.contains(expected), "{variables:?}: {error}");
                assert!(!error.contains("hidden"), "{error}");
                assert_eq!(listed.unwrap_err().to_string(), error);
            }
        }
    }
}

#[test]
fn a_test_bank_is_taken_by_itself_only_where_its_pages_can_be_opened() {
    for (name, value) in [
        ("BLAZING_SUN_SERVER__LISTEN", "0.0.0.0:8080"),
        ("BLAZING_SUN_SERVER__PUBLIC_URL", "https://play.example"),
        ("BLAZING_SUN_GATEWAY__TRUSTED_PROXIES", r#"["127.0.0.1"]"#),
    ] {
        let (config, _) = of_environment(&[(name, value)])
            .load_for(Role::Serve)
            .unwrap();
        assert_eq!(
            config.payments.provider,
            Some(PaymentProvider::None),
            "{name}"
        );
    }
    let beyond = [("BLAZING_SUN_SERVER__LISTEN", "0.0.0.0:8080"), TEST, HOOK];
    let error = of_environment(&beyond)
        .load_for(Role::Serve)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("`server.public_url` is missing"),
        "{error}"
    );
}

#[test]
fn what_a_payer_pays_by_is_shown_to_nobody() {
    let sources = of_environment(&[KAFKA, OWN, TEST, HOOK]);
    let shown = in_force::settings(&sources, Role::Checkout).unwrap();
    let shown = in_force::table(&shown);
    assert!(
        !shown.contains("hidden") && !shown.contains("whsec"),
        "{shown}"
    );
    assert!(shown.contains("postgres://u:***@db/checkout"), "{shown}");
    for (variable, value) in [
        ("BLAZING_SUN_PAYMENTS__DATABASE_URL", "mysql://hidden"),
        ("BLAZING_SUN_PAYMENTS__TEST_BANK_URL", "http://bank.example"),
        (
            "BLAZING_SUN_PAYMENTS__API_URL",
            "https://api.stripe.example",
        ),
        ("BLAZING_SUN_PAYMENTS__TEST_BANK_LISTEN", "0.0.0.0:1"),
        ("BLAZING_SUN_PAYMENTS__PAGE_OPEN_MINUTES", "29"),
        ("BLAZING_SUN_PAYMENTS__PRODUCT_NAME", ""),
        ("BLAZING_SUN_PAYMENTS__PROVIDER", "paypal"),
    ] {
        let error = from_environment(&[(variable, value)])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("takes ") && !error.contains("hidden"),
            "{error}"
        );
    }
}
