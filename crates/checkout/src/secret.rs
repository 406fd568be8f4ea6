//! Text that nobody may read in a log or an error.

use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A key or a password. Its text is shown by nothing but [`Secret::expose`]. Clones share it.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Keeps the text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(Arc::new(Zeroizing::new(text.into())))
    }

    /// The text, for whoever has to send or compare it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn its_text_is_not_shown() {
        let secret = Secret::new("sk_test_1");
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.expose(), "sk_test_1");
    }
}
