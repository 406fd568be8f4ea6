//! The keys file: the one home of secrets, readable by its owner alone.

use super::gateway_keys::GatewayKeys;
use super::jwks::{JsonWebKey, JsonWebKeySet};
use super::private_file;
use super::seal::password_key;
use super::{ClusterMac, KeysInUse, Sealer, TokenSigner, TokenVerifier};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use blazing_sun_domain::Millis;
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const VERSION: u32 = 1;

/// 32 secret bytes, as base64 in the file.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Secret(pub(super) [u8; 32]);

impl Secret {
    fn random() -> Result<Secret, KeysError> {
        let mut secret = Secret([0; 32]);
        getrandom::fill(&mut secret.0).map_err(|_| KeysError::NoRandomness)?;
        Ok(secret)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(self.0)))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = STANDARD.decode(text.as_bytes()).map(Zeroizing::new);
        let bytes = bytes
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        bytes
            .map(Secret)
            .ok_or_else(|| serde::de::Error::custom("a key is 32 bytes in base64"))
    }
}

#[derive(Serialize, Deserialize)]
struct TokenKey {
    kid: String,
    /// An Ed25519 seed (RFC 8032 §5.1.5).
    seed: Secret,
    created_at: Millis,
    /// Checks what it signed, signs no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    retired: bool,
}

#[derive(Serialize, Deserialize)]
struct SealingKey {
    id: String,
    key: Secret,
}

/// The contents of the keys file. In each list the first key that is not retired makes new tokens and
/// seals; the others still check and open.
#[derive(Serialize, Deserialize)]
pub struct Keys {
    version: u32,
    token_keys: Vec<TokenKey>,
    cluster_secret: Secret,
    sealing_keys: Vec<SealingKey>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field(
                "token_keys",
                &self
                    .token_keys
                    .iter()
                    .map(|key| &key.kid)
                    .collect::<Vec<_>>(),
            )
            .field(
                "sealing_keys",
                &self
                    .sealing_keys
                    .iter()
                    .map(|key| &key.id)
                    .collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}

/// Why the keys can not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file can not be read or written.
    #[error("the keys file `{}` can not be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than the owner may read or write the file.
    #[error(
        "the keys file `{}` has mode {mode:04o}: others than its owner can get at it; run `chmod 600 {}`",
        path.display(), path.display()
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is a file already, and keys that are in use must not be lost.
    #[error("there is a file `{}` already, and it is left as it is", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Not a keys file.
    #[error("the keys file `{}` is not valid: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, without any of its contents.
        problem: String,
    },
    /// The operating system gives no random bytes.
    #[error("no random bytes to make keys from")]
    NoRandomness,
}

impl Keys {
    /// Fresh keys.
    pub fn generate(now: Millis) -> Result<Keys, KeysError> {
        let id = |prefix: &str| -> Result<String, KeysError> {
            let mut bytes = [0; 6];
            getrandom::fill(&mut bytes).map_err(|_| KeysError::NoRandomness)?;
            Ok(format!("{prefix}{}", hex::encode(bytes)))
        };
        Ok(Keys {
            version: VERSION,
            token_keys: vec![TokenKey {
                kid: id("t-")?,
                seed: Secret::random()?,
                created_at: now,
                retired: false,
            }],
            cluster_secret: Secret::random()?,
            sealing_keys: vec![SealingKey {
                id: id("s-")?,
                key: Secret::random()?,
            }],
        })
    }

    /// Reads the keys file. One that others than its owner can read or write is refused.
    pub fn load(path: &Path) -> Result<Keys, KeysError> {
        let text = private_file::read(path)?;
        Keys::parse(&text).map_err(|problem| KeysError::Invalid {
            path: path.to_owned(),
            problem,
        })
    }

