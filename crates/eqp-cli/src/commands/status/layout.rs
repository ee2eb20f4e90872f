//! The layout of the status as text: groups, with one line per version.

mod wrap;

use anstyle::{AnsiColor, Style};
use eqp_console::{DueDate, NextStep, ProductStatus, Status, VersionLine, VersionState};
use time::OffsetDateTime;

use self::wrap::{measure, wrapped_at};
use crate::commands::checklist::checklist;
use crate::output::{Paint, escaped, wrapped};

/// The width without a terminal.
const USUAL_WIDTH: usize = 80;
/// The least width that text is wrapped to.
const NARROWEST: usize = 20;
/// The column in which the name of a product begins, after its mark.
const LABEL: usize = 2;
/// The widths of the columns of the names and of the versions. A longer one has a line of its own.
const LABEL_WIDTHS: (usize, usize) = (14, 30);
const VERSION_WIDTHS: (usize, usize) = (5, 12);
const GAP: usize = 2;
/// The column from the right in which the version in the store begins.
const STORE: usize = 16;
/// The least width of the sentences beside name and version.
const SENTENCE: usize = 24;
/// The indentation of reasons and next steps.
const BODY: usize = 4;
/// The most products that are fine, and are named.
const NAMED: usize = 100;

/// The marks of lines that need attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// `x`, `!` and `~`.
    Ascii,
    /// `✗`, `▲` and `●`.
    Unicode,
}

impl Marks {
    /// Returns the marks that the locale of this process can show.
    pub(super) fn of_locale() -> Self {
        let variables = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| std::env::var(name).unwrap_or_default());
        let locale = variables.iter().find(|value| !value.is_empty()).map(|value| value.to_ascii_lowercase());
        match locale {
            Some(locale) if locale.contains("utf-8") || locale.contains("utf8") => Self::Unicode,
            _ => Self::Ascii,
        }
    }

    fn of(self, state: VersionState) -> (&'static str, Style) {
        let (marks, color) = match state {
            VersionState::Rejected
            | VersionState::OnlyAtPackagist
            | VersionState::RemovalDue
            | VersionState::RemovedByAdobe
            | VersionState::CanceledByAdobe => (["x", "✗"], AnsiColor::Red),
            VersionState::Stuck => (["!", "▲"], AnsiColor::Yellow),
            VersionState::InReview | VersionState::Approved => (["~", "●"], AnsiColor::Blue),
            VersionState::InStore => ([" ", " "], AnsiColor::Green),
            _ => return (" ", Style::new()),
        };
        (self.choose(marks), color.on_default())
    }

    fn choose(self, [ascii, unicode]: [&'static str; 2]) -> &'static str {
        match self {
            Self::Ascii => ascii,
            Self::Unicode => unicode,
        }
    }
}

/// How the status is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// The width of the terminal, if there is one.
    pub(super) width: Option<usize>,
    pub(super) marks: Marks,
    /// The products were selected, so that all of their versions are shown, with their dates.
    pub(super) is_selection: bool,
}

impl Layout {
    /// Formats a status.
    pub(super) fn text(self, status: &Status) -> String {
        let page = Page {
            layout: self,
            width: self.width.filter(|width| *width > 0).unwrap_or(USUAL_WIDTH).max(NARROWEST),
            columns: Columns::of(status, self.is_selection),
            status,
        };
        page.text()
    }
}

/// The widths of the columns of all groups.
#[derive(Clone, Copy)]
struct Columns {
    label: usize,
    version: usize,
}

impl Columns {
    fn of(status: &Status, is_selection: bool) -> Self {
        let fine = if is_selection { &status.fine[..] } else { &[] };
        let products = || [&status.needs_you[..], &status.stuck, &status.in_review, fine].into_iter().flatten();
        let labels = products().map(|product| measure(&escaped(&status.label_of(product))));
        let versions = products().flat_map(|product| &product.lines).map(|line| measure(&version_of(line)));
        let width = |widths: &mut dyn Iterator<Item = usize>, (least, most): (usize, usize)| {
            widths.filter(|width| *width <= most).max().unwrap_or_default().max(least)
        };
        Self {
            label: width(&mut labels.into_iter(), LABEL_WIDTHS),
            version: width(&mut versions.into_iter(), VERSION_WIDTHS),
        }
    }

    /// Returns the column in which versions begin.
    fn versions(self) -> usize {
        LABEL + self.label + GAP
    }

    /// Returns the column in which sentences begin.
    fn sentences(self) -> usize {
        self.versions() + self.version + GAP
    }
}

/// A status that is being formatted.
struct Page<'a> {
    layout: Layout,
    width: usize,
    columns: Columns,
    status: &'a Status,
}

