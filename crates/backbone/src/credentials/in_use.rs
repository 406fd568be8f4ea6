//! Which keys backends work with, by fingerprints that say nothing of them, and what a gateway's keys lack of these.

use super::GatewayKeys;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const TOKEN_KEY: &[u8] = b"blazing-sun token key";
const PASSWORD_KEY: &[u8] = b"blazing-sun password key";
const FINGERPRINT_BYTES: usize = 16;

/// A key, named without showing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NamedKey {
    /// As in the keys file.
    pub id: String,
    /// Of the key.
    pub fingerprint: String,
}

/// Which keys a backend uses. Of several the last one counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct KeysInUse {
    /// Signs access tokens.
    pub token_key: NamedKey,
    /// Open room passwords.
    pub password_keys: Vec<NamedKey>,
}

/// Why a gateway's keys are of no use beside backends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtherKeys {
    /// Every player would be refused.
    #[error("it can not check access tokens, which backends sign under the key `{0}`")]
    Tokens(String),
    /// No room with a password could be made or entered.
    #[error("it seals room passwords under the key `{0}`, with which backends open none")]
    Passwords(String),
}

impl NamedKey {
    pub(super) fn of_token_key(id: &str, public: &[u8; 32]) -> NamedKey {
        let digest = Sha256::new().chain_update(TOKEN_KEY).chain_update(public);
        NamedKey::new(id, &digest.finalize())
    }

    pub(super) fn of_password_key(id: &str, key: &[u8; 32]) -> NamedKey {
        let keyed = <Hmac<Sha256> as Mac>::new_from_slice(key);
        let mut mac = keyed.expect("HMAC takes a key of any length");
        mac.update(PASSWORD_KEY);
        NamedKey::new(id, &mac.finalize().into_bytes())
    }

    fn new(id: &str, digest: &[u8]) -> NamedKey {
        NamedKey {
            id: id.to_owned(),
            fingerprint: hex::encode(&digest[..FINGERPRINT_BYTES]),
        }
    }
}

impl GatewayKeys {
    /// Whether players can be served with these beside backends that use those.
    pub fn check(&self, in_use: &KeysInUse) -> Result<(), OtherKeys> {
        if !self.token_keys_named().any(|key| key == in_use.token_key) {
            return Err(OtherKeys::Tokens(in_use.token_key.id.clone()));
        }
        match self.password_keys_named().next() {
            Some(seals) if !in_use.password_keys.contains(&seals) => {
                Err(OtherKeys::Passwords(seals.id))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Keys;
    use blazing_sun_domain::Millis;

    #[test]
    fn a_gateways_keys_are_held_against_those_that_backends_use() {
        let keys = Keys::generate(Millis(0)).unwrap();
        let other = Keys::generate(Millis(0)).unwrap();
        let (gateway, in_use) = (keys.for_gateway(), keys.in_use());
        assert_eq!(gateway.check(&in_use), Ok(()));
        let refused = other.for_gateway().check(&in_use).unwrap_err();
        assert_eq!(refused, OtherKeys::Tokens(in_use.token_key.id.clone()));
        // The same id is not the same key.
        let mut renamed = other.in_use();
        renamed.token_key.id.clone_from(&in_use.token_key.id);
        assert!(matches!(gateway.check(&renamed), Err(OtherKeys::Tokens(_))));
        let mixed = KeysInUse {
            token_key: in_use.token_key.clone(),
            password_keys: other.in_use().password_keys,
        };
        let seals = in_use.password_keys[0].id.clone();
        assert_eq!(gateway.check(&mixed), Err(OtherKeys::Passwords(seals)));
    }

    #[test]
    fn fingerprints_stay_as_they_are_and_show_no_key() {
        // Checked against Python's hashlib.sha256(b"blazing-sun token key" + bytes([7]*32)), and its
        // hmac.new(bytes([7]*32), b"blazing-sun password key", "sha256").
        let token = NamedKey::of_token_key("t", &[7; 32]);
        assert_eq!(token.fingerprint, "c3b45501d0fef6886889da02fb34ebdb");
        let password = NamedKey::of_password_key("p", &[7; 32]);
        assert_eq!(password.fingerprint, "2e7033cd6c91791165c4ef41cc5e9a71");
        let keys = Keys::generate(Millis(0)).unwrap();
        let told = serde_json::to_string(&keys.in_use()).unwrap();
        for secret in keys.secrets_for_testing() {
            assert!(!told.contains(&secret));
        }
    }
}
