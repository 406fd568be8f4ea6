//! Sealing and the cluster's MAC.

use blazing_sun_domain::RoomId;
use zeroize::Zeroizing;

/// Seals what no topic may show.
#[derive(Clone)]
pub struct Sealer {}

/// Why a sealed text does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// placeholder
    #[error("x")]
    Invalid,
}

impl Sealer {
    /// Seals `plain`; it opens only with the same `aad`.
    pub fn seal(&self, _plain: &[u8], _aad: &[u8]) -> Result<String, SealError> {
        todo!()
    }
    /// What was sealed.
    pub fn open(&self, _sealed: &str, _aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        todo!()
    }
}

/// The cluster's keyed hash of room passwords.
#[derive(Clone)]
pub struct ClusterMac {}

impl ClusterMac {
    /// HMAC-SHA256(cluster secret, room_id ‖ 0 ‖ password).
    pub fn room_password(&self, _room: &RoomId, _password: &str) -> [u8; 32] {
        todo!()
    }
    /// Whether this is the password behind the MAC, in constant time.
    pub fn room_password_matches(&self, _room: &RoomId, _password: &str, _mac: &[u8]) -> bool {
        todo!()
    }
}
