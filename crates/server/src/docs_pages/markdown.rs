//! From Markdown to a page: headings that can be linked to, tables that scroll by themselves, no HTML of the text's own.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use std::collections::BTreeMap;

/// Where the repository has the documents, seen from the text, and where the program serves them.
const IN_REPOSITORY: &str = "contract/";
const SERVED: &str = "/docs/";

/// The whole page.
pub(super) fn page(markdown: &str) -> String {
    let mut body = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut body, events(markdown).into_iter());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Blazing Sun: the protocol</title>\n\
         <link rel=\"stylesheet\" href=\"/docs/style.css\">\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn events(markdown: &str) -> Vec<Event<'_>> {
    let mut out: Vec<Event<'_>> = Vec::new();
    let mut heading: Option<usize> = None;
    let mut title = String::new();
    let mut taken: BTreeMap<String, u32> = BTreeMap::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                heading = Some(out.len());
                title.clear();
                out.push(event);
            }
            Event::End(TagEnd::Heading(level)) => {
                if let Some(at) = heading.take() {
                    out[at] = Event::Start(with_anchor(level, &title, &mut taken));
                }
                out.push(event);
            }
            Event::Text(ref text) | Event::Code(ref text) => {
                if heading.is_some() {
                    title.push_str(text);
                }
                out.push(event);
            }
            // Wide tables scroll by themselves, by the keyboard too.
            Event::Start(Tag::Table(_)) => {
                out.push(Event::Html("<div class=\"table\" tabindex=\"0\">".into()));
                out.push(event);
            }
            Event::End(TagEnd::Table) => {
                out.push(event);
                out.push(Event::Html("</div>\n".into()));
            }
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }) => out.push(Event::Start(Tag::Link {
                link_type,
                dest_url: served(dest_url),
                title,
                id,
            })),
            Event::Html(text) | Event::InlineHtml(text) => out.push(Event::Text(text)),
            event => out.push(event),
        }
    }
    out
}

fn with_anchor<'a>(level: HeadingLevel, title: &str, taken: &mut BTreeMap<String, u32>) -> Tag<'a> {
    let anchor = anchor(title);
    let before = taken.entry(anchor.clone()).or_default();
    let id = match *before {
        0 => anchor,
        again => format!("{anchor}-{again}"),
    };
    *before += 1;
    Tag::Heading {
        level,
        id: Some(id.into()),
        classes: Vec::new(),
        attrs: Vec::new(),
    }
}

/// As code hosts make them of headings.
fn anchor(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn served(address: CowStr<'_>) -> CowStr<'_> {
    match address.strip_prefix(IN_REPOSITORY) {
        Some(document) => format!("{SERVED}{document}").into(),
        None => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markdown: &str, expected: &str) {
        let page = page(markdown);
        assert!(page.contains(expected), "{page}");
    }

    #[test]
    fn headings_can_be_linked_to_however_often_they_stand_there() {
        check("## `games.command.roll`", "<h2 id=\"gamescommandroll\">");
        check("# A b\n\n# A b", "<h1 id=\"a-b-1\">");
    }

    #[test]
    fn html_of_the_text_is_shown_and_not_obeyed() {
        check("a <script>x()</script> b", "&lt;script&gt;x()");
        check("<script>x()</script>", "&lt;script&gt;x()");
    }

    #[test]
    fn documents_are_linked_where_they_are_served() {
        check(
            "[a](contract/asyncapi.json)",
            "href=\"/docs/asyncapi.json\"",
        );
        check("[a](#b)", "href=\"#b\"");
    }

    #[test]
    fn a_table_scrolls_by_itself() {
        check(
            "| a |\n|---|\n| b |",
            "<div class=\"table\" tabindex=\"0\"><table>",
        );
    }

    #[test]
    fn every_link_of_the_protocol_leads_somewhere() {
        let page = page(super::super::PROTOCOL);
        for link in page.split(" href=\"").skip(1) {
            let (address, _) = link.split_once('"').unwrap();
            match address.strip_prefix('#') {
                Some(id) => assert!(page.contains(&format!(" id=\"{id}\"")), "#{id}"),
                None => assert!(
                    address == "/docs/style.css"
                        || address.strip_prefix(SERVED).is_some_and(|name| {
                            <super::super::Contract as rust_embed::RustEmbed>::get(name).is_some()
                        }),
                    "{address}"
                ),
            }
        }
    }
}
