//! What players have, and what they heard, against what the bank says that they have paid.

use super::books::{Books, Truth};
use super::player::Player;
use crate::Violation;
use blazing_sun_backbone::messages::CheckoutRequest;
use blazing_sun_domain::UserId;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;

/// Of balances.
pub const BALANCES: &str = "I10 balances";
/// Of what sockets heard.
pub const HEARD: &str = "I10 heard";
/// Balances asked for at a time.
const AT_ONCE: usize = 16;

/// Holds each player's balance and what it heard against the bank.
pub async fn check(books: &Books, players: &[Player]) -> anyhow::Result<Vec<Violation>> {
    let expected = expected(books);
    let found = stream::iter(players).map(|player| async move {
        player
            .balance()
            .await
            .map(|balance| (player.user, balance - player.grant))
    });
    let found: Vec<_> = found.buffer_unordered(AT_ONCE).try_collect().await?;
    let mut wrong = compare(&expected, &found);
    for player in players {
        wrong.extend(heard(books, player));
    }
    Ok(wrong)
}

/// By how much each player has more than at first.
fn expected(books: &Books) -> BTreeMap<UserId, i64> {
    let mut expected = BTreeMap::new();
    for (id, asked) in &books.asked {
        let Some(truth) = books.truth.get(id) else {
            continue;
        };
        *expected.entry(asked.user_id).or_default() += kept(asked, truth);
    }
    expected
}

/// What the player keeps of a payment.
fn kept(asked: &CheckoutRequest, truth: &Truth) -> i64 {
    let paid = truth.paid.as_ref().filter(|paid| paid.is_as(asked));
    paid.map_or(0, |paid| paid.amount - paid.refunded - truth.lost)
}

fn compare(expected: &BTreeMap<UserId, i64>, found: &[(UserId, i64)]) -> Vec<Violation> {
    let mut wrong = Vec::new();
    for (user, has) in found {
        let paid = expected.get(user).copied().unwrap_or(0);
        if *has != paid {
            let what = format!("user {user} has got {has} cents, and paid {paid} at the bank");
            wrong.push(Violation::of(BALANCES, what));
        }
    }
    wrong
}

/// What one connection heard, unless it was interrupted: then some of it was told to nobody.
fn heard(books: &Books, player: &Player) -> Vec<Violation> {
    let heard = player.heard();
    let user = player.user;
    let of = |what: String| Violation::of(HEARD, format!("user {user}: {what}"));
    let mut wrong: Vec<_> = heard
        .repeats
        .iter()
        .map(|frame| of(format!("heard twice: {frame}")))
        .collect();
    let is_whole = heard.connections == 1;
    let none = BTreeMap::new();
    let mine = books
        .asked
        .iter()
        .filter(|(_, asked)| asked.user_id == user);
    for (id, asked) in mine {
        let paid = books.truth.get(id).and_then(|truth| truth.paid.as_ref());
        let is_paid = paid.is_some_and(|paid| paid.is_as(asked));
        let credits = heard.credits.get(id).unwrap_or(&none);
        let sum: i64 = credits.values().sum();
        let amount = asked.amount_cents.0;
        let is_right = match (is_paid, is_whole) {
            (true, true) => (credits.len(), sum) == (1, amount),
            (true, false) => credits.is_empty() || (credits.len(), sum) == (1, amount),
            (false, _) => credits.is_empty(),
        };
        if !is_right {
            wrong.push(of(format!(
                "request {id} of {amount} cents, paid: {is_paid}, was heard to be credited {credits:?}"
            )));
        }
        let told = heard.top_ups.get(id).map_or(&[][..], Vec::as_slice);
        // A command that is sent again is answered by how the payment stands: it may be told more than once.
        if !is_paid && told.iter().any(|status| status == "success") {
            wrong.push(of(format!(
                "request {id}, paid: {is_paid}, was told {told:?}"
            )));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::super::books::Paid;
    use super::super::books::tests::asked;
    use super::*;
    use uuid::Uuid;

    fn books(paid: Option<(i64, &str)>) -> Books {
        let id = Uuid::from_u128(1);
        let truth = Truth {
            paid: paid.map(|(amount, currency)| Paid {
                payment_intent: "pi_1".to_owned(),
                amount,
                currency: currency.to_owned(),
                refunded: 500,
            }),
            lost: 300,
            ..Truth::default()
        };
        Books {
            asked: BTreeMap::from([(id, asked(id))]),
            truth: BTreeMap::from([(id, truth)]),
            ..Books::default()
        }
    }

    #[test]
    fn a_balance_is_what_was_paid_less_what_went_back() {
        let user = UserId::new(7).unwrap();
        for (paid, kept) in [
            (Some((2_500, "eur")), 1_700),
            (Some((2_501, "eur")), 0),
            (Some((2_500, "usd")), 0),
            (None, 0),
        ] {
            let expected = expected(&books(paid));
            assert_eq!(compare(&expected, &[(user, kept)]), [], "{paid:?}");
            for other in [kept - 1, kept + 2_500] {
                let wrong = compare(&expected, &[(user, other)]);
                assert_eq!(wrong.len(), 1, "{paid:?}");
                assert_eq!(wrong[0].invariant, BALANCES);
            }
        }
    }
}
