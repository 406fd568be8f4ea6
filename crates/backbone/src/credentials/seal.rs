//! Sealing with AES-256-GCM, and the cluster's keyed hash.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blazing_sun_domain::RoomId;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 12;

/// Separates the keys for passwords from those that they derive from.
const PASSWORDS: &[u8] = b"blazing-sun room passwords";

/// What a cluster's fingerprint is the MAC of.
const FINGERPRINT: &[u8] = b"blazing-sun cluster";

/// Keys by id; the first one seals. A sealed text is `<key id>.<base64url of nonce ‖ ciphertext ‖ tag>`.
#[derive(Clone)]
struct Ring(Arc<[(String, Aes256Gcm)]>);

/// Seals what is stored and none may read: a backend's alone.
#[derive(Clone)]
pub struct Sealer {
    secrets: Ring,
    passwords: PasswordSealer,
}

/// Seals the room passwords that travel on topics, under keys that derive from a [`Sealer`]'s and open nothing of
/// what it seals: a gateway has these alone.
#[derive(Clone)]
pub struct PasswordSealer(Ring);

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not a sealed text, or under a key that the keys file does not have.
    #[error("not a text sealed under a key of this deployment")]
    UnknownKey,
    /// Changed, or sealed for another place.
    #[error("the sealed text does not open")]
    Refused,
    /// The operating system gives no random bytes.
    #[error("no random bytes to seal with")]
    NoRandomness,
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(id, _)| id))
            .finish()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.secrets.fmt(f)
    }
}

impl fmt::Debug for PasswordSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Ring {
    fn new<'k>(keys: impl Iterator<Item = (&'k str, &'k [u8; 32])>) -> Ring {
        Ring(
            keys.map(|(id, key)| (id.to_owned(), Aes256Gcm::new(key.into())))
                .collect(),
        )
    }

    fn seal(&self, plain: &[u8], aad: &[u8]) -> Result<String, SealError> {
        let (id, key) = self.0.first().ok_or(SealError::UnknownKey)?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let sealed = key
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad })
            .map_err(|_| SealError::Refused)?;
        Ok(format!(
            "{id}.{}",
            URL_SAFE_NO_PAD.encode([&nonce, sealed.as_slice()].concat())
        ))
    }

    fn open(&self, sealed: &str, aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (id, text) = sealed.split_once('.').ok_or(SealError::UnknownKey)?;
        let (_, key) = self
            .0
            .iter()
            .find(|(found, _)| found == id)
            .ok_or(SealError::UnknownKey)?;
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| SealError::Refused)?;
        let (nonce, msg) = bytes
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(SealError::Refused)?;
        let plain = key.decrypt(&Nonce::from(*nonce), Payload { msg, aad });
        plain.map(Zeroizing::new).map_err(|_| SealError::Refused)
    }
}

impl Sealer {
    pub(super) fn new<'k>(keys: impl Iterator<Item = (&'k str, &'k [u8; 32])> + Clone) -> Sealer {
        let derived: Vec<_> = keys
            .clone()
            .map(|(id, key)| (id, password_key(key)))
            .collect();
        Sealer {
            secrets: Ring::new(keys),
            passwords: PasswordSealer::new(derived.iter().map(|(id, key)| (*id, &**key))),
        }
    }

    /// Seals `plain` under the newest key; it opens only with the same `aad`.
    pub fn seal(&self, plain: &[u8], aad: &[u8]) -> Result<String, SealError> {
        self.secrets.seal(plain, aad)
    }

    /// What was sealed.
    pub fn open(&self, sealed: &str, aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.secrets.open(sealed, aad)
    }

    /// For passwords.
    pub fn passwords(&self) -> &PasswordSealer {
        &self.passwords
    }
}

impl PasswordSealer {
    pub(super) fn new<'k>(keys: impl Iterator<Item = (&'k str, &'k [u8; 32])>) -> PasswordSealer {
        PasswordSealer(Ring::new(keys))
    }

    /// Seals a password under the newest key; it opens only with the same `aad`.
    pub fn seal(&self, password: &[u8], aad: &[u8]) -> Result<String, SealError> {
        self.0.seal(password, aad)
    }

    /// What was sealed.
    pub fn open(&self, sealed: &str, aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.0.open(sealed, aad)
    }
}

/// The key for passwords that derives from a sealing key: HMAC-SHA256 of a name under it.
pub(super) fn password_key(key: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let keyed = <Hmac<Sha256> as Mac>::new_from_slice(key);
    let mut mac = keyed.expect("HMAC takes a key of any length");
    mac.update(PASSWORDS);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// The cluster's keyed hash of room passwords.
#[derive(Clone)]
pub struct ClusterMac {
    keyed: Hmac<Sha256>,
}

impl fmt::Debug for ClusterMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterMac(…)")
    }
}

impl ClusterMac {
    pub(super) fn new(secret: &[u8; 32]) -> ClusterMac {
        let keyed = <Hmac<Sha256> as Mac>::new_from_slice(secret);
        ClusterMac {
            keyed: keyed.expect("HMAC takes a key of any length"),
        }
    }

