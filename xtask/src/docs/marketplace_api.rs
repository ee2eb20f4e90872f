//! `docs/marketplace-api.md`: every call, from the client's own list.

use std::fmt::Write as _;

use eqp_client::endpoint::{self, Endpoint, Method, Repeat};
use eqp_client::types::Environment;
use eqp_client::{PackageField, RetryPolicy};

const BEGINNING: &str = "\
# The Marketplace's API, as this client speaks it

<!-- Made by `cargo xtask docs` from crates/eqp-client/src/endpoint.rs: change that file, not this one. -->

Every call of the Adobe Commerce Marketplace EQP API, what is odd about it and how the client takes it. The documentation
of the API and what its programs do differ in places; both forms are read. A test compares this list with the methods of the
client and the routes of the simulator.

Every call but the first carries a session token, which is asked for and renewed by itself; a 401
means one new token and one more try. Ids are percent-encoded whatever they hold.
";

/// The whole page.
pub(super) fn page() -> String {
    let mut page = BEGINNING.to_owned();
    // Writing to a string cannot fail.
    let _ = write_page(&mut page);
    page
}

fn write_page(page: &mut String) -> std::fmt::Result {
    let (production, sandbox) = (Environment::Production.base_url(), Environment::Sandbox.base_url());
    writeln!(
        page,
        "\nPaths begin with `{production}/rest/v1` in production, and with `{sandbox}/rest/v1`\nin the sandbox."
    )?;
    let tries = RetryPolicy::default().tries;
    writeln!(
        page,
        "\nA call is **sent again** by itself after 408, 429, 5xx, a deadline or a broken connection: {tries} tries in all if \
         nothing else is\nsaid, with growing and spread waits, respecting `Retry-After` (seconds or a date). \"When not done\" \
         means: only where the\nfailure shows that nothing was done (no connection, or 429)."
    )?;
    writeln!(page, "\n| call | what it is for | client | sent again |\n|---|---|---|---|")?;
    for endpoint in endpoint::ALL {
        let (call, again) = (call(endpoint), again(endpoint));
        writeln!(page, "| {call} | {} | {} | {again} |", endpoint.purpose, methods(endpoint))?;
    }
    let mut resource = "";
    for endpoint in endpoint::ALL.iter().filter(|endpoint| !endpoint.notes.is_empty()) {
        if title(endpoint) != resource {
            resource = title(endpoint);
            writeln!(page, "\n## {resource}")?;
        }
        writeln!(page, "\n{}\n", call(endpoint))?;
        for note in endpoint.notes {
            writeln!(page, "- {note}")?;
        }
        if *endpoint == &endpoint::PACKAGES_LIST {
            let fields: Vec<_> = PackageField::ALL.iter().map(|field| format!("`{}`", field.as_str())).collect();
            writeln!(page, "- Fields that filter and sort: {}.", fields.join(", "))?;
        }
        if endpoint.answers_secrets {
            writeln!(page, "- Its answer holds secrets: errors keep its shape only.")?;
        }
    }
    Ok(())
}

fn call(endpoint: &Endpoint) -> String {
    format!("`{} {}`", endpoint.method, endpoint.path)
}

fn methods(endpoint: &Endpoint) -> String {
    endpoint.methods.iter().map(|method| format!("`{method}`")).collect::<Vec<_>>().join(", ")
}

fn again(endpoint: &Endpoint) -> &'static str {
    match (endpoint.repeat, endpoint.method) {
        (Repeat::Always, Method::Get) => "yes",
        (Repeat::Always, _) => "yes, it does no harm",
        (Repeat::WhenNotDone, _) => "when not done",
    }
}

/// The resource that a call is about: the first part of its name, for people.
fn title(endpoint: &Endpoint) -> &'static str {
    match endpoint.name.split('.').next() {
        Some("session") => "Session tokens",
        Some("users") => "Profiles",
        Some("keys") => "Composer keys",
        Some("reports") => "Reports",
        Some("files") => "Files",
        Some("packages") => "Packages",
        _ => "Test results",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_and_every_note_stands_in_the_page() {
        let page = page();
        for endpoint in endpoint::ALL {
            assert!(page.contains(&call(endpoint)), "{}", endpoint.name);
            assert!(endpoint.notes.iter().all(|note| page.contains(note)), "{}", endpoint.name);
        }
        // Cells are kept apart by it.
        assert!(endpoint::ALL.iter().all(|endpoint| !endpoint.purpose.contains('|')));
    }
}
