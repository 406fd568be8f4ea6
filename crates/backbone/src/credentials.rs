//! What both sides of the log must agree on to trust each other: access tokens (EdDSA JWT), and the
//! sealing of what no topic may show (AES-256-GCM). Keys come from one file with key ids and rotation.

mod gateway_keys;
mod in_use;
mod jwks;
mod keys;
mod private_file;
mod seal;
mod token;

pub use gateway_keys::GatewayKeys;
pub use in_use::{KeysInUse, NamedKey, OtherKeys};
pub use jwks::{JsonWebKey, JsonWebKeySet};
pub use keys::{Keys, KeysError};
pub use seal::{ClusterMac, PasswordSealer, SealError, Sealer};
pub use token::{AUDIENCE, Claims, ISSUER, TokenError, TokenSigner, TokenVerifier};
