//! The types of the API in its OpenAPI document.
//!
//! All schemas come from `JsonSchema`, which also describes the JSON of the tool. In the description of an operation, a type is
//! only a reference to its schema.

#[cfg(feature = "schema")]
pub(crate) mod document;

use std::any::type_name;
use std::marker::PhantomData;

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::api::accounts::AccountList;
use crate::api::audit::AuditLog;
use crate::api::deliveries::{ChangedDeliveries, DeliveryDetail, DeliveryList, DeliverySelection};
use crate::api::events::EventList;
use crate::api::events::detail::ReportedEvent;
use crate::api::retention::{DeletedCallbacks, OldCallbacks, ReceivedBefore};
use crate::api::submissions::{FileList, SubmissionHistories, SubmissionList};
use crate::api::subscriptions::request::{PauseRequest, SubscriptionRequest};
use crate::api::subscriptions::{RequestedTest, Subscription, SubscriptionList};
use crate::api::tokens::{CreatedToken, NewToken, TokenList};

/// Makes types usable as bodies, and defines a function that adds their schemas.
macro_rules! bodies {
    ($register:ident: $($body:ty),* $(,)?) => {
        $(
            impl PartialSchema for $body {
                fn schema() -> RefOr<Schema> {
                    RefOr::Ref(Ref::from_schema_name(name::<Self>()))
                }
            }

            impl ToSchema for $body {}
        )*

        #[cfg(feature = "schema")]
        fn $register(generator: &mut schemars::SchemaGenerator) {
            $(generator.subschema_for::<$body>();)*
        }
    };
}

bodies!(register_requests: DeliverySelection, NewToken, PauseRequest, ReceivedBefore, SubscriptionRequest);

bodies!(
    register_responses:
    AccountList,
    AuditLog,
    ChangedDeliveries,
    CreatedToken,
    DeletedCallbacks,
    DeliveryDetail,
    DeliveryList,
    EventList,
    FileList,
    OldCallbacks,
    ReportedEvent,
    RequestedTest,
    SubmissionHistories,
    SubmissionList,
    Subscription,
    SubscriptionList,
    TokenList,
);

/// Adds the schemas of all queries.
#[cfg(feature = "schema")]
fn register_queries(generator: &mut schemars::SchemaGenerator) {
    generator.subschema_for::<eqp_store::EventFilter>();
    generator.subschema_for::<eqp_store::SubmissionFilter>();
    generator.subschema_for::<eqp_store::FileFilter>();
    generator.subschema_for::<crate::api::audit::AuditFilter>();
    generator.subschema_for::<crate::api::deliveries::DeliveryQuery>();
    generator.subschema_for::<crate::api::submissions::EnvironmentFilter>();
}

/// The OpenAPI document as it is served. `cargo xtask docs` generates it, so that a server does not need the generator.
pub(crate) const SERVED: &str = include_str!("../../openapi.json");

/// The parameters of a query: one parameter that refers to the schema of `T`, which the generator of the document replaces by one for
/// each property.
pub(crate) struct QueryOf<T>(PhantomData<T>);

impl<T> IntoParams for QueryOf<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = RefOr::Ref(Ref::from_schema_name(name::<T>()));
        let parameter = ParameterBuilder::new().name(QUERY).parameter_in(ParameterIn::Query);
        vec![parameter.schema::<RefOr<Schema>>(Some(schema)).build()]
    }
}

/// The name of the parameter that stands for all parameters of a query.
const QUERY: &str = "*";

/// Returns the name of a type without its module.
fn name<T>() -> &'static str {
    let full = type_name::<T>();
    full.rsplit("::").next().unwrap_or(full)
}
