//! The published contract, assembled from the types that stand on the wire: JSON Schemas, the documents made of them, and
//! their page. What comes out is committed under `docs/`, embedded by the program, and held against the code by a test.

mod asyncapi;
mod catalog;
mod examples;
mod files;
mod games;
pub mod openapi;
pub mod outcomes;
mod protocol;
mod records;
mod schema;
mod text;
mod typescript;

pub use catalog::{Catalog, Flow, Message};
pub use files::files;
pub use records::Record;
pub use text::document;
