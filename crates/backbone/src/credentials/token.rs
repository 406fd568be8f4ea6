//! Access tokens: compact JWS with EdDSA (RFC 7519, RFC 8037), and nothing else of JOSE.
//!
//! On ed25519-dalek directly: a token's time is checked against the caller's clock, the header before
//! any claim is read, and the public key is decompressed once instead of at every check.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blazing_sun_domain::{Millis, UserId};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// `iss` of every access token.
pub const ISSUER: &str = "blazing-sun";
/// `aud` of every access token.
pub const AUDIENCE: &str = "blazing-sun";

/// How far clocks may differ, in seconds.
const LEEWAY_S: i64 = 5;
const TOKEN_BYTES_MAX: usize = 4_096;

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

impl Claims {
    /// The claims of a token for this user from `now` on.
    pub fn new(
        user: UserId,
        username: &str,
        roles: &[&str],
        now: Millis,
        lifetime_s: i64,
    ) -> Claims {
        let iat = now.0.div_euclid(1_000);
        Claims {
            sub: user,
            username: username.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat,
            exp: iat.saturating_add(lifetime_s),
        }
    }
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
    /// Its user may not sign in any more.
    #[error("the user of the access token may not sign in")]
    Forbidden,
}

/// The fields of a JOSE header that count. Others (`jku`, `x5u`, `jwk`, `typ`) are not looked at.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    kid: Cow<'a, str>,
    /// Extensions that a reader must understand (RFC 7515 §4.1.11); this one understands none.
    #[serde(default)]
    crit: Option<serde::de::IgnoredAny>,
}

/// Checks access tokens; holds public keys alone.
#[derive(Clone)]
pub struct TokenVerifier {
    keys: Arc<[(String, VerifyingKey)]>,
    /// Users whose tokens are refused although their time is not over; all clones share them.
    forbidden: Arc<RwLock<HashSet<UserId>>>,
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.keys.iter().map(|(kid, _)| kid))
            .finish()
    }
}

impl TokenVerifier {
    pub(super) fn new(keys: impl Iterator<Item = (String, VerifyingKey)>) -> TokenVerifier {
        TokenVerifier {
            keys: keys.collect(),
            forbidden: Arc::default(),
        }
    }

    /// From now on this verifier and its clones refuse the user's tokens.
    pub fn forbid(&self, user: UserId) {
        self.forbidden.write().insert(user);
    }

    /// Takes the user's tokens again.
    pub fn allow(&self, user: UserId) {
        self.forbidden.write().remove(&user);
    }

    /// Whether the user's tokens are refused.
    pub fn forbids(&self, user: UserId) -> bool {
        self.forbidden.read().contains(&user)
    }

    /// The claims of a valid token. The algorithm is pinned, the key is found by `kid` alone, and
    /// `exp`, `aud`, `iss` and `sub` must be there.
    pub fn verify(&self, token: &str, now: Millis) -> Result<Claims, TokenError> {
        let invalid = TokenError::Invalid;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(invalid("longer than 4096 bytes"));
        }
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(invalid("not three parts"));
        };
        let header_json = URL_SAFE_NO_PAD
            .decode(header)
            .map_err(|_| invalid("the header is not base64url"))?;
        let parsed: Header<'_> = serde_json::from_slice(&header_json)
            .map_err(|_| invalid("the header is not JSON with alg and kid"))?;
        if parsed.alg != "EdDSA" {
            return Err(invalid("the algorithm is not EdDSA"));
        }
        if parsed.crit.is_some() {
            return Err(invalid("the header asks for an extension"));
        }
        let (_, key) = self
            .keys
            .iter()
            .find(|(kid, _)| *kid == parsed.kid)
            .ok_or(invalid("no key with this key id"))?;
        let mut bytes = [0; Signature::BYTE_SIZE];
        let decoded = URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes);
        if decoded != Ok(bytes.len()) {
            return Err(invalid("the signature is not 64 bytes as base64url"));
        }
        let signed = &token.as_bytes()[..header.len() + 1 + claims.len()];
        key.verify_strict(signed, &Signature::from_bytes(&bytes))
            .map_err(|_| invalid("the signature is not that of the key"))?;
        let claims = URL_SAFE_NO_PAD
            .decode(claims)
            .map_err(|_| invalid("the claims are not base64url"))?;
        let claims: Claims = serde_json::from_slice(&claims)
            .map_err(|_| invalid("a claim is missing or of the wrong type"))?;
        let now = now.0.div_euclid(1_000);
        if claims.iss != ISSUER {
            return Err(invalid("another issuer"));
        }
        if claims.aud != AUDIENCE {
            return Err(invalid("another audience"));
        }
        if claims.sub == UserId::SYSTEM {
            return Err(invalid("it speaks for the system"));
        }
        if claims.iat > now.saturating_add(LEEWAY_S) {
            return Err(invalid("issued in the future"));
        }
        if claims.exp.saturating_add(LEEWAY_S) <= now {
            return Err(TokenError::Expired);
        }
        if self.forbids(claims.sub) {
            return Err(TokenError::Forbidden);
        }
        Ok(claims)
    }
}

