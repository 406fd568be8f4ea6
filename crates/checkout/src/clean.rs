//! Text of another program's as it is kept and told.

/// How much of it.
const CHARACTERS_MAX: usize = 500;

/// One line, not too long.
pub(crate) fn clean(text: &str) -> String {
    let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().take(CHARACTERS_MAX).map(printable).collect()
}
