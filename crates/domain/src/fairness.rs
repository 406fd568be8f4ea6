//! Commit–reveal: how dice are drawn so that neither the house nor a player can choose them.

use crate::ids::RoomId;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// 32 secret or revealed bytes, in hex on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

/// SHA-256 of a seed: published before the seed may be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commitment(#[serde(with = "hex::serde")] pub [u8; 32]);

/// Not 64 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a seed or commitment is 32 bytes as 64 hex digits")]
pub struct InvalidHex;

impl Seed {
    /// The commitment to this seed.
    pub fn commitment(&self) -> Commitment {
        Commitment(Sha256::digest(self.0).into())
    }

    /// In hex. Not `Display`: a server seed must not end up in a log by accident.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

fn from_hex(text: &str) -> Result<[u8; 32], InvalidHex> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidHex)?;
    Ok(bytes)
}

impl FromStr for Seed {
    type Err = InvalidHex;

    fn from_str(text: &str) -> Result<Seed, InvalidHex> {
        from_hex(text).map(Seed)
    }
}

impl FromStr for Commitment {
    type Err = InvalidHex;

    fn from_str(text: &str) -> Result<Commitment, InvalidHex> {
        from_hex(text).map(Commitment)
    }
}

/// The secret from which all server seeds of one room derive, so that no randomness is needed
/// when a seed is renewed. Sealed at rest; never serialised with the room.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RoomSecret(pub [u8; 32]);

impl fmt::Debug for RoomSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomSecret(…)")
    }
}

impl RoomSecret {
    /// The room's `n`-th server seed, from 0: HMAC-SHA256(secret, "server-seed" ‖ n as u32 big-endian).
    /// Revealing one says nothing of another.
    pub fn server_seed(&self, n: u32) -> Seed {
        let mut mac = keyed(&self.0);
        mac.update(b"server-seed");
        mac.update(&n.to_be_bytes());
        Seed(mac.finalize().into_bytes().into())
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// The stream of draws of one game. Draw `n` is HMAC-SHA256(server_seed, room_id ‖ for each seat
/// in order: length of its seed as u32 big-endian, its seed ‖ n as u64 big-endian); of its bytes the
/// first below the largest multiple of `sides` counts, modulo `sides`.
#[derive(Clone)]
pub struct Dice {
    server_seed: Seed,
    message: Arc<[u8]>,
    nonce: u64,
}

impl Dice {
    /// The dice of a room; seats without a seed contribute a length of 0. `nonce` is the next draw.
    pub fn new(server_seed: Seed, room_id: &RoomId, seeds: &[Option<Seed>], nonce: u64) -> Dice {
        let mut message = room_id.as_str().as_bytes().to_vec();
        for seed in seeds {
            let bytes = seed.as_ref().map_or(&[][..], |seed| &seed.0);
            message.extend((bytes.len() as u32).to_be_bytes());
            message.extend(bytes);
        }
        Dice { server_seed, message: message.into(), nonce }
    }

    /// The number of the next draw.
    pub fn nonce(&self) -> u64 {
        self.nonce
    }

    /// A die from 1 to 6, and the nonce that proves it.
    pub fn roll(&mut self) -> (u8, u64) {
        let (value, nonce) = self.below(6);
        (value + 1, nonce)
    }

    /// A number from 0 to `sides` − 1, each equally likely, and the nonce that proves it.
    /// `sides` is from 1 to 255.
    pub fn below(&mut self, sides: u8) -> (u8, u64) {
        let sides = u16::from(sides.max(1));
        let limit = 256 - 256 % sides;
        loop {
            let nonce = self.nonce;
            self.nonce += 1;
            let mut mac = keyed(&self.server_seed.0);
            mac.update(&self.message);
            mac.update(&nonce.to_be_bytes());
            let block: [u8; 32] = mac.finalize().into_bytes().into();
            if let Some(byte) = block.into_iter().find(|byte| u16::from(*byte) < limit) {
                return ((u16::from(byte) % sides) as u8, nonce);
            }
        }
    }
}
