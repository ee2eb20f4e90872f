//! The right word that is most like a wrong one.

/// The word of `known` that is most like `word`; none where there is none at all.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&word, &known.to_lowercase());
    known.into_iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word() {
        assert_eq!(nearest("Laticy", ["late", "latency", "cut"]), Some("latency"));
        assert_eq!(nearest("x", []), None);
    }
}
