//! What the Adobe Commerce Marketplace checks in a submission, as data ([`rules`]), and checked here before anything is
//! sent ([`Check`]).
//!
//! There is no network and no database in it. The promise: it never fails what the store passes. A rule that did not run
//! is never counted as passed: the [`Report`] says of each rule whether it ran, and if not, why.
//!
//! ```no_run
//! use eqp_check::Check;
//!
//! let report = Check::new().run("acme-badges-1.2.0.zip".as_ref())?;
//! for finding in &report.findings {
//!     println!("{} {}: {}", finding.rule.tier, finding.place, finding.message);
//! }
//! assert!(!report.is_refused());
//! for gap in report.gaps() {
//!     println!("{} did not run: {}", gap.rule.id, gap.why);
//! }
//! # Ok::<(), eqp_check::Error>(())
//! ```

mod archive;
mod book;
mod check;
mod comment;
mod composer;
mod error;
pub mod format;
mod html;
mod ledger;
mod limits;
mod listing;
mod page;
mod report;
mod rules;
mod stop;
mod tools;
mod tracks;
mod xml;

pub use archive::{Facts, facts};
pub use book::{Chapter, Rule, Source, Tier, chapters, rule, rules};
pub use check::Check;
pub use error::Error;
pub use listing::{
    Amount, Artifact, DocumentationArtifacts, ExternalService, ExternalServices, Listing, MediaArtifacts, Price,
    PricingModel, SupportTier, VersionCompatibility,
};
pub use page::render_markdown;
pub use report::{Counts, Finding, NotRun, Package, Place, Report, Suppressed, Suppression, Verdict};
pub use stop::Stop;
pub use tools::{Progress, Tools};
pub use tracks::Tracks;
