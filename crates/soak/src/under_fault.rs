//! The program `blazing-sun` with kill points, planted faults, and a game that panics.

use blazing_sun_server::Server;
use blazing_sun_soak::vault::Vault;
use std::process::ExitCode;

fn main() -> ExitCode {
    Server::builder().game::<Vault>().run()
}
