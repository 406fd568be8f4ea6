//! Double-entry accounts and the transfers between them. Σ of all accounts is 0 at every instant;
//! players and escrows never fall below 0. Storing them is the backend's.

use crate::game::SeatedPlayer;
use crate::ids::{CommandId, RoomId, UserId};
use crate::money::Cents;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who holds money.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// A player's balance.
    Player(UserId),
    /// What a room holds until it ends.
    Escrow(RoomId),
    /// The house's share.
    HouseRake,
    /// Money that came in through the payment provider.
    StripeClearing,
    /// Money that came in through the provider's test mode, or a test bank.
    TestClearing,
    /// What a player owes, below 0.
    Receivable(UserId),
    /// What a player has paid and a bank disputes.
    Disputed(UserId),
    /// What is being paid out to a player.
    Withdrawal(UserId),
    /// Where demo money comes from.
    DemoMint,
}

impl Account {
    /// Whether this account has a balance that must not fall below 0; the others are rows alone.
    pub fn is_bounded(&self) -> bool {
        matches!(
            self,
            Account::Player(_) | Account::Escrow(_) | Account::Disputed(_) | Account::Withdrawal(_)
        )
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Account::Player(user) => write!(f, "player/{user}"),
            Account::Escrow(room) => write!(f, "escrow/{room}"),
            Account::HouseRake => f.write_str("house/rake"),
            Account::StripeClearing => f.write_str("stripe/clearing"),
            Account::TestClearing => f.write_str("test/clearing"),
            Account::Receivable(user) => write!(f, "receivable/{user}"),
            Account::Disputed(user) => write!(f, "disputed/{user}"),
            Account::Withdrawal(user) => write!(f, "withdrawal/{user}"),
            Account::DemoMint => f.write_str("demo/mint"),
        }
    }
}

/// Why money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// Demo money for a new account.
    DemoGrant,
    /// A seat's price, into the room's escrow.
    Fee,
    /// A fee given back.
    Refund,
    /// The winner's share.
    Prize,
    /// The house's share.
    Rake,
    /// Money bought from the payment provider.
    TopUp,
    /// Demo money that an operator gives.
    Credit,
    /// Bought money paid back.
    TopUpRefund,
    /// What was owed, paid.
    ReceivablePaid,
    /// Disputed money, held.
    DisputeHold,
    /// Disputed money, not held any more.
    DisputeRelease,
    /// Disputed money, gone back to its payer.
    DisputeWithdrawn,
    /// Disputed money, come back.
    DisputeReinstated,
    /// Money held to be paid out.
    WithdrawalHold,
    /// The same, not paid out.
    WithdrawalRelease,
    /// The same, paid out.
    WithdrawalSettle,
    /// What a guest had whose account was closed.
    GuestClosed,
}

impl TransferKind {
    /// Every kind.
    pub const ALL: [TransferKind; 17] = [
        TransferKind::DemoGrant,
        TransferKind::Fee,
        TransferKind::Refund,
        TransferKind::Prize,
        TransferKind::Rake,
        TransferKind::TopUp,
        TransferKind::Credit,
        TransferKind::TopUpRefund,
        TransferKind::ReceivablePaid,
        TransferKind::DisputeHold,
        TransferKind::DisputeRelease,
        TransferKind::DisputeWithdrawn,
        TransferKind::DisputeReinstated,
        TransferKind::WithdrawalHold,
        TransferKind::WithdrawalRelease,
        TransferKind::WithdrawalSettle,
        TransferKind::GuestClosed,
    ];

    /// As it stands in keys and in `balance_changed`.
    pub fn as_str(self) -> &'static str {
        match self {
            TransferKind::DemoGrant => "demo_grant",
            TransferKind::Fee => "fee",
            TransferKind::Refund => "refund",
            TransferKind::Prize => "prize",
            TransferKind::Rake => "rake",
            TransferKind::TopUp => "top_up",
            TransferKind::Credit => "credit",
            TransferKind::TopUpRefund => "top_up_refund",
            TransferKind::ReceivablePaid => "receivable_paid",
            TransferKind::DisputeHold => "dispute_hold",
            TransferKind::DisputeRelease => "dispute_release",
            TransferKind::DisputeWithdrawn => "dispute_withdrawn",
            TransferKind::DisputeReinstated => "dispute_reinstated",
            TransferKind::WithdrawalHold => "withdrawal_hold",
            TransferKind::WithdrawalRelease => "withdrawal_release",
            TransferKind::WithdrawalSettle => "withdrawal_settle",
            TransferKind::GuestClosed => "guest_closed",
        }
    }
}

/// One movement of money, unique by its key for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// `fee/room/user/n` and `refund/room/user/n` for the n-th selection of that player in that
    /// room; `prize/room/user`, `rake/room`, `demo_grant/user`, `credit/command`, `guest_closed/command`; for money from outside see
    /// [`crate::wallet`].
    pub key: String,
    /// Why.
    pub kind: TransferKind,
    /// The account that pays.
    pub from: Account,
    /// The account that is paid.
    pub to: Account,
    /// More than 0.
    pub amount: Cents,
    /// The room, where one is concerned.
    pub room_id: Option<RoomId>,
    /// The player whose money it is; none for the rake.
    pub player: Option<SeatedPlayer>,
    /// How many played, for a prize.
    pub total_players: Option<u32>,
}

