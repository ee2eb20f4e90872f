//! Retries and discards one delivery.

use axum::response::Response;

use super::super::context::{Done, PageContext};
use super::super::form::{NoFields, PostedForm, carried_out};
use super::detail::detail;
use crate::api::deliveries::DeliverySelection;
use crate::extract::{PathParameters, whole_number};
use crate::problem::Problem;

pub(super) async fn retry(
    page: PageContext,
    PathParameters([id]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let id = whole_number(&id, "delivery")?;
    match form.accept::<NoFields>(&page) {
        Ok((NoFields {}, client)) => {
            let changed = client.retry_deliveries(&DeliverySelection::new([id])).await?.changed;
            Ok(carried_out(&format!("/deliveries/{id}"), if changed > 0 { Done::Retried } else { Done::Nothing }))
        }
        Err(redisplay) => detail(&page.showing(redisplay), id).await,
    }
}

pub(super) async fn discard(
    page: PageContext,
    PathParameters([id]): PathParameters<1>,
    form: PostedForm,
) -> Result<Response, Problem> {
    let id = whole_number(&id, "delivery")?;
    match form.accept::<NoFields>(&page) {
        Ok((NoFields {}, client)) => {
            let changed = client.discard_deliveries(&DeliverySelection::new([id])).await?.changed;
            Ok(carried_out(&format!("/deliveries/{id}"), if changed > 0 { Done::Discarded } else { Done::Nothing }))
        }
        Err(redisplay) => detail(&page.showing(redisplay), id).await,
    }
}
