//! The OpenAPI 3.1 document: every HTTP operation that the program's parts describe, and the schemas that they share.

mod operation;

use blazing_sun_backbone::rest::{Access, Operation, Tag};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// Where the generator puts the schemas that are named, and where they are looked for.
const SCHEMAS: &str = "/components/schemas";

const ABOUT: &str = "Signing in, paying in, and reading one's account, the games and the rooms. Playing goes over the \
                     socket at `/ws`, which `asyncapi.json` describes.\n\n\
                     Amounts are whole cents. User ids are texts of digits. Instants are RFC 3339, UTC. Fields may be \
                     added to any object: read those that you know.\n\n\
                     What is refused or fails is answered with a problem document (RFC 9457), whose `code` never \
                     changes its meaning. A path without an operation is answered with 404 `not_found`, another method \
                     with 405 `method_not_allowed` and `Allow`.\n\n\
                     `x-rate-limits` tells how often one may ask, with the defaults: that many at once, and as many again \
                     over the period. Beyond it the answer is 429 with `Retry-After`.";

const ABOUT_OPERATORS: &str = "What the console at `/kafka` is made of. Every operation takes the access token of a user \
                               who has the role `admin`, by the token and by the store: who loses the role is refused \
                               with the next request. Every action is in the log that `operatorLog` lists.\n\n\
                               Lists come in pages, newest first unless said otherwise. Amounts are whole cents. User \
                               ids are texts of digits. Instants are RFC 3339, UTC. Fields may be added to any object.\n\n\
                               What is refused or fails is answered with a problem document (RFC 9457), whose `code` \
                               never changes its meaning.";

const TAGS_OF_OPERATORS: [(Tag, &str); 1] = [(Tag::Operators, "What operators see and do.")];

/// Every operation that clients may use, in the document's order.
pub fn operations() -> Vec<Operation> {
    let mut operations = blazing_sun_backend::api::operations();
    operations.push(blazing_sun_gateway::operation());
    operations.push(blazing_sun_checkout::webhook::operation());
    operations
}

/// Every operation of operators, in their document's order.
pub fn operators_operations() -> Vec<Operation> {
    blazing_sun_console::operations()
}

/// The document of what clients may use.
pub fn document() -> Value {
    let summary =
        "The HTTP API of a server for real-time multiplayer games that are played for money.";
    document_of("Blazing Sun", summary, ABOUT, &TAGS, operations())
}

/// The document of what operators may use.
pub fn operators_document() -> Value {
    document_of(
        "Blazing Sun for operators",
        "What operators see and do over HTTP.",
        ABOUT_OPERATORS,
        &TAGS_OF_OPERATORS,
        operators_operations(),
    )
}

fn document_of(
    title: &str,
    summary: &str,
    about: &str,
    tags: &[(Tag, &str)],
    operations: Vec<Operation>,
) -> Value {
    let tags: Vec<Value> = tags
        .iter()
        .map(|(tag, description)| json!({ "name": name_of(*tag), "description": description }))
        .collect();
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| {
            settings.definitions_path = SCHEMAS.into();
            settings.meta_schema = None;
        })
        .into_generator();
    let mut components = operation::Components::default();
    let mut paths = Map::new();
    let schemes = security_schemes(&operations);
    for operation in operations {
        let described = components.describe(&operation, &mut generator);
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        item[operation.method.as_str()] = described;
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": title,
            "version": env!("CARGO_PKG_VERSION"),
            "summary": summary,
            "description": about,
            "license": { "name": "MIT or Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The server that this document comes from." }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas(&mut generator),
            "responses": components.responses(),
            "headers": headers(),
            "securitySchemes": schemes,
        },
    })
}

/// The schema that a reference within the document names.
pub(crate) fn named(reference: &str) -> Option<&str> {
    reference
        .strip_prefix('#')?
        .strip_prefix(SCHEMAS)?
        .strip_prefix('/')
}

const TAGS: [(Tag, &str); 8] = [
    (Tag::SignIn, "Accounts and tokens."),
    (Tag::Me, "What users read of themselves."),
    (Tag::Messages, "What users wrote to each other."),
    (Tag::Payments, "Paying in, and the limits on it."),
    (Tag::Games, "Games and rooms, open to everybody."),
    (Tag::History, "What users have played."),
    (Tag::Socket, "Where one plays."),
    (Tag::Service, "For operators and other programs."),
];

fn name_of(tag: Tag) -> &'static str {
    match tag {
        Tag::SignIn => "Sign-in",
        Tag::Me => "Me",
        Tag::Messages => "Messages",
        Tag::Payments => "Payments",
        Tag::Games => "Games",
        Tag::History => "History",
        Tag::Socket => "Socket",
        Tag::Service => "Service",
        Tag::Operators => "Operators",
    }
}

fn schemas(generator: &mut SchemaGenerator) -> Map<String, Value> {
    generator.take_definitions(true)
}

fn headers() -> Value {
    json!({
        "RetryAfter": {
            "description": "Seconds after which it is worth another try.",
            "required": true,
            "schema": { "type": "integer", "minimum": 0 },
        },
        "WwwAuthenticate": {
            "description": "How to sign in.",
            "required": true,
            "schema": { "const": "Bearer" },
        },
    })
}

/// Those that an operation names.
fn security_schemes(operations: &[Operation]) -> Value {
    let mut schemes = json!({
        "accessToken": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "From any answer that signs in; good for `expires_in` seconds.",
        },
        "refreshToken": {
            "type": "apiKey",
            "in": "cookie",
            "name": "blazing_sun_refresh",
            "description": "Set by every answer that signs in, and good once. Browsers keep it from scripts; where a \
                            request names its page's origin, that has to be the server's own, or one of \
                            `gateway.allowed_origins`.",
        },
    });
    let takes_cookie = |operation: &Operation| {
        use Access::{RefreshCookie, RefreshCookieOrNothing};
        matches!(operation.access, RefreshCookie | RefreshCookieOrNothing)
    };
    if !operations.iter().any(takes_cookie)
        && let Some(schemes) = schemes.as_object_mut()
    {
        schemes.remove("refreshToken");
    }
    schemes
}
