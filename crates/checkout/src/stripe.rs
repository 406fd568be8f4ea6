//! A thin client of Stripe's HTTP API: the calls that the checkout makes, and the fields that it uses. Whatever
//! answers in Stripe's shapes under another address will do.

mod client;
mod error;
mod form;
mod objects;
mod transport;

pub use client::{
    EventFilter, NewSession, RetryPolicy, STRIPE_API, STRIPE_VERSION, StripeClient, StripeOptions,
};
pub use error::{StripeError, StripeOptionsError};
pub use objects::{
    BalanceTransaction, Charge, Dispute, DisputeStatus, Event, EventData, EventObject, EventPage,
    EventPayment, Expandable, Fetched, PaymentError, PaymentIntent, PaymentIntentStatus,
    PaymentStatus, Session, SessionStatus, is_id,
};
