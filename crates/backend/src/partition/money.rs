//! What moves money, and who hears of it.

use super::{Asked, Taken, Turn};
use crate::outgoing::{Cause, Event, Family, Outgoing};
use crate::store::Store;
use blazing_sun_backbone::envelope::AudienceKind;
use blazing_sun_backbone::messages;
use blazing_sun_domain::room::Order;
use blazing_sun_domain::{Account, Cents, Millis, Transfer, TransferKind, UserId};

/// Adds the record of a payment for the checkout's journal.
pub(crate) fn push_payment(
    outgoing: &mut Outgoing,
    partition: u32,
    now: Millis,
    (game_type, room_name): (&str, &str),
    transfer: &Transfer,
) {
    let (Some(player), Some(room)) = (&transfer.player, &transfer.room_id) else {
        return;
    };
    let kind = match transfer.kind {
        TransferKind::Fee => messages::PaymentKind::Participation,
        TransferKind::Refund => messages::PaymentKind::Refund,
        TransferKind::Prize => messages::PaymentKind::Prize,
        _ => return,
    };
    let record = messages::PaymentRecord::new(
        kind,
        &transfer.key,
        now,
        player,
        transfer.amount,
        game_type,
        room,
        room_name,
        transfer.total_players,
    );
    let key = player.user_id.to_string().into();
    let event_id = record.event_id.to_string();
    outgoing.raw(partition, &kind.topic(game_type), key, &event_id, &record);
}

/// What a transfer makes of a player's balance.
pub(crate) struct Changed {
    pub user: UserId,
    pub balance: Cents,
    pub change: Cents,
}

/// Tells a player of a changed balance.
pub(crate) fn push_balance(
    outgoing: &mut Outgoing,
    partition: u32,
    currency: &str,
    transfer: &Transfer,
    changed: &Changed,
    cause: Option<Cause<'_>>,
) {
    let body = serde_json::to_string(&messages::BalanceChanged {
        balance_cents: changed.balance,
        change_cents: changed.change,
        currency: currency.to_owned(),
        reason: transfer.kind.as_str().to_owned(),
    });
    let event = Event {
        family: Family::Wallet,
        name: "balance_changed",
        room_id: transfer.room_id.as_ref(),
        audience: AudienceKind::User,
        user_ids: &[changed.user],
        order: Order::Outside,
        body: &body.expect("a balance is a plain JSON value"),
        membership: &[],
        cause,
    };
    outgoing.event(partition, event);
}

/// Moves money, and tells the players whose balance it changes.
pub(super) fn move_money<S: Store>(
    turn: &mut Turn<'_, S>,
    partition: u32,
    transfer: Transfer,
    asked: Option<Asked<'_>>,
) -> Taken {
    let changes = [
        (&transfer.from, Cents::ZERO - transfer.amount),
        (&transfer.to, transfer.amount),
    ];
    for (account, change) in changes {
        let Account::Player(user) = account else {
            continue;
        };
        let balance = turn.balance(*user)? + change;
        turn.balances.insert(*user, balance);
        let changed = Changed {
            user: *user,
            balance,
            change,
        };
        // It follows from the command, but is not its answer.
        let cause = asked.map(|asked| Cause {
            user: UserId::SYSTEM,
            ..asked.cause()
        });
        let currency = &turn.rules.currency;
        push_balance(
            turn.outgoing,
            partition,
            currency,
            &transfer,
            &changed,
            cause,
        );
    }
    turn.writes
        .transfers
        .push((transfer, asked.and_then(|asked| asked.command_id)));
    Ok(())
}
