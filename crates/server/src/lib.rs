//! The Blazing Sun program: configuration, the server that is composed of gateway, backend and pages,
//! and the tools around it. As a library it takes games of your own:
//!
//! ```no_run
//! use blazing_sun_domain::games::bigger_dice::BiggerDice;
//! use blazing_sun_server::Server;
//!
//! fn main() -> std::process::ExitCode {
//!     Server::builder().game::<BiggerDice>().run()
//! }
//! ```

mod asked_wrongly;
mod audit;
mod backup;
mod bans;
pub mod bench;
mod brokers;
pub mod cli;
pub mod config;
mod console_pages;
mod data_dir;
mod dead_letters;
mod docs_pages;
mod doctor;
mod export;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod game_pages;
mod groups;
mod house_bot;
mod inspect;
mod keys;
mod late_log;
mod live;
mod mail;
mod migrate;
mod operator;
mod pages;
mod place;
mod probe;
mod program;
mod progress;
mod replay;
pub mod serve;
mod settings_cli;
mod tail;
mod telemetry;
mod test_bank;
mod topics;
mod user;
mod verify;

pub use program::{Server, ServerBuilder};
