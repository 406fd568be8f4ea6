//! Refresh tokens, and the tokens of links sent by mail: random, shown once, known here by their hash alone.

use super::PasswordsError;
use crate::store::accounts::TokenHash;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt;

/// A token as its owner holds it.
pub struct SecretToken(String);

impl SecretToken {
    /// A new one, of 256 random bits.
    pub(super) fn random() -> Result<SecretToken, PasswordsError> {
        Ok(SecretToken(BASE64_URL_SAFE_NO_PAD.encode(random::<32>()?)))
    }

    /// As a client presents it.
    pub fn presented(text: &str) -> SecretToken {
        SecretToken(text.to_owned())
    }

    /// What the store knows of it. It needs neither salt nor a slow hash: nobody guesses 256 bits.
    pub(super) fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// For the one cookie or mail that hands it out.
    pub fn as_text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken(…)")
    }
}

/// So many random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], PasswordsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(PasswordsError::Randomness)?;
    Ok(bytes)
}
