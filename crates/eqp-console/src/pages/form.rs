//! Forms: how they are shown, and how a sent form becomes a change.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http::request::Parts;
use maud::{Markup, html};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::context::{Done, PageContext, Redisplay};
use super::state::PagesState;
use crate::client::OperatorClient;
use crate::extract::read_parameters;
use crate::problem::{Problem, ProblemCode};

/// The field with the token that proves that a form is from a page of the session.
pub(super) const CSRF: &str = "csrf";
/// The field with the token or the code with which a user signs in.
pub(super) const SECRET: &str = "secret";

/// A form that consists of a button.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoFields {}

/// Leads to a page that confirms what was just done.
pub(crate) fn carried_out(page: &PageContext, path: &str, done: Done) -> Response {
    Redirect::to(&page.confirmation(path, done)).into_response()
}

/// Whether a sent form may be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormState {
    /// It comes from a page of this session.
    Confirmed,
    /// It comes from a page of another session, or from elsewhere.
    Stale,
    /// Its session had ended, and the user has just signed in again.
    SignedInAgain,
}

/// A form that was sent. Its values are available only if it may be carried out.
#[derive(Clone, Debug)]
pub(crate) struct PostedForm {
    /// The path that it was sent to.
    action: String,
    values: Vec<(String, String)>,
    state: FormState,
}

impl PostedForm {
    pub(super) fn new(action: &str, values: Vec<(String, String)>, state: FormState) -> Self {
        Self { action: action.to_owned(), values, state }
    }

    /// Returns the values of the form, and the client with which they can be carried out.
    ///
    /// # Errors
    ///
    /// Returns the form to show again if it does not come from a page of this session, or if a value is malformed.
    pub(crate) fn accept<T: DeserializeOwned>(&self, page: &PageContext) -> Result<(T, OperatorClient), Redisplay> {
        let again = |status, message: &str| Redisplay {
            action: self.action.clone(),
            values: self.values.clone(),
            message: message.to_owned(),
            field: None,
            status,
        };
        match self.state {
            FormState::Confirmed => {}
            FormState::Stale => {
                let message =
                    "This form is from an earlier session. Nothing was changed. Check the form and send it again.";
                return Err(again(StatusCode::FORBIDDEN, message));
            }
            FormState::SignedInAgain => {
                let message = "Your session had ended, and you have signed in again. Nothing was changed yet. Check the form and \
                               send it again.";
                return Err(again(StatusCode::OK, message));
            }
        }
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        // A field that was left empty counts as missing.
        encoded.extend_pairs(self.values.iter().filter(|(_, value)| !value.is_empty()));
        match read_parameters(encoded.finish().as_bytes()) {
            Ok(values) => Ok((values, page.changing_client())),
            Err(problem) => Err(self.rejected(&problem)),
        }
    }

    /// Returns the form to show again after a problem.
    pub(crate) fn rejected(&self, problem: &Problem) -> Redisplay {
        let message = problem.detail.clone().unwrap_or_else(|| problem.title.clone());
        // Messages about one field begin with its name.
        let field = message.split([':', ' ']).next().unwrap_or_default();
        let field = self.values.iter().map(|(name, _)| name).find(|name| *name == field).cloned();
        Redisplay {
            action: self.action.clone(),
            values: self.values.clone(),
            message: format!("Nothing was changed: {message}."),
            field,
            status: StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST),
        }
    }
}

impl FromRequestParts<PagesState> for PostedForm {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &PagesState) -> Result<Self, Problem> {
        // The guard has read the body of every request that is not `GET` or `HEAD`.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::new(ProblemCode::MethodNotAllowed))
    }
}

