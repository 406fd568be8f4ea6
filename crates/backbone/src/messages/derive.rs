//! Ids that follow from what they name, so that a repetition has the same one.

use blazing_sun_domain::{CommandId, RoomId, UserId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A UUIDv8 from SHA-256 over the parts, each with its length before it.
fn derived(parts: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u32).to_be_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The room that a `create_room` makes, whichever gateway it comes through.
pub fn room_id_of(user: UserId, command: CommandId) -> RoomId {
    let id = derived(&[b"room", user.to_string().as_bytes(), command.0.as_bytes()]);
    id.to_string().parse().expect("a UUID is a room id")
}

/// The event_id of the record that tells of a transfer.
pub fn transfer_event_id(transfer_key: &str) -> Uuid {
    derived(&[b"transfer", transfer_key.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checked against Python: hashlib.sha256 over the same bytes, version and variant set.
    #[test]
    fn derived_ids_are_pinned() {
        let command: CommandId = "018d2661-3aa8-7000-8000-000000000000".parse().unwrap();
        let user = |id| UserId::new(id).unwrap();
        assert_eq!(room_id_of(user(7), command).as_str(), "46e68e4d-9c03-8259-9746-aeb817587969");
        assert_ne!(room_id_of(user(8), command), room_id_of(user(7), command));
        let id = transfer_event_id("fee/room-abc123/7/1");
        assert_eq!(id.to_string(), "ea860c70-9f7d-84a9-811b-6dbec5fb8eea");
        assert_eq!(id.get_version_num(), 8);
    }
}
