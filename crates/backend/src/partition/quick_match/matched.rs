//! What becomes of those who were matched: their room is opened by its own partition, which says so to the queue.

use super::{Cancel, asked_before};
use crate::inbox::Answer;
use crate::live::Costs;
use crate::partition::rooms::has_ended;
use crate::partition::{Asked, Partition, Taken, Turn};
use crate::store::Store;
use blazing_sun_backbone::envelope::Audience;
use blazing_sun_backbone::messages::{self, MatchedRoom, SettledMatch};
use blazing_sun_domain::room::Action;
use blazing_sun_domain::{Refusal, RefusalCode, UserId};
use std::collections::BTreeSet;

/// What rooms of the matched are called.
const ROOM_NAME: &str = "Quick match";

impl Partition {
    pub(super) fn have_opened<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        correlation_id: Option<&str>,
        open: &MatchedRoom,
    ) {
        let id = turn.outgoing.event_id();
        let own_id = id.to_string();
        let payload = messages::open_matched_room(id, open);
        let about = (
            messages::OPEN_MATCHED_ROOM,
            id,
            correlation_id.unwrap_or(&own_id),
            Audience::room(&open.room_id),
        );
        self.tell(turn, open.room_id.as_str(), about, &payload);
    }

    /// Whether there are matches of which it is not known what became.
    pub fn awaits_rooms(&self) -> bool {
        let mut queues = self.queues.by_game.values();
        queues.any(|queue| !queue.matches.is_empty())
    }

    /// Asks again for the rooms of all matches: what was asked or answered may have been lost on its way.
    pub fn ask_for_rooms_again<S: Store>(&self, turn: &mut Turn<'_, S>) {
        for (game_type, queue) in &self.queues.by_game {
            for found in &queue.matches {
                self.have_opened(turn, None, &found.to_open(game_type));
            }
        }
    }

    /// Opens the room of those who were matched, or says who keeps it from being opened.
    pub(super) fn open_matched_room<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        open: MatchedRoom,
    ) -> Taken {
        let MatchedRoom {
            room_id,
            game_type,
            players,
            entry_fee_cents,
            prize_percent,
        } = open;
        let Some(host) = players.first().cloned() else {
            return Ok(());
        };
        let all_for = |why: &Refusal| {
            let all = players.iter().map(|player| player.user_id);
            all.map(|user| (user, why.clone())).collect()
        };
        let mut refused = Vec::new();
        // Whose answer was lost is asked for again.
        let was_opened = self.has_room(&room_id) || has_ended(turn, &room_id)?;
        let game = turn.rules.games.get(&game_type);
        // Nobody pays anything else than was agreed to, whatever a seat costs meanwhile.
        let costs = game.map(|game| {
            let now = turn.live.costs(game);
            Costs {
                entry_fee: entry_fee_cents.unwrap_or(now.entry_fee),
                prize_percent: prize_percent.unwrap_or(now.prize_percent),
            }
        });
        let fee = costs.map(|costs| costs.entry_fee).unwrap_or_default();
        for player in players.iter().filter(|_| !was_opened) {
            let why = self.may_not_be_matched(turn, player.user_id, fee)?;
            refused.extend(why.map(|refusal| (player.user_id, refusal)));
        }
        if costs.is_none() && !was_opened {
            refused = all_for(&RefusalCode::UnknownGame.into());
        }
        if let Some(Costs {
            entry_fee,
            prize_percent,
        }) = costs.filter(|_| refused.is_empty() && !was_opened)
        {
            let action = Action::Create {
                room_id: room_id.clone(),
                game_type: game_type.clone(),
                room_name: ROOM_NAME.to_owned(),
                max_players: Some(players.len() as u32),
                allow_spectators: true,
                is_password_protected: false,
                entry_fee,
                prize_percent,
                invites_bot: false,
                seated: players.clone(),
                limits: turn.rules.limits,
            };
            let asked = Asked {
                is_kept: false,
                ..asked
            };
            let failed = self.open_room(turn, Some(asked), host, &room_id, action, None)?;
            if let Some(refusal) = failed {
                let correlation_id = asked.correlation_id;
                tracing::error!(correlation_id, room.id = %room_id, %refusal, "a matched room was not opened");
                refused = all_for(&refusal);
            }
        }
        let settled = SettledMatch {
            room_id,
            game_type,
            refused,
        };
        let id = turn.outgoing.event_id();
        let payload = messages::match_settled(id, &settled);
        let name = messages::MATCH_SETTLED;
        let cause = Some(asked.correlation_id);
        self.tell_queue(turn, &settled.game_type, name, id, cause, &payload);
        Ok(())
    }

    /// The matched have their room, or return to the front without those who could not be seated.
    pub(super) fn match_settled<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        settled: SettledMatch,
    ) -> Taken {
        let SettledMatch {
            room_id,
            game_type,
            refused,
        } = settled;
        let queue = self.queues.of(&game_type);
        let Some(at) = queue
            .matches
            .iter()
            .position(|found| found.room_id == room_id)
        else {
            return Ok(());
        };
        let settled = queue.matches.remove(at);
        let is_open = refused.is_empty();
        // What may be tried again is nobody's fault: they wait on, until somebody asks the next time.
        let may_be_tried_again =
            |(_, why): &(UserId, Refusal)| why.code == RefusalCode::Unavailable;
        let is_delayed = refused.iter().any(may_be_tried_again);
        let why_not = |user: UserId| {
            let mut refused = refused.iter().filter(|why| !may_be_tried_again(why));
            refused
                .find(|(other, _)| *other == user)
                .map(|(_, refusal)| refusal)
        };
        if !is_open {
            for waiting in settled.players.iter().rev() {
                let user = waiting.player.user_id;
                let cancels = settled.cancels.iter().any(|cancel| cancel.user == user);
                if why_not(user).is_none() && !cancels && !settled.gone.contains(&user) {
                    self.queues
                        .of(&game_type)
                        .waiting
                        .push_front(waiting.clone());
                }
            }
        }
        for waiting in &settled.players {
            let user = waiting.player.user_id;
            if is_open {
                self.keep(
                    turn,
                    user,
                    waiting.command_id,
                    Answer::State(room_id.clone()),
                );
            } else if let Some(refusal) = why_not(user) {
                self.give_back(turn, waiting, refusal);
            }
        }
        let mut answered = BTreeSet::new();
        for Cancel {
            user,
            command_id,
            socket_id,
        } in &settled.cancels
        {
            let id = command_id.to_string();
            let late = asked_before(*user, *command_id, &id, socket_id);
            let answer = if is_open {
                let why = "You were matched already; leave the room to get its fee back";
                let refusal = Refusal::because(RefusalCode::AlreadySelected, why);
                self.send_refusal(turn, late, None, &refusal);
                Answer::Refused(None, refusal)
            } else {
                self.answer_waiting(turn, late, &game_type);
                Answer::Queued(game_type.clone())
            };
            if answered.insert((*user, *command_id)) {
                self.keep(turn, *user, *command_id, answer);
            }
        }
        if is_open {
            for user in settled.gone {
                let id = turn.outgoing.event_id();
                let payload = messages::matched_while_gone(id, &room_id, user);
                let about = (
                    messages::MATCHED_WHILE_GONE,
                    id,
                    asked.correlation_id,
                    Audience::user(UserId::SYSTEM),
                );
                self.tell(turn, &user.to_string(), about, &payload);
            }
        } else if !is_delayed {
            self.match_players(turn, asked.correlation_id, &game_type);
        }
        Ok(())
    }
}
