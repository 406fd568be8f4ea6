//! TypeScript's types of every message, from the same schemas, and of what the HTTP API takes and answers.

pub(crate) mod rest;

use crate::catalog::{Catalog, Flow, Message};
use crate::schema;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const HEAD: &str = "\
// Made by `make generated` from the types that stand on the wire; see crates/contract/src/typescript.rs. Changes here are
// lost. Objects may have more fields than these: whoever reads them passes over what it does not know.
";

const TAIL: &str = r#"
export type EventType = keyof Events;

/** An event as it comes in: tell which by its `type`. */
export type EventFrame<T extends EventType = EventType> = T extends EventType
  ? { type: T } & Omit<EventMeta, keyof Events[T]> & Events[T]
  : never;

export type CommandType = keyof Commands;

/** A command as it goes out. */
export type CommandFrame<T extends CommandType = CommandType> = T extends CommandType
  ? { type: T } & CommandMeta & Commands[T]
  : never;

export type ServerMessageType = keyof ServerMessages;

/** What the gateway itself says. */
export type ServerMessage<T extends ServerMessageType = ServerMessageType> = T extends ServerMessageType
  ? { type: T } & ServerMessages[T]
  : never;

export type ClientMessageType = keyof ClientMessages;

/** What the gateway itself takes. */
export type ClientMessage<T extends ClientMessageType = ClientMessageType> = T extends ClientMessageType
  ? { type: T } & ClientMessages[T]
  : never;

/** Why a command was refused, by a backend or by the gateway itself. */
export type ErrorCode = RefusalCode | GatewayCode;
"#;

/// The whole module.
pub(crate) fn module(catalog: &Catalog) -> String {
    let mut out = HEAD.to_owned();
    for name in used(catalog) {
        if let Some(definition) = catalog.definitions.get(&name) {
            define(&mut out, &name, definition);
        }
    }
    let event_meta = "What frames of events have beside the event's own fields; an event's own `timestamp` stands in its place.";
    interface(&mut out, "EventMeta", event_meta, &catalog.event_meta);
    let command_meta = "What commands have beside their own fields.";
    interface(&mut out, "CommandMeta", command_meta, &catalog.command_meta);
    for (name, what, flow) in [
        (
            "Events",
            "Every event's own fields, by its type.",
            Flow::Event,
        ),
        (
            "Commands",
            "Every command's own fields, by its type.",
            Flow::Command,
        ),
        (
            "ServerMessages",
            "What the gateway itself says, by its type.",
            Flow::Said,
        ),
        (
            "ClientMessages",
            "What the gateway itself takes, by its type.",
            Flow::Asked,
        ),
    ] {
        let of_flow = |message: &&Message| message.flow == flow;
        let messages: Vec<&Message> = catalog.messages().iter().filter(of_flow).collect();
        map(&mut out, catalog, name, what, &messages);
    }
    out.push_str(TAIL);
    out
}

/// The definitions that what clients see refers to.
fn used(catalog: &Catalog) -> BTreeSet<String> {
    let on_socket = catalog.messages().iter().filter(|it| it.is_on_the_socket());
    let mut used = schema::needed(&catalog.event_meta, &catalog.definitions);
    used.extend(schema::needed(&catalog.command_meta, &catalog.definitions));
    for message in on_socket {
        used.extend(schema::needed(
            &catalog.own_fields(message),
            &catalog.definitions,
        ));
    }
    used
}

fn define(out: &mut String, name: &str, definition: &Value) {
    let what = schema::description(definition);
    if definition["properties"].is_object() {
        return interface(out, name, what, definition);
    }
    out.push('\n');
    comment(out, "", what);
    let choices = choices(definition);
    if choices.is_empty() {
        let _ = writeln!(out, "export type {name} = {};", type_of(definition, ""));
        return;
    }
    let _ = write!(out, "export type {name} =");
    for (choice, what) in choices {
        out.push('\n');
        comment(out, "  ", what);
        let _ = write!(out, "  | {choice}");
    }
    out.push_str(";\n");
}

