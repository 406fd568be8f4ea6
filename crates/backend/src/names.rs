//! The one rule for names that people make up and others see: of users and of rooms.
//!
//! It stands before the rules of rooms, not in them: what was decided once replays for ever, while the
//! tables of lookalikes grow with Unicode.

pub use blazing_sun_backbone::messages::ROOM_NAME_CHARS_MAX;

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::skeleton;

/// Characters of a user's name.
pub const USERNAME_CHARS_MAX: usize = 24;

/// Accents of the alphabets that need no more of them on one letter.
const ACCENTS_IN_A_ROW_MAX: usize = 2;
/// Marks of any script: a nukta, a vowel and a nasal may meet in Devanagari.
const MARKS_IN_A_ROW_MAX: usize = 3;

/// Nobody is to be taken for the house, its bot, or who runs it. Compared without case, accents, blanks,
/// punctuation, a number at the end, and letter for look-alike letter.
const RESERVED: &[&str] = &[
    "system",
    "the system",
    "house",
    "the house",
    "house bot",
    "the house bot",
    "house bots",
    "bot of the house",
    "bot",
    "the bot",
    "bots",
    "dice bot",
    "bigger dice bot",
    "blazing sun",
    "blazing sun bot",
    "blazing sun team",
    "server",
    "admin",
    "administrator",
    "moderator",
    "mod",
    "operator",
    "official",
    "support",
    "staff",
    "dealer",
    "everyone",
];

/// What is wrong with a name; never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidName {
    /// Empty, or longer than this.
    Length {
        /// The most characters.
        chars_max: usize,
    },
    /// Characters that show nothing, or change how others show.
    Invisible,
    /// Blanks other than single spaces.
    Blanks,
    /// Marks that stand on nothing, or pile up.
    Marks,
    /// Of the house.
    Reserved,
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidName::Length { chars_max } => {
                write!(f, "A name has 1 to {chars_max} characters.")
            }
            InvalidName::Invisible => {
                f.write_str("A name can not have invisible, control or direction characters.")
            }
            InvalidName::Blanks => f.write_str("A name can have single spaces only."),
            InvalidName::Marks => f.write_str("A name can not begin with accents or pile them up."),
            InvalidName::Reserved => f.write_str("This name is reserved."),
        }
    }
}

/// The name without the blanks around it. Nothing is cut or changed otherwise.
pub fn checked(typed: &str, chars_max: usize) -> Result<&str, InvalidName> {
    let name = typed.trim();
    // Never walks to the end of a name that is much too long.
    let chars = name.chars().take(chars_max + 1).count();
    if chars == 0 || chars > chars_max {
        Err(InvalidName::Length { chars_max })
    } else if name.chars().any(is_invisible) {
        Err(InvalidName::Invisible)
    } else if name.contains("  ") || name.chars().any(|c| c.is_whitespace() && c != ' ') {
        Err(InvalidName::Blanks)
    } else if name.starts_with(is_combining_mark) || has_stacked_marks(name) {
        Err(InvalidName::Marks)
    } else if is_reserved(name) {
        Err(InvalidName::Reserved)
    } else {
        Ok(name)
    }
}

/// Control, format, direction, zero-width, filler, private and tag characters, and those that only
/// choose how another one looks.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}'
            | '\u{890}' | '\u{891}' | '\u{8E2}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{E000}'..='\u{F8FF}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{FFFD}' | '\u{110BD}' | '\u{110CD}' | '\u{13430}'..='\u{1345F}'
            | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{10FFFF}')
        || (c as u32) & 0xFFFE == 0xFFFE
}

/// The blocks of accents that no alphabet's spelling needs more than two of in a row, Thai's among them.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{E31}' | '\u{E34}'..='\u{E3A}'
        | '\u{E47}'..='\u{E4E}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

pub(crate) fn has_stacked_marks(name: &str) -> bool {
    let (mut accents, mut marks) = (0, 0);
    name.nfd().any(|c| {
        accents = if is_accent(c) { accents + 1 } else { 0 };
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        accents > ACCENTS_IN_A_ROW_MAX || marks > MARKS_IN_A_ROW_MAX
    })
}

fn is_reserved(name: &str) -> bool {
    static LOOKS: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let looks = RESERVED.iter().flat_map(|name| looks(name));
        looks.filter(|look| !look.is_empty()).collect()
    });
    let without_number = name.trim_end_matches(|c: char| !c.is_alphabetic());
    [name, without_number]
        .iter()
        .flat_map(|name| looks(name))
        .any(|look| LOOKS.contains(&look))
}

