//! The public keys as others read them.

use serde::Serialize;

/// A JSON Web Key Set (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct JsonWebKeySet {
    /// The newest first; tokens name theirs by `kid`.
    #[schemars(length(min = 1))]
    pub keys: Vec<JsonWebKey>,
}

/// An Ed25519 key (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct JsonWebKey {
    /// The kind of key.
    #[schemars(extend("const" = "OKP"))]
    pub kty: String,
    /// The curve.
    #[schemars(extend("const" = "Ed25519"))]
    pub crv: String,
    /// What it is for.
    #[serde(rename = "use")]
    #[schemars(extend("const" = "sig"))]
    pub purpose: String,
    /// How it signs.
    #[schemars(extend("const" = "EdDSA"))]
    pub alg: String,
    /// Its name.
    pub kid: String,
    /// The public key, base64url.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{43}$"))]
    pub x: String,
}

impl JsonWebKey {
    /// The key of this name.
    pub fn of(kid: &str, x: &str) -> JsonWebKey {
        let [kty, crv, purpose, alg] = ["OKP", "Ed25519", "sig", "EdDSA"].map(str::to_owned);
        JsonWebKey {
            kty,
            crv,
            purpose,
            alg,
            kid: kid.to_owned(),
            x: x.to_owned(),
        }
    }
}
