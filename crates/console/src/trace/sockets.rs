//! Which sockets a command's events went to: gateways are asked, who remember it for a while.

use super::{StepKind, StepPlace, Steps, Trace, TraceGateway, TraceStep, instant};
use crate::members;
use blazing_sun_backbone::clock;
use blazing_sun_backbone::deliveries::{
    Delivered, DeliveriesAsked, DeliveriesTold, RECORDS_MAX, RecordPlace,
};
use blazing_sun_backbone::log::{EventLog, LogError, Start, Topic};
use blazing_sun_backbone::topics::{CHAT_EVENTS, GAMES_EVENTS, SYSTEM_EVENTS};
use blazing_sun_domain::Millis;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// Gateways answer at once, unless they are behind.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// Who said within so long that it lives is waited for.
const HEARD_WITHIN_MS: i64 = 10_000;

/// What gateways answered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct GatewayAnswers {
    /// By gateway.
    pub told: Vec<DeliveriesTold>,
    /// Gateways that live and have not answered.
    pub silent: Vec<String>,
}

/// Asks all gateways, and waits for those that live.
pub async fn ask_gateways(
    log: &dyn EventLog,
    asked: &DeliveriesAsked,
) -> Result<GatewayAnswers, LogError> {
    let heard = members::heard(log, clock::now(), HEARD_WITHIN_MS).await?;
    let mut silent: Vec<String> = heard.into_keys().collect();
    let mut answers = GatewayAnswers::default();
    if silent.is_empty() {
        return Ok(answers);
    }
    let topic = Topic::new(SYSTEM_EVENTS);
    let ends = (0..).zip(log.bounds(&topic).await?);
    let from = ends.map(|(partition, at)| (topic.clone(), partition, Start::Offset(at.end)));
    let mut reader = log.subscribe(from.collect())?;
    log.append_and_wait(vec![asked.record()]).await?;
    let until = tokio::time::Instant::now() + ANSWERED_WITHIN;
    while !silent.is_empty() {
        let Ok(records) = tokio::time::timeout_at(until, reader.next()).await else {
            break;
        };
        let told = records?.iter().filter_map(DeliveriesTold::read).collect();
        let told: Vec<DeliveriesTold> = told;
        for told in told.into_iter().filter(|told| told.ask_id == asked.ask_id) {
            silent.retain(|gateway| *gateway != told.gateway_id);
            answers.told.push(told);
        }
        // What is no record is passed.
        reader.passed();
    }
    answers
        .told
        .sort_by(|one, other| one.gateway_id.cmp(&other.gateway_id));
    answers.silent = silent;
    Ok(answers)
}

impl Trace {
    /// What gateways are to be asked; nothing where nobody was told anything.
    pub fn question(&self) -> Option<DeliveriesAsked> {
        let records = self.steps.iter().filter_map(record_of);
        let records: Vec<RecordPlace> = records.take(RECORDS_MAX).collect();
        let frame = self.steps.iter().find(|step| step.what == StepKind::Frame);
        let connection = frame.and_then(|frame| frame.data["socket_id"].as_str());
        (!records.is_empty()).then(|| DeliveriesAsked {
            ask_id: Uuid::now_v7(),
            user_id: frame.and_then(|frame| frame.user_id),
            connection_id: connection.and_then(|id| Uuid::try_parse(id).ok()),
            records,
        })
    }

    /// Takes what gateways answered as steps, and into the verdict.
    pub fn take(&mut self, answers: GatewayAnswers) {
        let written: BTreeMap<RecordPlace, (Millis, String)> = self
            .steps
            .iter()
            .filter_map(|step| Some((record_of(step)?, (instant(&step.at)?, event_type(step)))))
            .collect();
        let mut steps = Steps::default();
        for step in std::mem::take(&mut self.steps) {
            steps.0.push((instant(&step.at).unwrap_or_default(), step));
        }
        for told in &answers.told {
            for alike in told
                .delivered
                .chunk_by(|one, other| (one.at_ms, one.sockets) == (other.at_ms, other.sockets))
            {
                steps.handed(&told.gateway_id, alike, &written);
            }
        }
        self.steps = steps.in_order();
        if let Some(words) = self.words_of(&answers, &written) {
            self.verdict = format!("{}; {words}", self.verdict);
        }
        let gateway = |told: DeliveriesTold| TraceGateway {
            gateway_id: told.gateway_id,
            remembers_since: Millis(told.remembers_since_ms).to_string(),
            user_sockets: told.user_sockets,
            is_connected: told.is_connected,
        };
        self.gateways = answers.told.into_iter().map(gateway).collect();
        self.silent_gateways = answers.silent;
    }