/// Makes access tokens.
#[derive(Clone)]
pub struct TokenSigner {
    header: Arc<str>,
    key: SigningKey,
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSigner(…)")
    }
}

impl TokenSigner {
    pub(super) fn new(kid: &str, key: SigningKey) -> TokenSigner {
        let header = serde_json::json!({ "alg": "EdDSA", "kid": kid, "typ": "JWT" }).to_string();
        TokenSigner {
            header: URL_SAFE_NO_PAD.encode(header).into(),
            key,
        }
    }

    /// The token of these claims, under the newest key.
    pub fn sign(&self, claims: &Claims) -> String {
        let claims = serde_json::to_vec(claims).expect("claims are strings and numbers");
        let mut token = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(token.as_bytes()).to_bytes();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Keys;
    use hmac::{Hmac, Mac};
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use sha2::Sha256;

    const NOW: Millis = Millis(1_700_000_000_000);

    fn keys() -> Keys {
        Keys::generate(NOW).unwrap()
    }

    fn claims() -> Claims {
        Claims::new(UserId::new(7).unwrap(), "Ann", &["player"], NOW, 900)
    }

    fn encoded(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn kid(keys: &Keys) -> String {
        keys.jwks().keys[0].kid.clone()
    }

    /// A token with any header and claims, rightly signed.
    fn signed(keys: &Keys, header: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", encoded(header), encoded(claims));
        let signature = keys.signer().key.sign(text.as_bytes()).to_bytes();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn check(keys: &Keys, token: &str, expect: Result<(), TokenError>) {
        let outcome = keys.verifier().verify(token, NOW).map(drop);
        assert_eq!(outcome, expect);
    }

    #[test]
    fn a_token_speaks_for_its_user_until_it_expires() {
        let keys = keys();
        let token = keys.signer().sign(&claims());
        let verifier = keys.verifier();
        assert_eq!(verifier.verify(&token, NOW), Ok(claims()));
        let after = |seconds: i64| verifier.verify(&token, NOW.plus(seconds * 1_000));
        assert!(after(904).is_ok());
        assert_eq!(after(905), Err(TokenError::Expired));
        assert!(after(-5).is_ok());
        assert!(matches!(after(-6), Err(TokenError::Invalid(_))));
    }

    #[test]
    fn a_forbidden_user_is_refused_by_all_clones_until_allowed() {
        let keys = keys();
        let token = keys.signer().sign(&claims());
        let (verifier, user) = (keys.verifier(), claims().sub);
        let clone = verifier.clone();
        verifier.forbid(user);
        assert_eq!(clone.verify(&token, NOW), Err(TokenError::Forbidden));
        let other = Claims {
            sub: UserId::new(8).unwrap(),
            ..claims()
        };
        assert!(clone.verify(&keys.signer().sign(&other), NOW).is_ok());
        clone.allow(user);
        assert!(verifier.verify(&token, NOW).is_ok());
    }

    #[test]
    fn other_algorithms_are_refused_before_anything_else() {
        let keys = keys();
        let kid = kid(&keys);
        let wrong = TokenError::Invalid("the algorithm is not EdDSA");
        for alg in ["none", "None", "HS256", "RS256", "ES256", "eddsa", ""] {
            let header = json!({ "alg": alg, "kid": kid });
            let claims = json!(claims());
            check(&keys, &signed(&keys, &header, &claims), Err(wrong.clone()));
            check(
                &keys,
                &format!("{}.{}.", encoded(&header), encoded(&claims)),
                Err(wrong.clone()),
            );
        }
        // HS256 keyed with the public key, as a verifier that trusts `alg` would check it.
        let header = json!({ "alg": "HS256", "kid": kid });
        let text = format!("{}.{}", encoded(&header), encoded(&json!(claims())));
        let public = keys.verifier().keys[0].1;
        let mut mac = Hmac::<Sha256>::new_from_slice(public.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        let token = format!(
            "{text}.{}",
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        );
        check(&keys, &token, Err(wrong));
    }

    #[test]
    fn keys_are_found_by_a_known_kid_alone() {
        let [keys, foreign] = [keys(), keys()];
        let unknown = Err(TokenError::Invalid("no key with this key id"));
        check(&keys, &foreign.signer().sign(&claims()), unknown.clone());
        let forged = json!({ "alg": "EdDSA", "kid": "../../etc/passwd" });
        check(&keys, &signed(&keys, &forged, &json!(claims())), unknown);
        let stolen_kid = json!({ "alg": "EdDSA", "kid": kid(&keys) });
        check(
            &keys,
            &signed(&foreign, &stolen_kid, &json!(claims())),
            Err(TokenError::Invalid("the signature is not that of the key")),
        );
        let no_kid = json!({ "alg": "EdDSA" });
        let wrong = Err(TokenError::Invalid(
            "the header is not JSON with alg and kid",
        ));
        check(&keys, &signed(&keys, &no_kid, &json!(claims())), wrong);
    }

    #[test]
    fn keys_that_a_token_brings_along_are_ignored() {
        let [keys, foreign] = [keys(), keys()];
        let header = json!({
            "alg": "EdDSA", "kid": kid(&keys), "jku": "https://evil.example/jwks",
            "x5u": "https://evil.example", "jwk": foreign.jwks().keys[0], "typ": "at+jwt",
        });
        let wrong = Err(TokenError::Invalid("the signature is not that of the key"));
        check(&keys, &signed(&foreign, &header, &json!(claims())), wrong);
        check(&keys, &signed(&keys, &header, &json!(claims())), Ok(()));
        let critical = json!({ "alg": "EdDSA", "kid": kid(&keys), "crit": ["exp"] });
        let wrong = Err(TokenError::Invalid("the header asks for an extension"));
        check(&keys, &signed(&keys, &critical, &json!(claims())), wrong);
    }

    #[test]
    fn every_claim_must_be_there_and_right() {
        let keys = keys();
        let header = json!({ "alg": "EdDSA", "kid": kid(&keys) });
        let missing = TokenError::Invalid("a claim is missing or of the wrong type");
        for claim in ["sub", "exp", "aud", "iss"] {
            let mut without = json!(claims());
            without.as_object_mut().unwrap().remove(claim);
            check(
                &keys,
                &signed(&keys, &header, &without),
                Err(missing.clone()),
            );
        }
        for (claim, value, expect) in [
            (
                "iss",
                json!("someone"),
                TokenError::Invalid("another issuer"),
            ),
            (
                "aud",
                json!("else"),
                TokenError::Invalid("another audience"),
            ),
            ("aud", json!(["blazing-sun"]), missing.clone()),
            (
                "sub",
                json!("0"),
                TokenError::Invalid("it speaks for the system"),
            ),
            ("sub", json!("-1"), missing.clone()),
            ("exp", json!("tomorrow"), missing.clone()),
            ("exp", json!(1e300), missing),
            ("exp", json!(0), TokenError::Expired),
            ("exp", json!(i64::MIN), TokenError::Expired),
        ] {
            let mut wrong = json!(claims());
            wrong[claim] = value;
            check(&keys, &signed(&keys, &header, &wrong), Err(expect));
        }
    }

    #[test]
    fn cut_changed_and_huge_tokens_are_refused() {
        let keys = keys();
        let verifier = keys.verifier();
        let token = keys.signer().sign(&claims());
        for length in 0..token.len() {
            assert!(
                verifier.verify(&token[..length], NOW).is_err(),
                "cut at {length}"
            );
        }
        for at in 0..token.len() - 1 {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(verifier.verify(&changed, NOW).is_err(), "changed at {at}");
        }
        check(
            &keys,
            &format!("{token}."),
            Err(TokenError::Invalid("not three parts")),
        );
        let junk = "a".repeat(100_000);
        check(
            &keys,
            &junk,
            Err(TokenError::Invalid("longer than 4096 bytes")),
        );
    }

    proptest! {
        #[test]
        fn junk_never_panics(header in ".{0,60}", claims in ".{0,60}", raw in ".{0,200}") {
            let keys = keys();
            let verifier = keys.verifier();
            prop_assert!(verifier.verify(&raw, NOW).is_err());
            let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
            let built = format!("{}.{}.AAAA", parts[0], parts[1]);
            prop_assert!(verifier.verify(&built, NOW).is_err());
        }
    }
}
