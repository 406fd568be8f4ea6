//! What a gateway has of the keys: it checks tokens and seals passwords, and can sign nothing.

use super::keys::{Secret, check_ids, place_of};
use super::{Keys, KeysError, NamedKey, PasswordSealer, TokenVerifier, private_file};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

const VERSION: u32 = 1;
const ROLE: &str = "gateway";

#[derive(Serialize, Deserialize)]
struct PublicKey {
    kid: String,
    /// An Ed25519 public key (RFC 8032 §5.1.5).
    #[serde(with = "hex::serde")]
    public: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct PasswordKey {
    id: String,
    key: Secret,
}

/// The contents of a gateway's keys file.
#[derive(Serialize, Deserialize)]
pub struct GatewayKeys {
    version: u32,
    role: String,
    token_keys: Vec<PublicKey>,
    password_keys: Vec<PasswordKey>,
}

impl fmt::Debug for GatewayKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<_> = self.token_keys.iter().map(|key| &key.kid).collect();
        let ids: Vec<_> = self.password_keys.iter().map(|key| &key.id).collect();
        f.debug_struct("GatewayKeys")
            .field("token_keys", &kids)
            .field("password_keys", &ids)
            .finish_non_exhaustive()
    }
}

impl GatewayKeys {
    pub(super) fn new(
        tokens: impl Iterator<Item = (String, VerifyingKey)>,
        passwords: impl Iterator<Item = (String, Secret)>,
    ) -> GatewayKeys {
        let tokens = tokens.map(|(kid, key)| PublicKey {
            kid,
            public: key.to_bytes(),
        });
        GatewayKeys {
            version: VERSION,
            role: ROLE.to_owned(),
            token_keys: tokens.collect(),
            password_keys: passwords.map(|(id, key)| PasswordKey { id, key }).collect(),
        }
    }

    /// Whether a keys file is a gateway's.
    pub(super) fn is_of_gateway(text: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Named {
            role: String,
        }
        serde_json::from_slice(text).is_ok_and(|named: Named| named.role == ROLE)
    }

    /// Reads a gateway's keys file; of a whole one it keeps no more than a gateway needs.
    pub fn load(path: &Path) -> Result<GatewayKeys, KeysError> {
        let text = private_file::read(path)?;
        let keys = match GatewayKeys::is_of_gateway(&text) {
            true => GatewayKeys::parse(&text),
            false => Keys::parse(&text).map(|keys| keys.for_gateway()),
        };
        keys.map_err(|problem| KeysError::Invalid {
            path: path.to_owned(),
            problem,
        })
    }

    fn parse(text: &[u8]) -> Result<GatewayKeys, String> {
        let keys: GatewayKeys = serde_json::from_slice(text).map_err(place_of)?;
        let kids: Vec<&str> = keys.token_keys.iter().map(|key| key.kid.as_str()).collect();
        let ids: Vec<&str> = keys
            .password_keys
            .iter()
            .map(|key| key.id.as_str())
            .collect();
        if keys.version != VERSION {
            return Err(format!(
                "`version` is {}, this program reads {VERSION}",
                keys.version
            ));
        }
        if kids.is_empty() || ids.is_empty() {
            return Err("`token_keys` or `password_keys` has no key".to_owned());
        }
        check_ids(&kids, &ids)?;
        if keys.verifying().any(|(_, key)| key.is_none()) {
            return Err("a key in `token_keys` is no Ed25519 public key".to_owned());
        }
        Ok(keys)
    }

    /// Makes the file, which only its owner can read, where there is none.
    pub fn create_file(&self, path: &Path) -> Result<(), KeysError> {
        private_file::create(path, self)
    }

    /// Checks tokens, under every key.
    pub fn verifier(&self) -> TokenVerifier {
        TokenVerifier::new(
            self.verifying()
                .filter_map(|(kid, key)| Some((kid.to_owned(), key?))),
        )
    }

    /// Seals passwords.
    pub fn passwords(&self) -> PasswordSealer {
        PasswordSealer::new(
            self.password_keys
                .iter()
                .map(|key| (key.id.as_str(), &key.key.0)),
        )
    }

    pub(super) fn token_keys_named(&self) -> impl Iterator<Item = NamedKey> {
        let keys = self.token_keys.iter();
        keys.map(|key| NamedKey::of_token_key(&key.kid, &key.public))
    }

    pub(super) fn password_keys_named(&self) -> impl Iterator<Item = NamedKey> {
        let keys = self.password_keys.iter();
        keys.map(|key| NamedKey::of_password_key(&key.id, &key.key.0))
    }

    fn verifying(&self) -> impl Iterator<Item = (&str, Option<VerifyingKey>)> {
        self.token_keys
            .iter()
            .map(|key| (key.kid.as_str(), VerifyingKey::from_bytes(&key.public).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Claims;
    use blazing_sun_domain::{Millis, UserId};
    use std::os::unix::fs::MetadataExt;

    const NOW: Millis = Millis(1_700_000_000_000);

    #[test]
    fn a_gateway_checks_and_seals_from_either_file_and_its_own_holds_no_other_secret() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, own) = (folder.path().join("keys"), folder.path().join("gateway"));
        let keys = Keys::create(&whole, NOW).unwrap();
        keys.for_gateway().create_file(&own).unwrap();
        assert_eq!(std::fs::metadata(&own).unwrap().mode() & 0o7777, 0o600);
        let claims = Claims::new(UserId::new(7).unwrap(), "Ann", &["player"], NOW, 900);
        let token = keys.signer().sign(&claims);
        for path in [&whole, &own] {
            let gateway = GatewayKeys::load(path).unwrap();
            assert_eq!(gateway.verifier().verify(&token, NOW), Ok(claims.clone()));
            let sealed = gateway.passwords().seal(b"open sesame", b"1").unwrap();
            let opened = keys.sealer().passwords().open(&sealed, b"1").unwrap();
            assert_eq!(**opened, *b"open sesame");
            let shown = format!("{gateway:?}");
            assert!(!shown.contains("\"key\""), "{shown}");
        }
        let text = std::fs::read_to_string(&own).unwrap();
        for secret in keys.secrets_for_testing() {
            assert!(!text.contains(&secret));
        }
    }

    #[test]
    fn a_backend_refuses_a_gateways_file_and_nobody_replaces_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let keys = Keys::generate(NOW).unwrap().for_gateway();
        keys.create_file(&path).unwrap();
        let error = Keys::load(&path).unwrap_err().to_string();
        assert!(error.contains("a gateway's"), "{error}");
        let again = keys.create_file(&path);
        assert!(matches!(again, Err(KeysError::Exists { .. })), "{again:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_file_is_an_error_that_quotes_nothing_of_it() {
        let keys = Keys::generate(NOW).unwrap().for_gateway();
        let good = serde_json::to_value(&keys).unwrap();
        let secret = good["password_keys"][0]["key"].as_str().unwrap().to_owned();
        let broken = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut value = good.clone();
            change(&mut value);
            let problem = GatewayKeys::parse(value.to_string().as_bytes()).unwrap_err();
            assert!(!problem.contains(&secret[..8]), "{problem}");
            problem
        };
        assert!(broken(&|keys| keys["version"] = 2.into()).contains("`version` is 2"));
        assert!(broken(&|keys| keys["token_keys"] = serde_json::json!([])).contains("no key"));
        assert!(broken(&|keys| keys["password_keys"][0]["id"] = "a.b".into()).contains("dot"));
        broken(&|keys| keys["token_keys"][0]["public"] = "00".into());
        broken(&|keys| keys["password_keys"][0]["key"] = secret[1..].into());
    }
}
