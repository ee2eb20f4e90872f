//! Checks an archive, from the file to the report.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::{Archive, Occurrence, OpenError, open, open_bytes, visit_files};
use crate::cancellation::Cancellation;
use crate::composer::Composer;
use crate::error::Error;
use crate::listing::Listing;
use crate::registry::{self, Requirement};
use crate::report::{Report, Suppression};
use crate::report_builder::ReportBuilder;
use crate::rules;
use crate::tools::{self, Tools};
use crate::tracks::Tracks;

/// Configures and runs a check.
///
/// By default only the archive is checked. With a [`Listing`], the fields that are submitted with it are checked as well.
///
/// ```no_run
/// use eqp_check::{Cancellation, Check, Listing, Tracks};
///
/// let listing = Listing { name: Some("Product Badges".into()), ..Listing::default() };
/// let cancellation = Cancellation::default();
/// let check = Check::new().listing(listing).tracks(Tracks::Marketing).cancellation(cancellation.clone());
/// let report = check.run("acme-badges-1.2.0.zip".as_ref())?;
/// println!("{:?}", report.result());
/// # Ok::<(), eqp_check::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a check does nothing until `run` is called"]
pub struct Check {
    listing: Option<Listing>,
    tracks: Tracks,
    suppressions: Vec<Suppression>,
    tools: Tools,
    previous: Option<PathBuf>,
    cancellation: Cancellation,
}

impl Default for Check {
    fn default() -> Self {
        Self::new()
    }
}

impl Check {
    /// Creates a check of the archive only, without external programs.
    pub fn new() -> Self {
        Self {
            listing: None,
            tracks: Tracks::default(),
            suppressions: Vec::new(),
            tools: Tools::none(),
            previous: None,
            cancellation: Cancellation::default(),
        }
    }

    /// Sets the fields that are submitted with the archive.
    pub fn listing(mut self, listing: Listing) -> Self {
        self.listing = Some(listing);
        self
    }

    /// Sets the reviews that the submission is for (default: both).
    pub fn tracks(mut self, tracks: Tracks) -> Self {
        self.tracks = tracks;
        self
    }

    /// Sets the suppressions. By default, all findings are reported.
    pub fn suppressions(mut self, suppressions: Vec<Suppression>) -> Self {
        self.suppressions = suppressions;
        self
    }

    /// Sets the external programs to run.
    pub fn tools(mut self, tools: Tools) -> Self {
        self.tools = tools;
        self
    }

    /// Sets the archive of the previous version, for the semantic version check.
    pub fn previous(mut self, previous: PathBuf) -> Self {
        self.previous = Some(previous);
        self
    }

