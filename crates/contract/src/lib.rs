//! The published contract, assembled from the types that stand on the wire: JSON Schemas, the documents made of them, and
//! their page. What comes out is committed under `docs/`, embedded by the program, and held against the code by a test.

mod catalog;
mod examples;
mod files;
mod games;
pub mod openapi;
mod schema;
mod typescript;

pub use catalog::{Catalog, Flow, Message};
pub use files::files;
