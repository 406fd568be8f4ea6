//! The transfers between players and what is outside. `payment` is the provider's payment, or else `session/…` or
//! `request/…`; `clearing` is where the deployment's money comes from.

use crate::game::SeatedPlayer;
use crate::ledger::{Account, Transfer, TransferKind};
use crate::money::Cents;

fn between(
    key: String,
    kind: TransferKind,
    player: &SeatedPlayer,
    (from, to): (Account, Account),
    amount: Cents,
) -> Transfer {
    Transfer {
        key,
        kind,
        from,
        to,
        amount,
        room_id: None,
        player: Some(player.clone()),
        total_players: None,
    }
}

impl Transfer {
    /// Money that was paid.
    pub fn top_up(
        player: &SeatedPlayer,
        payment: &str,
        clearing: &Account,
        amount: Cents,
    ) -> Transfer {
        let accounts = (clearing.clone(), Account::Player(player.user_id));
        let key = format!("top_up/{payment}");
        between(key, TransferKind::TopUp, player, accounts, amount)
    }

    /// A payment paid back, `in_all` by then: out of the balance, or where that is `short`, to be paid later.
    pub fn top_up_refund(
        player: &SeatedPlayer,
        payment: &str,
        in_all: Cents,
        short: bool,
        clearing: &Account,
        amount: Cents,
    ) -> Transfer {
        let end = if short { "/short" } else { "" };
        let key = format!("top_up_refund/{payment}/{in_all}{end}");
        let accounts = (payer(player, short), clearing.clone());
        between(key, TransferKind::TopUpRefund, player, accounts, amount)
    }

    /// What was owed, paid out of what came in by `cause`.
    pub fn receivable_paid(player: &SeatedPlayer, cause: &str, amount: Cents) -> Transfer {
        let user = player.user_id;
        let accounts = (Account::Player(user), Account::Receivable(user));
        let key = format!("receivable_paid/{cause}");
        between(key, TransferKind::ReceivablePaid, player, accounts, amount)
    }

    /// Disputed money is held. `dispute` is of the form `<request>/<dispute>`, `step` what made it so.
    pub fn dispute_hold(
        player: &SeatedPlayer,
        dispute: &str,
        step: &str,
        amount: Cents,
    ) -> Transfer {
        let user = player.user_id;
        let accounts = (Account::Player(user), Account::Disputed(user));
        let key = format!("dispute_hold/{dispute}/{step}");
        between(key, TransferKind::DisputeHold, player, accounts, amount)
    }

    /// Held money is the player's again.
    pub fn dispute_release(
        player: &SeatedPlayer,
        dispute: &str,
        step: &str,
        amount: Cents,
    ) -> Transfer {
        let user = player.user_id;
        let accounts = (Account::Disputed(user), Account::Player(user));
        let key = format!("dispute_release/{dispute}/{step}");
        between(key, TransferKind::DisputeRelease, player, accounts, amount)
    }

    /// Disputed money goes back to the payer: what was held, or where that is `short`, to be paid later.
    pub fn dispute_withdrawn(
        player: &SeatedPlayer,
        dispute: &str,
        step: &str,
        short: bool,
        clearing: &Account,
        amount: Cents,
    ) -> Transfer {
        let user = player.user_id;
        let (from, end) = match short {
            true => (Account::Receivable(user), "/short"),
            false => (Account::Disputed(user), ""),
        };
        let key = format!("dispute_withdrawn/{dispute}/{step}{end}");
        let kind = TransferKind::DisputeWithdrawn;
        between(key, kind, player, (from, clearing.clone()), amount)
    }

    /// Disputed money comes back from the payer.
    pub fn dispute_reinstated(
        player: &SeatedPlayer,
        dispute: &str,
        step: &str,
        clearing: &Account,
        amount: Cents,
    ) -> Transfer {
        let accounts = (clearing.clone(), Account::Player(player.user_id));
        let key = format!("dispute_reinstated/{dispute}/{step}");
        let kind = TransferKind::DisputeReinstated;
        between(key, kind, player, accounts, amount)
    }

