//! Whole systems: the real program, real sockets, a real disk.

#[path = "../harness/mod.rs"]
mod harness;

mod crashes;
mod games;
mod life;
mod repeats;
mod topics;
mod wrong_input;
