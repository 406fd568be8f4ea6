//! How far gateway and checkout have read the topics of a folder.

use crate::audit::checkout;
use crate::operator::{GatewayPosition, Request, Target};
use async_trait::async_trait;
use blazing_sun_backbone::topics::Party;
use blazing_sun_console::{Positions, Readers};
use blazing_sun_gateway::Control;
use std::path::PathBuf;

/// As this server knows it.
pub struct Own {
    /// Its gateway.
    pub gateway: Control,
    /// Its folder.
    pub folder: PathBuf,
}

/// As the server of a folder tells it, where one runs.
pub struct Asked(pub PathBuf);

#[async_trait]
impl Readers for Own {
    async fn positions(&self, party: Party) -> Option<Positions> {
        match party {
            Party::Gateway => {
                let positions = self.gateway.positions().await?.into_iter();
                Some(
                    positions
                        .map(|it| ((it.topic, it.partition), it.next))
                        .collect(),
                )
            }
            Party::Checkout => of_checkout(&self.folder).await,
            Party::Backend => None,
        }
    }
}

#[async_trait]
impl Readers for Asked {
    async fn positions(&self, party: Party) -> Option<Positions> {
        match party {
            Party::Gateway => {
                let asked = Target::ask_running(&self.0, &Request::GatewayPositions).await;
                let positions: Option<Vec<GatewayPosition>> = asked.ok()?;
                let positions = positions?.into_iter();
                Some(
                    positions
                        .map(|it| ((it.topic, it.partition), it.next))
                        .collect(),
                )
            }
            Party::Checkout => of_checkout(&self.0).await,
            Party::Backend => None,
        }
    }
}

async fn of_checkout(folder: &std::path::Path) -> Option<Positions> {
    let places = checkout::places_of_folder(folder).await;
    let places = places
        .inspect_err(|error| tracing::debug!("the checkout's places can not be read: {error:#}"));
    let places = places.ok()??.into_iter();
    Some(
        places
            .map(|it| ((it.topic, it.partition), it.next_offset))
            .collect(),
    )
}
