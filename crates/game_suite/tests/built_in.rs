//! Every game that comes with the program holds every property, however many there are.

use blazing_sun_domain::games::built_in;
use blazing_sun_game_suite::PROPERTIES;

#[test]
fn every_game_that_comes_with_the_program_passes() {
    let games = built_in();
    assert!(games.iter().count() > 0);
    for game in games.iter() {
        for (name, holds) in PROPERTIES {
            if let Err(broken) = holds(game) {
                panic!("{name}: {broken}");
            }
        }
    }
}

blazing_sun_game_suite::game_suite!(
    blazing_sun_domain::games::bigger_dice::BiggerDice,
    of_one_game
);
