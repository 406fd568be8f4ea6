//! Commit–reveal: how dice are drawn so that neither the house nor a player can choose them.

mod public_record;

pub use public_record::{Findings, PublicRecord};

use crate::ids::RoomId;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

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

impl schemars::JsonSchema for Commitment {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Commitment".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "SHA-256 of a seed, which binds to it without showing it: in hex.",
            "type": "string", "pattern": "^[0-9a-f]{64}$",
        })
    }
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
    /// All but the counter is in it: a draw costs the hash of its last block alone.
    mac: Hmac<Sha256>,
    nonce: u64,
}

impl Dice {
    /// The dice of a room; seats without a seed contribute a length of 0. `nonce` is the next draw.
    pub fn new(server_seed: Seed, room_id: &RoomId, seeds: &[Option<Seed>], nonce: u64) -> Dice {
        let mut mac = keyed(&server_seed.0);
        mac.update(room_id.as_str().as_bytes());
        for seed in seeds {
            let bytes = seed.as_ref().map_or(&[][..], |seed| &seed.0);
            mac.update(&(bytes.len() as u32).to_be_bytes());
            mac.update(bytes);
        }
        Dice { mac, nonce }
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
            let mut mac = self.mac.clone();
            mac.update(&nonce.to_be_bytes());
            let block: [u8; 32] = mac.finalize().into_bytes().into();
            if let Some(byte) = block.into_iter().find(|byte| u16::from(*byte) < limit) {
                return ((u16::from(byte) % sides) as u8, nonce);
            }
        }
    }
}

/// What a room published of one game's draws: all that is needed to check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// The room.
    pub room_id: RoomId,
    /// Published before any player committed.
    pub seed_commitment: Commitment,
    /// Revealed at the end.
    pub server_seed: Seed,
    /// What each seat committed to and revealed, in seat order; none for a seat that took no part.
    pub seats: Vec<Option<(Commitment, Seed)>>,
    /// The rolls in their order.
    pub rolls: Vec<ProvenRoll>,
}

/// A roll of a six-sided die, and where it stands in the stream of draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenRoll {
    /// The draw's counter.
    pub nonce: u64,
    /// 1 to 6.
    pub roll: u8,
}

/// Where a transcript contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Discrepancy {
    /// The revealed server seed is not the one committed to.
    #[error("the server seed does not match its commitment")]
    ServerSeed,
    /// A player's revealed seed is not the one committed to.
    #[error("the seed of seat {seat} does not match its commitment")]
    ClientSeed {
        /// From 0.
        seat: usize,
    },
    /// A draw was left out, or given twice.
    #[error("roll {index} has nonce {found}, and the stream gives {expected}")]
    Nonce {
        /// From 0.
        index: usize,
        /// In the transcript.
        found: u64,
        /// By the seeds.
        expected: u64,
    },
    /// A roll is not what the seeds give.
    #[error("roll {index} is {found}, and the seeds give {expected}")]
    Roll {
        /// From 0.
        index: usize,
        /// In the transcript.
        found: u8,
        /// By the seeds.
        expected: u8,
    },
}