    /// Money that is to be paid out is held.
    pub fn withdrawal_hold(player: &SeatedPlayer, withdrawal: &str, amount: Cents) -> Transfer {
        let user = player.user_id;
        let accounts = (Account::Player(user), Account::Withdrawal(user));
        let key = format!("withdrawal_hold/{withdrawal}");
        between(key, TransferKind::WithdrawalHold, player, accounts, amount)
    }

    /// It could not be paid out.
    pub fn withdrawal_release(player: &SeatedPlayer, withdrawal: &str, amount: Cents) -> Transfer {
        let user = player.user_id;
        let accounts = (Account::Withdrawal(user), Account::Player(user));
        let key = format!("withdrawal_release/{withdrawal}");
        let kind = TransferKind::WithdrawalRelease;
        between(key, kind, player, accounts, amount)
    }

    /// It was paid out.
    pub fn withdrawal_settle(
        player: &SeatedPlayer,
        withdrawal: &str,
        clearing: &Account,
        amount: Cents,
    ) -> Transfer {
        let accounts = (Account::Withdrawal(player.user_id), clearing.clone());
        let key = format!("withdrawal_settle/{withdrawal}");
        let kind = TransferKind::WithdrawalSettle;
        between(key, kind, player, accounts, amount)
    }
}

fn payer(player: &SeatedPlayer, short: bool) -> Account {
    match short {
        true => Account::Receivable(player.user_id),
        false => Account::Player(player.user_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;

    #[test]
    fn transfers_name_their_accounts_and_are_unique_by_key() {
        let ann = &SeatedPlayer::person(UserId::new(7).unwrap(), "ann");
        let clearing = &Account::TestClearing;
        let all = [
            Transfer::top_up(ann, "pi_1", clearing, Cents(500)),
            Transfer::top_up_refund(ann, "pi_1", Cents(300), false, clearing, Cents(200)),
            Transfer::top_up_refund(ann, "pi_1", Cents(300), true, clearing, Cents(100)),
            Transfer::receivable_paid(ann, "pi_2", Cents(100)),
            Transfer::dispute_hold(ann, "r/du_1", "created", Cents(200)),
            Transfer::dispute_release(ann, "r/du_1", "closed", Cents(200)),
            Transfer::dispute_withdrawn(
                ann,
                "r/du_1",
                "funds_withdrawn",
                false,
                clearing,
                Cents(9),
            ),
            Transfer::dispute_withdrawn(ann, "r/du_1", "funds_withdrawn", true, clearing, Cents(9)),
            Transfer::dispute_reinstated(ann, "r/du_1", "closed", clearing, Cents(9)),
            Transfer::withdrawal_hold(ann, "w", Cents(50)),
            Transfer::withdrawal_release(ann, "w", Cents(50)),
            Transfer::withdrawal_settle(ann, "w", &Account::StripeClearing, Cents(50)),
        ];
        let told = |transfer: &Transfer| {
            let Transfer { key, kind, .. } = transfer;
            assert!(key.starts_with(kind.as_str()), "{key}");
            let (from, to, amount) = (&transfer.from, &transfer.to, transfer.amount);
            format!("{key}: {from} -> {to} {amount}")
        };
        assert_eq!(
            all.each_ref().map(told),
            [
                "top_up/pi_1: test/clearing -> player/7 500",
                "top_up_refund/pi_1/300: player/7 -> test/clearing 200",
                "top_up_refund/pi_1/300/short: receivable/7 -> test/clearing 100",
                "receivable_paid/pi_2: player/7 -> receivable/7 100",
                "dispute_hold/r/du_1/created: player/7 -> disputed/7 200",
                "dispute_release/r/du_1/closed: disputed/7 -> player/7 200",
                "dispute_withdrawn/r/du_1/funds_withdrawn: disputed/7 -> test/clearing 9",
                "dispute_withdrawn/r/du_1/funds_withdrawn/short: receivable/7 -> test/clearing 9",
                "dispute_reinstated/r/du_1/closed: test/clearing -> player/7 9",
                "withdrawal_hold/w: player/7 -> withdrawal/7 50",
                "withdrawal_release/w: withdrawal/7 -> player/7 50",
                "withdrawal_settle/w: withdrawal/7 -> stripe/clearing 50",
            ]
        );
    }
}
