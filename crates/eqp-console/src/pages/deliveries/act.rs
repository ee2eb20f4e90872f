//! Retries and discards one delivery.

use axum::response::Response;

use super::super::context::{Done, PageContext};
use super::super::form::{NoFields, PostedForm, carried_out};
use super::detail::detail;
use crate::api::deliveries::{ChangedDeliveries, DeliverySelection};
use crate::client::{OperatorClient, OperatorError};
use crate::extract::{PathParameters, whole_number};
use crate::problem::Problem;

pub(super) async fn retry(
    page: PageContext,
    PathParameters([id]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let act = async |client: OperatorClient, one: DeliverySelection| client.retry_deliveries(&one).await;
    act_on(&page, &id, &form, Done::Retried, act).await
}

pub(super) async fn discard(
    page: PageContext,
    PathParameters([id]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let act = async |client: OperatorClient, one: DeliverySelection| client.discard_deliveries(&one).await;
    act_on(&page, &id, &form, Done::Discarded, act).await
}

/// Carries out a form, and shows the delivery with what was done.
async fn act_on(
    page: &PageContext,
    id: &str,
    form: &PostedForm,
    done: Done,
    act: impl AsyncFnOnce(OperatorClient, DeliverySelection) -> Result<ChangedDeliveries, OperatorError>,
) -> Result<Response, Problem> {
    let id = whole_number(id, "delivery")?;
    match form.accept::<NoFields>(page) {
        Ok((NoFields {}, client)) => {
            let changed = act(client, DeliverySelection::new([id])).await?.changed;
            let done = if changed > 0 { done } else { Done::Nothing };
            Ok(carried_out(page, &format!("/deliveries/{id}"), done))
        }
        Err(redisplay) => detail(&page.showing(redisplay), id).await,
    }
}
