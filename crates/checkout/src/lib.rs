//! Payments. The checkout takes requests for payments from its topic, has the provider (Stripe) collect them, and
//! tells on its other topic what became of each. It knows no balance: whoever reads what it tells writes the ledger.

pub mod bank;
mod clean;
mod finished;
mod metrics;
pub mod payment;
pub mod secret;
mod service;
pub mod store;
pub mod stripe;
pub mod webhook;

pub use service::{Checkout, CheckoutOptions, Clock, Consumed, Gauge, Pace, StartError};
