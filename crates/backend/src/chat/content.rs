//! The one rule for what people write to each other. Like that for names it stands before the rules
//! of rooms: what was decided once replays for ever.

use crate::names::{has_stacked_marks, is_invisible};
use std::fmt;

/// What is wrong with a message; never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidContent {
    /// Nothing that could be seen.
    Empty,
    /// Characters that show nothing, or change how others show.
    Invisible,
    /// Marks that pile up over other lines.
    Marks,
}

impl fmt::Display for InvalidContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidContent::Empty => "a message has at least one visible character",
            InvalidContent::Invisible => {
                "a message is one line without invisible, control or direction characters"
            }
            InvalidContent::Marks => "a message can not pile up accents",
        })
    }
}

/// The message without the blanks around it. Nothing is cut or changed otherwise.
pub fn checked(typed: &str) -> Result<&str, InvalidContent> {
    let content = typed.trim();
    if content
        .chars()
        .any(|c| is_invisible(c) && !joins_or_varies(c))
    {
        Err(InvalidContent::Invisible)
    } else if content
        .chars()
        .all(|c| c.is_whitespace() || joins_or_varies(c))
    {
        Err(InvalidContent::Empty)
    } else if has_stacked_marks(content) {
        Err(InvalidContent::Marks)
    } else {
        Ok(content)
    }
}

/// What emoji, Persian and Indian scripts are spelled with: the joiners and the variation selectors.
fn joins_or_varies(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_taken_as_it_is() {
        for fine in [
            "hi",
            "<script>alert(1)</script> & \"quotes\" 'n \\ things",
            "ça va? привет! 你好, नमस्ते, سلام, می\u{200c}خواهم",
            "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f} 🇩🇪",
            "two  blanks",
        ] {
            assert_eq!(checked(fine), Ok(fine));
        }
        assert_eq!(checked("  around \t\n"), Ok("around"));
    }

    #[test]
    fn what_hides_or_turns_text_is_refused() {
        for empty in ["", "   ", "\n", "\u{200d}", "\u{fe0f} \u{200c}", "\u{3000}"] {
            assert_eq!(checked(empty), Err(InvalidContent::Empty), "{empty:?}");
        }
        for hidden in [
            "a\nb",
            "a\tb",
            "\u{1b}[2J",
            "a\0",
            "\u{202e}evil",
            "a\u{2066}b",
            "a\u{200b}b",
            "a\u{200f}",
            "\u{feff}a",
            "\u{e0041}",
            "a\u{2028}b",
            "\u{3164}",
            "a\u{85}x",
            "\u{ad}x",
        ] {
            assert_eq!(
                checked(hidden),
                Err(InvalidContent::Invisible),
                "{hidden:?}"
            );
        }
        let tower = format!("a{}", "\u{301}".repeat(9));
        assert_eq!(checked(&tower), Err(InvalidContent::Marks));
    }

    proptest::proptest! {
        #[test]
        fn what_is_taken_is_one_visible_line(typed in ".{0,40}") {
            if let Ok(content) = checked(&typed) {
                proptest::prop_assert!(typed.contains(content) && !content.is_empty());
                proptest::prop_assert!(!content.chars().any(char::is_control));
            }
        }
    }
}