    pub(crate) fn parse(text: &[u8]) -> Result<Keys, String> {
        if GatewayKeys::is_of_gateway(text) {
            let problem = "it is a gateway's, with which nothing can be signed or decided; name the whole one";
            return Err(problem.to_owned());
        }
        let keys: Keys = serde_json::from_slice(text).map_err(place_of)?;
        let kids: Vec<&str> = keys.token_keys.iter().map(|key| key.kid.as_str()).collect();
        let sealing: Vec<&str> = keys
            .sealing_keys
            .iter()
            .map(|key| key.id.as_str())
            .collect();
        if keys.version != VERSION {
            Err(format!(
                "`version` is {}, this program reads {VERSION}",
                keys.version
            ))
        } else if keys.token_keys.iter().all(|key| key.retired) {
            Err("`token_keys` has no key that is not retired".to_owned())
        } else if sealing.is_empty() {
            Err("`sealing_keys` has no key".to_owned())
        } else {
            check_ids(&kids, &sealing)?;
            Ok(keys)
        }
    }

    /// Reads the keys file; where there is none, makes one that only its owner can read. Of several
    /// that start at once one makes it and all read the same.
    pub fn load_or_create(path: &Path, now: Millis) -> Result<Keys, KeysError> {
        match Keys::load(path) {
            Err(KeysError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => (),
            outcome => return outcome,
        }
        match Keys::create(path, now) {
            Err(KeysError::Exists { .. }) => (),
            outcome => return outcome,
        }
        Keys::load(path)
    }

    /// Makes a keys file that only its owner can read, where there is none.
    pub fn create(path: &Path, now: Millis) -> Result<Keys, KeysError> {
        let keys = Keys::generate(now)?;
        private_file::create(path, &keys)?;
        Ok(keys)
    }

    /// What a gateway needs of them.
    pub fn for_gateway(&self) -> GatewayKeys {
        let tokens = self.token_keys.iter().map(|key| {
            let signing = SigningKey::from_bytes(&key.seed.0);
            (key.kid.clone(), signing.verifying_key())
        });
        let passwords = self.sealing_keys.iter().map(|key| {
            let derived = password_key(&key.key.0);
            (key.id.clone(), Secret(*derived))
        });
        GatewayKeys::new(tokens, passwords)
    }

    /// What gateways' keys are held against.
    pub fn in_use(&self) -> KeysInUse {
        let signs = self.token_keys.iter().position(|key| !key.retired);
        let gateway = self.for_gateway();
        let token_key = gateway.token_keys_named().nth(signs.unwrap_or(0));
        KeysInUse {
            token_key: token_key.expect("no keys are made or read without one"),
            password_keys: gateway.password_keys_named().collect(),
        }
    }

    /// Checks tokens, under every key.
    pub fn verifier(&self) -> TokenVerifier {
        TokenVerifier::new(self.token_keys.iter().map(|key| {
            (
                key.kid.clone(),
                SigningKey::from_bytes(&key.seed.0).verifying_key(),
            )
        }))
    }

    /// Makes tokens, under the first key that is not retired.
    pub fn signer(&self) -> TokenSigner {
        let current = self.token_keys.iter().find(|key| !key.retired);
        let key = current.expect("no keys are made or read without one");
        TokenSigner::new(&key.kid, SigningKey::from_bytes(&key.seed.0))
    }

    /// Seals and opens.
    pub fn sealer(&self) -> Sealer {
        Sealer::new(
            self.sealing_keys
                .iter()
                .map(|key| (key.id.as_str(), &key.key.0)),
        )
    }

    /// Hashes room passwords.
    pub fn cluster_mac(&self) -> ClusterMac {
        ClusterMac::new(&self.cluster_secret.0)
    }

    /// The public keys as a JSON Web Key Set (RFC 7517, RFC 8037).
    pub fn jwks(&self) -> JsonWebKeySet {
        let public = |key: &TokenKey| {
            let public = SigningKey::from_bytes(&key.seed.0).verifying_key();
            JsonWebKey::of(&key.kid, &URL_SAFE_NO_PAD.encode(public.as_bytes()))
        };
        JsonWebKeySet {
            keys: self.token_keys.iter().map(public).collect(),
        }
    }

    #[cfg(test)]
    pub(super) fn secrets_for_testing(&self) -> Vec<String> {
        let token_keys = self.token_keys.iter().map(|key| &key.seed);
        let sealing_keys = self.sealing_keys.iter().map(|key| &key.key);
        let all = token_keys.chain(sealing_keys).chain([&self.cluster_secret]);
        all.flat_map(|secret| {
            [
                STANDARD.encode(secret.0),
                hex::encode(secret.0),
                format!("{:?}", secret.0),
            ]
        })
        .collect()
    }
}

/// Where a keys file is not as it should be: serde_json quotes what it did not expect, and that may be a secret.
pub(super) fn place_of(error: serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!("a field is missing or not as it should be, at line {line} column {column}")
}

/// Ids are there once, and a sealing key's has no dot.
pub(super) fn check_ids(token_keys: &[&str], sealing_keys: &[&str]) -> Result<(), String> {
    let is_repeated = |ids: &[&str]| (1..ids.len()).any(|at| ids[..at].contains(&ids[at]));
    if is_repeated(token_keys) || is_repeated(sealing_keys) {
        Err("a key id is there twice".to_owned())
    } else if sealing_keys
        .iter()
        .any(|id| id.is_empty() || id.contains('.'))
    {
        Err("an id of a sealing key is empty or has a dot".to_owned())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Claims;
    use blazing_sun_domain::UserId;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    const NOW: Millis = Millis(1_700_000_000_000);

    fn claims() -> Claims {
        Claims::new(UserId::new(7).unwrap(), "Ann", &["player"], NOW, 900)
    }

    fn problem(text: &str) -> String {
        Keys::parse(text.as_bytes()).expect_err("not valid")
    }

    #[test]
    fn a_missing_file_is_made_for_its_owner_alone_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let token = Keys::load_or_create(&path, NOW)
            .unwrap()
            .signer()
            .sign(&claims());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
        let again = Keys::load_or_create(&path, NOW.plus(1)).unwrap();
        assert_eq!(again.verifier().verify(&token, NOW), Ok(claims()));
        assert_eq!(Keys::load(&path).unwrap().jwks(), again.jwks());
    }

    #[test]
    fn many_that_start_at_once_have_the_same_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let all: Vec<_> = std::thread::scope(|scope| {
            let start = || scope.spawn(|| Keys::load_or_create(&path, NOW).unwrap().jwks());
            let threads: Vec<_> = (0..8).map(|_| start()).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(all.iter().all(|jwks| *jwks == all[0]));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        Keys::load_or_create(&path, NOW).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o660, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = Keys::load_or_create(&path, NOW).unwrap_err().to_string();
            assert!(
                error.contains(&format!("{mode:04o}")) && error.contains("chmod 600"),
                "{error}"
            );
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        Keys::load(&path).unwrap();
    }

    #[test]
    fn a_broken_file_is_an_error_that_quotes_nothing_of_it() {
        let keys = Keys::generate(NOW).unwrap();
        let text = serde_json::to_string(&keys).unwrap();
        let secret = &keys.secrets_for_testing()[0];
        for broken in [
            "",
            "{}",
            "null",
            &text[..text.len() - 1],
            &text.replace(secret, "c2VjcmV0"),
            &text.replace(&format!("\"{secret}\""), "123456789"),
        ] {
            let problem = problem(broken);
            assert!(
                !problem.contains("c2Vj") && !problem.contains("12345"),
                "{problem}"
            );
        }
        assert!(problem(&text.replace("\"version\":1", "\"version\":2")).contains("version"));
    }

    #[test]
    fn a_retired_key_checks_and_signs_no_more() {
        let mut keys = Keys::generate(NOW).unwrap();
        let old = keys.signer().sign(&claims());
        let sealed = keys.sealer().seal(b"x", b"").unwrap();
        let fresh = Keys::generate(NOW).unwrap();
        keys.token_keys[0].retired = true;
        assert!(problem(&serde_json::to_string(&keys).unwrap()).contains("token_keys"));
        keys.token_keys.extend(fresh.token_keys);
        keys.sealing_keys.splice(0..0, fresh.sealing_keys);
        let keys = Keys::parse(&serde_json::to_vec(&keys).unwrap()).unwrap();
        let new = keys.signer().sign(&claims());
        assert_ne!(old, new);
        for token in [old, new] {
            assert!(keys.verifier().verify(&token, NOW).is_ok());
        }
        assert!(keys.sealer().open(&sealed, b"").is_ok());
        let kid = sealed.split('.').next().unwrap();
        assert!(
            !keys.sealer().seal(b"x", b"").unwrap().starts_with(kid),
            "the newest key seals"
        );
        assert_eq!(keys.jwks().keys.len(), 2);
    }
}
