//! The book as a page of the documentation.

use std::fmt::Write;

use crate::book::{Chapter, Rule, chapters};

const OPENING: &str = "\
# What is checked before a submission

<!-- Made by `cargo xtask docs` from crates/eqp-check/src/book: change the rules there, not here. -->

`eqp packages check` looks for all of this before anything is sent; `eqp packages rules` lists the same.

A rule **blocks** where the store is known to refuse, and **warns** where it may object. What only the store can tell is
listed too: it is never counted as passed. A rule that did not run is counted as not run, with its reason; if it could have
blocked, the check is **incomplete**, which is not a pass. Rules of a review that is not submitted for (`--track`) only warn.

A manifest passes over what does not matter for a package, and says why:

```toml
[[check.suppress]]
rule = \"unfinished\"
at = \"Test/*\"
reason = \"words of the test data\"
```
";

/// The page, in Markdown.
pub fn render_markdown() -> String {
    let mut page = OPENING.to_owned();
    for chapter in chapters() {
        render(chapter, &mut page);
    }
    page
}

fn render(chapter: &Chapter, page: &mut String) {
    // Writing to text cannot fail.
    let _ = write!(page, "\n## {}\n\n", chapter.title);
    page.push_str("| rule | tier | looks at | says | what to do | source |\n|---|---|---|---|---|---|\n");
    for Rule { id, tier, source, looks_at, says, remedy, .. } in chapter.rules {
        let cells = [says, remedy, looks_at].map(|text| escaped(text));
        let [says, remedy, looks_at] = &cells;
        let _ = writeln!(page, "| `{id}` | {tier} | {looks_at} | {says} | {remedy} | {source} |");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "\\<").replace('*', "\\*").replace('_', "\\_")
}
