//! Access tokens for a load tool: guests signed in over the server's own API, with tokens that outlast
//! a measurement.

use crate::cli::BenchTokens;
use anyhow::Context;
use blazing_sun_backbone::clock;
use blazing_sun_backbone::credentials::{Claims, TokenSigner};
use blazing_sun_domain::UserId;
use serde::Deserialize;
use std::io::Write;
use std::net::SocketAddr;

const LIFETIME_S: i64 = 12 * 3_600;

#[derive(Deserialize)]
struct SignedIn {
    user: User,
}

#[derive(Deserialize)]
struct User {
    user_id: UserId,
    username: String,
    roles: Vec<String>,
}

/// Signs in so many guests and writes their tokens, one a line, readable by the owner alone.
pub async fn write_tokens(
    wanted: &BenchTokens,
    address: SocketAddr,
    signer: &TokenSigner,
) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("http://{address}/api/v1/auth/guest");
    let mut lines = String::new();
    for _ in 0..wanted.count {
        let answer = client.post(&url).send().await?.error_for_status();
        let SignedIn { user } = answer.context("cannot sign in a guest")?.json().await?;
        let roles: Vec<&str> = user.roles.iter().map(String::as_str).collect();
        let claims = Claims::new(
            user.user_id,
            &user.username,
            &roles,
            clock::now(),
            LIFETIME_S,
        );
        lines.push_str(&signer.sign(&claims));
        lines.push('\n');
    }
    let path = &wanted.file;
    write_private(path, &lines).with_context(|| format!("cannot write {}", path.display()))
}

fn write_private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}
