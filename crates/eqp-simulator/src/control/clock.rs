//! `GET|POST /clock`: the simulated time

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::Problem;
use super::wish::Wish;
use crate::fault::read_duration;
use crate::shared::Shared;

pub(super) async fn get(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let market = shared.market();
    Json(json!({"now": market.now(), "speed": market.clock().speed()}))
}

/// Moves it forward: what is due until then happens now, each at its time.
pub(super) async fn skip(State(shared): State<Arc<Shared>>, wish: Wish) -> Result<Json<Value>, Problem> {
    let wish = wish.only(&["skip"])?;
    let text = wish.needed("skip")?;
    let by = read_duration(text)
        .ok_or_else(|| Problem::word(format!("`{text}` cannot be `skip`: a length such as 90s, 2h or 3d")))?;
    shared.change(|market| {
        market.clock().skip(by);
        market.do_what_is_due();
    });
    Ok(get(State(shared)).await)
}
