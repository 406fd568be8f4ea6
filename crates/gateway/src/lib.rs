//! The browser edge: WebSocket sessions, routing and fan-out. A client's command becomes a record
//! on the log, and an event read from the log becomes a frame at the sockets that its audience
//! names. The gateway knows no game and holds no game truth: all of it can be rebuilt from the log.

mod commands;
mod config;
mod deliveries;
mod events;
mod fanout;
mod frames;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod gateway;
mod json;
mod limits;
mod live;
mod lobby;
mod messages;
mod metrics;
mod presence;
mod readiness;
mod rooms;
mod router;
mod routing;
mod session;
mod shared;
mod socket;
mod starts;
mod upgrade;
pub mod wire;

pub use config::{GatewayConfig, InvalidNetwork, Limits, Network, Rate};
pub use gateway::{Control, Gateway, Held, ReadPosition, StartError, Waiting};
pub use live::Rates;
pub use readiness::NotReady;
pub use upgrade::{PATH, operation};
