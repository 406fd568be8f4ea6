//! What an operator can set about a gateway, with its defaults.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// How a gateway behaves. `default()` is for production behind one host; see each field.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// This gateway's name in presence records; unique among the running gateways. `gateway-1`.
    pub gateway_id: String,
    /// Whether other gateways may be on the same log, of which one may have been given the same id. `false`.
    pub shares_log: bool,
    /// The values of `Origin` that may connect, compared exactly (`https://play.example`). Empty (the
    /// default): only pages of the host that the request itself names, and only if that host is
    /// loopback. A request without `Origin` does not come from a page and is let in.
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` counts. None.
    pub trusted_proxies: Vec<Network>,
    /// What one client may take.
    pub limits: Limits,
    /// Lifts the rates and the number of connections per address: for benchmarks on loopback. `false`.
    pub unlimited: bool,
    /// From the upgrade to a valid `system.authenticate`. 5 s.
    pub authenticate_within: Duration,
    /// A socket that says nothing for so long is sent a ping: the page of a hidden tab may speak once a minute only, and its
    /// browser answers. 12 s.
    pub ping_after: Duration,
    /// A socket that says nothing for so long is closed. 20 s.
    pub silence_max: Duration,
    /// A socket that takes nothing of what waits for it for so long is closed. 3 s.
    pub write_stall_max: Duration,
    /// How long a closing socket may take to read its close frame and answer it. 1 s.
    pub close_grace: Duration,
    /// How often the gateway says on its topic that it lives. 2 s.
    pub heartbeat_every: Duration,
    /// Lobby changes are gathered for so long. 250 ms.
    pub lobby_every: Duration,
    /// A room's frames are kept for so long after its last local socket left. 60 s.
    pub ring_grace: Duration,
    /// Bytes of frames kept per room, for slow sockets and for resuming. 1 MiB.
    pub ring_bytes_max: usize,
    /// Bytes of frames kept in all; above it the rooms without sockets go first. 256 MiB.
    pub rings_bytes_max: usize,
}

/// What one client may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a message. 16 KiB.
    pub message_bytes_max: usize,
    /// Bytes that may wait for one socket. 256 KiB.
    pub behind_bytes_max: usize,
    /// Messages of one connection. 20 a second, 60 at once.
    pub connection: Rate,
    /// Messages of all connections of one user. 30 a second, 90 at once.
    pub user: Rate,
    /// Messages of all connections from one address, new connections included. 200 a second, 600 at once.
    pub address: Rate,
    /// Connections from one address. 200.
    pub connections_per_address_max: u32,
}

/// So many a second in the long run, so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub per_second: u32,
    /// After a rest.
    pub burst: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message_bytes_max: 16 * 1024,
            behind_bytes_max: 256 * 1024,
            connection: Rate {
                per_second: 20,
                burst: 60,
            },
            user: Rate {
                per_second: 30,
                burst: 90,
            },
            address: Rate {
                per_second: 200,
                burst: 600,
            },
            connections_per_address_max: 200,
        }
    }
}

impl Default for GatewayConfig {
    fn default() -> GatewayConfig {
        GatewayConfig {
            gateway_id: "gateway-1".to_owned(),
            shares_log: false,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
            unlimited: false,
            authenticate_within: Duration::from_secs(5),
            ping_after: Duration::from_secs(12),
            silence_max: Duration::from_secs(20),
            write_stall_max: Duration::from_secs(3),
            close_grace: Duration::from_secs(1),
            heartbeat_every: Duration::from_secs(2),
            lobby_every: Duration::from_millis(250),
            ring_grace: Duration::from_secs(60),
            ring_bytes_max: 1024 * 1024,
            rings_bytes_max: 256 * 1024 * 1024,
        }
    }
}

impl GatewayConfig {
    /// Short times, so that tests of deadlines are quick; everything else as in production.
    pub fn for_testing() -> GatewayConfig {
        GatewayConfig {
            gateway_id: "gateway-test".to_owned(),
            heartbeat_every: Duration::from_millis(200),
            lobby_every: Duration::from_millis(50),
            close_grace: Duration::from_millis(500),
            ..GatewayConfig::default()
        }
    }

    /// How often deadlines are looked at: an eighth of the shortest.
    pub(crate) fn sweep_every(&self) -> Duration {
        let shortest = [
            self.authenticate_within,
            self.silence_max,
            self.write_stall_max,
            self.close_grace,
            self.ring_grace,
        ];
        let shortest = shortest.into_iter().min().unwrap_or_default() / 8;
        shortest.clamp(Duration::from_millis(5), Duration::from_millis(250))
    }
}

/// An address, or a block of them: `10.0.0.0/8`, `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Not an address or block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a network is an IP address, or one with a prefix length (`10.0.0.0/8`), got `{0}`")]
pub struct InvalidNetwork(String);

impl Network {
    /// Whether the address is of this block.
    pub fn contains(&self, address: IpAddr) -> bool {
        let shared = |a: u128, b: u128, width: u32| {
            let kept = width - u32::from(self.prefix).min(width);
            a.checked_shr(kept).unwrap_or(0) == b.checked_shr(kept).unwrap_or(0)
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                shared(own.to_bits().into(), other.to_bits().into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => shared(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Network, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.chars().take(80).collect());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|p| *p <= widest)
                .ok_or_else(invalid)?,
            None => widest,
        };
        Ok(Network { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("0.0.0.0/0", "2001:db8::1", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                inside,
                "{network} {address}"
            );
        }
        for bad in ["", "10.0.0.0/33", "x", "10.0.0.0/", "::/129", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
