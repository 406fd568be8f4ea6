//! The house's bot: an ordinary client of this server's own socket, so that a lone visitor can play at
//! once. It is marked as a bot, adds no seed to the draw, pays and wins demo money as everyone does, and
//! makes room for people. In a demo deployment alone.

mod cashier;
mod commands;
mod connection;
mod games;
mod house;
mod lobby;
mod player;
mod turns;

use crate::config;
use anyhow::Context;
use blazing_sun_backend::accounts::Accounts;
use cashier::Cashier;
use commands::Commands;
use connection::Connection;
use house::{House, ROOMS_OF_BOT_MAX};
use lobby::Lobby;
use player::Player;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Whether the bot can play this game.
pub fn plays(game_type: &str) -> bool {
    games::strategy(game_type).is_some()
}

/// The running bots.
pub struct HouseBot {
    tasks: JoinSet<()>,
}

impl HouseBot {
    /// Finds the bots' accounts, or makes them, and lets them play on the server that listens here.
    pub async fn start(
        config: &config::Bot,
        listening: SocketAddr,
        accounts: &Arc<Accounts>,
    ) -> anyhow::Result<HouseBot> {
        let rooms_max = config.rooms_max as usize;
        let count = u32::try_from(rooms_max.div_ceil(ROOMS_OF_BOT_MAX))?;
        let users = accounts.house_bots(count).await;
        let users =
            users.context("the house's bot can not start; `bot.enabled = false` does without")?;
        let move_after = Duration::from_millis(config.move_after_ms.into());
        let joins_after = Duration::from_millis(config.joins_after_ms.into());
        let (desks, inboxes): (Vec<_>, Vec<_>) = users
            .iter()
            .map(|_| mpsc::channel(ROOMS_OF_BOT_MAX))
            .unzip();
        let house = Arc::new(House::new(Lobby::new(joins_after), rooms_max, desks));
        let mut tasks = JoinSet::new();
        for (number, (user, orders)) in users.into_iter().zip(inboxes).enumerate() {
            let (covered, orders_covered) = mpsc::channel(ROOMS_OF_BOT_MAX);
            let cashier = Cashier {
                number,
                user_id: user.id,
                accounts: Arc::clone(accounts),
                house: Arc::clone(&house),
                orders,
                covered,
            };
            tasks.spawn(cashier.run());
            let connection = Connection {
                number,
                address: dialled(listening),
                accounts: Arc::clone(accounts),
                house: Arc::clone(&house),
                orders: orders_covered,
                player: Player::new(user.id.to_string(), move_after),
                commands: Commands::default(),
                user,
            };
            tasks.spawn(connection.run());
        }
        Ok(HouseBot { tasks })
    }

    /// Ends all bots. Their seats stay: the server plays them, and the next start takes them back.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Where a client on this machine reaches the listener.
fn dialled(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_reached_over_loopback() {
        for (listening, reached) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.7:80", "10.0.0.7:80"),
        ] {
            let listening = listening.parse().expect("an address");
            assert_eq!(dialled(listening).to_string(), reached);
        }
    }
}
