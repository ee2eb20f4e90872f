//! `/products/packages`: creates, changes, reads and lists packages, also by SKU and by item ID.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use eqp_types::BatchItem;
use serde_json::{Value, json};

use super::extract::{Ids, JsonBody, Parameters, Session};
use crate::error_response::ErrorResponse;
use crate::marketplace::{ListQuery, Page};
use crate::shared::Shared;
use crate::spelling::Spelling;

/// Lists packages that have a SKU.
pub(super) async fn all_skus(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Parameters(parameters): Parameters,
) -> Result<Response, ErrorResponse> {
    let query = ListQuery::read(&parameters)?.with_sku();
    let page = shared.marketplace().list_packages(session.account, &query);
    Ok(listed(page))
}

/// Returns all versions of a SKU, or the given one.
pub(super) async fn by_sku(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(sku): Ids<String>,
    parameters: Parameters,
) -> Result<Response, ErrorResponse> {
    let packages: Vec<Value> = shared.marketplace().views_of_sku(session.account, &sku, parameters.get("version"));
    if packages.is_empty() {
        return Err(ErrorResponse::not_found("package with the SKU", &sku));
    }
    Ok(Json(packages).into_response())
}

/// Lists packages that have an item ID.
pub(super) async fn all_items(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Parameters(parameters): Parameters,
) -> Result<Response, ErrorResponse> {
    let query = ListQuery::read(&parameters)?.with_item_id();
    let page = shared.marketplace().list_packages(session.account, &query);
    Ok(listed(page))
}

/// Returns the package with this item ID, as one object or as a list of one.
pub(super) async fn by_item(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(item_id): Ids<String>,
) -> Result<Json<Value>, ErrorResponse> {
    let marketplace = shared.marketplace();
    let package = marketplace.item(session.account, &item_id)?;
    let view = marketplace.accounts[session.account].view(package);
    Ok(Json(match marketplace.style().spelling {
        Spelling::Usual => view,
        Spelling::Other => json!([view]),
    }))
}

pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    session: Session,
    JsonBody(body): JsonBody,
) -> Result<Json<Vec<BatchItem>>, ErrorResponse> {
    shared.change(|marketplace| marketplace.create_packages(session.account, &body)).map(Json)
}

pub(super) async fn update(
    State(shared): State<Arc<Shared>>,
    session: Session,
    JsonBody(body): JsonBody,
) -> Result<Json<Vec<BatchItem>>, ErrorResponse> {
    shared.change(|marketplace| marketplace.update_packages(session.account, &body)).map(Json)
}

pub(super) async fn update_one(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(id): Ids<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<BatchItem>, ErrorResponse> {
    shared.change(|marketplace| marketplace.update_one(session.account, &id, &body)).map(Json)
}

pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(id): Ids<String>,
) -> Result<Json<Value>, ErrorResponse> {
    let marketplace = shared.marketplace();
    let package = marketplace.submission(session.account, &id)?;
    Ok(Json(marketplace.accounts[session.account].view(package)))
}

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Parameters(parameters): Parameters,
) -> Result<Response, ErrorResponse> {
    let query = ListQuery::read(&parameters)?;
    let page = shared.marketplace().list_packages(session.account, &query);
    Ok(listed(page))
}

/// Returns a page with the number of all records in a header.
pub(super) fn listed(page: Page) -> Response {
    ([("x-total-count", page.total.to_string())], Json(page.items)).into_response()
}
