//! Certificates that are named by the configuration: whether they can be read, and for how long they hold.

use super::Examination;
use crate::config::Config;
use std::path::Path;
use std::time::{Duration, SystemTime};
use x509_cert::Certificate;
use x509_cert::time::Validity;

const SOON: Duration = Duration::from_secs(14 * 86_400);

pub(super) fn examine(config: &Config, examination: &mut Examination) {
    let tls = &config.kafka.tls;
    let named = [
        ("kafka.tls.ca", &tls.ca, Purpose::Trust),
        ("kafka.tls.cert", &tls.cert, Purpose::Identity),
        ("database.ca", &config.database.ca, Purpose::Trust),
    ];
    let named: Vec<_> = named
        .into_iter()
        .filter_map(|(key, path, purpose)| Some((key, path.as_deref()?, purpose)))
        .collect();
    if named.is_empty() {
        return;
    }
    examination.look("certificates");
    for (key, path, purpose) in named {
        if let Err(problem) = check(path, purpose) {
            let shown = path.display();
            examination.find(
                format!("`{key}` {shown}: {problem}"),
                format!("put a certificate that holds to {shown}, and start the processes that read it again"),
            );
        }
    }
}

/// What a file of certificates is for.
#[derive(Clone, Copy)]
enum Purpose {
    /// Shown to others, with its chain: each of them has to hold.
    Identity,
    /// Those that are trusted: which of them is used, others choose, and old ones are kept beside new ones.
    Trust,
}

fn check(path: &Path, purpose: Purpose) -> Result<(), String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let certificates = Certificate::load_pem_chain(&text)
        .map_err(|error| format!("it is no certificate ({error})"))?;
    let validities = certificates
        .iter()
        .map(|certificate| certificate.tbs_certificate.validity);
    check_all(validities, purpose, SystemTime::now())
}

fn check_all(
    validities: impl Iterator<Item = Validity>,
    purpose: Purpose,
    now: SystemTime,
) -> Result<(), String> {
    let checked: Vec<_> = validities.map(|it| (it, holds(&it, now))).collect();
    let count = checked.len();
    let last = checked
        .iter()
        .max_by_key(|(it, _)| it.not_after.to_system_time());
    let (_, of_last) = last.ok_or("there is no certificate in it")?;
    match purpose {
        Purpose::Identity => checked.iter().try_for_each(|(_, holds)| holds.clone()),
        Purpose::Trust if checked.iter().any(|(_, holds)| holds.is_ok()) => Ok(()),
        Purpose::Trust if count == 1 => of_last.clone(),
        Purpose::Trust => of_last
            .clone()
            .map_err(|why| format!("of the last of its {count} certificates: {why}")),
    }
}

fn holds(validity: &Validity, now: SystemTime) -> Result<(), String> {
    let (from, until) = (validity.not_before, validity.not_after);
    if until.to_system_time() <= now {
        return Err(format!("it has expired at {until}"));
    }
    if until.to_system_time() <= now + SOON {
        return Err(format!("it expires at {until}"));
    }
    if from.to_system_time() > now {
        return Err(format!(
            "it holds from {from} on alone, or this machine's clock is wrong"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_cert::time::Time;

    const DAY: u64 = 86_400;

    fn at(day: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(day * DAY)
    }

    /// What is said on day 100 of certificates that hold over these days.
    fn told(purpose: Purpose, days: &[(u64, u64)]) -> String {
        let validities = days.iter().map(|(from, until)| Validity {
            not_before: Time::try_from(at(*from)).unwrap(),
            not_after: Time::try_from(at(*until)).unwrap(),
        });
        match check_all(validities, purpose, at(100)) {
            Ok(()) => "well".to_owned(),
            Err(why) => why,
        }
    }

    #[test]
    fn of_those_that_are_trusted_one_has_to_hold_and_of_those_that_are_shown_all() {
        let (holds, expired, soon, later) = ((0, 200), (0, 90), (0, 110), (101, 300));
        for bad in [expired, soon, later] {
            let both = [bad, holds];
            assert_eq!(told(Purpose::Trust, &both), "well", "{bad:?}");
            assert!(told(Purpose::Identity, &both).starts_with("it "), "{bad:?}");
            assert!(told(Purpose::Trust, &[bad]).starts_with("it "), "{bad:?}");
        }
        let none = told(Purpose::Trust, &[expired, soon]);
        assert!(
            none.contains("of its 2 certificates: it expires at"),
            "{none}"
        );
        assert!(told(Purpose::Trust, &[]).contains("no certificate"));
    }
}
