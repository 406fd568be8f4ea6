//! The accounts of the house's bots: without email or password, found again by their role.

use super::{AccessToken, Accounts, AccountsError, Username};
use crate::store::accounts::{User, UserStatus};
use blazing_sun_backbone::credentials::Claims;
use std::time::Duration;

/// The name of every house bot; it is reserved.
const BOT_NAME: &str = "House bot";

impl Accounts {
    /// So many house bots, the oldest first; made where there are fewer. Those who are banned or closed
    /// are left out and not replaced.
    pub async fn house_bots(&self, count: u32) -> Result<Vec<User>, AccountsError> {
        let money = self.reads.money().await?;
        if !money.starts_with("demo ") {
            return Err(AccountsError::BotsForRealMoney(money));
        }
        let name = String::from(Username::of_the_house(BOT_NAME));
        let bots = self.store.house_bots(count, &name, self.now()).await?;
        let mut active = Vec::with_capacity(bots.len());
        for bot in bots {
            if bot.status == UserStatus::Active {
                self.ensure_demo_grant(&bot).await?;
                active.push(bot);
            }
        }
        Ok(active)
    }

    /// A token for one of [`Accounts::house_bots`].
    pub fn bot_token(&self, bot: &User, life: Duration) -> AccessToken {
        let life_s = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        let roles: Vec<&str> = bot.roles.iter().map(String::as_str).collect();
        let claims = Claims::new(bot.id, &bot.username, &roles, self.now(), life_s);
        AccessToken(self.signer.sign(&claims))
    }
}
