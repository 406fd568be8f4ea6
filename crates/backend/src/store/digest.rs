//! What a room's journal is held to: SHA-256, chained over its inputs, so that a saved part is hashed
//! once and never read again for it.

use super::RoomArchive;
use sha2::{Digest, Sha256};

/// The chain over a journal so far: d₀ is 32 zero bytes, dₙ = SHA-256(dₙ₋₁ ‖ line n with its line
/// break). It depends on the lines alone, not on the parts in which they were saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalDigest(pub [u8; 32]);

impl JournalDigest {
    /// The chain after these lines too.
    pub fn after(self, lines: &[u8]) -> JournalDigest {
        let lines = lines.split_inclusive(|byte| *byte == b'\n');
        lines.fold(self, |JournalDigest(before), line| {
            let digest = Sha256::new().chain_update(before).chain_update(line);
            JournalDigest(digest.finalize().into())
        })
    }

    /// What an archived row is held to, where this is the chain over all of its inputs: SHA-256 over
    /// the chain and every other column, each with its length as u64 big-endian before it.
    pub fn seal(self, archive: &RoomArchive) -> [u8; 32] {
        let RoomArchive {
            room_id,
            partition,
            game_type,
            room_name,
            game_version,
            rules_version,
            ended,
            sealed_secret,
            last_inputs: _,
            journal_digest: _,
        } = archive;
        let columns: [&[u8]; 9] = [
            &self.0,
            room_id.as_str().as_bytes(),
            &partition.to_be_bytes(),
            game_type.as_bytes(),
            room_name.as_bytes(),
            &game_version.to_be_bytes(),
            &rules_version.to_be_bytes(),
            &ended.0.to_be_bytes(),
            sealed_secret.as_bytes(),
        ];
        let mut digest = Sha256::new();
        for column in columns {
            digest.update((column.len() as u64).to_be_bytes());
            digest.update(column);
        }
        digest.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_domain::Millis;

    /// Computed with Python's hashlib.
    #[test]
    fn the_chain_depends_on_the_lines_and_not_on_the_parts() {
        let whole = JournalDigest::default().after(b"a\nb\nc\n");
        let hex = "2f8458f22d76644d97c56c83fa4c7b7be0388dae01717021764ee359f3606093";
        assert_eq!(hex::encode(whole.0), hex);
        let in_parts = JournalDigest::default().after(b"a\nb\n").after(b"c\n");
        assert_eq!(in_parts, whole);
        assert_eq!(in_parts.after(b""), whole);
        for other in [
            "a\nb\nd\n",
            "a\nb\nc",
            "ab\nc\n",
            "b\na\nc\n",
            "a\nb\n\nc\n",
        ] {
            assert_ne!(
                JournalDigest::default().after(other.as_bytes()),
                whole,
                "{other:?}"
            );
        }
    }

    fn archive() -> RoomArchive {
        RoomArchive {
            room_id: "r".parse().unwrap(),
            partition: 3,
            game_type: "g".to_owned(),
            room_name: "Name".to_owned(),
            game_version: 1,
            rules_version: 1,
            ended: Millis(9),
            sealed_secret: "sealed".to_owned(),
            last_inputs: Vec::new(),
            journal_digest: None,
        }
    }

    #[test]
    fn the_seal_covers_every_column() {
        let chain = JournalDigest::default().after(b"a\n");
        let sealed = chain.seal(&archive());
        let hex = "817d762ce1c5bd3fd5aa5acc822bf39c7668ee262e8a6a598a686a124d2c1a66";
        assert_eq!(hex::encode(sealed), hex);
        assert_ne!(chain.after(b"b\n").seal(&archive()), sealed);
        let changes: [fn(&mut RoomArchive); 8] = [
            |row| row.room_id = "s".parse().unwrap(),
            |row| row.partition = 4,
            |row| row.game_type.push('g'),
            |row| row.room_name.insert(0, 'g'),
            |row| row.game_version = 2,
            |row| row.rules_version = 2,
            |row| row.ended = Millis(8),
            |row| row.sealed_secret.clear(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut row = archive();
            change(&mut row);
            assert_ne!(chain.seal(&row), sealed, "change {number}");
        }
    }
}
