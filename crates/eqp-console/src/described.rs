//! The types of the API in its OpenAPI document.
//!
//! All schemas come from `JsonSchema`, which also describes the JSON of the tool. In the description of an operation, a type is
//! only a reference to its schema.

use std::any::type_name;
use std::marker::PhantomData;

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr};

/// Makes types usable as bodies, and defines a function that adds their schemas.
macro_rules! bodies {
    ($register:ident: $($body:ty),* $(,)?) => {
        $(
            impl utoipa::PartialSchema for $body {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                    $crate::described::reference::<Self>()
                }
            }

            impl utoipa::ToSchema for $body {}
        )*

        #[cfg(feature = "schema")]
        pub(crate) fn $register(generator: &mut schemars::SchemaGenerator) {
            $(generator.subschema_for::<$body>();)*
        }
    };
}
pub(crate) use bodies;

/// The parameters of a query: one parameter that refers to the schema of `T`, which the generator of the document replaces by one for
/// each property.
pub(crate) struct QueryOf<T>(PhantomData<T>);

impl<T> IntoParams for QueryOf<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = ParameterBuilder::new().name(QUERY).parameter_in(ParameterIn::Query);
        vec![parameter.schema(Some(reference::<T>())).build()]
    }
}

/// The name of the parameter that represents all parameters of a query.
pub(crate) const QUERY: &str = "*";

/// Returns a reference to the schema of a type, which has the name of the type without its module.
pub(crate) fn reference<T>() -> RefOr<Schema> {
    let full = type_name::<T>();
    RefOr::Ref(Ref::from_schema_name(full.rsplit("::").next().unwrap_or(full)))
}
