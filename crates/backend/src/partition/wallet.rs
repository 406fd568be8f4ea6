//! Money from outside: what players ask about it, and what the checkout says. All of a user's is decided by the
//! user's own partition.

mod payments;

pub(super) use payments::read_finished;

use super::commands::Outcome;
use super::{Asked, Partition, Turn};
use crate::inbox::Answer;
use crate::outgoing::{Cause, Event, Family};
use crate::store::wallet::{DisputeRow, TopUp, TopUpStatus, Wallet, counted_since};
use crate::store::{Store, StoreError};
use crate::wallet::OPEN_MAX;
use blazing_sun_backbone::derived_id::derived_id;
use blazing_sun_backbone::envelope::AudienceKind;
use blazing_sun_backbone::messages::{
    CancelReason, CheckoutCancellation, CheckoutRequest, Command, PURPOSE_TOP_UP, TopUpChanged,
    WalletCommand, top_up_request_id,
};
use blazing_sun_backbone::topics;
use blazing_sun_domain::room::{Membership, Order};
use blazing_sun_domain::wallet::Period;
use blazing_sun_domain::wallet::limits::Deposit;
use blazing_sun_domain::{Cents, CommandId, Refusal, RefusalCode, UserId};
use std::collections::BTreeMap;
use uuid::Uuid;

const DAY_MS: i64 = 86_400_000;

impl<S: Store> Turn<'_, S> {
    /// A user's wallet as this batch leaves it so far.
    pub(super) fn wallet(&mut self, user: UserId) -> Result<Wallet, StoreError> {
        if let Some(wallet) = self.writes.wallets.get(&user) {
            return Ok(wallet.clone());
        }
        let stored = self.store.wallet(user)?;
        Ok(stored.unwrap_or_else(|| Wallet::of(user)))
    }

    fn top_up(&mut self, request_id: Uuid) -> Result<Option<TopUp>, StoreError> {
        match self.writes.top_ups.get(&request_id) {
            Some(top_up) => Ok(Some(top_up.clone())),
            None => self.store.top_up(request_id),
        }
    }

    fn disputes(&mut self, request_id: Uuid) -> Result<BTreeMap<String, DisputeRow>, StoreError> {
        let stored = self.store.disputes(request_id)?;
        let stored = stored.into_iter().map(|row| (row.dispute_id.clone(), row));
        let mut rows: BTreeMap<String, DisputeRow> = stored.collect();
        let changed = self.writes.disputes.iter();
        let changed = changed.filter(|((of, _), _)| *of == request_id);
        rows.extend(changed.map(|((_, id), row)| (id.clone(), row.clone())));
        Ok(rows)
    }

    /// A user's payments that count against limits, those that are open among them.
    fn counted(&mut self, user: UserId) -> Result<BTreeMap<Uuid, TopUp>, StoreError> {
        let stored = self.store.counted_top_ups(user, counted_since(self.now))?;
        let stored = stored.into_iter().map(|row| (row.request_id, row));
        let mut rows: BTreeMap<Uuid, TopUp> = stored.collect();
        let changed = self.writes.top_ups.values().filter(|row| row.user == user);
        rows.extend(changed.map(|row| (row.request_id, row.clone())));
        Ok(rows)
    }

    /// What counts against a user's limits, and how many requests are open.
    fn deposits(&mut self, user: UserId) -> Result<(Vec<Deposit>, usize), StoreError> {
        let rows = self.counted(user)?;
        let open = rows.values().filter(|row| row.status.is_open()).count();
        Ok((rows.values().filter_map(TopUp::deposit).collect(), open))
    }

    /// Refuses what nobody may do who is excluded by their own wish.
    pub(super) fn exclusion(&mut self, user: UserId) -> Result<Option<Refusal>, StoreError> {
        let until = self.wallet(user)?.excluded_at(self.now);
        Ok(until.map(|until| {
            let why = format!("You are excluded by your own wish until {until}");
            Refusal::because(RefusalCode::SelfExcluded, why)
        }))
    }
}

