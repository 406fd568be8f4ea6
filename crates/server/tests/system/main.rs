//! Whole systems: the real program, real sockets, a real disk.

mod crashes;
mod games;
mod life;
mod repeats;
mod topics;
mod wrong_input;
