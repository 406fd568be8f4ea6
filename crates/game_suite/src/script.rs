//! What happens in a game, as plain numbers: so any course can be made, told and shortened.

use crate::Checked;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseError, TestError, TestRunner};

const CASES: u32 = 64;
const STEPS_MAX: usize = 80;
/// Shorter courses that are tried once one fails.
const SHORTER_MAX: u32 = 200;

/// A course of a game.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// How many sit down, within what the game allows.
    pub seats: u8,
    /// What the dice give.
    pub dice: u8,
    pub steps: Vec<Step>,
}

/// Something that somebody does.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Who, among those who could.
    pub who: u8,
    /// What, out of [`WEIGHT`].
    pub what: u8,
    /// Which choice.
    pub choice: u64,
}

/// Steps of a script say what they are by a number below this.
pub(crate) const WEIGHT: u8 = 32;

fn scripts() -> impl Strategy<Value = Script> {
    let step = (any::<u8>(), 0..WEIGHT, any::<u64>());
    let step = step.prop_map(|(who, what, choice)| Step { who, what, choice });
    let steps = prop::collection::vec(step, 0..STEPS_MAX);
    (any::<u8>(), any::<u8>(), steps).prop_map(|(seats, dice, steps)| Script { seats, dice, steps })
}

/// Checks many courses, the same in every run unless the environment asks for others; tells the
/// shortest that fails.
pub(crate) fn every_script(check: impl Fn(&Script) -> Checked) -> Checked {
    let mut config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: SHORTER_MAX,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20_240_120);
    }
    let checked = TestRunner::new(config).run(&scripts(), |script| {
        check(&script).map_err(TestCaseError::fail)
    });
    checked.map_err(|error| match error {
        TestError::Fail(reason, script) => format!("{reason}; after {script:?}"),
        TestError::Abort(reason) => format!("no course could be made: {reason}"),
    })
}