impl Partition {
    /// Why the player whom a command brings to a table is kept from it by their own wish. Of another than the
    /// asker that is told to nobody but the host who has that one in the lobby.
    pub(super) fn excluded_player<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        asker: UserId,
        command: &Command,
    ) -> Result<Option<Refusal>, StoreError> {
        match command {
            Command::JoinRoom(_) | Command::BecomePlayer { .. } => turn.exclusion(asker),
            Command::SelectPlayer {
                room_id,
                target_user_id,
            } => {
                let room = self.rooms.get(room_id).map(|slot| &slot.room);
                let may_ask = room.is_some_and(|room| {
                    room.is_hosted_by(asker) && room.standing(*target_user_id) == Membership::Lobby
                });
                if !may_ask || turn.exclusion(*target_user_id)?.is_none() {
                    return Ok(None);
                }
                let why = match *target_user_id == asker {
                    true => "You are excluded by your own wish",
                    false => "This player can not be selected at present",
                };
                Ok(Some(Refusal::because(RefusalCode::SelfExcluded, why)))
            }
            _ => Ok(None),
        }
    }

    /// A `wallet.command.…` of a player.
    pub(super) fn wallet_command<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        command: WalletCommand,
    ) -> Result<Outcome, StoreError> {
        let Some(command_id) = asked.command_id.filter(|_| asked.user != UserId::SYSTEM) else {
            return Ok(Outcome::NotKept);
        };
        match command {
            WalletCommand::TopUp {
                amount,
                success_url,
                cancel_url,
            } => {
                let request_id = top_up_request_id(asked.user, command_id);
                if turn.top_up(request_id)?.is_none() {
                    let urls = [success_url, cancel_url];
                    if let Some(refusal) = self.refuses_payment(turn, asked.user, amount, &urls)? {
                        return Ok(Outcome::Refused(None, refusal));
                    }
                    self.request_payment(turn, asked, request_id, amount, urls);
                }
                self.tell_top_up(turn, asked, request_id)?;
                self.keep(turn, asked.user, command_id, Answer::TopUp(request_id));
            }
            WalletCommand::CancelTopUp { request_id } => {
                let top_up = turn.top_up(request_id)?;
                let Some(top_up) = top_up.filter(|row| row.user == asked.user) else {
                    return Ok(Outcome::Refused(None, RefusalCode::PaymentNotFound.into()));
                };
                if !top_up.can_be_cancelled() {
                    return Ok(Outcome::Refused(None, not_open(&top_up)));
                }
                self.cancel_payment(turn, &top_up, CancelReason::Cancelled);
                self.tell_top_up(turn, asked, request_id)?;
                self.keep(turn, asked.user, command_id, Answer::TopUp(request_id));
            }
            WalletCommand::SetDepositLimit { period, amount } => {
                self.set_deposit_limit(turn, asked, period, amount)?;
                self.keep(turn, asked.user, command_id, Answer::Limits);
            }
            WalletCommand::ExcludeSelf { days } => {
                self.exclude(turn, asked, days)?;
                self.keep(turn, asked.user, command_id, Answer::Limits);
            }
        }
        Ok(Outcome::Answered)
    }

    fn refuses_payment<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        user: UserId,
        amount: Cents,
        urls: &[Option<String>; 2],
    ) -> Result<Option<Refusal>, StoreError> {
        let rules = &turn.rules.wallet;
        if !rules.takes_payments {
            return Ok(Some(RefusalCode::PaymentsUnavailable.into()));
        }
        if let Some(refusal) = turn.exclusion(user)? {
            return Ok(Some(refusal));
        }
        if turn.store.is_shut_out(user)? {
            let why = "This account can not be used any more";
            return Ok(Some(Refusal::because(RefusalCode::Banned, why)));
        }
        for (name, url) in ["success_url", "cancel_url"].into_iter().zip(urls) {
            if url.as_ref().is_some_and(|url| !rules.is_own(url)) {
                let why = format!("`{name}` must be an address of this site");
                return Ok(Some(Refusal::because(RefusalCode::InvalidUrl, why)));
            }
        }
        let limits = turn.wallet(user)?.limits;
        let (deposits, open) = turn.deposits(user)?;
        if open >= OPEN_MAX {
            let why =
                format!("{open} payments are open already; pay one, or wait until they expire");
            return Ok(Some(Refusal::because(RefusalCode::RateLimited, why)));
        }
        let checked = rules.deposits.check(amount, &limits, &deposits, turn.now);
        Ok(checked.err())
    }

    fn request_payment<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        request_id: Uuid,
        amount: Cents,
        [success_url, cancel_url]: [Option<String>; 2],
    ) {
        let currency = turn.rules.currency.clone();
        let request = CheckoutRequest {
            request_id,
            user_id: asked.user,
            amount_cents: amount,
            currency: currency.clone(),
            purpose: PURPOSE_TOP_UP.to_owned(),
            timestamp: turn.outgoing.now_text().to_owned(),
            success_url,
            cancel_url,
        };
        let key = asked.user.to_string().into();
        let (topic, event_id) = (topics::CHECKOUT_REQUESTS, request_id.to_string());
        turn.outgoing
            .raw(self.number, topic, key, &event_id, &request);
        let top_up = TopUp {
            request_id,
            user: asked.user,
            amount,
            currency,
            status: TopUpStatus::Requested,
            session_id: None,
            session_url: None,
            payment_intent_id: None,
            payment: None,
            refunded: Cents::ZERO,
            requested: turn.now,
            finished: None,
            error: None,
        };
        turn.writes.top_ups.insert(request_id, top_up);
    }

    /// Asks the checkout to keep a payment from being made. It stays open, and counts, until the checkout says how it
    /// ended: meanwhile it may be paid.
    fn cancel_payment<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        top_up: &TopUp,
        reason: CancelReason,
    ) {
        let cancellation = CheckoutCancellation {
            request_id: top_up.request_id,
            user_id: top_up.user,
            reason,
        };
        let key = top_up.user.to_string().into();
        let event_id = derived_id([b"cancellation/".as_slice(), top_up.request_id.as_bytes()]);
        let (topic, event_id) = (topics::CHECKOUT_CANCELLATIONS, event_id.to_string());
        turn.outgoing
            .raw(self.number, topic, key, &event_id, &cancellation);
    }

    /// Tells the asker how a payment stands.
    pub(super) fn tell_top_up<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        request_id: Uuid,
    ) -> super::Taken {
        if let Some(top_up) = turn.top_up(request_id)? {
            self.send_top_up(turn, asked.user, asked.cause(), &top_up.told());
        }
        Ok(())
    }

    fn send_top_up<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        user: UserId,
        cause: Cause<'_>,
        told: &TopUpChanged,
    ) {
        let body = serde_json::to_string(told).expect("texts and numbers are plain JSON values");
        let event = Event {
            family: Family::Wallet,
            name: "top_up",
            room_id: None,
            audience: AudienceKind::User,
            user_ids: &[user],
            order: Order::Outside,
            body: &body,
            membership: &[],
            cause: Some(cause),
        };
        turn.outgoing.event(self.number, event);
    }

    fn set_deposit_limit<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        period: Period,
        amount: Option<Cents>,
    ) -> super::Taken {
        let mut wallet = turn.wallet(asked.user)?;
        wallet.limits.of_mut(period).set(amount, turn.now);
        turn.writes.wallets.insert(asked.user, wallet);
        self.tell_limits(turn, asked)
    }

    /// Running play goes on; a place in a queue is given up, and so is what is not paid yet.
    fn exclude<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        days: u32,
    ) -> super::Taken {
        let mut wallet = turn.wallet(asked.user)?;
        let until = turn.now.plus(i64::from(days) * DAY_MS);
        wallet.excluded_until = wallet.excluded_until.max(Some(until));
        turn.writes.wallets.insert(asked.user, wallet);
        self.give_up_places_of(turn, asked.user);
        let open = turn.counted(asked.user)?;
        for top_up in open.values().filter(|row| row.can_be_cancelled()) {
            self.cancel_payment(turn, top_up, CancelReason::SelfExcluded);
        }
        self.tell_limits(turn, asked)
    }

    /// Tells the asker what may be paid in.
    pub(super) fn tell_limits<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
    ) -> super::Taken {
        let (deposits, _) = turn.deposits(asked.user)?;
        let told = turn.wallet(asked.user)?.told(&deposits, turn.now);
        let body = serde_json::to_string(&told).expect("texts and numbers are plain JSON values");
        self.answer(turn, asked, (Family::Wallet, "limits"), None, &body);
        Ok(())
    }
}

/// Why a payment can not be cancelled.
fn not_open(top_up: &TopUp) -> Refusal {
    let why = match top_up.status {
        TopUpStatus::Requested | TopUpStatus::SessionCreated => {
            "The payment is made already, and the money is on its way"
        }
        TopUpStatus::Failed => "The payment has failed already",
        TopUpStatus::Expired => "The payment has expired already",
        TopUpStatus::Success | TopUpStatus::Refunded => "The payment is paid already",
    };
    Refusal::because(RefusalCode::PaymentNotOpen, why)
}

/// What follows from the checkout's word, and answers nobody's command.
fn of_the_checkout(request_id: Uuid, id_text: &str) -> Asked<'_> {
    Asked {
        command_id: Some(CommandId(request_id)),
        is_kept: false,
        correlation_id: id_text,
        user: UserId::SYSTEM,
        socket_id: "",
        chat: false,
    }
}
