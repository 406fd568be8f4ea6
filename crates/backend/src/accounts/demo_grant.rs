//! Demo money for a new account: submitted as a command, once by its id however often it is sent.

use super::ledger_commands::{LedgerCommand, LedgerCommands, Submitted};
use crate::store::StoreError;
use crate::store::accounts::User;
use blazing_sun_backbone::derived_id::derived_id;
use blazing_sun_backbone::messages::{DEMO_GRANT, demo_grant};
use blazing_sun_domain::UserId;
use uuid::Uuid;

/// Submits the grant if the ledger does not have it, and waits until it does. A log that is slow or
/// away is no reason to refuse a sign-in: the next one submits it again.
pub(super) async fn ensure(commands: &LedgerCommands, user: &User) -> Result<(), StoreError> {
    let id = command_id(user.id);
    let command = LedgerCommand {
        id,
        event_type: DEMO_GRANT,
        user: user.id,
        payload: demo_grant(id, user.id, &user.username),
        transfer_key: format!("demo_grant/{}", user.id),
    };
    match commands.submit(&command).await? {
        Submitted::Before | Submitted::Applied => {}
        Submitted::NotTaken(error) => {
            tracing::warn!(user.id = %user.id, %error, "the demo grant waits for the next sign-in");
        }
        Submitted::Pending => {
            tracing::warn!(user.id = %user.id, "the demo grant has not been applied yet");
        }
    }
    Ok(())
}

/// UUIDv8 of SHA-256("demo_grant" ‖ user id in decimal): the same however often it is asked for.
fn command_id(user: UserId) -> Uuid {
    derived_id(["demo_grant", &user.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_id_is_pinned() {
        let id = |user| command_id(UserId::new(user).unwrap()).to_string();
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
        assert_eq!(command_id(UserId::new(1).unwrap()).get_version_num(), 8);
        assert_eq!(id(1), "9e4367cf-2a8e-8925-b942-f56498b1daf5");
    }
}