    fn words_of(
        &self,
        answers: &GatewayAnswers,
        written: &BTreeMap<RecordPlace, (Millis, String)>,
    ) -> Option<String> {
        let mut sockets: BTreeMap<&RecordPlace, u32> = BTreeMap::new();
        for delivered in answers.told.iter().flat_map(|told| &told.delivered) {
            let of_record = sockets.entry(&delivered.record).or_default();
            *of_record = of_record.saturating_add(delivered.sockets);
        }
        if let Some(most) = sockets.into_values().max() {
            let last = self.steps.iter().rfind(|step| is_handed(step))?;
            let after_ms = last.since_start_ms;
            return Some(format!("sent to {} after {after_ms} ms", counted(most)));
        }
        if let Some(silent) = answers.silent.first() {
            return Some(format!("{silent} does not say what it sent"));
        }
        let mut told = answers.told.iter();
        if let Some(behind) = told.find(|told| !told.unread.is_empty()) {
            return Some(format!("{} has not read it yet", behind.gateway_id));
        }
        let first = written.values().map(|(at, _)| at.0).min()?;
        let told = &answers.told;
        if !told.iter().all(|told| told.remembers_since_ms <= first) {
            return Some("gateways do not remember that time any more".to_owned());
        }
        // Who is connected may have come since, and has been told by a room's state.
        let yet = match told.iter().any(|told| told.user_sockets > 0) {
            true => " yet",
            false => "",
        };
        (!told.is_empty()).then(|| format!("no socket was there{yet} that it was for"))
    }
}

impl Steps {
    /// What a gateway handed to sockets in one turn.
    fn handed(
        &mut self,
        gateway_id: &str,
        delivered: &[Delivered],
        written: &BTreeMap<RecordPlace, (Millis, String)>,
    ) {
        let Some(first) = delivered.first() else {
            return;
        };
        let events = delivered.iter().map(|delivered| {
            let event_type = written.get(&delivered.record).map(|(_, name)| name);
            json!({ "event_type": event_type, "record": delivered.record })
        });
        let events: Vec<_> = events.collect();
        let counted_events = match events.len() {
            1 => "1 event".to_owned(),
            count => format!("{count} events"),
        };
        let title = format!(
            "{counted_events} to {} of {gateway_id}",
            counted(first.sockets)
        );
        // Clocks differ, and nothing is sent before it is written.
        let written = delivered.iter().filter_map(|it| written.get(&it.record));
        let earliest = written.map(|(at, _)| *at).max().unwrap_or_default();
        let at = Millis(first.at_ms).max(earliest);
        let step = self.add(at, StepKind::Socket, title, StepPlace::default());
        step.data = json!({ "gateway_id": gateway_id, "sockets": first.sockets, "events": events });
    }
}

fn counted(sockets: u32) -> String {
    match sockets {
        1 => "1 socket".to_owned(),
        sockets => format!("{sockets} sockets"),
    }
}

fn is_handed(step: &TraceStep) -> bool {
    step.what == StepKind::Socket && !step.data["sockets"].is_null()
}

