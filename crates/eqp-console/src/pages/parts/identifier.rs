//! Identifiers, which users copy.

use maud::{Markup, html};

/// Shows an identifier in full, with a button that copies it. The script of the pages shows the button and reports the result.
pub(crate) fn identifier(text: &str) -> Markup {
    html! {
        span.identifier {
            code { (super::visible(text)) }
            " "
            button.copy type="button" data-copy=(text) aria-label={ "Copy " (text) } hidden { "Copy" }
        }
    }
}
