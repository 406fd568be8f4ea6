//! What every store of operators' actions and settings does. An adapter's test calls [`all`] with a fresh, empty one.

use super::*;
use serde_json::json;

fn entry(operator: &str, action: &str, target: Option<&str>) -> NewEntry {
    NewEntry {
        at: Millis(1_700_000_000_000),
        operator: operator.to_owned(),
        action: action.to_owned(),
        target: target.map(str::to_owned),
        detail: json!({ "reason": "\u{1F3B2} \"quoted\"", "amount_cents": 5 }),
        outcome: Outcome::Asked,
    }
}

/// Runs every check.
pub async fn all(store: &(impl OperatorLog + LiveSettings)) {
    rows_are_read_back_newest_first(store).await;
    rows_are_found_by_what_they_say(store).await;
    a_setting_is_changed_with_its_row(store).await;
}

async fn rows_are_read_back_newest_first(store: &impl OperatorLog) {
    let mut rows = Vec::new();
    for target in ["1", "2", "3"] {
        let row = entry("cli:ada", "pages", Some(target));
        let id = store.append(row.clone()).await.unwrap();
        rows.insert(0, Entry { id, entry: row });
    }
    assert!(rows[0].id > rows[1].id && rows[1].id > rows[2].id);
    let pages = EntryFilter {
        action: Some("pages".to_owned()),
        ..EntryFilter::default()
    };
    assert_eq!(store.list(&pages, None, 10).await.unwrap(), rows);
    let first = store.list(&pages, None, 2).await.unwrap();
    assert_eq!(first, rows[..2]);
    let rest = store.list(&pages, Some(first[1].id), 2).await.unwrap();
    assert_eq!(rest, rows[2..]);
}

async fn rows_are_found_by_what_they_say(store: &impl OperatorLog) {
    let done = NewEntry {
        outcome: Outcome::Done,
        ..entry("7", "user.ban", None)
    };
    let failed = NewEntry {
        outcome: Outcome::Failed,
        ..entry("8", "user.ban", Some("9"))
    };
    for row in [&done, &failed, &entry("7", "user.unban", Some("9"))] {
        store.append(row.clone()).await.unwrap();
    }
    let found = async |operator: Option<&str>, action: Option<&str>, target: Option<&str>| {
        let filter = EntryFilter {
            operator: operator.map(str::to_owned),
            action: action.map(str::to_owned),
            target: target.map(str::to_owned),
        };
        let rows = store.list(&filter, None, 10).await.unwrap();
        rows.into_iter()
            .map(|row| row.entry)
            .collect::<Vec<NewEntry>>()
    };
    let bans = [failed.clone(), done.clone()];
    assert_eq!(found(None, Some("user.ban"), None).await, bans);
    assert_eq!(found(Some("7"), Some("user.ban"), None).await, [done]);
    assert_eq!(found(Some("8"), None, Some("9")).await, [failed]);
    assert_eq!(found(None, None, Some("9")).await.len(), 2);
    assert_eq!(found(Some("9' OR 1=1"), None, None).await, []);
}

async fn a_setting_is_changed_with_its_row(store: &(impl OperatorLog + LiveSettings)) {
    assert_eq!(store.all().await.unwrap(), ChangedSettings::default());
    let mut revision = 0;
    let change = |operator: &str| NewEntry {
        outcome: Outcome::Done,
        ..entry(operator, "settings.set", Some("log.level"))
    };
    for (value, operator) in [(json!("debug"), "cli:ada"), (json!({ "a": [1] }), "7")] {
        let set = store.set("log.level", Some(&value), change(operator));
        set.await.unwrap();
        let now = LiveSetting {
            name: "log.level".to_owned(),
            value,
            changed: Millis(1_700_000_000_000),
            changed_by: operator.to_owned(),
        };
        let all = store.all().await.unwrap();
        assert_eq!(all.settings, [now]);
        assert!(
            all.revision > revision,
            "a change has a revision of its own"
        );
        revision = all.revision;
        // What else operators do is no change of a setting.
        let other = entry(operator, "user.ban", None);
        store.append(other).await.unwrap();
        assert_eq!(store.all().await.unwrap().revision, revision);
    }
    store.set("log.level", None, change("7")).await.unwrap();
    store.set("log.level", None, change("7")).await.unwrap();
    let all = store.all().await.unwrap();
    assert_eq!(all.settings, []);
    assert_eq!(all.live_set().settings.len(), 0);
    let of_setting = EntryFilter {
        target: Some("log.level".to_owned()),
        ..EntryFilter::default()
    };
    assert_eq!(store.list(&of_setting, None, 10).await.unwrap().len(), 4);
}
