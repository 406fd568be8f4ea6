//! Payment records: raw JSON without an envelope, exactly the contract's fields in its order.

use super::checkout::id_as_number;
use crate::derived_id::derived_id;
use crate::topics;
use blazing_sun_domain::room::events::Timestamp;
use blazing_sun_domain::{Cents, Millis, RoomId, SeatedPlayer};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// What a payment record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentKind {
    /// An entry fee was taken.
    Participation,
    /// A prize was paid.
    Prize,
    /// An entry fee was given back.
    Refund,
}

impl PaymentKind {
    /// The kind of record that a ledger transfer of this kind has, if any.
    pub fn of_transfer(kind: &str) -> Option<PaymentKind> {
        match kind {
            "fee" => Some(PaymentKind::Participation),
            "prize" => Some(PaymentKind::Prize),
            "refund" => Some(PaymentKind::Refund),
            _ => None,
        }
    }

    /// The topic of a game's records of this kind.
    pub fn topic(self, game_type: &str) -> String {
        match self {
            PaymentKind::Participation => topics::participation_payed(game_type),
            PaymentKind::Prize => topics::win_prize(game_type),
            PaymentKind::Refund => topics::participation_refunded(game_type),
        }
    }

    fn event_type(self) -> &'static str {
        match self {
            PaymentKind::Participation => "game.participation.deducted",
            PaymentKind::Prize => "game.prize.won",
            PaymentKind::Refund => "game.participation.refunded",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            PaymentKind::Participation => "PAY",
            PaymentKind::Prize => "WON",
            PaymentKind::Refund => "REFUND",
        }
    }
}

/// The id of a transfer's record: the same however often it is sent.
pub fn payment_event_id(transfer_key: &str) -> Uuid {
    derived_id(["payment/", transfer_key])
}

/// An entry fee was taken or given back, or a prize was paid.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PaymentRecord {
    /// `game.participation.deducted`, `game.prize.won` or `game.participation.refunded`.
    event_type: &'static str,
    /// Derived from the transfer: a record that is sent twice is the same one.
    pub event_id: Uuid,
    /// When.
    #[schemars(with = "Timestamp")]
    timestamp: String,
    /// Whose money.
    #[schemars(schema_with = "id_as_number")]
    user_id: u64,
    /// How much.
    amount_cents: Cents,
    /// The game.
    game_type: String,
    /// The room that it was played in.
    room_id: String,
    /// The room's name.
    room_name: String,
    /// The player's name.
    username: String,
    /// With a prize: how many played.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_players: Option<u32>,
    /// `PAY`, `WON` or `REFUND`, and the game's name in capitals.
    description: String,
}

impl PaymentRecord {
    /// The record of a transfer.
    pub fn new(
        kind: PaymentKind,
        transfer_key: &str,
        now: Millis,
        player: &SeatedPlayer,
        amount: Cents,
        game_type: &str,
        room_id: &RoomId,
        room_name: &str,
        total_players: Option<u32>,
    ) -> PaymentRecord {
        let game = game_type.replace('_', " ").to_uppercase();
        PaymentRecord {
            event_type: kind.event_type(),
            event_id: payment_event_id(transfer_key),
            timestamp: now.to_string(),
            user_id: player.user_id.get(),
            amount_cents: amount,
            game_type: game_type.to_owned(),
            room_id: room_id.to_string(),
            room_name: room_name.to_owned(),
            username: player.username.to_string(),
            total_players,
            description: format!("{} {game} GAME", kind.verb()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_domain::UserId;

    fn record(kind: PaymentKind, amount: i64, total_players: Option<u32>) -> String {
        let player = SeatedPlayer::person(UserId::new(123).unwrap(), "Player1");
        let (now, room) = (Millis(1_705_746_601_000), "room-abc123".parse().unwrap());
        let record = PaymentRecord::new(
            kind,
            "fee/room-abc123/123/1",
            now,
            &player,
            Cents(amount),
            "bigger_dice",
            &room,
            "My Game",
            total_players,
        );
        serde_json::to_string_pretty(&record).unwrap()
    }

    #[test]
    fn records_are_the_contracts_to_the_letter() {
        let id = payment_event_id("fee/room-abc123/123/1");
        let expected = format!(
            r#"{{
  "event_type": "game.participation.deducted",
  "event_id": "{id}",
  "timestamp": "2024-01-20T10:30:01.000Z",
  "user_id": 123,
  "amount_cents": 1000,
  "game_type": "bigger_dice",
  "room_id": "room-abc123",
  "room_name": "My Game",
  "username": "Player1",
  "description": "PAY BIGGER DICE GAME"
}}"#
        );
        assert_eq!(record(PaymentKind::Participation, 1000, None), expected);
        let prize = expected
            .replace("game.participation.deducted", "game.prize.won")
            .replace("1000,", "1600,")
            .replace(
                "\"description\": \"PAY",
                "\"total_players\": 2,\n  \"description\": \"WON",
            );
        assert_eq!(record(PaymentKind::Prize, 1600, Some(2)), prize);
        let refund = expected
            .replace("participation.deducted", "participation.refunded")
            .replace("PAY", "REFUND");
        assert_eq!(record(PaymentKind::Refund, 1000, None), refund);
    }

    #[test]
    fn a_transfer_sent_twice_is_the_same_record() {
        // Checked against Python's hashlib: the first 16 bytes, version 8 and variant set.
        let id = payment_event_id("fee/room-abc123/123/1").to_string();
        assert_eq!(id, "24005cd8-4cef-8268-a852-67eca5aece4a");
        assert_ne!(payment_event_id("fee/r/1/1"), payment_event_id("fee/r/1/2"));
    }
}