fn interface(out: &mut String, name: &str, what: &str, schema: &Value) {
    out.push('\n');
    comment(out, "", what);
    let _ = writeln!(out, "export interface {name} {}", object(schema, ""));
}

fn map(out: &mut String, catalog: &Catalog, name: &str, what: &str, messages: &[&Message]) {
    out.push('\n');
    comment(out, "", what);
    let _ = writeln!(out, "export interface {name} {{");
    for message in messages {
        let fields = object(&catalog.own_fields(message), "  ");
        let names = std::iter::once(&message.name).chain(&message.other_names);
        for name in names {
            comment(out, "  ", &message.summary);
            let _ = writeln!(out, "  {name:?}: {fields};");
        }
    }
    out.push_str("}\n");
}

fn comment(out: &mut String, indent: &str, what: &str) {
    if what.is_empty() {
        return;
    }
    let what = what.replace("*/", "* /");
    let lines: Vec<&str> = what.lines().map(str::trim).collect();
    let _ = writeln!(out, "{indent}/** {} */", lines.join(" ").trim());
}

fn object(schema: &Value, indent: &str) -> String {
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    if properties.is_empty() {
        return "Record<never, never>".to_owned();
    }
    let inner = format!("{indent}  ");
    let mut out = "{\n".to_owned();
    for (name, field) in properties {
        comment(&mut out, &inner, schema::description(field));
        let mark = if schema::is_required(schema, name) {
            ""
        } else {
            "?"
        };
        let _ = writeln!(out, "{inner}{name}{mark}: {};", type_of(field, &inner));
    }
    out.push_str(indent);
    out.push('}');
    out
}

/// What a definition is one of, each with what it means.
fn choices(definition: &Value) -> Vec<(String, &str)> {
    let literals = literals(definition);
    if !literals.is_empty() {
        return literals;
    }
    let choices = definition["anyOf"].as_array().into_iter().flatten();
    choices
        .map(|choice| (type_of(choice, "  "), schema::description(choice)))
        .collect()
}

/// The literals that a value is one of, each with what it means.
fn literals(schema: &Value) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    for plain in schema["enum"].as_array().into_iter().flatten() {
        found.push((plain.to_string(), ""));
    }
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        match choice.get("const") {
            Some(literal) => found.push((literal.to_string(), schema::description(choice))),
            None => found.extend(literals(choice)),
        }
    }
    found
}

fn type_of(schema: &Value, indent: &str) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(schema::named) {
        return name.to_owned();
    }
    if let Some(literal) = schema.get("const") {
        return literal.to_string();
    }
    let literals = literals(schema);
    if !literals.is_empty() {
        let literals: Vec<String> = literals.into_iter().map(|(literal, _)| literal).collect();
        return literals.join(" | ");
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[key].as_array() {
            let types: Vec<String> = choices.iter().map(|it| type_of(it, indent)).collect();
            return types.join(" | ");
        }
    }
    match &schema["type"] {
        Value::String(kind) => type_named(kind, schema, indent),
        Value::Array(kinds) => {
            let kinds = kinds.iter().filter_map(Value::as_str);
            let types: Vec<String> = kinds.map(|kind| type_named(kind, schema, indent)).collect();
            types.join(" | ")
        }
        _ => "unknown".to_owned(),
    }
}

fn type_named(kind: &str, schema: &Value, indent: &str) -> String {
    match kind {
        "string" => "string".to_owned(),
        "integer" | "number" => "number".to_owned(),
        "boolean" => "boolean".to_owned(),
        "null" => "null".to_owned(),
        "array" => match schema["prefixItems"].as_array() {
            Some(items) => {
                let items: Vec<String> = items.iter().map(|it| type_of(it, indent)).collect();
                format!("[{}]", items.join(", "))
            }
            None => match type_of(&schema["items"], indent) {
                union if union.contains('|') => format!("({union})[]"),
                plain => format!("{plain}[]"),
            },
        },
        "object" if schema["properties"].is_object() => object(schema, indent),
        _ => "Record<string, unknown>".to_owned(),
    }
}
