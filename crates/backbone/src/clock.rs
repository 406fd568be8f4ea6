//! The machine's clock. Where time must be chosen, it is an argument; this is what is passed then.

use blazing_sun_domain::Millis;
use std::time::SystemTime;

/// Now; the Unix epoch on a machine whose clock stands before it.
pub fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
