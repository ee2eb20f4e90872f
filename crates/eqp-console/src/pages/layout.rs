//! The frame of all pages: head, navigation, the search, the heading, and the line at the end.

use axum::response::{Html, IntoResponse, Response};
use http::header::REFERRER_POLICY;
use http::{HeaderName, StatusCode};
use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, SCRIPT, STYLE};
use super::context::{LIVE, PageContext, Redisplay, Visit};
use super::form::{field_id, form};
use super::kept_form::KeptForm;
use super::parts::utc;
use crate::principal::Scope;

/// The interval at which a page with live updates is loaded again without scripts, and compared by the script, in seconds.
const REFRESH: u32 = 10;

/// The path of the stream of events for pages.
pub(super) const STREAM: &str = "/live";

/// The pages in the navigation, each with its name and the paths of the pages below it.
const NAVIGATION: &[(&str, &str, &[&str])] = &[
    ("/", "Overview", &["/submissions/"]),
    ("/alerts", "Alerts", &["/alerts/"]),
    ("/events", "Events", &["/events/"]),
    ("/deliveries", "Deliveries", &["/deliveries/", "/subscriptions/", "/replays/"]),
    ("/health", "Health", &[]),
];

/// How a page notices that it is out of date. Nothing on the page moves: the user is offered to load it again. Without scripts it is loaded
/// again every 10 seconds. The user can pause both.
#[derive(Clone, Debug)]
pub(crate) enum Live {
    /// The stream of events reports new ones.
    Events {
        /// The newest event that the page takes into account.
        after_seq: i64,
        /// The filter, as in the query of the API, or an empty text for all events.
        filter: String,
    },
    /// The script loads the page in the background, and compares this text, which is different whenever the page says something new.
    Changes(String),
}

/// The title of a page.
#[derive(Clone, Debug)]
pub(crate) struct Title {
    heading: String,
    tab: String,
    live: Option<Live>,
}

impl Title {
    /// Creates a title. The heading says in which state the subject of the page is, such as `2 alerts are open`.
    pub(crate) fn new(heading: impl Into<String>) -> Self {
        let heading = heading.into();
        Self { tab: heading.clone(), heading, live: None }
    }

    /// Sets the text of the browser's tab, without ` · eqp`, if it is not the heading. It begins with what distinguishes the page.
    pub(crate) fn tab(self, tab: impl Into<String>) -> Self {
        Self { tab: tab.into(), ..self }
    }

    /// Offers live updates.
    pub(crate) fn live(self, live: Live) -> Self {
        Self { live: Some(live), ..self }
    }
}

/// Shows a page of a user who has signed in. `main` is the content below the heading; it must not contain another `h1`.
///
/// ```ignore
/// let title = Title::new("Rejected by technical review, 2 h ago.").tab("Rejected · acme/checkout 1.5.0");
/// Ok(layout::page(&page, title, html! { p { "…" } }))
/// ```
#[allow(clippy::needless_pass_by_value, reason = "both are built for the call")]
pub(crate) fn page(page: &PageContext, title: Title, main: Markup) -> Response {
    let status = page.redisplay.as_ref().map_or(StatusCode::OK, |redisplay| redisplay.status);
    page_with_status(page, status, &title, &main)
}

/// Shows a page with another status than 200.
pub(super) fn page_with_status(page: &PageContext, status: StatusCode, title: &Title, main: &Markup) -> Response {
    let is_paused = page.visit.is_paused();
    let live = title.live.as_ref().filter(|_| !is_paused);
    let (stream, state) = match live {
        Some(Live::Events { after_seq, filter }) => {
            let separator = if filter.is_empty() { "" } else { "&" };
            (Some(format!("{STREAM}?after_seq={after_seq}{separator}{filter}")), None)
        }
        Some(Live::Changes(state)) => (None, Some(state.as_str())),
        None => (None, None),
    };
    let content = html! {
        (header(page))
        main id="main" tabindex="-1" data-stream=[stream] data-state=[state] {
            h1 { (super::parts::visible(&title.heading)) }
            @if let Some(done) = page.done() { p.done role="status" { (done.sentence()) } }
            @if let Some(redisplay) = &page.redisplay {
                (summary(redisplay))
                // The page shows no forms to a user who may not send them.
                @if !page.may(Scope::Operate) { (KeptForm::of(redisplay).with_other_token()) }
            }
            @if title.live.is_some() { (live_controls(page, is_paused)) }
            (main)
        }
        (footer(&page.visit))
    };
    (status, document(&title.tab, live.is_some(), &content)).into_response()
}

