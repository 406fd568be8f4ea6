//! JSON as text for people and for comparing: what is short stands on one line.

use serde_json::Value;

const LINE_CHARS_MAX: usize = 110;

/// A whole document, with the end of its last line.
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, 0, 0);
    out.push('\n');
    out
}

/// Adds a value that begins at this column.
fn write(out: &mut String, value: &Value, indent: usize, column: usize) {
    let line = one_line(value);
    if column + line.chars().count() <= LINE_CHARS_MAX {
        out.push_str(&line);
        return;
    }
    let inner = indent + 2;
    match value {
        Value::Object(fields) => {
            out.push('{');
            for (at, (name, field)) in fields.iter().enumerate() {
                begin_line(out, at, inner);
                let name = format!("{}: ", Value::from(name.as_str()));
                out.push_str(&name);
                write(out, field, inner, inner + name.chars().count());
            }
            end_lines(out, '}', indent);
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                begin_line(out, at, inner);
                write(out, item, inner, inner);
            }
            end_lines(out, ']', indent);
        }
        _ => out.push_str(&line),
    }
}

fn begin_line(out: &mut String, at: usize, indent: usize) {
    out.push_str(if at == 0 { "\n" } else { ",\n" });
    out.extend(std::iter::repeat_n(' ', indent));
}

fn end_lines(out: &mut String, bracket: char, indent: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
    out.push(bracket);
}

/// The value on one line.
pub(crate) fn one_line(value: &Value) -> String {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let fields = fields.iter();
            let fields: Vec<String> = fields
                .map(|(name, field)| format!("{}: {}", Value::from(name.as_str()), one_line(field)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(one_line).collect();
            format!("[{}]", items.join(", "))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_short_stands_on_one_line_and_all_reads_back() {
        let long = "x".repeat(100);
        let value = json!({ "a": { "b": [1, null], "c": {} }, "long": [long, { "quote": "\"" }] });
        let text = document(&value);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert!(
            text.contains("  \"a\": { \"b\": [1, null], \"c\": {} },\n"),
            "{text}"
        );
        assert!(text.ends_with("\n  ]\n}\n"), "{text}");
    }
}
