//! The program `blazing-sun`.

use blazing_sun_server::Server;
use std::process::ExitCode;

fn main() -> ExitCode {
    Server::builder().run()
}