/// Shows a page of a user who has not signed in.
pub(super) fn bare(visit: &Visit, status: StatusCode, title: &str, main: &Markup) -> Response {
    let content = html! {
        header { div.brand { "eqp" } }
        main id="main" tabindex="-1" {
            h1 { (super::parts::visible(title)) }
            (main)
        }
        (footer(visit))
    };
    (status, document(title, false, &content)).into_response()
}

/// Shows a page to people outside, with nothing about the installation. Its address is not passed on to other sites, and search engines do
/// not list it. It has no form: browsers would send it without its origin.
pub(super) fn outside(visit: &Visit, status: StatusCode, title: &Title, main: &Markup) -> Response {
    let content = html! {
        main id="main" tabindex="-1" {
            h1 { (super::parts::visible(&title.heading)) }
            (main)
        }
        footer { p { "Shown at " (utc(visit.now)) "." } }
    };
    let headers = [(REFERRER_POLICY, "no-referrer"), (HeaderName::from_static("x-robots-tag"), "noindex, nofollow")];
    (status, headers, document(&title.tab, false, &content)).into_response()
}

fn footer(visit: &Visit) -> Markup {
    html! {
        footer {
            p {
                "Shown at " (utc(visit.now)) ", prepared in " (visit.began.elapsed().as_millis()) " ms. eqp "
                (env!("CARGO_PKG_VERSION"))
            }
        }
    }
}

fn document(tab: &str, refreshes: bool, content: &Markup) -> Html<String> {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex, nofollow";
                title { (super::parts::visible(tab)) " · eqp" }
                link rel="icon" href=(ICON.path());
                link rel="stylesheet" href=(STYLE.path());
                script src=(SCRIPT.path()) defer {}
                @if refreshes { noscript { meta http-equiv="refresh" content=(REFRESH); } }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (content)
            }
        }
    };
    Html(super::parts::with_visible_directions(markup.into_string()))
}

fn header(page: &PageContext) -> Markup {
    let path = page.visit.uri.path();
    html! {
        header {
            a.brand href="/" { "eqp" }
            nav aria-label="Pages" {
                ul {
                    @for (target, name, below) in NAVIGATION {
                        @let is_current = path == *target || below.iter().any(|below| path.starts_with(below));
                        li { a href=(target) aria-current=[is_current.then_some("page")] { (name) } }
                    }
                }
            }
            form.search role="search" method="get" action="/find" {
                label.hidden-text for="find" { "SKU, version, submission, file, item or event" }
                input id="find" type="search" name="text" placeholder="SKU, version, ID" autocomplete="off";
                button type="submit" { "Find" }
            }
            div.user {
                span { (page.principal) }
                (form(page, "/sign-out", |form| form.submit("Sign out")))
            }
        }
    }
}

/// Shows why a form is shown again, with a link to the field.
fn summary(redisplay: &Redisplay) -> Markup {
    let target = field_id(&redisplay.action, redisplay.field.as_deref().unwrap_or_default());
    html! {
        div.summary role="alert" {
            h2 { "Not sent" }
            ul { li { a href={ "#" (target) } { (redisplay.message) } } }
        }
    }
}

fn live_controls(page: &PageContext, is_paused: bool) -> Markup {
    html! {
        div.live {
            @if is_paused {
                span { "Updates are paused." }
                a.button href=(page.link(&[(LIVE, "")])) { "Resume updates" }
            } @else {
                a.button href=(page.link(&[(LIVE, "off")])) { "Pause updates" }
                noscript { "This page is loaded again every " (REFRESH) " seconds." }
                // The script writes the number of changes into this element, which screen readers read out.
                span id="news" role="status" data-show=(page.link(&[("before_seq", ""), ("before_id", "")])) {}
            }
        }
    }
}
