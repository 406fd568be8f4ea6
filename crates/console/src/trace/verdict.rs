//! One sentence about what became of a command.

use super::{StepKind, TraceStep};

/// What the steps come to. `undecided`: how many records the partition's owner has still to decide, this one included.
pub(super) fn of(steps: &[TraceStep], undecided: Option<u64>, is_complete: bool) -> String {
    let first = |what: StepKind| steps.iter().find(|step| step.what == what);
    let count = |what: StepKind| steps.iter().filter(|step| step.what == what).count();
    if let Some(letter) = first(StepKind::DeadLetter) {
        return format!("put aside as a dead letter: {}", letter.title);
    }
    if let Some(refusal) = first(StepKind::Refusal) {
        let message = refusal.data["payload"]["message"].as_str();
        return match message {
            Some(message) => format!("refused: {} ({message})", refusal.title),
            None => format!("refused: {}", refusal.title),
        };
    }
    let Some(record) = first(StepKind::Record) else {
        return match (steps.is_empty(), is_complete) {
            (false, _) => "its command is not in the topics any more; this is what followed from it".to_owned(),
            (true, true) => {
                "not in the topics: it never arrived, a gateway refused it before it was written, or it has expired"
                    .to_owned()
            }
            (true, false) => "not found in what was looked through; there is more".to_owned(),
        };
    };
    if let Some(waiting) = undecided {
        let partition = record.place.partition.unwrap_or_default();
        return format!(
            "not decided yet: partition {partition} has {waiting} records to decide up to this one"
        );
    }
    let (events, transfers) = (count(StepKind::Event), count(StepKind::Ledger));
    if events + transfers == 0 {
        return "decided, and nothing followed: it asked for what was so already, or repeated a command that was answered"
            .to_owned();
    }
    let last = steps.iter().rfind(|step| step.what == StepKind::Event);
    let told = last.map_or(0, |step| step.since_start_ms);
    format!(
        "applied: {}, {}; told after {told} ms",
        counted(transfers, "transfer"),
        counted(events, "event")
    )
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::StepPlace;
    use super::*;
    use serde_json::json;

    fn step(what: StepKind, title: &str) -> TraceStep {
        TraceStep {
            at: "2026-01-31T20:15:00.000Z".to_owned(),
            what,
            title: title.to_owned(),
            place: StepPlace {
                partition: Some(3),
                ..StepPlace::default()
            },
            user_id: None,
            room_id: None,
            since_start_ms: 7,
            since_previous_ms: 0,
            data: json!({ "payload": { "message": "It is not your turn" } }),
        }
    }

    #[test]
    fn each_end_has_its_sentence() {
        let record = || step(StepKind::Record, "games.command.bigger_dice.roll");
        let event = || step(StepKind::Event, "games.event.bigger_dice.rolled");
        for (steps, undecided, sentence) in [
            (
                vec![],
                None,
                "not in the topics: it never arrived, a gateway refused it before it was written, or it has expired",
            ),
            (
                vec![event()],
                None,
                "its command is not in the topics any more; this is what followed from it",
            ),
            (
                vec![record()],
                Some(12),
                "not decided yet: partition 3 has 12 records to decide up to this one",
            ),
            (
                vec![record(), step(StepKind::Refusal, "not_your_turn")],
                None,
                "refused: not_your_turn (It is not your turn)",
            ),
            (
                vec![
                    record(),
                    step(StepKind::DeadLetter, "not an event envelope"),
                ],
                None,
                "put aside as a dead letter: not an event envelope",
            ),
            (
                vec![record(), event(), event(), step(StepKind::Ledger, "prize")],
                None,
                "applied: 1 transfer, 2 events; told after 7 ms",
            ),
            (
                vec![record(), step(StepKind::Batch, "decided")],
                None,
                "decided, and nothing followed: it asked for what was so already, or repeated a command that was answered",
            ),
        ] {
            assert_eq!(of(&steps, undecided, true), sentence);
        }
        assert!(of(&[], None, false).contains("there is more"));
    }
}
