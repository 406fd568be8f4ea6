//! Who may ask: a user whose token names the role `admin`, and who has it still.

use crate::{By, Console};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use blazing_sun_backbone::rest::problem::{ACCOUNT_CLOSED, FORBIDDEN};
use blazing_sun_backend::accounts::{OperatorError, UserRef};
use blazing_sun_backend::api::{Problem, bearer};
use blazing_sun_backend::store::accounts::{User, UserStatus};

/// The role of who operates a deployment.
pub const ADMIN_ROLE: &str = "admin";

/// An operator, as the store has them at this moment.
pub struct Admin(pub User);

impl Admin {
    /// As the log names them.
    pub fn by(&self) -> By {
        By::user(self.0.id)
    }
}

impl FromRequestParts<Console> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Admin, Problem> {
        let claims = bearer(&parts.headers, &console.verifier, (console.clock)())?;
        let forbidden = || Problem::new(FORBIDDEN, "This is for operators.");
        // Cheap first: whoever has never been an operator costs no look into the store.
        if !claims.roles.iter().any(|role| role == ADMIN_ROLE) {
            return Err(forbidden());
        }
        let user = match console.accounts.find(&UserRef::Id(claims.sub)).await {
            Ok(user) => user,
            Err(OperatorError::Store(error)) => return Err(error.into()),
            Err(_) => return Err(forbidden()),
        };
        if user.status != UserStatus::Active {
            return Err(Problem::new(ACCOUNT_CLOSED, "The account was closed."));
        }
        match user.roles.iter().any(|role| role == ADMIN_ROLE) {
            true => Ok(Admin(user)),
            false => Err(forbidden()),
        }
    }
}
