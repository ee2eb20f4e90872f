//! The values of a form that was not carried out: they are shown, and can be sent again.

use maud::{Markup, html};

use super::context::Redisplay;
use super::form::{CSRF, SECRET};
use super::parts::visible;

/// The values that people have typed, and are shown. The others are sent again, too.
const TYPED: [&str; 3] = ["note", "reason", "by"];

/// A form that was sent to `action`.
#[derive(Clone, Debug)]
pub(super) struct KeptForm {
    action: String,
    values: Vec<(String, String)>,
}

impl KeptForm {
    /// Keeps the values of a form, but not the secret with which the user has signed in.
    pub(super) fn new(action: &str, values: &[(String, String)]) -> Self {
        let values = values.iter().filter(|(name, _)| name != SECRET).cloned().collect();
        Self { action: action.to_owned(), values }
    }

    /// Keeps the values of a form that is shown again.
    pub(super) fn of(redisplay: &Redisplay) -> Self {
        Self::new(&redisplay.action, &redisplay.values)
    }

    /// Shows the form after a failure of the server.
    pub(super) fn shown(&self) -> Markup {
        html! {
            h2 { "The form that you have sent" }
            p { "It may not have been carried out. Nothing that you typed is lost: send it again once the database answers." }
            (self.typed())
            form method="post" action=(self.action) {
                (self.hidden(true))
                button type="submit" { "Send again" }
            }
        }
    }

    /// Shows the form to a user whose token may not send it.
    pub(super) fn with_other_token(&self) -> Markup {
        html! {
            h2 { "The form that you have sent" }
            p { "Your token may only read. Sign in with one that has the scope operate to send it." }
            (self.typed())
            form.sign-in method="post" action=(self.action) {
                (self.hidden(false))
                div.field {
                    label for="other-secret" { "Token, sign-in link or its code" }
                    input id="other-secret" type="password" name=(SECRET) autocomplete="current-password" required;
                }
                button type="submit" { "Sign in" }
            }
        }
    }

    fn typed(&self) -> Markup {
        let typed = || self.values.iter().filter(|(name, value)| TYPED.contains(&name.as_str()) && !value.is_empty());
        html! {
            dl { @for (name, value) in typed() { dt { (name) } dd { pre { (visible(value)) } } } }
        }
    }

    /// Returns the values as hidden fields. The token of the session is sent only within the same session.
    fn hidden(&self, with_csrf: bool) -> Markup {
        html! {
            @for (name, value) in self.values.iter().filter(|(name, _)| with_csrf || name != CSRF) {
                input type="hidden" name=(name) value=(value);
            }
        }
    }
}
