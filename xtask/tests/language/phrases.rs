//! The phrases to avoid, each with what to write instead.

use std::ops::Range;

/// Where a phrase counts.
#[derive(Clone, Copy)]
enum Place {
    Anywhere,
    /// At the start of a sentence.
    Start,
    /// Only if the whole text or sentence is this phrase.
    Whole,
}

/// A phrase of whole words.
pub(crate) struct Phrase {
    words: &'static str,
    place: Place,
    /// Words after the phrase with which it is allowed.
    unless: &'static [&'static str],
    /// What to write instead.
    pub(crate) instead: &'static str,
}

const fn anywhere(words: &'static str, instead: &'static str) -> Phrase {
    Phrase { words, place: Place::Anywhere, unless: &[], instead }
}

const fn start(words: &'static str, instead: &'static str) -> Phrase {
    Phrase { words, place: Place::Start, unless: &[], instead }
}

const fn whole(words: &'static str, instead: &'static str) -> Phrase {
    Phrase { words, place: Place::Whole, unless: &[], instead }
}

const NO_NOUN: &[&str] = &["longer", "more", "less", "fewer", "such", "other"];

pub(crate) const PHRASES: &[Phrase] = &[
    anywhere("an URL", "a URL"),
    anywhere("for ever", "forever, or never"),
    anywhere("none where", "`None` if"),
    anywhere("nothing where", "nothing if"),
    anywhere("so many", "the number of, at most N"),
    anywhere("so much", "the amount of, at most N"),
    anywhere("so long", "the duration, for this long"),
    anywhere("by itself", "automatically"),
    anywhere("by themselves", "automatically"),
    anywhere("in vain", "timed out after …"),
    anywhere("is told", "is reported, is shown"),
    anywhere("are told", "are reported, are shown"),
    anywhere("was told", "was reported"),
    anywhere("told of", "reported"),
    anywhere("tells of", "reports"),
    anywhere("was said", "was reported"),
    anywhere("is said", "is specified"),
    anywhere("is meant", "is intended, or name the thing"),
    anywhere("was meant", "was intended, or name the thing"),
    anywhere("are meant", "are intended, or name the thing"),
    anywhere("taken back", "recalled, undone"),
    anywhere("take back", "recall, undo"),
    anywhere("takes back", "recalls, undoes"),
    anywhere("put in the place of", "replaced by"),
    anywhere("whoever", "name the reader or the program"),
    anywhere("anew", "again"),
    anywhere("come to its end", "finish"),
    anywhere("whatever the", "regardless of the"),
    anywhere("is there twice", "is duplicated"),
    anywhere("be there", "exist"),
    anywhere("is looked at", "is read, is examined"),
    anywhere("are looked at", "are read, are examined"),
    anywhere("looks after", "manages"),
    anywhere("let in", "accepted"),
    anywhere("lets us in", "accepts the login"),
    anywhere("passed over", "skipped"),
    anywhere("is asked for", "is requested"),
    anywhere("stand-in", "simulator, local replacement"),
    anywhere("meanwhile", "in the meantime, during this time"),
    anywhere("left out", "omitted"),
    anywhere("leave out", "omit"),
    anywhere("leaves out", "omits"),
    anywhere("an answer", "a response"),
    anywhere("no answer", "no response"),
    anywhere("last answer", "last response"),
    anywhere("lost answer", "lost response"),
    anywhere("there is no such", "… does not exist"),
    anywhere("for a while", "for some time"),
    anywhere("come what may", "in any case"),
    anywhere("somebody", "another user, another program"),
    anywhere("anybody", "any user, any program"),
    anywhere("private postgres", "embedded or temporary Postgres"),
    anywhere("name another", "choose another"),
    anywhere("name one", "choose or pass one"),
    anywhere("in the place of", "instead of"),
    anywhere("is wanted", "is requested"),
    anywhere("was asked for", "was requested"),
    anywhere("nobody asked", "was not requested"),
    anywhere("hear of", "load, receive"),
    anywhere("heard of", "received"),
    anywhere("stands for", "represents, matches"),
    anywhere("published form", "published format"),
    anywhere("pem form", "PEM format"),
    anywhere("der form", "DER format"),
    anywhere("data were", "data was"),
    anywhere("is none of", "is not one of"),
    anywhere("on purpose", "by an injected fault, intentionally"),
    start("who", "name the reader or the program"),
    start("the same, but", "describe the item on its own"),
    start("the same as", "describe the item on its own"),
    start("the same for", "describe the item on its own"),
    start("the same with", "describe the item on its own"),
    start("what", "a noun, or a verb in the third person"),
    start("how long", "the time limit, the duration"),
    start("how many", "the number of"),
    start("how often", "the interval, the number of"),
    start("how much", "the amount of"),
    start("how far", "the distance, the maximum"),
    start("why", "the reason why"),
    whole("needed", "a sentence"),
    Phrase { words: "is no", place: Place::Anywhere, unless: NO_NOUN, instead: "is not a" },
    Phrase { words: "are no", place: Place::Anywhere, unless: NO_NOUN, instead: "are not" },
    Phrase { words: "was no", place: Place::Anywhere, unless: NO_NOUN, instead: "was not a" },
];

impl Phrase {
    /// Returns where the phrase is in a text that is in small letters.
    pub(crate) fn find_in<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> {
        text.match_indices(&self.words.to_lowercase())
            .map(|(at, found)| at..at + found.len())
            .filter(|found| self.counts(&text[..found.start], &text[found.end..]))
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn counts(&self, before: &str, after: &str) -> bool {
        let in_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        if before.ends_with(in_word) || after.starts_with(in_word) || after.starts_with('-') {
            return false;
        }
        let next = after.trim_start().split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
        let before = before.trim_end();
        let at_start = before.is_empty() || before.ends_with(['.', '!', ';', '|', '#']);
        match self.place {
            // "There is no …" is plain English.
            Place::Anywhere if self.words.ends_with(" no") => {
                !before.ends_with("there") && !self.unless.contains(&next)
            }
            Place::Anywhere => !self.unless.contains(&next),
            // A question, such as a heading, may begin with these words.
            Place::Start => at_start && !after.split('.').next().is_some_and(|sentence| sentence.contains('?')),
            Place::Whole => at_start && (after.is_empty() || after.starts_with('.')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(text: &str) -> usize {
        let text = text.to_lowercase();
        PHRASES.iter().map(|phrase| phrase.find_in(&text).count()).sum()
    }

    #[test]
    fn a_phrase_is_found_as_whole_words() {
        for (text, count) in [
            ("It is an URL, kept for ever.", 2),
            ("It is no longer valid, and there is no other file.", 0),
            ("It is no file.", 1),
            ("Needed. The same, but later.", 2),
            ("It is needed.", 0),
            ("What it counts.", 1),
            ("What is a track?", 0),
            ("Returns what was read.", 0),
            ("Somewhat so-so manyfold.", 0),
        ] {
            assert_eq!(hits(text), count, "{text}");
        }
    }
}
