//! `docs/protocol.md`: the contract for people, in the order in which one meets it.

mod fields;
mod prose;

use crate::asyncapi::{key, party};
use crate::catalog::{Catalog, Flow, Message};
use crate::outcomes;
use crate::{schema, text};
use blazing_sun_backbone::topics::{PAYMENT_TOPICS, Party, TOPICS, TopicRow};
use blazing_sun_domain::RefusalCode;
use fields::{anchor, table, type_of};
use serde_json::Value;
use std::fmt::Write as _;

const DAY_MS: i64 = 86_400_000;
/// Examples that are longer have a line for each field.
const LINE_BYTES_MAX: usize = 100;

/// A part of the page: its heading, and the messages that stand in it.
struct Part {
    title: &'static str,
    intro: &'static str,
    has: fn(&Message) -> bool,
}

fn is_of_a_game(message: &Message) -> bool {
    message.name.matches('.').count() == 3
}

const SENT: &[Part] = &[
    Part {
        title: "Signing in and staying there",
        intro: prose::ASKED,
        has: |message| message.flow == Flow::Asked,
    },
    Part {
        title: "Commands of rooms",
        intro: prose::ROOM_COMMANDS,
        has: |it| it.flow == Flow::Command && it.name.starts_with("games.") && !is_of_a_game(it),
    },
    Part {
        title: "Commands of games",
        intro: prose::GAME_COMMANDS,
        has: |it| it.flow == Flow::Command && is_of_a_game(it),
    },
    Part {
        title: "Commands of chat",
        intro: "",
        has: |it| it.flow == Flow::Command && it.name.starts_with("chat."),
    },
    Part {
        title: "Commands of the wallet",
        intro: prose::WALLET_COMMANDS,
        has: |it| it.flow == Flow::Command && it.name.starts_with("wallet."),
    },
];

const TOLD: &[Part] = &[
    Part {
        title: "The gateway's own",
        intro: "",
        has: |message| message.flow == Flow::Said,
    },
    Part {
        title: "Events of rooms",
        intro: prose::ROOM_EVENTS,
        has: |it| it.flow == Flow::Event && it.name.starts_with("games.") && !is_of_a_game(it),
    },
    Part {
        title: "Events of Bigger Dice",
        intro: prose::DICE,
        has: |it| it.flow == Flow::Event && it.name.starts_with("games.event.bigger_dice."),
    },
    Part {
        title: "Events of tic-tac-toe",
        intro: prose::CELLS,
        has: |it| it.flow == Flow::Event && it.name.starts_with("games.event.tic_tac_toe."),
    },
    Part {
        title: "Events of chat, wallet and system",
        intro: "",
        has: |it| it.flow == Flow::Event && !it.name.starts_with("games."),
    },
];

/// The whole page.
pub(crate) fn page(catalog: &Catalog) -> String {
    let mut out = prose::HEAD.to_owned();
    contents(&mut out);
    out.push_str(prose::SOCKET);
    out.push_str("\n## What clients send\n\n");
    out.push_str(prose::COMMANDS);
    parts(&mut out, catalog, SENT);
    out.push_str("\n## What clients get\n\n");
    out.push_str(prose::EVENTS);
    table(&mut out, &catalog.event_meta);
    parts(&mut out, catalog, TOLD);
    types(&mut out, catalog);
    codes(&mut out, catalog);
    topics(&mut out, catalog);
    out
}

fn contents(out: &mut String) {
    let titles = [
        "The socket",
        "What clients send",
        "What clients get",
        "Types",
        "Error codes",
        "Topics",
    ];
    for title in titles {
        let _ = writeln!(out, "- [{title}](#{})", anchor(title));
        let parts = match title {
            "What clients send" => SENT,
            "What clients get" => TOLD,
            _ => &[],
        };
        for part in parts {
            let _ = writeln!(out, "  - [{}](#{})", part.title, anchor(part.title));
        }
    }
    out.push('\n');
}

fn parts(out: &mut String, catalog: &Catalog, parts: &[Part]) {
    for part in parts {
        let _ = write!(out, "\n### {}\n\n", part.title);
        if !part.intro.is_empty() {
            let _ = writeln!(out, "{}", part.intro);
        }
        let messages = catalog.messages().iter().filter(|it| (part.has)(it));
        for message in messages {
            describe(out, catalog, message);
        }
    }
}

fn describe(out: &mut String, catalog: &Catalog, message: &Message) {
    let _ = write!(out, "#### `{}`\n\n{}", message.name, message.summary);
    if !message.other_names.is_empty() {
        let others: Vec<String> = message
            .other_names
            .iter()
            .map(|it| format!("`{it}`"))
            .collect();
        let _ = write!(out, " Also as {}.", others.join(", "));
    }
    out.push_str("\n\n");
    let fields = catalog.socket_fields(message);
    let has_fields = fields["properties"]
        .as_object()
        .is_some_and(|it| !it.is_empty());
    if has_fields {
        table(out, &fields);
    }
    if message.flow == Flow::Command {
        let outcome = outcomes::of(&message.name);
        let _ = write!(out, "Leads to: {}.\n\n", outcome.events);
        if !outcome.refusals.is_empty() {
            let refusals: Vec<String> = outcome
                .refusals
                .iter()
                .map(|code| format!("`{code}`"))
                .collect();
            let _ = write!(out, "Refused as: {}.\n\n", refusals.join(" "));
        }
    }
    let example = match message.is_on_the_socket() {
        true => catalog.frame_example(message),
        false => catalog.payload_example(message),
    };
    let _ = write!(out, "```json\n{}\n```\n\n", shown(&example));
}

