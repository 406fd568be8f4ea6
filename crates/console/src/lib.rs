//! What operators see and do, as a library with two faces: the HTTP API under `/api/v1/admin`, and the functions that the
//! command line calls. Whoever asks over HTTP has the role `admin`; every action is in the operators' log.

mod actions;
mod bans;
mod closing;
pub mod dead_letters;
pub mod groups;
mod guard;
mod keeper;
mod lags;
mod log;
mod me;
pub mod members;
pub mod messages;
mod money;
mod players;
mod query;
mod refused;
mod rooms;
mod settings;
mod settings_api;
mod timeline;
pub mod topics;
mod trace;
mod traces;

pub use actions::{Actions, By};
pub use bans::{Bans, Edge, NoEdge};
pub use closing::{Closing, ClosingError, RoomClosed};
pub use guard::{ADMIN_ROLE, Admin};
pub use keeper::{Keeper, OwnerRow, Positions, Readers};
pub use lags::LagHistory;
pub use log::{LogEntries, LogEntry};
pub use me::Operator;
pub use money::{Audit, AuditState, Auditor, LastAudit, LastMoney, Money, Percent, money};
pub use rooms::{OperatorRoom, RoomDetails, details as room_details};
pub use settings::{Kind, KnownSetting, MaintenanceState, Setting, SettingError, Settings};
pub use settings_api::SettingList;
pub use timeline::TimelineEntry;
pub use trace::{
    Budget, GatewayAnswers, Sources, StepKind, StepPlace, Trace, TraceError, TraceGateway,
    TraceStep, ask_gateways, trace as find_trace,
};

use axum::Router;
use blazing_sun_backbone::credentials::TokenVerifier;
use blazing_sun_backbone::log::EventLog;
use blazing_sun_backbone::rest::Operation;
use blazing_sun_backend::accounts::{Accounts, Clock};
use blazing_sun_backend::api::{endpoint, router_beside};
use blazing_sun_backend::store::operators::OperatorLog;
use blazing_sun_backend::store::overview::Overview;
use blazing_sun_backend::store::reads::ReadSide;
use blazing_sun_domain::Games;
use std::ops::Deref;
use std::sync::Arc;

/// A route of the console.
type Endpoint = endpoint::Endpoint<Console>;

/// What the console stands on.
pub struct ConsoleParts {
    /// Users, and what may be done to them.
    pub accounts: Arc<Accounts>,
    /// Ledger and directory.
    pub reads: Arc<dyn ReadSide>,
    /// The topics.
    pub log: Arc<dyn EventLog>,
    /// Rooms, sessions, totals and batches.
    pub overview: Arc<dyn Overview>,
    /// Who keeps them.
    pub keeper: Keeper,
    /// How their readers' lag went.
    pub lags: LagHistory,
    /// What operators did.
    pub operators: Arc<dyn OperatorLog>,
    /// What operators have set.
    pub settings: Settings,
    /// Who may not sign in.
    pub bans: Arc<Bans>,
    /// Holds the books against each other.
    pub auditor: Auditor,
    /// What that found.
    pub last_audit: LastAudit,
    /// Where the money was.
    pub last_money: LastMoney,
    /// The games of this server.
    pub games: Arc<Games>,
    /// Checks access tokens.
    pub verifier: TokenVerifier,
    /// What time it is.
    pub clock: Clock,
}

/// The console's state, shared by all requests.
#[derive(Clone)]
pub struct Console(Arc<ConsoleParts>);

impl Console {
    /// A console on these parts, which samples lags from now on.
    pub fn new(parts: ConsoleParts) -> Console {
        let parts = Arc::new(parts);
        lags::start(&parts);
        Console(parts)
    }

    /// Does things in an operator's name, with their rows in the log.
    pub fn actions(&self) -> Actions {
        Actions::new(self.operators.clone(), self.clock.clone())
    }
}

impl Console {
    fn closing(&self) -> Closing {
        Closing {
            log: self.log.clone(),
            reads: self.reads.clone(),
            overview: self.overview.clone(),
            clock: self.clock.clone(),
        }
    }
}

impl Deref for Console {
    type Target = ConsoleParts;

    fn deref(&self) -> &ConsoleParts {
        &self.0
    }
}

fn endpoints() -> Vec<Endpoint> {
    [
        me::endpoints(),
        log::endpoints(),
        traces::endpoints(),
        rooms::endpoints(),
        players::endpoints(),
        money::endpoints(),
        settings_api::endpoints(),
        topics::endpoints(),
        messages::endpoints(),
        groups::endpoints(),
        members::endpoints(),
        dead_letters::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What operators are told of each of the router's routes.
pub fn operations() -> Vec<Operation> {
    endpoint::operations_of(endpoints())
}

/// Everything under `/api/v1/admin`.
pub fn router(console: Console) -> Router {
    router_beside(endpoints(), console)
}
