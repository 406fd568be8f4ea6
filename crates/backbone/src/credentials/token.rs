//! Access tokens.

use blazing_sun_domain::{Millis, UserId};
use serde::{Deserialize, Serialize};

/// `iss` of every access token.
pub const ISSUER: &str = "blazing-sun";
/// `aud` of every access token.
pub const AUDIENCE: &str = "blazing-sun";

/// Who an access token speaks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: UserId,
    /// The user's name.
    pub username: String,
    /// `player`, `guest`, `admin`, …
    pub roles: Vec<String>,
    /// Issuer: always `blazing-sun`.
    pub iss: String,
    /// Audience: always `blazing-sun`.
    pub aud: String,
    /// Issued at, seconds since the Unix epoch.
    pub iat: i64,
    /// Ends at, seconds since the Unix epoch.
    pub exp: i64,
}

/// Why a token was refused. The token itself is in no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT of ours: format, algorithm, key id, signature, issuer, audience or claims.
    #[error("the access token is not valid: {0}")]
    Invalid(&'static str),
    /// Its time is over.
    #[error("the access token has expired")]
    Expired,
}

/// Checks access tokens; holds public keys alone.
#[derive(Clone)]
pub struct TokenVerifier {}

impl TokenVerifier {
    /// The claims of a valid token. The algorithm is pinned, the key is found by `kid` alone, and
    /// `exp`, `aud`, `iss` and `sub` must be there.
    pub fn verify(&self, _token: &str, _now: Millis) -> Result<Claims, TokenError> {
        todo!()
    }
}

/// Makes access tokens.
#[derive(Clone)]
pub struct TokenSigner {}

impl TokenSigner {
    /// The token of these claims, under the newest key.
    pub fn sign(&self, _claims: &Claims) -> String {
        todo!()
    }
}