    /// Sets the flag that cancels the check.
    pub fn cancellation(mut self, cancellation: Cancellation) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// Checks an archive. This blocks for milliseconds, or for the run time of external programs.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Read`] and [`Error::NotAFile`] if the file cannot be read, [`Error::UnknownRule`] and
    /// [`Error::NoReason`] for a suppression without a known rule or a reason, and [`Error::Cancelled`] if the check
    /// was cancelled. Problems of the archive are part of the report instead.
    pub fn run(&self, path: &Path) -> Result<Report, Error> {
        self.validate_suppressions()?;
        let (bytes, opened) = open(path)?;
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), OsStr::to_string_lossy).into_owned();
        self.run_opened(name, bytes, opened)
    }

    /// Checks an archive in memory, such as one that was just built. `name` is its name in the report.
    ///
    /// # Errors
    ///
    /// Returns [`Error::UnknownRule`] and [`Error::NoReason`] for a suppression without a known rule or a reason, and
    /// [`Error::Cancelled`] if the check was cancelled.
    pub fn run_bytes(&self, name: impl Into<String>, bytes: Arc<[u8]>) -> Result<Report, Error> {
        self.validate_suppressions()?;
        self.run_opened(name.into(), bytes.len() as u64, open_bytes(bytes))
    }

    fn run_opened(&self, name: String, bytes: u64, opened: Result<Archive, OpenError>) -> Result<Report, Error> {
        let mut builder = ReportBuilder::new(self.tracks, self.suppressions.clone());
        self.record_out_of_scope(&mut builder);
        rules::archive::size(bytes, &mut builder);
        let composer = match opened {
            Err(error) => {
                let reason = rules::archive::open_error(&error, &mut builder);
                record_unreadable(reason, &mut builder);
                None
            }
            Ok(mut archive) => self.check_archive(&mut archive, &mut builder)?,
        };
        if let Some(listing) = &self.listing {
            rules::listing::check(listing, composer.as_ref(), self.tracks, &mut builder);
            match &composer {
                Some(composer) => rules::dependencies::php(composer, listing, &mut builder),
                None => builder.not_run(&registry::package::DEPENDENCY_PHP, "composer.json could not be read"),
            }
        }
        if self.cancellation.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let package = composer.as_ref().map(Composer::package).unwrap_or_default();
        Ok(builder.build(name, package))
    }

    fn check_archive(&self, archive: &mut Archive, builder: &mut ReportBuilder) -> Result<Option<Composer>, Error> {
        let may_unpack = rules::archive::directory(archive, builder);
        let composer = rules::package(archive, builder);
        if archive.has_duplicates() {
            // Some programs read the last of two files with the same name, so both must be valid. The report describes the first, which PHP reads.
            archive.occurrence = Occurrence::Last;
            rules::package(archive, builder);
            archive.occurrence = Occurrence::First;
        }
        if composer.is_none() {
            builder.unavailable(Requirement::Composer, "there is no readable composer.json");
        }
        if may_unpack {
            self.check_contents(archive, builder);
            tools::run(&self.tools, archive, self.previous.as_deref(), &self.cancellation, builder)?;
        } else {
            let reason = "the archive was not unpacked, because its content is too large";
            for needs in [Requirement::Contents, Requirement::CodeSniffer, Requirement::SemanticVersion] {
                builder.unavailable(needs, reason);
            }
            builder.not_run(&registry::archive::ARCHIVE_DAMAGED, reason);
        }
        Ok(composer)
    }

    fn check_contents(&self, archive: &Archive, builder: &mut ReportBuilder) {
        let (found, damaged) = visit_files(archive, &rules::text::TextScanner::new(), &self.cancellation);
        for (index, found) in found {
            if let Some(entry) = archive.entries.get(index) {
                rules::text::record(archive.package_path(entry), found, builder);
            }
        }
        rules::archive::damage(archive, &damaged, builder);
        let unsupported = archive.entries.iter().filter(|entry| entry.why_unreadable().is_some()).count();
        let unread = unsupported + damaged.len();
        if unread > 0 {
            builder.unavailable(Requirement::Contents, format!("files that could not be unpacked: {unread}"));
        }
    }

    fn record_out_of_scope(&self, builder: &mut ReportBuilder) {
        if self.listing.is_none() {
            for needs in [Requirement::Listing, Requirement::Technical, Requirement::Marketing] {
                builder.out_of_scope(needs, "there is no manifest");
            }
        }
        if !self.tracks.technical() {
            builder.out_of_scope(Requirement::Technical, "the submission is not for technical review");
        }
        if !self.tracks.marketing() {
            builder.out_of_scope(Requirement::Marketing, "the submission is not for marketing review");
        }
    }

    fn validate_suppressions(&self) -> Result<(), Error> {
        for Suppression { rule, reason, .. } in &self.suppressions {
            if registry::rule(rule).is_none() {
                return Err(Error::UnknownRule { id: rule.clone() });
            }
            if reason.trim().is_empty() {
                return Err(Error::NoReason { id: rule.clone() });
            }
        }
        Ok(())
    }
}

fn record_unreadable(reason: &str, builder: &mut ReportBuilder) {
    let needs = [
        Requirement::Archive,
        Requirement::Contents,
        Requirement::Composer,
        Requirement::CodeSniffer,
        Requirement::SemanticVersion,
    ];
    for needs in needs {
        builder.unavailable(needs, reason);
    }
    if builder.has_no_finding(&registry::archive::ARCHIVE_IS_ZIP) {
        builder.not_run(&registry::archive::ARCHIVE_IS_ZIP, reason);
    }
}
