//! The published contract as the judge of what is said on sockets: every frame that a client of tests gets is held against the
//! committed schema of its type, and may have no field that the schema does not know.

use super::generated::repository;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Games whose events the contract describes. Those of other games are their own.
const GAMES: [&str; 2] = ["bigger_dice", "tic_tac_toe"];

type Validators = HashMap<String, Option<Arc<Validator>>>;

static VALIDATORS: LazyLock<Mutex<Validators>> = LazyLock::new(Mutex::default);

/// Holds a frame against the contract.
///
/// # Panics
/// Where the contract has no such message, or the message is not as it says.
pub fn check(frame: &Value) {
    let kind = frame["type"].as_str().unwrap_or_default();
    if is_of_another_game(kind) {
        return;
    }
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = match validators.get(kind) {
        Some(known) => known.clone(),
        None => {
            let read = read(kind);
            validators.insert(kind.to_owned(), read.clone());
            read
        }
    };
    drop(validators);
    let validator = validator.unwrap_or_else(|| panic!("the contract has no such frame: {frame}"));
    let wrong = faults(&validator, frame);
    assert!(
        wrong.is_empty(),
        "not by the contract: {wrong:#?} in {frame}"
    );
}

/// Holds a refusal of a backend's against what the contract says of the command.
///
/// # Panics
/// Where the command may not be refused so.
pub fn check_refusal(command: &str, refused: &Value) {
    let Some(schema) = schema_of(command) else {
        return;
    };
    let codes = schema["x-refusals"].as_array();
    let is_known = codes.is_none_or(|codes| codes.contains(&refused["code"]));
    assert!(
        is_known,
        "by the contract {command} is not refused so: {refused}"
    );
}

/// Holds an answer of the HTTP API's against a schema of its document.
///
/// # Panics
/// Where the document has no such schema, or the answer is not as it says.
pub fn check_answer(schema: &str, answer: &Value) {
    let document = std::fs::read_to_string(repository("docs/contract/openapi.json"));
    let document: Value = serde_json::from_str(&document.expect("the document")).expect("JSON");
    let components = &document["components"];
    assert!(
        components["schemas"][schema].is_object(),
        "the document has no {schema}"
    );
    let reference = format!("#/components/schemas/{schema}");
    let validator = strict_validator(&json!({ "$ref": reference, "components": components }));
    let wrong = faults(&validator, answer);
    assert!(wrong.is_empty(), "no {schema}: {wrong:#?} in {answer}");
}

fn schema_of(kind: &str) -> Option<Value> {
    let path = repository(&format!("docs/contract/schemas/{kind}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

fn is_of_another_game(kind: &str) -> bool {
    let game = kind
        .strip_prefix("games.event.")
        .and_then(|name| name.split_once('.'));
    game.is_some_and(|(game, _)| !GAMES.contains(&game))
}

fn read(kind: &str) -> Option<Arc<Validator>> {
    Some(Arc::new(strict_validator(&schema_of(kind)?)))
}

/// A validator of a schema whose objects have no other fields than those that it names.
///
/// # Panics
/// Where it is no schema.
pub fn strict_validator(schema: &Value) -> Validator {
    jsonschema::validator_for(&closed(schema)).unwrap_or_else(|error| panic!("no schema: {error}"))
}

/// What of it is not as the schema says, and where.
pub fn faults(validator: &Validator, value: &Value) -> Vec<String> {
    let errors = validator.iter_errors(value);
    errors
        .map(|error| format!("{error} at `{}`", error.instance_path()))
        .collect()
}

/// The schema, but that its objects have no other fields than those that it names.
pub fn closed(schema: &Value) -> Value {
    let mut schema = schema.clone();
    close(&mut schema);
    schema
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let is_object = fields.get("properties").is_some_and(Value::is_object);
            if is_object && fields.contains_key("type") {
                fields
                    .entry("additionalProperties")
                    .or_insert_with(|| json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