/// What a name is taken for at a glance, read as it is, in lower and in upper case: which letters look
/// alike depends on the case (Unicode Technical Standard 39, 4).
fn looks(name: &str) -> [String; 3] {
    let plain: String = name.nfkc().collect();
    [plain.to_lowercase(), plain.to_uppercase(), plain].map(|name| {
        let letters = skeleton(&name).filter(|c| c.is_alphanumeric());
        let look: String = letters.flat_map(char::to_lowercase).collect();
        look.replace("rn", "m").replace('l', "i")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(name: &str) -> Option<InvalidName> {
        checked(name, USERNAME_CHARS_MAX).err()
    }

    #[test]
    fn names_of_many_scripts_are_taken_as_typed() {
        for (typed, name) in [
            ("Ada", "Ada"),
            ("  Ada L. ", "Ada L."),
            ("Jürgen_№1", "Jürgen_№1"),
            ("Ju\u{308}rgen", "Ju\u{308}rgen"),
            ("Nguyễn", "Nguyễn"),
            ("李小龍", "李小龍"),
            ("محمد", "محمد"),
            ("हिन्दी ज़िंदगी", "हिन्दी ज़िंदगी"),
            ("ที่นี่", "ที่นี่"),
            ("🎲🎲", "🎲🎲"),
            ("<b>&\"'", "<b>&\"'"),
            ("<script>alert(1)", "<script>alert(1)"),
            ("systems", "systems"),
            ("Dr House", "Dr House"),
            ("Housemartin", "Housemartin"),
            ("Botond", "Botond"),
            ("Sun 7", "Sun 7"),
            ("7", "7"),
        ] {
            assert_eq!(checked(typed, USERNAME_CHARS_MAX), Ok(name));
        }
        assert!(checked(&"é".repeat(24), 24).is_ok());
    }

    #[test]
    fn a_length_is_refused_and_never_cut() {
        let chars_max = USERNAME_CHARS_MAX;
        for name in ["", "   ", "\u{3000}", &"x".repeat(25), &"x".repeat(10_240)] {
            assert_eq!(refused(name), Some(InvalidName::Length { chars_max }));
        }
        let text = InvalidName::Length { chars_max }.to_string();
        assert_eq!(text, "A name has 1 to 24 characters.");
    }

    #[test]
    fn what_shows_nothing_or_turns_the_text_is_refused() {
        for name in [
            "\u{200B}",
            "a\u{200D}b",
            "a\u{202E}b",
            "\u{2066}a",
            "a\u{2069}b",
            "a\u{FEFF}",
            "a\tb",
            "a\nb",
            "a\0b",
            "a\u{7F}b",
            "a\u{85}b",
            "\u{3164}",
            "\u{2800}",
            "a\u{AD}b",
            "a\u{FE0F}",
            "a\u{61C}b",
            "a\u{E0041}",
            "a\u{E000}",
            "a\u{FFFE}",
            "a\u{10FFFF}",
            "a\u{2028}b",
            "a\u{34F}b",
        ] {
            assert_eq!(refused(name), Some(InvalidName::Invisible), "{name:?}");
        }
        for name in ["a\u{A0}b", "a\u{3000}b", "a  b"] {
            assert_eq!(refused(name), Some(InvalidName::Blanks), "{name:?}");
        }
    }

    #[test]
    fn marks_on_nothing_and_towers_of_them_are_refused() {
        for name in [
            "\u{301}a",
            "a\u{301}\u{301}\u{301}",
            "é\u{301}\u{301}",
            "ก็็็",
            "\u{93f}क",
            "क\u{93c}\u{93f}\u{902}\u{902}",
            "\u{20dd}",
        ] {
            assert_eq!(refused(name), Some(InvalidName::Marks), "{name:?}");
        }
    }

    #[test]
    fn nobody_is_to_be_taken_for_the_house() {
        for name in [
            "System",
            " SYSTEM ",
            "s.y.s.t.e.m",
            "sуstеm",
            "ЅУЅТЕМ",
            "ｓｙｓｔｅｍ",
            "Sÿstèm",
            "System 2",
            "ⓢⓨⓢⓣⓔⓜ",
            "𝐒𝐲𝐬𝐭𝐞𝐦",
            "aDmIn",
            "ADMlN",
            "Adm1n",
            "adrnin",
            "House",
            "the house",
            "HOUSE",
            "Ноuse Bот",
            "Ноuse",
            "h0use",
            "House-Bot",
            "[House Bot]",
            "house bot #1",
            "The house bot",
            "Bot of the House",
            "bots",
            "The Bot",
            "Dice Bot",
            "Bot",
            "В0Т",
            "Blazing Sun",
            "BlazingSun",
            "b|azing sun",
            "✦ Blazing Sun ✦",
        ] {
            assert_eq!(refused(name), Some(InvalidName::Reserved), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_passes_passes_again(typed in any::<String>(), chars_max in 1_usize..60) {
            if let Ok(name) = checked(&typed, chars_max) {
                prop_assert_eq!(checked(name, chars_max), Ok(name));
                prop_assert!(typed.contains(name) && name.chars().count() <= chars_max);
            }
        }
    }
}
