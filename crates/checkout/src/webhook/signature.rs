//! Whether a webhook comes from who knows the secret: the header `Stripe-Signature` over the body's bytes, as
//! <https://docs.stripe.com/webhooks/signature> describes it.

use crate::secret::Secret;
use blazing_sun_domain::Millis;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// The header's name.
pub const HEADER: &str = "stripe-signature";

/// How far a signature's time may lie from now, either way, where nothing else is said.
pub const TOLERANCE_S: u64 = 300;

/// How long a header may be, and how many signatures it may have: more have no use but to be costly.
const HEADER_BYTES_MAX: usize = 4096;
const SIGNATURES_MAX: usize = 16;

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No header.
    #[error("there is no signature")]
    Missing,
    /// Not `t=<seconds>,v1=<hex>,…`.
    #[error("the signature has another form than `t=<seconds>,v1=<hex>`")]
    Malformed,
    /// None of the signatures is made with one of the secrets.
    #[error("no signature is made with an active secret over this body")]
    Forged,
    /// Rightly signed, too long ago or in the future.
    #[error("the signature is {seconds} s from this server's time, {tolerance_s} s are allowed")]
    Stale {
        /// Below 0: in the future.
        seconds: i64,
        /// As configured.
        tolerance_s: u64,
    },
}

/// A header's parts.
#[derive(Debug, PartialEq, Eq)]
struct Signed<'a> {
    /// As it stands there: it is what was signed.
    timestamp: &'a str,
    seconds: i64,
    signatures: Vec<[u8; 32]>,
}

/// Whether one of the header's `v1` signatures is made with one of the secrets, and lately.
pub fn verify(
    header: Option<&[u8]>,
    body: &[u8],
    secrets: &[Secret],
    now: Millis,
    tolerance_s: u64,
) -> Result<(), SignatureError> {
    let signed = parse(header.ok_or(SignatureError::Missing)?)?;
    let mut matches = Choice::from(0);
    for secret in secrets {
        let expected = mac(secret, signed.timestamp, body);
        for signature in &signed.signatures {
            matches |= expected.ct_eq(signature);
        }
    }
    if !bool::from(matches) {
        return Err(SignatureError::Forged);
    }
    let seconds = now.0.div_euclid(1000).saturating_sub(signed.seconds);
    match seconds.unsigned_abs() <= tolerance_s {
        true => Ok(()),
        false => Err(SignatureError::Stale {
            seconds,
            tolerance_s,
        }),
    }
}

/// The header for this body, signed with each of the secrets at this time.
pub fn header(secrets: &[Secret], body: &[u8], at: Millis) -> String {
    let timestamp = at.0.div_euclid(1000).to_string();
    let signatures = secrets
        .iter()
        .map(|secret| format!(",v1={}", hex::encode(mac(secret, &timestamp, body))));
    signatures.fold(format!("t={timestamp}"), |header, signature| {
        header + &signature
    })
}

