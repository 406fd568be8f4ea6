//! The rules: what every game has to hold, and who beats whom.

use rock_paper_scissors::{Hand, RockPaperScissors};

blazing_sun_game_suite::game_suite!(RockPaperScissors);

#[test]
fn each_hand_beats_one_and_loses_to_one() {
    use Hand::{Paper, Rock, Scissors};
    for (hand, beaten) in [(Rock, Scissors), (Scissors, Paper), (Paper, Rock)] {
        assert!(hand.beats(beaten) && !beaten.beats(hand) && !hand.beats(hand));
    }
}
