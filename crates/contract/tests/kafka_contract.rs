//! What the contract of the topics lays down, word for word, is in the documents as it says.

use blazing_sun_contract::{Catalog, files};
use blazing_sun_harness::contract::strict_validator;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn contract() -> Value {
    serde_json::from_str(include_str!("fixtures/kafka_contract.json")).expect("the fixture is JSON")
}

fn document() -> Value {
    let text = &files()["docs/contract/asyncapi.json"];
    serde_json::from_str(text).expect("the document is JSON")
}

fn texts(list: &Value) -> BTreeSet<&str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

fn keys(object: &Value) -> BTreeSet<&str> {
    let fields = object.as_object().into_iter().flatten();
    fields.map(|(name, _)| name.as_str()).collect()
}

#[test]
fn payment_records_are_the_contracts_to_the_letter() {
    let (contract, catalog) = (contract(), Catalog::of_the_program());
    assert_eq!(keys(&contract["records"]).len(), 2);
    for (topic, example) in contract["records"].as_object().unwrap() {
        let record = catalog
            .records()
            .iter()
            .find(|record| record.topic == topic)
            .unwrap();
        assert_eq!(keys(&record.schema["properties"]), keys(example), "{topic}");
        assert_eq!(texts(&record.schema["required"]), keys(example), "{topic}");
        assert_eq!(keys(&record.example), keys(example), "{topic}");
        let validator = strict_validator(&catalog.plain_schema(record));
        assert!(validator.is_valid(example), "{topic}");
        for (field, wrong) in [("user_id", json!("123")), ("amount_cents", json!(10.5))] {
            let mut example = example.clone();
            example[field] = wrong;
            assert!(!validator.is_valid(&example), "{topic}: {field}");
        }
    }
}

#[test]
fn the_envelope_has_the_contracts_fields_and_audiences() {
    let (contract, document) = (contract(), document());
    let schemas = &document["components"]["schemas"];
    for (name, fields) in contract["types"].as_object().unwrap() {
        assert_eq!(keys(&schemas[name]["properties"]), texts(fields), "{name}");
    }
    let kinds = schemas["AudienceKind"]["oneOf"].as_array().unwrap().iter();
    let kinds: BTreeSet<&str> = kinds.map(|kind| kind["const"].as_str().unwrap()).collect();
    assert_eq!(kinds, texts(&contract["audiences"]));
}

#[test]
fn every_message_topic_group_and_code_of_the_contract_is_in_the_document() {
    let (contract, document) = (contract(), document());
    let messages = keys(&document["components"]["messages"]);
    let missing: Vec<_> = texts(&contract["messages"])
        .difference(&messages)
        .copied()
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let channels = keys(&document["channels"]);
    let missing: Vec<_> = texts(&contract["channels"])
        .difference(&channels)
        .copied()
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    for (group, topics) in contract["groups"].as_object().unwrap() {
        let operations = document["operations"].as_object().unwrap().values();
        let read: BTreeSet<&str> = operations
            .filter(|it| it["bindings"]["kafka"]["groupId"]["enum"] == json!([group]))
            .map(|it| {
                it["channel"]["$ref"]
                    .as_str()
                    .unwrap()
                    .trim_start_matches("#/channels/")
            })
            .collect();
        let missing: Vec<_> = texts(topics).difference(&read).copied().collect();
        assert!(missing.is_empty(), "{group}: {missing:?}");
    }
    let codes = document["components"]["schemas"]["RefusalCode"]["oneOf"].as_array();
    let codes: BTreeSet<&str> = codes
        .unwrap()
        .iter()
        .map(|it| it["const"].as_str().unwrap())
        .collect();
    assert!(texts(&contract["codes"]).is_subset(&codes));
}

#[test]
fn an_error_of_the_contract_is_one_of_ours() {
    let catalog = Catalog::of_the_program();
    let error = catalog
        .messages()
        .iter()
        .find(|it| it.name == "games.event.error")
        .unwrap();
    let own = strict_validator(&json!({
        "$ref": "#/$defs/Error",
        "$defs": {
            "Error": error.fields,
            "RefusalCode": catalog.frame_schema(error)["$defs"]["RefusalCode"],
        },
    }));
    assert!(own.is_valid(&contract()["error"]));
}
