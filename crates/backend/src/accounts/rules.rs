//! What an email, a password and a name may be.

use std::fmt;

const EMAIL_BYTES_MAX: usize = 254;
const EMAIL_LOCAL_BYTES_MAX: usize = 64;
const USERNAME_CHARS_MAX: usize = 24;
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=128;
const MARKS_IN_A_ROW_MAX: usize = 2;

/// A field that can not be accepted, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidField {
    /// `email`, `password`, `username`.
    pub field: &'static str,
    /// A stable code: `invalid_email`, …
    pub code: &'static str,
    /// For people; never repeats what was given.
    pub reason: &'static str,
}

/// An email address of plain ASCII characters: `local@domain.tld`, at most 254 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Checks what was typed, without the blanks around it.
    pub fn parse(typed: &str) -> Result<Email, InvalidField> {
        let invalid = |reason| InvalidField {
            field: "email",
            code: "invalid_email",
            reason,
        };
        let typed = typed.trim();
        if typed.len() > EMAIL_BYTES_MAX {
            return Err(invalid("An email address has at most 254 characters."));
        }
        match typed.rsplit_once('@') {
            Some((local, domain)) if is_local_part(local) && is_domain(domain) => {
                Ok(Email(typed.to_owned()))
            }
            _ => Err(invalid(
                "This is not an email address such as name@example.com.",
            )),
        }
    }

    /// As typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Email> for String {
    fn from(email: Email) -> String {
        email.0
    }
}

/// RFC 5321's dot-string.
fn is_local_part(local: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    local.len() <= EMAIL_LOCAL_BYTES_MAX
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.bytes().all(plain))
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.')
        && domain.split('.').all(is_label)
        && !top.bytes().all(|b| b.is_ascii_digit())
}

/// A password as typed; shown by nothing.
pub struct Password(String);