impl Transfer {
    /// The demo money of a new account.
    pub fn demo_grant(player: SeatedPlayer, amount: Cents) -> Transfer {
        Transfer {
            key: format!("demo_grant/{}", player.user_id),
            kind: TransferKind::DemoGrant,
            from: Account::DemoMint,
            to: Account::Player(player.user_id),
            amount,
            room_id: None,
            player: Some(player),
            total_players: None,
        }
    }

    /// Demo money that an operator gives by this command.
    pub fn credit(player: SeatedPlayer, command: CommandId, amount: Cents) -> Transfer {
        Transfer {
            key: format!("credit/{command}"),
            kind: TransferKind::Credit,
            from: Account::DemoMint,
            to: Account::Player(player.user_id),
            amount,
            room_id: None,
            player: Some(player),
            total_players: None,
        }
    }

    /// What a guest had whose account was closed, given back by this command.
    pub fn guest_closed(player: SeatedPlayer, command: CommandId, amount: Cents) -> Transfer {
        Transfer {
            key: format!("guest_closed/{command}"),
            kind: TransferKind::GuestClosed,
            from: Account::Player(player.user_id),
            to: Account::DemoMint,
            amount,
            room_id: None,
            player: Some(player),
            total_players: None,
        }
    }

    /// A seat's price, for the `nth` selection of this player in this room.
    pub fn fee(room: RoomId, player: SeatedPlayer, nth: u32, amount: Cents) -> Transfer {
        Transfer {
            key: format!("fee/{room}/{}/{nth}", player.user_id),
            kind: TransferKind::Fee,
            from: Account::Player(player.user_id),
            to: Account::Escrow(room.clone()),
            amount,
            room_id: Some(room),
            player: Some(player),
            total_players: None,
        }
    }

    /// Of a fee's or refund's key, for which selection of its player it was.
    pub fn nth_of(key: &str) -> Option<u32> {
        key.rsplit_once('/')?.1.parse().ok()
    }

    /// The fee of the `nth` selection of this player in this room, given back.
    pub fn refund(room: RoomId, player: SeatedPlayer, nth: u32, amount: Cents) -> Transfer {
        Transfer {
            key: format!("refund/{room}/{}/{nth}", player.user_id),
            kind: TransferKind::Refund,
            from: Account::Escrow(room.clone()),
            to: Account::Player(player.user_id),
            amount,
            room_id: Some(room),
            player: Some(player),
            total_players: None,
        }
    }

    /// What the winner of this room gets; a room has one winner at most.
    pub fn prize(
        room: RoomId,
        player: SeatedPlayer,
        amount: Cents,
        total_players: u32,
    ) -> Transfer {
        Transfer {
            key: format!("prize/{room}/{}", player.user_id),
            kind: TransferKind::Prize,
            from: Account::Escrow(room.clone()),
            to: Account::Player(player.user_id),
            amount,
            room_id: Some(room),
            player: Some(player),
            total_players: Some(total_players),
        }
    }

    /// What the house keeps of this room.
    pub fn rake(room: RoomId, amount: Cents) -> Transfer {
        Transfer {
            key: format!("rake/{room}"),
            kind: TransferKind::Rake,
            from: Account::Escrow(room.clone()),
            to: Account::HouseRake,
            amount,
            room_id: Some(room),
            player: None,
            total_players: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(transfer: &Transfer) -> String {
        let Transfer {
            key,
            kind,
            from,
            to,
            amount,
            ..
        } = transfer;
        assert!(key.starts_with(kind.as_str()), "{key}");
        format!("{key}: {from} -> {to} {amount}")
    }

    #[test]
    fn transfers_name_their_accounts_and_are_unique_by_key() {
        let room: RoomId = "r".parse().unwrap();
        let ann = || SeatedPlayer::person(UserId::new(7).unwrap(), "ann");
        let all = [
            Transfer::demo_grant(ann(), Cents(5_000)),
            Transfer::fee(room.clone(), ann(), 2, Cents(1_000)),
            Transfer::refund(room.clone(), ann(), 2, Cents(1_000)),
            Transfer::prize(room.clone(), ann(), Cents(1_600), 2),
            Transfer::rake(room, Cents(400)),
            Transfer::credit(ann(), CommandId(uuid::Uuid::from_u128(7)), Cents(250)),
            Transfer::guest_closed(ann(), CommandId(uuid::Uuid::from_u128(8)), Cents(4_250)),
        ];
        assert_eq!(
            all.each_ref().map(told),
            [
                "demo_grant/7: demo/mint -> player/7 5000",
                "fee/r/7/2: player/7 -> escrow/r 1000",
                "refund/r/7/2: escrow/r -> player/7 1000",
                "prize/r/7: escrow/r -> player/7 1600",
                "rake/r: escrow/r -> house/rake 400",
                "credit/00000000-0000-0000-0000-000000000007: demo/mint -> player/7 250",
                "guest_closed/00000000-0000-0000-0000-000000000008: player/7 -> demo/mint 4250",
            ]
        );
        assert_eq!(all[3].total_players, Some(2));
        assert_eq!(all[4].player, None);
        let bounded = all
            .iter()
            .flat_map(|t| [&t.from, &t.to])
            .filter(|a| a.is_bounded())
            .count();
        assert_eq!(bounded, 10);
    }
}
