//! What the documents say is so: their examples are by their own schemas, the code reads the commands among them, and the
//! contract's own examples are by them too.

use blazing_sun_backbone::envelope::EventEnvelope;
use blazing_sun_backbone::messages::{CLIENT_COMMANDS, parse_command};
use blazing_sun_contract::{Catalog, Flow, Message};
use blazing_sun_domain::games::built_in;
use blazing_sun_harness::contract::{faults, strict_validator};
use serde_json::Value;
use serde_json::value::to_raw_value;
use std::collections::BTreeSet;

#[track_caller]
fn check(name: &str, schema: &Value, example: &Value) {
    let wrong = faults(&strict_validator(schema), example);
    assert!(wrong.is_empty(), "{name}: {wrong:#?} in {example}");
}

#[test]
fn every_message_has_an_example_that_is_by_its_schema() {
    let catalog = Catalog::of_the_program();
    for message in catalog.messages() {
        assert!(!message.summary.is_empty(), "{}", message.name);
        assert!(
            message.example.is_object(),
            "{} has no example",
            message.name
        );
        let example = catalog.frame_example(message);
        check(&message.name, &catalog.frame_schema(message), &example);
    }
}

#[test]
fn every_record_has_an_example_that_is_by_its_schema() {
    let catalog = Catalog::of_the_program();
    for message in catalog.messages() {
        if message.topic().is_some() {
            let example = catalog.record_example(message);
            check(&message.name, &catalog.record_schema(message), &example);
            let bytes = example.to_string();
            EventEnvelope::parse(bytes.as_bytes()).unwrap();
        }
    }
    for record in catalog.records() {
        check(record.topic, &catalog.plain_schema(record), &record.example);
    }
}

#[test]
fn every_command_of_clients_is_described_once_and_read_by_the_code() {
    let catalog = Catalog::of_the_program();
    let is_command = |message: &&Message| message.flow == Flow::Command;
    let mut described = Vec::new();
    for message in catalog.messages().iter().filter(is_command) {
        let payload = to_raw_value(&catalog.frame_example(message)).unwrap();
        for name in std::iter::once(&message.name).chain(&message.other_names) {
            described.push(name.clone());
            parse_command(name, &payload).unwrap_or_else(|invalid| panic!("{name}: {invalid:?}"));
        }
    }
    let once: BTreeSet<String> = described.iter().cloned().collect();
    assert_eq!(once.len(), described.len());
    let mut taken: BTreeSet<String> = CLIENT_COMMANDS.iter().map(|name| (*name).into()).collect();
    for game in built_in().iter() {
        let moves = game.moves.keys().map(String::as_str);
        let names = moves.chain(["enable_auto_play"]);
        taken.extend(names.map(|name| format!("games.command.{}.{name}", game.name)));
    }
    assert_eq!(once, taken);
}

/// A required field that is left out is what the code names as missing.
#[test]
fn what_a_commands_schema_requires_the_code_requires() {
    let catalog = Catalog::of_the_program();
    let is_command = |message: &&Message| message.flow == Flow::Command;
    for message in catalog.messages().iter().filter(is_command) {
        let whole = catalog.frame_example(message);
        let properties = message.fields["properties"].as_object().unwrap();
        let required = message.fields["required"].as_array();
        let required: Vec<&str> = required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        // A move's own fields are read by its game.
        let is_move =
            message.name.matches('.').count() == 3 && !message.name.ends_with("enable_auto_play");
        for field in properties
            .keys()
            .filter(|field| !is_move || *field == "room_id")
        {
            let mut less = whole.clone();
            less.as_object_mut().unwrap().remove(field);
            let read = parse_command(&message.name, &to_raw_value(&less).unwrap());
            let is_needed = required.contains(&field.as_str())
                || (message.fields["anyOf"].is_array() && field == "room_id");
            assert_eq!(read.is_err(), is_needed, "{} without {field}", message.name);
        }
    }
}
