//! Certificates that are named by the configuration: whether they can be read, and for how long they hold.

use super::Examination;
use crate::config::Config;
use std::path::Path;
use std::time::{Duration, SystemTime};
use x509_cert::Certificate;

const SOON: Duration = Duration::from_secs(14 * 86_400);

pub(super) fn examine(config: &Config, examination: &mut Examination) {
    let tls = &config.kafka.tls;
    let named = [
        ("kafka.tls.ca", &tls.ca),
        ("kafka.tls.cert", &tls.cert),
        ("database.ca", &config.database.ca),
    ];
    let named: Vec<_> = named
        .into_iter()
        .filter_map(|(key, path)| Some((key, path.as_deref()?)))
        .collect();
    if named.is_empty() {
        return;
    }
    examination.look("certificates");
    for (key, path) in named {
        if let Err(problem) = check(path) {
            let shown = path.display();
            examination.find(
                format!("`{key}` {shown}: {problem}"),
                format!("put a certificate that holds to {shown}, and start the processes that read it again"),
            );
        }
    }
}

fn check(path: &Path) -> Result<(), String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let certificates = Certificate::load_pem_chain(&text)
        .map_err(|error| format!("it is no certificate ({error})"))?;
    if certificates.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    let now = SystemTime::now();
    for certificate in certificates {
        let validity = certificate.tbs_certificate.validity;
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
    }
    Ok(())
}
