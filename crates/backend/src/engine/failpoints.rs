//! What a fault run puts into a batch.

use blazing_sun_backbone::failpoints::poison;
use blazing_sun_backbone::log::NewRecord;
use blazing_sun_backbone::log::sqlite::Batch;
use blazing_sun_backbone::topics;

/// Puts an unreadable record behind the last one, if one is due.
pub(super) fn push_poison(batch: &mut Batch) {
    let is_read = |topic: &str| matches!(topic, topics::GAMES_COMMANDS | topics::GATEWAY_PRESENCE);
    let Some(last) = batch
        .records()
        .last()
        .filter(|last| is_read(last.topic.as_str()))
    else {
        return;
    };
    if let Some(payload) = poison() {
        let record = NewRecord {
            topic: last.topic.clone(),
            partition: Some(last.partition),
            key: last.key.clone(),
            headers: Default::default(),
            payload: payload.into(),
        };
        // Where the record before it had a place, this one has one.
        let _ = batch.push(record);
    }
}
