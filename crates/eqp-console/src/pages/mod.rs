//! Pages for browsers, rendered on the server. They work without scripts and load nothing from other hosts.
//!
//! A page calls the API in the same process, as the user who has signed in, so it has the filters, the rules, the authorization and
//! the audit log of the API. [`guard`] checks every request; a handler gets the [`context`] of the page and, of a form, its values,
//! and returns the page that [`layout`] frames. A problem that a handler returns is shown as a page.

mod alerts;
mod assets;
mod context;
mod cookie;
mod deliveries;
mod events;
mod find;
mod form;
mod guard;
mod headers;
mod health;
mod kept_form;
mod layout;
mod origin;
mod overview;
mod parts;
mod problem_page;
mod query;
mod replays;
mod shared;
mod sign_in;
mod state;
mod submissions;
mod subscriptions;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use eqp_store::Store;

use self::state::PagesState;
use crate::authenticate::Authenticator;
use crate::problem::{Problem, ProblemCode};

/// Returns the router of all pages. `api` is the router of the API for callers in the same process.
pub(crate) fn router(store: Store, api: Router, authenticator: Authenticator) -> Router {
    let state = PagesState::new(store, api, authenticator);
    Router::new()
        .route("/", get(overview::show))
        .route("/find", get(find::find))
        .merge(sign_in::routes())
        .merge(alerts::routes())
        .merge(events::routes())
        .merge(deliveries::routes())
        .merge(subscriptions::routes())
        .merge(replays::routes())
        .merge(submissions::routes())
        .merge(shared::routes())
        .merge(health::routes())
        .fallback(|| async { Problem::new(ProblemCode::UnknownPath) })
        .method_not_allowed_fallback(|| async { Problem::new(ProblemCode::MethodNotAllowed) })
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .with_state(state)
        .merge(assets::routes())
        .layer(from_fn(headers::protect))
}
