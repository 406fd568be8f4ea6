//! One operation, as OpenAPI describes it.

use super::name_of;
use blazing_sun_backbone::rest::problem::{self, MEDIA_TYPE, ProblemDocument, ProblemKind};
use blazing_sun_backbone::rest::{
    Access, Answer, AnswerBody, Link, Operation, Parameter, Place, RequestBody,
};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What operations share.
#[derive(Default)]
pub(super) struct Components {
    responses: BTreeMap<String, Value>,
}

impl Components {
    /// The operation.
    pub(super) fn describe(
        &mut self,
        operation: &Operation,
        generator: &mut SchemaGenerator,
    ) -> Value {
        let mut described = Map::new();
        described.insert("operationId".to_owned(), operation.id.into());
        described.insert("tags".to_owned(), json!([name_of(operation.tag)]));
        described.insert("summary".to_owned(), operation.summary.into());
        if !operation.description.is_empty() {
            described.insert("description".to_owned(), operation.description.into());
        }
        described.insert("security".to_owned(), security(operation.access));
        if !operation.parameters.is_empty() {
            let parameters = operation.parameters.iter().map(parameter);
            described.insert("parameters".to_owned(), parameters.collect());
        }
        if let Some(body) = &operation.body {
            described.insert("requestBody".to_owned(), request_body(body, generator));
        }
        described.insert(
            "responses".to_owned(),
            self.of_operation(operation, generator).into(),
        );
        if !operation.limits.is_empty() {
            described.insert("x-rate-limits".to_owned(), json!(operation.limits));
        }
        described.into()
    }

    /// The answers that several operations give.
    pub(super) fn responses(self) -> BTreeMap<String, Value> {
        self.responses
    }

    fn of_operation(
        &mut self,
        operation: &Operation,
        generator: &mut SchemaGenerator,
    ) -> Map<String, Value> {
        let mut responses = BTreeMap::new();
        for answer in &operation.answers {
            responses.insert(answer.status, response(answer, generator));
        }
        for (status, kinds) in by_status(&operation.problems) {
            let of_problems = problems(&kinds, generator);
            match (responses.get_mut(&status), kinds.as_slice()) {
                (Some(beside), _) => add_content(beside, of_problems),
                (None, [kind]) => {
                    let name = name_of_response(*kind);
                    let reference = format!("#/components/responses/{name}");
                    self.responses.insert(name, of_problems);
                    responses.insert(status, json!({ "$ref": reference }));
                }
                (None, _) => {
                    responses.insert(status, of_problems);
                }
            }
        }
        let by_text = |(status, response): (u16, Value)| (status.to_string(), response);
        responses.into_iter().map(by_text).collect()
    }
}

fn by_status(kinds: &[ProblemKind]) -> BTreeMap<u16, Vec<ProblemKind>> {
    let mut by_status = BTreeMap::<u16, Vec<ProblemKind>>::new();
    for kind in kinds {
        by_status.entry(kind.status).or_default().push(*kind);
    }
    by_status
}

/// A status that is told as plain text by one part and as a problem by another.
fn add_content(response: &mut Value, other: Value) {
    let kinds = other["content"].as_object().into_iter().flatten();
    for (media_type, content) in kinds {
        response["content"][media_type] = content.clone();
    }
}

fn security(access: Access) -> Value {
    match access {
        Access::Open => json!([]),
        Access::Bearer | Access::Operator => json!([{ "accessToken": [] }]),
        Access::BearerOrNothing => json!([{ "accessToken": [] }, {}]),
        Access::RefreshCookie => json!([{ "refreshToken": [] }]),
        Access::RefreshCookieOrNothing => json!([{ "refreshToken": [] }, {}]),
    }
}

fn parameter(parameter: &Parameter) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    json!({
        "name": parameter.name,
        "in": place,
        "description": parameter.description,
        "required": parameter.is_required,
        "schema": parameter.schema,
        "example": parameter.example,
    })
}

fn request_body(body: &RequestBody, generator: &mut SchemaGenerator) -> Value {
    let examples: Map<String, Value> = body
        .examples
        .iter()
        .map(|(name, example)| ((*name).to_owned(), json!({ "value": example })))
        .collect();
    json!({
        "required": body.is_required,
        "content": {
            "application/json": { "schema": (body.schema)(generator), "examples": examples },
        },
    })
}

fn response(answer: &Answer, generator: &mut SchemaGenerator) -> Value {
    let mut response = json!({ "description": answer.description });
    match &answer.body {
        AnswerBody::Empty => {}
        AnswerBody::Json {
            media_type,
            schema,
            example,
        } => {
            response["content"] = json!({
                *media_type: { "schema": schema(generator), "example": example },
            });
        }
        AnswerBody::Text(example) => {
            response["content"] = json!({
                "text/plain": { "schema": { "type": "string" }, "example": example },
            });
        }
    }
    for header in &answer.headers {
        response["headers"][header.name] = json!({
            "description": header.description,
            "required": true,
            "schema": { "type": "string" },
        });
    }
    for link in &answer.links {
        response["links"][link.name] = link_to(link);
    }
    response
}

fn link_to(link: &Link) -> Value {
    let value = format!("$response.body#{}", link.pointer);
    json!({
        "operationId": link.operation,
        "parameters": { link.parameter: value },
    })
}

/// What one status may be about.
fn problems(kinds: &[ProblemKind], generator: &mut SchemaGenerator) -> Value {
    let status = kinds.first().map_or(500, |kind| kind.status);
    let lines: Vec<String> = match kinds {
        [kind] => vec![kind.meaning.to_owned()],
        _ => kinds
            .iter()
            .map(|kind| format!("- `{}`: {}", kind.code, kind.meaning))
            .collect(),
    };
    let codes: Vec<&str> = kinds.iter().map(|kind| kind.code).collect();
    let mut schema = generator.subschema_for::<ProblemDocument<'_>>().to_value();
    schema["properties"] = json!({
        "status": { "const": status },
        "code": { "enum": codes },
    });
    let examples: Map<String, Value> = kinds
        .iter()
        .map(|kind| (kind.code.to_owned(), json!({ "value": example(*kind) })))
        .collect();
    let mut response = json!({
        "description": lines.join("\n"),
        "content": { MEDIA_TYPE: { "schema": schema, "examples": examples } },
    });
    match status {
        401 => response["headers"]["WWW-Authenticate"] = header("WwwAuthenticate"),
        429 => response["headers"]["Retry-After"] = header("RetryAfter"),
        503 if *kinds == [problem::UNAVAILABLE] => {
            response["headers"]["Retry-After"] = header("RetryAfter");
        }
        _ => {}
    }
    response
}

fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

fn example(kind: ProblemKind) -> Value {
    let title = http::StatusCode::from_u16(kind.status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let document = ProblemDocument::new(kind, title.unwrap_or("Error"), kind.meaning);
    json!(document)
}

/// Its code, and its status where the code stands for several.
fn name_of_response(kind: ProblemKind) -> String {
    let name = pascal_case(kind.code);
    let of_code = problem::ALL.iter().filter(|other| other.code == kind.code);
    match of_code.count() {
        1 => name,
        _ => format!("{name}{}", kind.status),
    }
}

/// `rate_limited` → `RateLimited`
fn pascal_case(code: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    code.split('_').map(word).collect()
}