impl Page<'_> {
    fn text(&self) -> String {
        let status = self.status;
        let mut blocks = vec![self.head()];
        for (heading, products) in
            [("NEEDS YOU", &status.needs_you), ("STUCK", &status.stuck), ("IN REVIEW", &status.in_review)]
        {
            if !products.is_empty() {
                blocks.push(self.group(heading, products));
            }
        }
        if !status.due.is_empty() {
            let dates = status.due.iter().map(|due| self.due(due));
            blocks.push(std::iter::once(self.heading("DUE")).chain(dates).collect::<Vec<_>>().join("\n"));
        }
        if !status.fine.is_empty() {
            blocks.push(if self.layout.is_selection { self.group("FINE", &status.fine) } else { self.fine() });
        }
        if !status.setup.is_empty() {
            blocks.push(checklist(&status.setup));
        }
        blocks.extend(self.channel());
        if !status.is_complete {
            blocks.push(self.wrapped(0, "Only the newest submissions are considered; there are more."));
        }
        blocks.join("\n\n")
    }

    /// Returns the first lines: accounts, time, warning, the number of products in each group, and the source.
    fn head(&self) -> String {
        let status = self.status;
        let mut lines = vec![self.both_sides(&escaped(&status.title()), &date_and_time(status.at))];
        if let (Some(warning), Some(stale)) = (status.warning(), &status.stale) {
            let amber = Paint(AnsiColor::Yellow.on_default());
            lines.push(format!("{amber}{}{amber:#}", self.wrapped(0, &warning)));
            lines.push(self.wrapped(BODY, &escaped(&stale.cause)));
        }
        lines.push(self.both_sides(&status.headline(), &status.source_and_age()));
        lines.join("\n")
    }

    /// Puts one text at the left margin and one at the right, or below each other.
    fn both_sides(&self, left: &str, right: &str) -> String {
        let used = measure(left) + measure(right);
        if used + GAP <= self.width {
            return format!("{left}{}{right}", " ".repeat(self.width - used));
        }
        format!("{}\n{right:>width$}", self.wrapped(0, left), width = self.width)
    }

    fn heading(&self, name: &str) -> String {
        match self.status.mark() {
            Some(mark) => format!("{name}  ({mark})"),
            None => name.to_owned(),
        }
    }

    fn group(&self, heading: &str, products: &[ProductStatus]) -> String {
        let products = products.iter().map(|product| self.product(product));
        std::iter::once(self.heading(heading)).chain(products).collect::<Vec<_>>().join("\n")
    }

    fn product(&self, product: &ProductStatus) -> String {
        let mut lines = Vec::new();
        let mut label = escaped(&self.status.label_of(product));
        let mut store = product.store_version.as_ref().map(|version| format!("store has {}", escaped(version)));
        let mut next = product.next.as_ref();
        for line in &product.lines {
            lines.extend(self.version(line, &std::mem::take(&mut label), store.take().as_deref()));
            lines.extend(line.reason.iter().map(|reason| self.wrapped(BODY, &escaped(reason))));
            lines.extend(next.take().map(|next| self.next(line, next)));
        }
        lines.join("\n")
    }

    /// Formats the lines of one version: mark, name, version, sentences, and the version in the store.
    fn version(&self, line: &VersionLine, label: &str, store: Option<&str>) -> Vec<String> {
        let (mark, style) = self.layout.marks.of(line.state);
        let style = Paint(style);
        let Columns { label: label_width, version: version_width } = self.columns;
        let version = version_of(line);
        let mut lines = Vec::new();
        let mut start = format!("{style}{mark}{style:#} {label:<label_width$}  ");
        for (part, width, column) in
            [(label, label_width, self.columns.versions()), (&version, version_width, self.columns.sentences())]
        {
            // Words are never broken, so what is too long ends its line.
            if measure(part) > width {
                lines.push(start.trim_end().to_owned());
                start = " ".repeat(column);
            }
            if column == self.columns.versions() {
                start = format!("{start}{version:<version_width$}  ");
            }
        }
        let mut sentences: Vec<String> = line.sentences.iter().map(|sentence| escaped(sentence)).collect();
        if self.layout.is_selection
            && let Some(first) = sentences.first_mut()
        {
            *first = format!("{first} ({})", short_date(line.since));
        }
        let column = self.columns.sentences();
        let is_narrow = self.width < column + SENTENCE;
        let column = if is_narrow { BODY } else { column };
        for (number, sentence) in sentences.iter().enumerate() {
            let wrapped = wrapped_at(sentence, column, self.width);
            let mut pieces = wrapped.lines().map(str::to_owned).collect::<Vec<_>>();
            if number == 0 {
                if is_narrow {
                    lines.push(start.trim_end().to_owned());
                } else if let Some(first) = pieces.first_mut() {
                    *first = format!("{start}{}", first.trim_start());
                }
                self.add_store(&mut pieces, store, column);
            }
            lines.append(&mut pieces);
        }
        lines
    }

    /// Adds the version in the store to the only line if it fits there, otherwise below.
    fn add_store(&self, pieces: &mut Vec<String>, store: Option<&str>, column: usize) {
        let Some(store) = store else { return };
        let begins = self.width.saturating_sub(STORE);
        match &mut pieces[..] {
            [only] if measure(only) < begins && measure(store) <= STORE => {
                only.push_str(&" ".repeat(begins - measure(only)));
                only.push_str(store);
            }
            _ => pieces.push(wrapped_at(store, column, self.width)),
        }
    }

    fn next(&self, line: &VersionLine, next: &NextStep) -> String {
        let command = escaped(&next.command);
        if matches!(line.state, VersionState::Rejected | VersionState::OnlyAtPackagist | VersionState::RemovalDue) {
            return format!("    next: {command}");
        }
        let prints =
            if line.state == VersionState::Stuck && command.contains(" letter ") { " prints the text" } else { "" };
        let text = self.wrapped(BODY, &format!("next: {}", escaped(&next.text)));
        format!("{text}\n{}", self.wrapped(BODY + "next: ".len(), &format!("({command}{prints})")))
    }

    fn due(&self, due: &DueDate) -> String {
        let products: Vec<_> = due.products.iter().map(|product| escaped(product)).collect();
        let mark = Paint(AnsiColor::Yellow.on_default());
        let sentence = self.wrapped(LABEL, &escaped(&due.sentence));
        let first = format!("{mark}!{mark:#}{}", &sentence[1..]);
        let left = format!("{}{}", " ".repeat(BODY), products.join("  "));
        match &due.next {
            Some(next) => {
                format!("{first}\n{}", self.both_columns(&left, &format!("next: {}", escaped(&next.command))))
            }
            None => format!("{first}\n{left}"),
        }
    }

    /// Puts one text after the other at the middle of the line, or below it.
    fn both_columns(&self, left: &str, right: &str) -> String {
        let middle = self.width * 9 / 16 + 1;
        if measure(left) + GAP <= middle && middle + measure(right) <= self.width {
            return format!("{left}{}{right}", " ".repeat(middle - measure(left)));
        }
        format!("{}\n{}", wrapped(left, self.width), self.wrapped(BODY, right))
    }

    /// Names the products that are fine, with their versions in the store.
    fn fine(&self) -> String {
        let green = Paint(AnsiColor::Green.on_default());
        let heading = self.heading("FINE");
        let fine = &self.status.fine;
        let mut names: Vec<_> = fine.iter().take(NAMED).map(|product| self.fine_name(product)).collect();
        if fine.len() > NAMED {
            names.push(format!("and {} more (eqp status --json)", fine.len() - NAMED));
        }
        let indent = measure("FINE  ");
        // Beside the time of data that is out of date, there is no room for names.
        let mut line =
            if heading == "FINE" { "FINE  ".to_owned() } else { format!("{heading}\n{}", " ".repeat(indent)) };
        let mut used = indent;
        let count = names.len();
        for (number, name) in names.iter().enumerate() {
            let piece = if number + 1 < count { format!("{name},") } else { name.clone() };
            let separator = usize::from(used > indent);
            if used > indent && used + separator + measure(&piece) > self.width {
                line.push('\n');
                line.push_str(&" ".repeat(indent));
                used = indent;
            } else if separator > 0 {
                line.push(' ');
                used += separator;
            }
            used += measure(&piece);
            line.push_str(&piece);
        }
        line.replacen("FINE", &format!("{green}FINE{green:#}"), 1)
    }

    fn fine_name(&self, product: &ProductStatus) -> String {
        let label = escaped(&self.status.label_of(product));
        match (&product.store_version, product.lines.first()) {
            (Some(version), _) => format!("{label} {}", escaped(version)),
            (None, Some(line)) if !product.is_in_store => {
                format!("{label} {} ({})", version_of(line), line.state)
            }
            _ => label,
        }
    }

    fn channel(&self) -> Option<String> {
        const INDENT: usize = 9;
        let channel = self.status.channel.as_ref()?;
        let sentence = wrapped_at(&escaped(&channel.sentence(self.status.at)), INDENT, self.width);
        let facts: Vec<_> = channel.facts(self.status.at).iter().map(|fact| escaped(fact)).collect();
        let mut lines = vec![format!("CHANNEL  {}", sentence.trim_start())];
        let mut line = String::new();
        for fact in facts {
            if !line.is_empty() && INDENT + measure(&line) + 3 + measure(&fact) > self.width {
                lines.push(format!("{}{line}", " ".repeat(INDENT)));
                line.clear();
            }
            if !line.is_empty() {
                line.push_str("   ");
            }
            line.push_str(&fact);
        }
        lines.push(format!("{}{line}", " ".repeat(INDENT)));
        Some(lines.join("\n"))
    }

    fn wrapped(&self, indent: usize, text: &str) -> String {
        wrapped_at(text, indent, self.width)
    }
}

fn version_of(line: &VersionLine) -> String {
    line.version.as_deref().map_or_else(|| "-".to_owned(), escaped)
}

/// Returns a time such as `Sun 29 Nov 2026, 11:20 UTC`.
fn date_and_time(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!("{} {}", &at.weekday().to_string()[..3], short_date(at))
}

/// Returns a time such as `29 Nov 2026, 11:20 UTC`.
fn short_date(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    let month = at.month().to_string();
    format!("{} {} {}, {:02}:{:02} UTC", at.day(), &month[..3], at.year(), at.hour(), at.minute())
}

#[cfg(test)]
mod tests;
