//! The recipients of a subscription.

use lettre::Address;

use crate::mail_server::address;
use crate::{DefinitionError, EmailDefinition};

/// The maximum number of recipients of one subscription.
const MAX_RECIPIENTS: usize = 20;

/// Returns the recipients of a definition.
pub(crate) fn recipients(definition: &EmailDefinition) -> Result<Vec<Address>, DefinitionError> {
    let mail = |reason: &str| DefinitionError::Mail { reason: reason.to_owned() };
    if definition.to.is_empty() {
        return Err(mail("there is no recipient"));
    }
    if definition.to.len() > MAX_RECIPIENTS {
        return Err(mail("a subscription has at most 20 recipients"));
    }
    let mut recipients: Vec<Address> = Vec::new();
    for text in &definition.to {
        let wrong = |reason: &str| DefinitionError::Recipient {
            address: text.chars().filter(|letter| !letter.is_control()).take(100).collect(),
            reason: reason.to_owned(),
        };
        let address = address(text).map_err(wrong)?;
        if recipients.contains(&address) {
            return Err(wrong("it is given twice"));
        }
        recipients.push(address);
    }
    Ok(recipients)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(to: &[&str]) -> Result<usize, String> {
        let checked = recipients(&EmailDefinition::new(to.iter().copied()));
        checked.map(|recipients| recipients.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn recipients_are_checked() {
        assert_eq!(check(&["ann@example.com", "o'neil+eqp@mail.example.co.uk", "x@xn--bcher-kva.example"]), Ok(3));
        for (to, reason) in [
            (&[][..], "mails cannot be sent: there is no recipient"),
            (&["ann"], "`ann` cannot be a recipient: it is not an address such as ann@example.com"),
            (&["a@x.example", "a@x.example"], "`a@x.example` cannot be a recipient: it is given twice"),
            (&["a@x.example\r\nRCPT TO:<b@x.example>"], "a character that is not allowed"),
            (&["a@x.example,b@x.example"], "a character that is not allowed"),
            (&["Ann <ann@example.com>"], "a character that is not allowed"),
            (&["\"a b\"@example.com"], "a character that is not allowed"),
            (&["ann@bücher.example"], "a character that is not allowed"),
            (&["@example.com"], "it is not an address"),
            (&["ann@"], "it is not an address"),
        ] {
            let error = check(to).unwrap_err();
            assert!(error.contains(reason) && !error.contains(['\r', '\n']), "{to:?}: {error}");
        }
        let many: Vec<String> = (0..21).map(|n| format!("a{n}@example.com")).collect();
        let many = recipients(&EmailDefinition::new(many)).unwrap_err();
        assert!(many.to_string().contains("at most 20"), "{many}");
    }
}
