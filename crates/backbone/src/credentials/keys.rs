//! The keys file.

use super::{ClusterMac, Sealer, TokenSigner, TokenVerifier};
use blazing_sun_domain::Millis;
use std::path::Path;

/// The contents of the keys file.
pub struct Keys {}

/// Why the keys can not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// placeholder
    #[error("x")]
    Io,
}

impl Keys {
    /// Fresh keys.
    pub fn generate(_now: Millis) -> Result<Keys, KeysError> {
        todo!()
    }
    /// Reads the keys file.
    pub fn load(_path: &Path) -> Result<Keys, KeysError> {
        todo!()
    }
    /// Reads the keys file; where there is none, makes one that only its owner can read.
    pub fn load_or_create(_path: &Path, _now: Millis) -> Result<Keys, KeysError> {
        todo!()
    }
    /// Checks tokens.
    pub fn verifier(&self) -> TokenVerifier {
        todo!()
    }
    /// Makes tokens.
    pub fn signer(&self) -> TokenSigner {
        todo!()
    }
    /// Seals.
    pub fn sealer(&self) -> Sealer {
        todo!()
    }
    /// MACs.
    pub fn cluster_mac(&self) -> ClusterMac {
        todo!()
    }
    /// The public keys as a JSON Web Key Set.
    pub fn jwks(&self) -> serde_json::Value {
        todo!()
    }
}
