//! One check of one archive, from the file to the report.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::archive::{Archive, Reading, open, walk};
use crate::book::{self, Needs};
use crate::composer::Composer;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::listing::Listing;
use crate::report::{Report, Suppression};
use crate::rules;
use crate::stop::Stop;
use crate::tools::{self, Tools};
use crate::tracks::Tracks;

/// What to check, and how.
///
/// Alone it looks at the archive. With a [`Listing`] it looks at what is submitted beside it too.
#[derive(Clone, Debug)]
#[must_use = "nothing is checked before `run`"]
pub struct Check {
    listing: Option<Listing>,
    tracks: Tracks,
    suppressions: Vec<Suppression>,
    tools: Tools,
    previous: Option<PathBuf>,
    stop: Stop,
}

impl Default for Check {
    fn default() -> Self {
        Self::new()
    }
}

impl Check {
    /// The archive alone, and no program of others.
    pub fn new() -> Self {
        Self {
            listing: None,
            tracks: Tracks::default(),
            suppressions: Vec::new(),
            tools: Tools::none(),
            previous: None,
            stop: Stop::default(),
        }
    }

    /// What is submitted beside the archive.
    pub fn listing(mut self, listing: Listing) -> Self {
        self.listing = Some(listing);
        self
    }

    /// What the submission is for; both reviews unless told.
    pub fn tracks(mut self, tracks: Tracks) -> Self {
        self.tracks = tracks;
        self
    }

    /// Findings to pass over. Who wants to see what the Marketplace sees gives none.
    pub fn suppressing(mut self, suppressions: Vec<Suppression>) -> Self {
        self.suppressions = suppressions;
        self
    }

    /// Programs of others to run.
    pub fn tools(mut self, tools: Tools) -> Self {
        self.tools = tools;
        self
    }

    /// The archive of the version before, for the semantic version check.
    pub fn previous(mut self, previous: PathBuf) -> Self {
        self.previous = Some(previous);
        self
    }

    /// What ends the check early.
    pub fn stopping(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// Checks an archive. It blocks: for milliseconds, or for as long as programs of others run.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, a suppression names no rule or no reason, or the check was stopped. What is wrong
    /// with the archive is in the report.
    pub fn run(&self, path: &Path) -> Result<Report, Error> {
        self.look_at_suppressions()?;
        let mut ledger = Ledger::new(self.tracks, self.suppressions.clone());
        self.look_at_wishes(&mut ledger);
        let (bytes, opened) = open(path)?;
        rules::archive::size(bytes, &mut ledger);
        let composer = match opened {
            Err(refused) => {
                let why = rules::archive::refused(&refused, &mut ledger);
                nothing_runs(why, &mut ledger);
                None
            }
            Ok(mut archive) => self.look_at(&mut archive, &mut ledger)?,
        };
        if let Some(listing) = &self.listing {
            rules::listing::check(listing, composer.as_ref(), self.tracks, &mut ledger);
            match &composer {
                Some(composer) => rules::dependencies::php(composer, listing, &mut ledger),
                None => ledger.not_run(&book::composer::DEPENDENCY_PHP, "composer.json could not be read"),
            }
        }
        if self.stop.is_asked() {
            return Err(Error::Stopped);
        }
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), OsStr::to_string_lossy).into_owned();
        let package = composer.as_ref().map(Composer::package).unwrap_or_default();
        Ok(ledger.finish(name, package))
    }

    fn look_at(&self, archive: &mut Archive, ledger: &mut Ledger) -> Result<Option<Composer>, Error> {
        let may_unpack = rules::archive::directory(archive, ledger);
        let composer = rules::package(archive, ledger);
        if archive.has_twice() {
            // Others read the last of two files with one name: both have to be right. What PHP reads is submitted.
            archive.reading = Reading::Last;
            rules::package(archive, ledger);
            archive.reading = Reading::First;
        }
        if composer.is_none() {
            ledger.unmet(Needs::Composer, "there is no composer.json that can be read");
        }
        if may_unpack {
            self.look_into(archive, ledger);
            tools::run(&self.tools, archive, self.previous.as_deref(), &self.stop, ledger)?;
        } else {
            let why = "the archive is not unpacked, because it would become too large";
            for needs in [Needs::Contents, Needs::CodeSniffer, Needs::SemanticVersion] {
                ledger.unmet(needs, why);
            }
            ledger.not_run(&book::archive::ARCHIVE_DAMAGED, why);
        }
        Ok(composer)
    }

    fn look_into(&self, archive: &Archive, ledger: &mut Ledger) {
        let (found, damaged) = walk(archive, &rules::text::Texts::new(), &self.stop);
        for (index, found) in found {
            if let Some(entry) = archive.entries.get(index) {
                rules::text::record(archive.short(entry), found, ledger);
            }
        }
        rules::archive::damage(archive, &damaged, ledger);
        let packed_oddly = archive.entries.iter().filter(|entry| entry.why_unreadable().is_some()).count();
        let unread = packed_oddly + damaged.len();
        if unread > 0 {
            ledger.unmet(Needs::Contents, format!("files that could not be unpacked here: {unread}"));
        }
    }

    fn look_at_wishes(&self, ledger: &mut Ledger) {
        if self.listing.is_none() {
            for needs in [Needs::Listing, Needs::Technical, Needs::Marketing] {
                ledger.not_asked(needs, "there is no manifest to look at");
            }
        }
        if !self.tracks.technical() {
            ledger.not_asked(Needs::Technical, "it is not submitted for technical review");
        }
        if !self.tracks.marketing() {
            ledger.not_asked(Needs::Marketing, "it is not submitted for marketing review");
        }
    }

    fn look_at_suppressions(&self) -> Result<(), Error> {
        for Suppression { rule, reason, .. } in &self.suppressions {
            if book::rule(rule).is_none() {
                return Err(Error::UnknownRule { id: rule.clone() });
            }
            if reason.trim().is_empty() {
                return Err(Error::NoReason { id: rule.clone() });
            }
        }
        Ok(())
    }
}

fn nothing_runs(why: &str, ledger: &mut Ledger) {
    let needs = [Needs::Archive, Needs::Contents, Needs::Composer, Needs::CodeSniffer, Needs::SemanticVersion];
    for needs in needs {
        ledger.unmet(needs, why);
    }
    if ledger.is_clean_of(&book::archive::ARCHIVE_IS_ZIP) {
        ledger.not_run(&book::archive::ARCHIVE_IS_ZIP, why);
    }
}
