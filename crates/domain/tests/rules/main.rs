//! The rules from outside: what each command causes, and what holds whatever is done.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod absence;
mod actions;
mod bots;
mod calling_off;
mod chat;
mod fairness_of_rooms;
mod games;
mod invitations;
mod joining;
mod leaving;
mod matched;
mod moderation;
mod money;
mod open_table;
mod other_games;
mod pausing;
mod payloads;
mod playing;
mod properties;
mod public_record;
mod scene;
mod seats;
mod spectators;
mod tic_tac_toe;
mod tree;
