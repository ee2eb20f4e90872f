//! `PUT /users/{mage_id}`: registers callbacks, among other things

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::extract::{Ids, JsonBody, Session};
use crate::refused::Refused;
use crate::shared::Shared;

pub(super) async fn handle(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(mage_id): Ids<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, Refused> {
    shared.change(|market| {
        market.check_owner(session.account, &mage_id)?;
        market.update_profile(session.account, &body)?;
        Ok(Json(market.profile(session.account)))
    })
}
