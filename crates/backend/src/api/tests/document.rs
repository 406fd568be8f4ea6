//! The committed OpenAPI document, and answers held against it: whatever a test asks for has to be described there.

use super::world::Answer;
use blazing_sun_harness::contract::{closed, faults};
use jsonschema::{Draft, Validator};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/contract/openapi.json"
    );
    let text = std::fs::read_to_string(path).expect("the OpenAPI document: `make generated`");
    serde_json::from_str(&text).expect("JSON")
});

/// By where the schema stands.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Panics if the document does not say that this request may have this answer.
#[track_caller]
pub(super) fn check(method: &str, target: &str, answer: &Answer) {
    if let Err(why) = find_fault(method, target, answer) {
        panic!("{method} {target}: {why}, but this was answered: {answer:?}");
    }
}

fn find_fault(method: &str, target: &str, answer: &Answer) -> Result<(), String> {
    let path = target.split('?').next().unwrap_or_default();
    let asked = match method {
        "HEAD" => "get".to_owned(),
        other => other.to_ascii_lowercase(),
    };
    let Some((template, item)) = item_of(path) else {
        return problem_of(answer, "not_found", 404);
    };
    let Some(operation) = item.get(&asked) else {
        return problem_of(answer, "method_not_allowed", 405);
    };
    let status = answer.status.to_string();
    let described = &operation["responses"][&status];
    if described.is_null() {
        return Err(format!("the document has no answer {status} there"));
    }
    let described = resolved(described);
    for (name, header) in described["headers"].as_object().into_iter().flatten() {
        let is_required = resolved(header)["required"] == true;
        if is_required && answer.header(&name.to_ascii_lowercase()).is_none() {
            return Err(format!("the header {name} has to be there"));
        }
    }
    if method == "HEAD" {
        return Ok(());
    }
    let at = format!("{template} {asked} {status}");
    body_fits(described, &at, answer)
}

fn body_fits(described: &Value, at: &str, answer: &Answer) -> Result<(), String> {
    let content = described["content"].as_object();
    let media_type = answer.header("content-type");
    let (Some(content), Some(media_type)) = (content, media_type) else {
        let fits = content.is_none() && answer.text.is_empty();
        let why = || "one of the document and the answer has a body".to_owned();
        return fits.then_some(()).ok_or_else(why);
    };
    let media_type = media_type.split(';').next().unwrap_or_default();
    let Some(content) = content.get(media_type) else {
        return Err(format!("the document has no {media_type} there"));
    };
    if media_type == "text/plain" {
        return Ok(());
    }
    let body: Value = serde_json::from_str(&answer.text).map_err(|error| error.to_string())?;
    let validator = validator(format!("{at} {media_type}"), &content["schema"]);
    let faults = faults(&validator, &body);
    match faults.is_empty() {
        true => Ok(()),
        false => Err(faults.join("; ")),
    }
}

fn validator(at: String, schema: &Value) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock();
    let made = validators.entry(at).or_insert_with(|| {
        let whole = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true);
        Arc::new(options.build(&closed(&whole)).expect("a JSON Schema"))
    });
    Arc::clone(made)
}

fn item_of(path: &str) -> Option<(&'static str, &'static Value)> {
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let wanted: Vec<&str> = template.split('/').collect();
        wanted.len() == segments.len()
            && wanted
                .iter()
                .zip(&segments)
                .all(|(wanted, got)| wanted == got || (wanted.starts_with('{') && !got.is_empty()))
    };
    let paths = DOCUMENT["paths"].as_object().into_iter().flatten();
    let mut found = paths.filter(|(template, _)| fits(template));
    found
        .next()
        .map(|(template, item)| (template.as_str(), item))
}

/// What stands where a `$ref` points.
fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => DOCUMENT
            .pointer(&reference[1..])
            .expect("what is referred to"),
        None => value,
    }
}

fn problem_of(answer: &Answer, code: &str, status: u16) -> Result<(), String> {
    let has_code = || answer.text.contains(&format!("\"code\":\"{code}\""));
    let fits = answer.status == status && (answer.text.is_empty() || has_code());
    let why = || format!("the document has nothing there, so that it is {status} `{code}`");
    fits.then_some(()).ok_or_else(why)
}

#[test]
fn what_the_document_does_not_say_is_found() {
    let answer = |status, text: &str| Answer {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        text: text.to_owned(),
    };
    let balance = r#"{"balance_cents":5,"currency":"eur"}"#;
    let fault = |target, answer: Answer| find_fault("GET", target, &answer).unwrap_err();
    let target = "/api/v1/me/balance";
    assert_eq!(
        find_fault("GET", target, &answer(200, balance)),
        Ok(()),
        "as it is described"
    );
    for (target, answer, part) in [
        (target, answer(201, balance), "no answer 201"),
        (target, answer(200, "{}"), "required property"),
        (
            target,
            answer(200, &balance.replace('}', ",\"x\":1}")),
            "'x' was unexpected",
        ),
        (
            target,
            answer(200, &balance.replace('5', "\"5\"")),
            "balance_cents",
        ),
        (target, answer(401, "{}"), "WWW-Authenticate"),
        ("/api/v1/secret", answer(200, balance), "nothing there"),
    ] {
        let why = fault(target, answer);
        assert!(why.contains(part), "{why}");
    }
}
