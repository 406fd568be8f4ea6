//! The API as clients meet it: served on a loopback port, on a real file, with a small stand-in for
//! the engine that applies demo grants.

mod auth;
mod document;
mod engine;
mod http;
mod lists;
mod messages;
mod money;
mod payments;
mod recovery;
mod world;
