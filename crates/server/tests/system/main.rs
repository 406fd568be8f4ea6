//! Whole systems: the real program, real sockets, a real disk.

mod chat;
mod command_table;
mod console;
#[path = "../support/console.rs"]
mod console_api;
mod console_topics;
mod crashes;
mod games;
mod guests;
mod history;
mod hostile_disk;
mod hostile_http;
mod hostile_sockets;
mod house_bot;
mod intruders;
mod life;
mod live_settings;
mod lobby;
mod maintained;
mod metrics;
mod operators;
mod payments;
mod proof;
mod repeats;
mod rooms;
mod tic_tac_toe;
mod tools;
mod topics;
#[path = "../support/topics_seen.rs"]
mod topics_seen;
mod traces;
mod users;
mod wrong_input;
