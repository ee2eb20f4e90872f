//! The results of the search in the header: `/find`.

use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::context::PageContext;
use super::layout::{self, Title};
use super::parts::{Table, counted, identifier, segment, status_mark, visible};
use super::query::PageQuery;
use crate::api::find::FindQuery;
use crate::problem::Problem;
use crate::search::{Found, FoundKind};

/// A search. Without a text, only the field in the header is shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    text: Option<String>,
}

/// Shows what a search has found.
pub(super) async fn find(page: PageContext, PageQuery(search): PageQuery<Search>) -> Result<Response, Problem> {
    let Some(text) = search.text else {
        let main = html! { p { "Use the field above to search for a SKU, a version, or the ID of a submission, file, item or event." } };
        return Ok(layout::page(&page, Title::new("Find"), main));
    };
    let list = page.client().find(&FindQuery::new(&text)).await?;
    let results = counted(u64::try_from(list.found.len()).unwrap_or(u64::MAX), "result");
    let title = Title::new(format!("{results} for {text}")).tab("Find");
    let mut table = Table::new("Results, exact IDs first", &["ID", "Kind", "Product", "Status"]);
    for one in &list.found {
        table.row([
            link(one),
            html! { (one.kind.to_string()) },
            html! { (visible(&product(one))) },
            html! { @match &one.status { Some(status) => (status_mark(status)), None => "-" } },
        ]);
    }
    let main = html! {
        @if table.is_empty() {
            p { "Nothing was found. Enter a complete ID or version, or a part of a SKU, title or file name." }
        } @else {
            (table.show())
        }
    };
    Ok(layout::page(&page, title, main))
}

/// Shows the ID, with a link to its page if there is one.
fn link(one: &Found) -> Markup {
    let target = match one.kind {
        FoundKind::Event => Some(format!("/events/{}", segment(&one.id))),
        FoundKind::Submission => Some(format!("/submissions/{}", segment(&one.id))),
        FoundKind::File => Some(format!("/events?resource_id={}", segment(&one.id))),
        FoundKind::Product => None,
    };
    html! {
        @match target {
            Some(target) => a href=(target) { (visible(&one.id)) },
            None => (identifier(&one.id)),
        }
    }
}

fn product(one: &Found) -> String {
    let parts = [one.sku.as_deref(), one.version.as_deref(), one.name.as_deref(), one.item_id.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
