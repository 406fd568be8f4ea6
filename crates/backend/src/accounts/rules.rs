//! What an email, a password and a name may be.

use crate::names::{self, USERNAME_CHARS_MAX};
use blazing_sun_backbone::rest::problem::{
    INVALID_EMAIL, INVALID_PASSWORD, INVALID_USERNAME, ProblemKind,
};
use std::borrow::Cow;
use std::fmt;

/// What [`Email::parse`] takes, as far as a pattern can say it: each part's length is left to it.
pub const EMAIL_PATTERN: &str = "^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\
    @([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\\.)+[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?$";

const EMAIL_BYTES_MAX: usize = 254;
const EMAIL_LOCAL_BYTES_MAX: usize = 64;
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=128;

/// A field that can not be accepted, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidField {
    /// `email`, `password`, `username`.
    pub field: &'static str,
    /// Its stable code is `invalid_email`, …
    pub kind: ProblemKind,
    /// For people; never repeats what was given.
    pub reason: Cow<'static, str>,
}

/// An email address of plain ASCII characters: `local@domain.tld`, at most 254 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Checks what was typed, without the blanks around it.
    pub fn parse(typed: &str) -> Result<Email, InvalidField> {
        let invalid = |reason: &'static str| InvalidField {
            field: "email",
            kind: INVALID_EMAIL,
            reason: reason.into(),
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
                kind: INVALID_PASSWORD,
                reason: reason.into(),
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
        let name = names::checked(typed, USERNAME_CHARS_MAX).map_err(|invalid| InvalidField {
            field: "username",
            kind: INVALID_USERNAME,
            reason: invalid.to_string().into(),
        })?;
        Ok(Username(name.to_owned()))
    }

    /// A name that the program gives to an account of its own; nobody else can have it if it is reserved.
    pub fn of_the_house(name: &'static str) -> Username {
        Username(name.to_owned())
    }
}

impl From<Username> for String {
    fn from(username: Username) -> String {
        username.0
    }
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
                (refused.field, refused.kind.code),
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
    fn a_name_is_what_the_rule_for_names_takes() {
        assert_eq!(String::from(Username::parse(" Ada L. ").unwrap()), "Ada L.");
        for bad in [
            "",
            "a\u{202E}b",
            "a  b",
            "\u{301}a",
            "Ноuse",
            &"x".repeat(25),
        ] {
            let refused = Username::parse(bad).unwrap_err();
            assert_eq!(
                (refused.field, refused.kind.code),
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