impl Password {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl From<&str> for Password {
    fn from(typed: &str) -> Password {
        Password(typed.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password that a new account may have: 8 to 128 characters.
#[derive(Debug)]
pub struct NewPassword(Password);

impl NewPassword {
    /// Checks what was typed.
    pub fn parse(typed: &str) -> Result<NewPassword, InvalidField> {
        if PASSWORD_CHARS.contains(&typed.chars().count()) {
            Ok(NewPassword(Password::from(typed)))
        } else {
            let reason = "A password has 8 to 128 characters.";
            Err(InvalidField {
                field: "password",
                code: "invalid_password",
                reason,
            })
        }
    }
}

impl From<NewPassword> for Password {
    fn from(password: NewPassword) -> Password {
        password.0
    }
}

/// A name that others can see and tell apart from nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Checks what was typed, without the blanks around it.
    pub fn parse(typed: &str) -> Result<Username, InvalidField> {
        let invalid = |reason| InvalidField {
            field: "username",
            code: "invalid_username",
            reason,
        };
        let name = typed.trim();
        if name.is_empty() || name.chars().count() > USERNAME_CHARS_MAX {
            return Err(invalid("A name has 1 to 24 characters."));
        }
        if name.chars().any(is_invisible) {
            return Err(invalid(
                "A name can not have invisible, control or direction characters.",
            ));
        }
        if name.contains("  ") || name.chars().any(|c| c.is_whitespace() && c != ' ') {
            return Err(invalid("A name can have single spaces only."));
        }
        if name.starts_with(is_mark) || has_stacked_marks(name) {
            return Err(invalid(
                "A name can not begin with accents or pile them up.",
            ));
        }
        if RESERVED
            .iter()
            .any(|reserved| name.eq_ignore_ascii_case(reserved))
        {
            return Err(invalid("This name is reserved."));
        }
        Ok(Username(name.to_owned()))
    }
}

/// The system speaks in chats under the first; nobody is to be taken for the others.
const RESERVED: [&str; 5] = [
    "system",
    "admin",
    "administrator",
    "moderator",
    "blazing sun",
];

impl From<Username> for String {
    fn from(username: Username) -> String {
        username.0
    }
}

/// Control, format, direction, zero-width, filler, private and tag characters, and those that only
/// choose how another one looks.
fn is_invisible(c: char) -> bool {
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

/// The blocks of combining marks that no script's spelling needs more than two of in a row.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

fn has_stacked_marks(name: &str) -> bool {
    let mut in_a_row = 0;
    name.chars().any(|c| {
        in_a_row = if is_mark(c) { in_a_row + 1 } else { 0 };
        in_a_row > MARKS_IN_A_ROW_MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn emails() {
        for good in [
            "a@b.co",
            " Ada.Lovelace+games@Example.COM ",
            "o'neil@sub.domain.example",
            "x@xn--bcher-kva.example",
            &format!(
                "{}@{}.{}.{}.com",
                "a".repeat(64),
                "b".repeat(63),
                "c".repeat(63),
                "d".repeat(57)
            ),
        ] {
            assert_eq!(Email::parse(good).unwrap().as_str(), good.trim(), "{good}");
        }
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@b.co",
            "a@b",
            "a b@c.de",
            "a@b..co",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.de",
            "a@-b.co",
            "a@b-.co",
            "a@b.co.",
            "a@@b.co",
            "\"a b\"@c.de",
            "a@[127.0.0.1]",
            "a@1.2.3.4",
            "ä@b.co",
            "a@bü.co",
            "a\0@b.co",
            "a@b.co\nBcc: c@d.ef",
            "a\u{200B}@b.co",
            "<a@b.co>",
            &format!("{}@b.co", "a".repeat(65)),
            &format!("a@{}.com", ["b"; 130].join(".")),
        ] {
            let refused = Email::parse(bad).unwrap_err();
            assert_eq!(
                (refused.field, refused.code),
                ("email", "invalid_email"),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn passwords() {
        for (length, is_good) in [(0, false), (7, false), (8, true), (128, true), (129, false)] {
            assert_eq!(
                NewPassword::parse(&"ü".repeat(length)).is_ok(),
                is_good,
                "{length}"
            );
        }
    }

    #[test]
    fn names() {
        for (typed, name) in [
            ("Ada", "Ada"),
            ("  Ada L. ", "Ada L."),
            ("Jürgen_№1", "Jürgen_№1"),
            ("Ju\u{308}rgen", "Ju\u{308}rgen"),
            ("李小龍", "李小龍"),
            ("محمد", "محمد"),
            ("हिन्दी", "हिन्दी"),
            ("🎲🎲", "🎲🎲"),
            ("<b>&\"'", "<b>&\"'"),
            ("systems", "systems"),
        ] {
            assert_eq!(String::from(Username::parse(typed).unwrap()), name);
        }
        assert!(Username::parse(&"é".repeat(24)).is_ok());
        for bad in [
            "",
            "   ",
            "\u{3000}",
            "\u{200B}",
            "a\u{200D}b",
            "a\u{202E}b",
            "\u{2066}a",
            "a\u{FEFF}",
            "a\tb",
            "a\nb",
            "a\0b",
            "a\u{7F}b",
            "a\u{85}b",
            "a\u{A0}b",
            "a\u{3000}b",
            "a  b",
            "\u{3164}",
            "\u{2800}",
            "a\u{AD}b",
            "a\u{FE0F}",
            "a\u{E0041}",
            "a\u{E000}",
            "a\u{FFFE}",
            "a\u{10FFFF}",
            "\u{301}a",
            "a\u{301}\u{301}\u{301}",
            "System",
            " SYSTEM ",
            "aDmIn",
            &"x".repeat(25),
        ] {
            let refused = Username::parse(bad).unwrap_err();
            assert_eq!(
                (refused.field, refused.code),
                ("username", "invalid_username"),
                "{bad:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_input_panics_and_what_passes_passes_again(typed in any::<String>()) {
            let _ = Email::parse(&typed);
            let _ = NewPassword::parse(&typed);
            if let Ok(name) = Username::parse(&typed) {
                prop_assert_eq!(Username::parse(&name.0), Ok(name));
            }
        }
    }
}
