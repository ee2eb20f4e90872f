//! `GET /users/{mage_id}`, whole or with `?style=summary`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::extract::{Ids, Parameters, Session};
use crate::refused::Refused;
use crate::shared::Shared;

pub(super) async fn handle(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(mage_id): Ids<String>,
    parameters: Parameters,
) -> Result<Json<Value>, Refused> {
    let market = shared.market();
    market.check_owner(session.account, &mage_id)?;
    Ok(Json(match parameters.get("style") {
        Some("summary") => market.profile_summary(session.account),
        _ => market.profile(session.account),
    }))
}
