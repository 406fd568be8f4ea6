//! Ids that follow from what they stand for, and so are the same however often they are made.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The UUIDv8 of SHA-256 over the parts, one after the other.
pub fn derived_id<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    Uuid::new_v8(bytes)
}