/// Shows a form that changes something. It contains the token of the session and, if it is shown again, the values that the user typed.
///
/// ```ignore
/// form(page, &format!("/alerts/{id}/notes"), |form| html! {
///     (form.long_text("note", "Note", None))
///     (form.submit("Add the note"))
/// })
/// ```
pub(crate) fn form(page: &PageContext, action: &str, fields: impl FnOnce(&Form<'_>) -> Markup) -> Markup {
    let redisplay = page.redisplay.as_ref().filter(|redisplay| redisplay.action == action);
    let form = Form { action, redisplay };
    html! {
        form method="post" action=(action) id=[redisplay.map(|_| form.id(""))] tabindex=[redisplay.map(|_| "-1")] {
            input type="hidden" name=(CSRF) value=(page.csrf);
            (fields(&form))
        }
    }
}

/// Returns the ID of a field of a form, or of the form itself.
pub(super) fn field_id(action: &str, field: &str) -> String {
    let words = |text: &str| text.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    format!("form{}-{}", words(action), words(field))
}

/// The fields of a form.
pub(crate) struct Form<'a> {
    action: &'a str,
    redisplay: Option<&'a Redisplay>,
}

impl Form<'_> {
    fn id(&self, field: &str) -> String {
        field_id(self.action, field)
    }

    /// Returns the value that the user typed.
    fn typed(&self, name: &str) -> Option<&str> {
        let mut values = self.redisplay?.values.iter();
        values.find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn is_wrong(&self, name: &str) -> bool {
        self.redisplay.and_then(|redisplay| redisplay.field.as_deref()).is_some_and(|field| field == name)
    }

    fn field(&self, name: &str, label: &str, hint: Option<&str>, control: &Markup) -> Markup {
        html! {
            div.field {
                label for=(self.id(name)) { (label) }
                @if let Some(hint) = hint { p.hint id={ (self.id(name)) "-hint" } { (hint) } }
                @if self.is_wrong(name) {
                    p.error id={ (self.id(name)) "-error" } {
                        @if let Some(redisplay) = self.redisplay { (redisplay.message) }
                    }
                }
                (control)
            }
        }
    }

    /// Returns the IDs of the texts that describe a field.
    fn described_by(&self, name: &str, hint: Option<&str>) -> Option<String> {
        let id = self.id(name);
        let texts = [hint.map(|_| format!("{id}-hint")), self.is_wrong(name).then(|| format!("{id}-error"))];
        let texts: Vec<_> = texts.into_iter().flatten().collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    }

    /// Shows a field for a line of text.
    pub(crate) fn text(&self, name: &str, label: &str, hint: Option<&str>) -> Markup {
        let invalid = self.is_wrong(name).then_some("true");
        let control = html! {
            input type="text" id=(self.id(name)) name=(name) value=(self.typed(name).unwrap_or_default())
                aria-describedby=[self.described_by(name, hint)] aria-invalid=[invalid] autocomplete="off";
        };
        self.field(name, label, hint, &control)
    }

    /// Shows a field for several lines of text.
    pub(crate) fn long_text(&self, name: &str, label: &str, hint: Option<&str>) -> Markup {
        let invalid = self.is_wrong(name).then_some("true");
        let control = html! {
            textarea id=(self.id(name)) name=(name) rows="3" aria-describedby=[self.described_by(name, hint)]
                aria-invalid=[invalid] { (self.typed(name).unwrap_or_default()) }
        };
        self.field(name, label, hint, &control)
    }

    /// Shows a choice between values, each with its label. The first one is selected.
    pub(crate) fn choice(&self, name: &str, label: &str, options: &[(String, String)]) -> Markup {
        let control = html! {
            select id=(self.id(name)) name=(name) aria-describedby=[self.described_by(name, None)] {
                @for (value, label) in options {
                    option value=(value) selected[self.typed(name) == Some(value.as_str())] { (label) }
                }
            }
        };
        self.field(name, label, None, &control)
    }

    /// Sends a value that the user does not change.
    #[allow(clippy::unused_self, reason = "all parts of a form are shown in the same way")]
    pub(crate) fn hidden(&self, name: &str, value: &str) -> Markup {
        html! { input type="hidden" name=(name) value=(value); }
    }

    /// Shows the button that sends the form.
    #[allow(clippy::unused_self, reason = "all parts of a form are shown in the same way")]
    pub(crate) fn submit(&self, label: &str) -> Markup {
        html! { button type="submit" { (label) } }
    }
}
