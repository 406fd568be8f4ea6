//! Who a request comes from: its address, whether by https, from whose page, with which token.

use super::problem::Problem;
use super::{ApiConfig, ApiState};
use crate::accounts::AccountsError;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use blazing_sun_backbone::client_address::parse_forwarded;
use blazing_sun_backbone::credentials::{Claims, TokenError, TokenVerifier};
use blazing_sun_backbone::rest::problem::{ORIGIN_NOT_ALLOWED, TOKEN_EXPIRED};
use blazing_sun_domain::Millis;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// A block of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix_bits: u8,
}

/// Not an address or block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a network is an address with or without a prefix length (`10.0.0.0/8`), got `{0}`")]
pub struct InvalidNetwork(String);

impl Network {
    /// Whether the address is in the block.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(other)) => {
                let differing = first.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix_bits)
            }
            (IpAddr::V6(first), IpAddr::V6(other)) => {
                let differing = first.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix_bits)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Network, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.chars().take(80).collect());
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(a, p)| (a, Some(p)));
        let first: IpAddr = address.parse().map_err(|_| invalid())?;
        let widest = if first.is_ipv4() { 32 } else { 128 };
        let prefix_bits = prefix
            .map_or(Ok(widest), str::parse)
            .map_err(|_| invalid())?;
        if prefix_bits > widest {
            Err(invalid())
        } else {
            Ok(Network { first, prefix_bits })
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix_bits)
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    /// The peer, or what a trusted proxy says about it.
    pub(super) address: IpAddr,
    /// Whether it came by https.
    pub(super) is_https: bool,
}

impl FromRequestParts<ApiState> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Client, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        Ok(Client::of(
            peer.to_canonical(),
            &parts.headers,
            &state.0.config,
        ))
    }
}

impl Client {
    fn of(peer: IpAddr, headers: &HeaderMap, config: &ApiConfig) -> Client {
        let is_trusted = |address| {
            config
                .trusted_proxies
                .iter()
                .any(|proxy| proxy.contains(address))
        };
        if !is_trusted(peer) {
            return Client {
                address: peer,
                is_https: config.is_https,
            };
        }
        let mut address = peer;
        // Each proxy adds to the right; what stands left of the first stranger is that stranger's word.
        for forwarded in listed(headers, "x-forwarded-for").into_iter().rev() {
            let Some(next) = parse_forwarded(forwarded) else {
                break;
            };
            address = next;
            if !is_trusted(address) {
                break;
            }
        }
        let forwarded_proto = listed(headers, "x-forwarded-proto").pop();
        let is_https = forwarded_proto.map_or(config.is_https, |scheme| {
            scheme.eq_ignore_ascii_case("https")
        });
        Client { address, is_https }
    }
}

/// The comma-separated items of all headers of this name.
fn listed<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let values = headers.get_all(name).into_iter();
    values
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .collect()
}

/// A request that no page of a stranger has made the browser send: what signs in or out asks for it,
/// since the browser adds the cookie by itself. Programs that are no browsers send no `Origin`.
pub(super) struct OwnPage;

impl FromRequestParts<ApiState> for OwnPage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<OwnPage, Problem> {
        let Ok(client) = Client::from_request_parts(parts, state).await;
        if is_own_page(parts, &state.0.config, client.is_https) {
            return Ok(OwnPage);
        }
        let detail = "Pages of this origin can not sign in here.";
        Err(Problem::new(ORIGIN_NOT_ALLOWED, detail))
    }
}

fn is_own_page(parts: &Parts, config: &ApiConfig, is_https: bool) -> bool {
    let Some(origin) = parts.headers.get(header::ORIGIN) else {
        let site = parts.headers.get("sec-fetch-site");
        return site.is_none_or(|site| site == "same-origin" || site == "none");
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    if config
        .allowed_origins
        .iter()
        .any(|allowed| allowed == origin)
    {
        return true;
    }
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
    let Ok(page) = origin.parse::<Uri>() else {
        return false;
    };
    let scheme_fits = match page.scheme_str() {
        Some("https") => true,
        Some("http") => !is_https,
        _ => false,
    };
    let same_host = match (page.authority(), host) {
        (Some(page), Some(host)) => page.as_str().eq_ignore_ascii_case(host),
        _ => false,
    };
    scheme_fits && same_host
}

/// A request with a valid access token.
pub(super) struct Bearer(pub(super) Claims);

impl FromRequestParts<ApiState> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Bearer, Problem> {
        let now = (state.0.clock)();
        bearer(&parts.headers, &state.0.verifier, now).map(Bearer)
    }
}

/// What the access token of a request says, if it is good at this time.
pub fn bearer(
    headers: &HeaderMap,
    verifier: &TokenVerifier,
    now: Millis,
) -> Result<Claims, Problem> {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = token else {
        return Err(Problem::unauthenticated(
            "Send `Authorization: Bearer` with an access token.",
        ));
    };
    match verifier.verify(token.trim(), now) {
        Ok(claims) => Ok(claims),
        Err(TokenError::Expired) => {
            let detail = "The access token has expired.";
            Err(Problem::new(TOKEN_EXPIRED, detail))
        }
        Err(TokenError::Forbidden) => Err(AccountsError::AccountClosed.into()),
        Err(TokenError::Invalid(_)) => {
            Err(Problem::unauthenticated("The access token is not valid."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, address, is_inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/33", "2001:db8:8000::", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                is_inside,
                "{network} {address}"
            );
        }
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "10.0.0.1/",
            "10.0.0.1/-1",
            "host",
        ] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_trusted_proxies_say_who_asks() {
        let config = ApiConfig {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            ..ApiConfig::default()
        };
        for (peer, forwarded, address) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            (
                "10.0.0.1",
                &["6.6.6.6, 198.51.100.1, 10.0.0.2"],
                "198.51.100.1",
            ),
            ("10.0.0.1", &["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("fd00::1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            ("10.0.0.1", &[",,"], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let client = Client::of(peer.parse().unwrap(), &headers, &config);
            assert_eq!(client.address.to_string(), address, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn only_trusted_proxies_say_that_it_was_https() {
        let trusted = vec!["10.0.0.1".parse().unwrap()];
        let config = ApiConfig {
            trusted_proxies: trusted,
            ..ApiConfig::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
        assert!(Client::of("10.0.0.1".parse().unwrap(), &headers, &config).is_https);
        assert!(!Client::of("10.0.0.2".parse().unwrap(), &headers, &config).is_https);
    }
}
