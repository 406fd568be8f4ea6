//! The time as an owner sees it.

use blazing_sun_backbone::clock;
use blazing_sun_domain::Millis;
use std::time::Instant;

/// A clock that never goes back, not even over a restart, and where the system's clock is set back goes on
/// at its own pace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SteadyClock {
    last_now: Millis,
    last_looked: Instant,
}

impl SteadyClock {
    /// A clock that shows no time before this one.
    pub fn after(last_now: Millis) -> SteadyClock {
        SteadyClock {
            last_now,
            last_looked: Instant::now(),
        }
    }

    /// Now.
    pub fn now(&mut self) -> Millis {
        let passed = self.last_looked.elapsed();
        self.last_looked = Instant::now();
        self.last_now = clock::now().max(self.last_now.plus(passed.as_millis() as i64));
        self.last_now
    }
}