fn event_type(step: &TraceStep) -> String {
    step.data["event_type"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The record that sockets were to be told of. Of what is for all, gateways note nothing.
fn record_of(step: &TraceStep) -> Option<RecordPlace> {
    let is_told = [StepKind::Event, StepKind::Refusal].contains(&step.what)
        && step.data["audience"]["type"] != "broadcast";
    let topic = step.place.topic.clone();
    let topic = topic.filter(|name| [GAMES_EVENTS, CHAT_EVENTS].contains(&name.as_str()));
    Some(RecordPlace {
        topic: topic.filter(|_| is_told)?,
        partition: step.place.partition?,
        offset: step.place.offset?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced() -> Trace {
        let mut steps = Steps::default();
        let frame = steps.add(Millis(1_000), StepKind::Frame, "roll", StepPlace::default());
        frame.data = json!({ "socket_id": Uuid::from_u128(5) });
        for (offset, audience) in [(7, "room"), (8, "broadcast"), (9, "room")] {
            let place = StepPlace {
                topic: Some(GAMES_EVENTS.to_owned()),
                partition: Some(3),
                offset: Some(offset),
                ..StepPlace::default()
            };
            let event = steps.add(Millis(1_004), StepKind::Event, "rolled", place);
            event.data = json!({ "event_type": "rolled", "audience": { "type": audience } });
        }
        Trace {
            correlation_id: Uuid::from_u128(1).to_string(),
            steps: steps.in_order(),
            verdict: "applied".to_owned(),
            complete: true,
            scanned: 4,
            gateways: Vec::new(),
            silent_gateways: Vec::new(),
        }
    }

    fn told(gateway_id: &str, delivered: &[(u64, i64, u32)]) -> DeliveriesTold {
        let place = |offset| RecordPlace {
            topic: GAMES_EVENTS.to_owned(),
            partition: 3,
            offset,
        };
        let delivered = delivered.iter().map(|(offset, at_ms, sockets)| Delivered {
            record: place(*offset),
            at_ms: *at_ms,
            sockets: *sockets,
        });
        DeliveriesTold {
            ask_id: Uuid::from_u128(2),
            gateway_id: gateway_id.to_owned(),
            remembers_since_ms: 500,
            delivered: delivered.collect(),
            unread: Vec::new(),
            user_sockets: 1,
            is_connected: true,
        }
    }

    fn verdict(told: Vec<DeliveriesTold>, silent: &[&str]) -> Trace {
        let mut trace = traced();
        trace.take(GatewayAnswers {
            told,
            silent: silent.iter().map(|id| (*id).to_owned()).collect(),
        });
        trace
    }

    #[test]
    fn all_are_asked_of_what_is_not_for_everyone() {
        let asked = traced().question().unwrap();
        let offsets: Vec<u64> = asked.records.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, [7, 9]);
        assert_eq!(asked.connection_id, Some(Uuid::from_u128(5)));
        let mut untold = traced();
        untold.steps.truncate(1);
        assert_eq!(untold.question(), None);
    }

    #[test]
    fn what_was_sent_is_a_step_of_each_gateway_behind_what_was_written() {
        let both = [(7, 1_003, 1), (9, 1_003, 1)];
        let trace = verdict(vec![told("a", &both), told("b", &[(7, 1_006, 2)])], &[]);
        let sent = trace.steps.iter().filter(|step| is_handed(step));
        let sent: Vec<_> = sent
            .map(|step| (&*step.title, step.since_start_ms))
            .collect();
        assert_eq!(
            sent,
            [
                ("2 events to 1 socket of a", 4),
                ("1 event to 2 sockets of b", 6)
            ]
        );
        assert_eq!(trace.verdict, "applied; sent to 3 sockets after 6 ms");
        assert_eq!(trace.gateways.len(), 2);
    }

    #[test]
    fn what_was_not_sent_is_said_as_far_as_it_is_known() {
        let words = |told: Vec<DeliveriesTold>, silent: &[&str]| verdict(told, silent).verdict;
        assert_eq!(
            words(vec![told("a", &[])], &[]),
            "applied; no socket was there yet that it was for"
        );
        let left = DeliveriesTold {
            user_sockets: 0,
            ..told("a", &[])
        };
        assert_eq!(
            words(vec![left], &[]),
            "applied; no socket was there that it was for"
        );
        let forgetful = DeliveriesTold {
            remembers_since_ms: 1_005,
            ..told("a", &[])
        };
        assert_eq!(
            words(vec![forgetful], &[]),
            "applied; gateways do not remember that time any more"
        );
        let behind = DeliveriesTold {
            unread: vec![traced().question().unwrap().records[0].clone()],
            ..told("b", &[])
        };
        assert_eq!(
            words(vec![told("a", &[]), behind], &[]),
            "applied; b has not read it yet"
        );
        assert_eq!(
            words(vec![told("a", &[])], &["c"]),
            "applied; c does not say what it sent"
        );
        assert_eq!(words(Vec::new(), &[]), "applied");
    }
}