fn mac(secret: &Secret, timestamp: &str, body: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

fn parse(header: &[u8]) -> Result<Signed<'_>, SignatureError> {
    let malformed = || SignatureError::Malformed;
    if header.len() > HEADER_BYTES_MAX {
        return Err(malformed());
    }
    let header = std::str::from_utf8(header).map_err(|_| malformed())?;
    let (mut timestamp, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        let (name, value) = part.split_once('=').ok_or_else(malformed)?;
        match name {
            "t" if timestamp.replace(value).is_some() => return Err(malformed()),
            "v1" => {
                let mut signature = [0; 32];
                hex::decode_to_slice(value, &mut signature).map_err(|_| malformed())?;
                signatures.push(signature);
            }
            // Other schemes, `v0` among them, prove nothing.
            _ => {}
        }
    }
    let timestamp = timestamp.ok_or_else(malformed)?;
    let is_number =
        (1..=18).contains(&timestamp.len()) && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || !(1..=SIGNATURES_MAX).contains(&signatures.len()) {
        return Err(malformed());
    }
    Ok(Signed {
        timestamp,
        seconds: timestamp.parse().map_err(|_| malformed())?,
        signatures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Millis = Millis(1_700_000_000_500);
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|text| Secret::new(*text)).collect()
    }

    fn check(header: &str, body: &[u8], texts: &[&str]) -> Result<(), SignatureError> {
        verify(
            Some(header.as_bytes()),
            body,
            &secrets(texts),
            NOW,
            TOLERANCE_S,
        )
    }

    #[test]
    fn a_signature_is_the_one_that_openssl_makes() {
        // printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_a
        let hex = "97ea69f91fd566038386bacf87292eb0d73a8207414ee62ed313d49996fe0639";
        let expected = format!("t=1700000000,v1={hex}");
        assert_eq!(header(&secrets(&["whsec_a"]), BODY, NOW), expected);
        assert_eq!(check(&expected, BODY, &["whsec_a"]), Ok(()));
    }

    #[test]
    fn any_signature_with_any_active_secret_will_do() {
        let both = header(&secrets(&["whsec_old", "whsec_new"]), BODY, NOW);
        for active in [
            &["whsec_old"][..],
            &["whsec_new"],
            &["whsec_x", "whsec_new"],
        ] {
            assert_eq!(check(&both, BODY, active), Ok(()), "{active:?}");
        }
        assert_eq!(
            check(&both, BODY, &["whsec_x"]),
            Err(SignatureError::Forged)
        );
        assert_eq!(check(&both, BODY, &[]), Err(SignatureError::Forged));
        let with_others = format!("{both},v0=zz,v2=1");
        assert_eq!(check(&with_others, BODY, &["whsec_new"]), Ok(()));
    }

    #[test]
    fn another_body_or_time_is_forged() {
        let header = header(&secrets(&["whsec_a"]), BODY, NOW);
        let forged = Err(SignatureError::Forged);
        assert_eq!(check(&header, br#"{"id":"evt_2"}"#, &["whsec_a"]), forged);
        assert_eq!(check(&header, b"", &["whsec_a"]), forged);
        let later = header.replace("t=1700000000", "t=1700000001");
        assert_eq!(check(&later, BODY, &["whsec_a"]), forged);
        // The same number, written otherwise, was not signed.
        let padded = header.replace("t=1700000000", "t=01700000000");
        assert_eq!(check(&padded, BODY, &["whsec_a"]), forged);
        assert_eq!(
            verify(None, BODY, &secrets(&["whsec_a"]), NOW, TOLERANCE_S),
            Err(SignatureError::Missing)
        );
    }

    #[test]
    fn five_minutes_either_way_are_allowed() {
        for (seconds, is_taken) in [
            (0, true),
            (300, true),
            (301, false),
            (-300, true),
            (-301, false),
        ] {
            let header = header(&secrets(&["whsec_a"]), BODY, Millis(NOW.0 - seconds * 1000));
            let expected = match is_taken {
                true => Ok(()),
                false => Err(SignatureError::Stale {
                    seconds,
                    tolerance_s: 300,
                }),
            };
            assert_eq!(check(&header, BODY, &["whsec_a"]), expected, "{seconds}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        let good = header(&secrets(&["whsec_a"]), BODY, NOW);
        let (_, v1) = good.split_once(',').unwrap();
        let many = format!(
            "t=1700000000{}",
            format!(",{v1}").repeat(SIGNATURES_MAX + 1)
        );
        let long = format!("{good},v0={}", "a".repeat(HEADER_BYTES_MAX));
        for bad in [
            "",
            ",",
            "t=1700000000",
            v1,
            &format!("t=,{v1}"),
            &format!("t=-1,{v1}"),
            &format!("t=+1700000000,{v1}"),
            &format!("t= 1700000000,{v1}"),
            &format!("t=1700000000,t=1700000000,{v1}"),
            &format!("t=99999999999999999999,{v1}"),
            "t=1700000000,v1=",
            "t=1700000000,v1=abc",
            "t=1700000000,v1=zz",
            &format!("{good}ff"),
            &format!("{good},"),
            &many,
            &long,
        ] {
            assert_eq!(
                check(bad, BODY, &["whsec_a"]),
                Err(SignatureError::Malformed),
                "{bad:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_header_does_harm(header: Vec<u8>, body: Vec<u8>) {
            let outcome = verify(Some(&header), &body, &secrets(&["whsec_a"]), NOW, TOLERANCE_S);
            prop_assert!(outcome.is_err());
        }

        #[test]
        fn nearly_right_headers_are_read_or_refused(
            parts in proptest::collection::vec("(t|v1|v0|)(=|)[0-9a-f+, -]{0,70}", 0..6),
        ) {
            let header = parts.join(",");
            let outcome = check(&header, BODY, &["whsec_a"]);
            prop_assert!(matches!(outcome, Err(SignatureError::Malformed | SignatureError::Forged)));
        }

        #[test]
        fn what_is_signed_is_taken_and_every_flipped_bit_is_not(
            body in proptest::collection::vec(any::<u8>(), 1..200),
            at: prop::sample::Index,
            bit in 0..8u32,
        ) {
            let header = header(&secrets(&["whsec_a"]), &body, NOW);
            prop_assert_eq!(check(&header, &body, &["whsec_a"]), Ok(()));
            let mut flipped = body.clone();
            flipped[at.index(body.len())] ^= 1u8 << bit;
            prop_assert_eq!(check(&header, &flipped, &["whsec_a"]), Err(SignatureError::Forged));
        }
    }
}
