//! Blazing Sun with one game more: `cargo run -- serve`.

use blazing_sun_server::Server;
use rock_paper_scissors::RockPaperScissors;
use std::process::ExitCode;

/// Where the page's files lie. To run the program on another machine, ship the folder beside it and
/// name its place there instead.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/page");

fn main() -> ExitCode {
    Server::builder()
        .game::<RockPaperScissors>()
        .page("rock_paper_scissors", PAGE)
        .run()
}