    /// What tells this cluster's secret from another's, and says nothing of it. A password's MAC is over a text with a 0.
    pub fn fingerprint(&self) -> String {
        let mut mac = self.keyed.clone();
        mac.update(FINGERPRINT);
        hex::encode(&mac.finalize().into_bytes()[..16])
    }

    /// HMAC-SHA256(cluster secret, room_id ‖ 0 ‖ password).
    pub fn room_password(&self, room: &RoomId, password: &str) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(room.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(password.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Whether this is the password behind the MAC, in constant time.
    pub fn room_password_matches(&self, room: &RoomId, password: &str, mac: &[u8]) -> bool {
        self.room_password(room, password).ct_eq(mac).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Keys;
    use blazing_sun_domain::Millis;

    #[test]
    fn what_is_sealed_opens_only_whole_and_in_its_place() {
        let sealer = Keys::generate(Millis(0)).unwrap().sealer();
        let sealed = sealer.seal(b"open sesame", b"command 1").unwrap();
        assert!(!sealed.contains("sesame"));
        assert_eq!(
            **sealer.open(&sealed, b"command 1").unwrap(),
            *b"open sesame"
        );
        assert_eq!(sealer.open(&sealed, b"command 2"), Err(SealError::Refused));
        assert_ne!(
            sealed,
            sealer.seal(b"open sesame", b"command 1").unwrap(),
            "a fresh nonce"
        );
        for length in 0..sealed.len() {
            assert!(
                sealer.open(&sealed[..length], b"command 1").is_err(),
                "cut at {length}"
            );
        }
        let start = sealed.find('.').unwrap() + 1;
        for at in start..sealed.len() - 1 {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(
                sealer.open(&changed, b"command 1").is_err(),
                "changed at {at}"
            );
        }
        let other = Keys::generate(Millis(0)).unwrap().sealer();
        assert_eq!(
            other.open(&sealed, b"command 1"),
            Err(SealError::UnknownKey)
        );
    }

    #[test]
    fn who_seals_passwords_opens_no_other_secret() {
        let sealer = Keys::generate(Millis(0)).unwrap().sealer();
        let (secret, passwords) = (sealer.seal(b"seed", b"room").unwrap(), sealer.passwords());
        assert_eq!(passwords.open(&secret, b"room"), Err(SealError::Refused));
        let password = passwords.seal(b"open sesame", b"command 1").unwrap();
        assert_eq!(
            **passwords.open(&password, b"command 1").unwrap(),
            *b"open sesame"
        );
        assert_eq!(
            sealer.open(&password, b"command 1"),
            Err(SealError::Refused)
        );
        // Checked against Python's hmac.new(bytes([7]*32), b"blazing-sun room passwords", "sha256").
        assert_eq!(
            hex::encode(*password_key(&[7; 32])),
            "53530c6d2c0f6af111721c6c622380acd4757ab320ae19c6b829e67a6ebe0b48"
        );
    }

    #[test]
    fn an_empty_password_seals_too() {
        let sealer = Keys::generate(Millis(0)).unwrap().sealer();
        let sealed = sealer.seal(b"", b"").unwrap();
        assert!(sealer.open(&sealed, b"").unwrap().is_empty());
    }

    #[test]
    fn a_password_is_bound_to_its_room_and_cluster() {
        let mac = ClusterMac::new(&[7; 32]);
        // Checked against Python's hmac.new(bytes([7]*32), b"blazing-sun cluster", "sha256").
        assert_eq!(mac.fingerprint(), "439ab67426fbc90b34fb8738b21b1e8f");
        assert_ne!(mac.fingerprint(), ClusterMac::new(&[8; 32]).fingerprint());
        let (room, other): (RoomId, RoomId) = ("a".parse().unwrap(), "ab".parse().unwrap());
        let stored = mac.room_password(&room, "bc");
        // Checked against Python's hmac.new(bytes([7]*32), b"a\0bc", "sha256").
        assert_eq!(
            hex::encode(stored),
            "c595f7a419a1266490503903f06aedadb2355a7b469481bee9231a776b498046"
        );
        assert!(mac.room_password_matches(&room, "bc", &stored));
        assert!(!mac.room_password_matches(&room, "bd", &stored));
        assert!(!mac.room_password_matches(&other, "c", &stored));
        assert!(!mac.room_password_matches(&room, "bc", &stored[..31]));
        assert!(!ClusterMac::new(&[8; 32]).room_password_matches(&room, "bc", &stored));
    }

    #[test]
    fn debug_shows_no_secret() {
        let keys = Keys::generate(Millis(0)).unwrap();
        let shown = format!(
            "{keys:?} {:?} {:?} {:?} {:?}",
            keys.sealer(),
            keys.cluster_mac(),
            keys.signer(),
            keys.verifier(),
        );
        for secret in keys.secrets_for_testing() {
            assert!(!shown.contains(&secret));
        }
        assert!(shown.contains("ClusterMac(…)"));
    }
}
