//! Who is asking.

use crate::guard::ADMIN_ROLE;
use crate::{Admin, Endpoint, query};
use axum::Json;
use blazing_sun_backbone::rest::Answer;
use blazing_sun_backend::api::endpoint::example_user;
use blazing_sun_domain::UserId;
use serde::Serialize;

/// `GET me`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Operator {
    /// Who.
    pub user_id: UserId,
    /// The name shown to others.
    pub username: String,
    /// `admin` and others.
    pub roles: Vec<String>,
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let ada = Operator {
        user_id: example_user(),
        username: "Ada".to_owned(),
        roles: vec!["player".to_owned(), ADMIN_ROLE.to_owned()],
    };
    vec![Endpoint::new(
        query::get("/api/v1/admin/me", "operator")
            .says("Read who one is", "")
            .answers(Answer::json(200, "The operator.", &ada)),
        me,
    )]
}

async fn me(Admin(user): Admin) -> Json<Operator> {
    Json(Operator {
        user_id: user.id,
        username: user.username,
        roles: user.roles,
    })
}