/// With `type` first, which makes it known.
fn shown(example: &Value) -> String {
    let Some(fields) = example.as_object() else {
        return example.to_string();
    };
    let kind = fields.get("type").map(|kind| ("type", kind));
    let others = fields.iter().map(|(name, value)| (name.as_str(), value));
    let others = others.filter(|(name, _)| *name != "type");
    let fields: Vec<String> = kind
        .into_iter()
        .chain(others)
        .map(|(name, value)| format!("{name:?}: {}", text::one_line(value)))
        .collect();
    let line = format!("{{ {} }}", fields.join(", "));
    match line.len() > LINE_BYTES_MAX {
        true => format!("{{\n  {}\n}}", fields.join(",\n  ")),
        false => line,
    }
}

fn types(out: &mut String, catalog: &Catalog) {
    out.push_str("\n## Types\n\n");
    out.push_str(prose::TYPES);
    for (name, definition) in &catalog.definitions {
        if matches!(
            name.as_str(),
            "RefusalCode" | "GatewayCode" | "RecordHeaders"
        ) {
            continue;
        }
        let _ = write!(out, "\n### {name}\n\n");
        let what = schema::description(definition);
        if !what.is_empty() {
            let _ = write!(out, "{what}\n\n");
        }
        let choices = fields::choices(definition);
        if definition["properties"].is_object() {
            table(out, definition);
        } else if choices.is_empty() {
            let _ = write!(out, "{}.\n\n", type_of(definition));
        } else {
            for (literal, what) in choices {
                let _ = writeln!(out, "- `{literal}`: {what}");
            }
        }
    }
}

fn codes(out: &mut String, catalog: &Catalog) {
    out.push_str("\n## Error codes\n\n");
    out.push_str(prose::CODES);
    out.push_str("\n| code | meaning | told to a person |\n|---|---|---|\n");
    let meanings = &catalog.definitions["RefusalCode"];
    let meanings = fields::choices(meanings);
    for code in RefusalCode::ALL {
        let meaning = meanings
            .iter()
            .find(|(literal, _)| literal == code.as_str());
        let meaning = meaning.map_or("", |(_, meaning)| meaning);
        let _ = writeln!(out, "| `{code}` | {meaning} | {} |", code.message());
    }
    out.push_str(
        "\nThe gateway itself refuses with `system.error`:\n\n| code | meaning |\n|---|---|\n",
    );
    for (code, meaning) in fields::choices(&catalog.definitions["GatewayCode"]) {
        let _ = writeln!(out, "| `{code}` | {meaning} |");
    }
}

fn topics(out: &mut String, catalog: &Catalog) {
    out.push_str("\n## Topics\n\n");
    out.push_str(prose::TOPICS);
    out.push_str("\n| topic | from | to | keyed by | kept |\n|---|---|---|---|---|\n");
    for row in TOPICS {
        topic(out, row.name, row);
    }
    for row in PAYMENT_TOPICS {
        topic(out, &format!("<game>.{}", row.name), row);
    }
    out.push_str("\nConsumer groups:\n\n| group | of |\n|---|---|\n");
    for by in Party::ALL {
        let _ = writeln!(out, "| `{}` | the {}s |", by.group(), party(by));
    }
    out.push_str("\n### Headers\n\n");
    out.push_str(prose::HEADERS);
    table(out, &catalog.definitions["RecordHeaders"]);
    out.push_str("\n### The envelope\n\n");
    out.push_str(prose::ENVELOPE);
    let example = catalog
        .messages()
        .iter()
        .find(|it| it.name == "games.event.bigger_dice.rolled");
    if let Some(example) = example {
        let example = text::document(&catalog.record_example(example));
        let _ = write!(out, "```json\n{example}```\n\n");
    }
    out.push_str("\n### Records without an envelope\n\n");
    out.push_str(prose::RECORDS);
    for record in catalog.records() {
        let name = match PAYMENT_TOPICS.iter().any(|row| row.name == record.topic) {
            true => format!("<game>.{}", record.topic),
            false => record.topic.to_owned(),
        };
        let _ = write!(out, "#### `{name}`\n\n{}\n\n", record.summary);
        table(out, &record.schema);
        let _ = write!(out, "```json\n{}\n```\n\n", shown(&record.example));
    }
    out.push_str("\n### Between gateways and backends\n\n");
    out.push_str(prose::BETWEEN);
    let between = catalog
        .messages()
        .iter()
        .filter(|it| it.flow == Flow::Between);
    for message in between {
        describe(out, catalog, message);
    }
}

fn topic(out: &mut String, name: &str, row: &TopicRow) {
    let parties = |parties: &[Party]| {
        let names: Vec<&str> = parties.iter().map(|by| party(*by)).collect();
        match names.is_empty() {
            true => "whoever looks after it".to_owned(),
            false => names.join(", "),
        }
    };
    let _ = writeln!(
        out,
        "| `{name}` | {} | {} | {} | {} days |",
        parties(row.writers),
        parties(row.readers),
        key(row.key),
        row.retention_ms / DAY_MS,
    );
}
