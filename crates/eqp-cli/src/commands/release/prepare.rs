//! The part of a release that sends nothing: builds the archive, reads the manifest and the notes, and checks both.

use eqp_release::SelectedPackage;
use tokio_util::sync::CancellationToken;

use super::built::TagArchive;
use super::progress::Progress;
use super::selection::OneSelection;
use super::{Release, check, previous};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Result;

/// A product that was built, read and checked.
pub(super) struct Prepared {
    pub(super) selected: SelectedPackage,
    pub(super) progress: Progress,
    /// The folder of the built archive, which has to exist until the release has ended.
    pub(super) built: Option<TagArchive>,
}

impl Release {
    /// Builds, reads and checks a product. Sends nothing.
    pub(super) async fn prepare(
        &self,
        selection: OneSelection,
        stop: &CancellationToken,
        context: &Context,
    ) -> Result<Prepared> {
        let mut progress = Progress::new(self.progress, context.output);
        let folder = selection.folder();
        let built = match selection.tag() {
            Some(tag) => Some(TagArchive::build(tag, &folder, selection.manifest(), stop, &mut progress).await?),
            None => None,
        };
        let mut selected = selection.read(built.as_ref().map(|built| built.path.clone()), self.track)?;
        self.notes.apply(&mut selected, &folder, built.as_ref(), context.output).await?;
        if self.from_previous {
            let client = client(&context.settings.marketplace)?;
            previous::complete(&client, &mut selected, context.output).await?;
        }
        if !self.skip_check {
            check::check(context, &selected, built.as_ref(), stop, &mut progress).await?;
        }
        let ignored = &self.dependencies.ignore_dependency;
        selected
            .requirements
            .retain(|one| !ignored.iter().any(|sku| sku.as_str().eq_ignore_ascii_case(one.sku.as_str())));
        Ok(Prepared { selected, progress, built })
    }
}