impl Transcript {
    /// Recomputes everything from the revealed seeds. Every draw from the first on has to be there,
    /// so that none can have been thrown away.
    pub fn verify(&self) -> Result<(), Discrepancy> {
        if self.server_seed.commitment() != self.seed_commitment {
            return Err(Discrepancy::ServerSeed);
        }
        let mut seats = self.seats.iter().enumerate();
        let broken = seats.find_map(|(seat, committed)| {
            committed
                .filter(|(commitment, seed)| seed.commitment() != *commitment)
                .map(|_| seat)
        });
        if let Some(seat) = broken {
            return Err(Discrepancy::ClientSeed { seat });
        }
        let seeds: Vec<_> = self
            .seats
            .iter()
            .map(|seat| seat.map(|(_, seed)| seed))
            .collect();
        let mut dice = Dice::new(self.server_seed, &self.room_id, &seeds, 0);
        for (index, claimed) in self.rolls.iter().enumerate() {
            let (roll, nonce) = dice.roll();
            if nonce != claimed.nonce {
                let (found, expected) = (claimed.nonce, nonce);
                return Err(Discrepancy::Nonce {
                    index,
                    found,
                    expected,
                });
            }
            if roll != claimed.roll {
                let (found, expected) = (claimed.roll, roll);
                return Err(Discrepancy::Roll {
                    index,
                    found,
                    expected,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> RoomSecret {
        RoomSecret(std::array::from_fn(|n| n as u8))
    }

    fn room() -> RoomId {
        "room-golden".parse().unwrap()
    }

    fn seats() -> [Option<Seed>; 3] {
        [Some(Seed([0x11; 32])), None, Some(Seed([0x22; 32]))]
    }

    fn rolls(seeds: &[Option<Seed>]) -> Vec<u8> {
        let mut dice = Dice::new(secret().server_seed(0), &room(), seeds, 0);
        (0..32).map(|_| dice.roll().0).collect()
    }

    /// Computed with Python's `hmac` and `hashlib`.
    #[test]
    fn golden_seeds() {
        let first = secret().server_seed(0);
        let hex = "50ac27a3ac630e94f868b9e3cd38d02d5c499524d36e0459b5d50687d420e928";
        assert_eq!(first.to_hex(), hex);
        let hex = "322446eccc9f950fadbe6061c344f35efb0f37359b2c817cf6a4a357f5af6808";
        assert_eq!(secret().server_seed(1).to_hex(), hex);
        let hex = "134a7a3e969bad7c8c18073a3eb0dedc3c848fc030023b7066a2183d6fedf716";
        assert_eq!(first.commitment().to_string(), hex);
    }

    /// Computed with Python's `hmac`.
    #[test]
    fn golden_draws() {
        let with_seeds = [
            2, 4, 1, 1, 2, 3, 5, 2, 5, 2, 3, 5, 1, 6, 5, 2, 1, 2, 5, 2, 5, 3, 4, 2, 6, 2, 1, 1, 2,
            6, 6, 4,
        ];
        assert_eq!(rolls(&seats()), with_seeds);
        let without = [
            3, 5, 5, 5, 5, 3, 3, 4, 1, 1, 6, 4, 4, 3, 3, 3, 3, 4, 4, 5, 3, 4, 1, 1, 6, 5, 4, 6, 3,
            4, 1, 2,
        ];
        assert_eq!(rolls(&[]), without);
        let below = |sides| -> Vec<u8> {
            let mut dice = Dice::new(secret().server_seed(0), &room(), &seats(), 0);
            (0..12).map(|_| dice.below(sides).0).collect()
        };
        assert_eq!(
            below(255),
            [175, 231, 66, 186, 163, 128, 70, 103, 136, 199, 62, 148]
        );
        assert_eq!(below(128), [47, 103, 66, 58, 35, 0, 70, 103, 8, 71, 62, 20]);
        assert_eq!(below(1), [0; 12]);
        assert_eq!(below(0), [0; 12]);
    }

    /// The 99.99 % quantile of χ² with 5 degrees of freedom is 25.745, the 0.01 % one is 0.0822
    /// (Abramowitz and Stegun, 26.4.1).
    #[test]
    fn every_face_is_equally_likely() {
        let rounds = 6_000_000_u32;
        let mut dice = Dice::new(secret().server_seed(7), &room(), &seats(), 0);
        let mut faces = [0_u32; 6];
        for _ in 0..rounds {
            faces[usize::from(dice.roll().0) - 1] += 1;
        }
        let expected = f64::from(rounds) / 6.0;
        let terms = faces
            .iter()
            .map(|n| (f64::from(*n) - expected).powi(2) / expected);
        let chi_squared: f64 = terms.sum();
        assert!(
            (0.0822..25.745).contains(&chi_squared),
            "χ² = {chi_squared}, faces {faces:?}"
        );
    }

    #[test]
    fn draws_go_on_from_a_nonce() {
        let mut dice = Dice::new(secret().server_seed(0), &room(), &seats(), 0);
        let all: Vec<_> = (0..10).map(|_| dice.roll()).collect();
        let mut later = Dice::new(secret().server_seed(0), &room(), &seats(), all[4].1);
        assert_eq!((0..6).map(|_| later.roll()).collect::<Vec<_>>(), all[4..]);
        assert_eq!(later.nonce(), dice.nonce());
    }

    fn transcript() -> Transcript {
        let server_seed = secret().server_seed(0);
        let mut dice = Dice::new(server_seed, &room(), &seats(), 0);
        let rolls = (0..20)
            .map(|_| dice.roll())
            .map(|(roll, nonce)| ProvenRoll { nonce, roll });
        Transcript {
            room_id: room(),
            seed_commitment: server_seed.commitment(),
            server_seed,
            seats: seats()
                .map(|seed| seed.map(|seed| (seed.commitment(), seed)))
                .to_vec(),
            rolls: rolls.collect(),
        }
    }

    #[test]
    fn an_honest_transcript_verifies_and_every_forgery_is_found() {
        assert_eq!(transcript().verify(), Ok(()));
        let forged = |forge: fn(&mut Transcript)| {
            let mut transcript = transcript();
            forge(&mut transcript);
            transcript.verify().unwrap_err()
        };
        assert_eq!(forged(|t| t.server_seed.0[0] ^= 1), Discrepancy::ServerSeed);
        let other_seed = forged(|t| t.seats[2] = t.seats[2].map(|(c, _)| (c, Seed([9; 32]))));
        assert_eq!(other_seed, Discrepancy::ClientSeed { seat: 2 });
        let better = forged(|t| t.rolls[3].roll = 6);
        assert_eq!(
            better,
            Discrepancy::Roll {
                index: 3,
                found: 6,
                expected: 1
            }
        );
        let thrown_away = forged(|t| t.rolls.retain(|roll| roll.nonce != 5));
        assert_eq!(
            thrown_away,
            Discrepancy::Nonce {
                index: 5,
                found: 6,
                expected: 5
            }
        );
        let repeated = forged(|t| t.rolls.insert(1, t.rolls[0]));
        assert_eq!(
            repeated,
            Discrepancy::Nonce {
                index: 1,
                found: 0,
                expected: 1
            }
        );
        assert!(matches!(
            forged(|t| t.room_id = "room-other".parse().unwrap()),
            Discrepancy::Roll { .. }
        ));
        assert!(matches!(
            forged(|t| t.seats.swap(0, 1)),
            Discrepancy::Roll { .. }
        ));
    }

    #[test]
    fn seeds_read_from_64_hex_digits_alone_and_show_in_no_debug_output() {
        let hex = "50ac27a3ac630e94f868b9e3cd38d02d5c499524d36e0459b5d50687d420e928";
        assert_eq!(hex.parse::<Seed>().unwrap().to_hex(), hex);
        for bad in [
            "",
            "50",
            &hex[1..],
            &format!("{hex}00"),
            &hex.replace('5', "g"),
        ] {
            assert_eq!(bad.parse::<Seed>(), Err(InvalidHex), "{bad}");
            assert_eq!(bad.parse::<Commitment>(), Err(InvalidHex), "{bad}");
        }
        assert_eq!(
            format!("{:?}{:?}", secret().server_seed(0), secret()),
            "Seed(…)RoomSecret(…)"
        );
    }
}
