//! The part of a release that sends nothing: builds the archive, reads the manifest and the notes, and checks both.

use eqp_release::SelectedPackage;
use eqp_types::ProcessAsPatch;
use tokio_util::sync::CancellationToken;

use super::built::TagArchive;
use super::progress::Progress;
use super::selection::OneSelection;
use super::summary::Summary;
use super::{Release, check, previous};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Failure, Result};

/// A product that was built, read and checked.
pub(super) struct Prepared {
    pub(super) selected: SelectedPackage,
    pub(super) progress: Progress,
    /// The folder of the built archive, which has to exist until the release has ended.
    pub(super) built: Option<TagArchive>,
    pub(super) summary: Summary,
}

impl Release {
    /// Builds, reads and checks a product. Sends nothing. A failure is written to the summary.
    pub(super) async fn prepare(
        &self,
        selection: OneSelection,
        stop: &CancellationToken,
        context: &Context,
    ) -> Result<Prepared> {
        let mut summary = Summary::new(self.summary.clone().filter(|_| !self.dry_run));
        match Box::pin(self.checked(selection, &mut summary, stop, context)).await {
            Ok((selected, progress, built)) => Ok(Prepared { selected, progress, built, summary }),
            Err(failure) => {
                summary.write(Some(&failure), context.output);
                Err(failure)
            }
        }
    }

    async fn checked(
        &self,
        selection: OneSelection,
        summary: &mut Summary,
        stop: &CancellationToken,
        context: &Context,
    ) -> Result<(SelectedPackage, Progress, Option<TagArchive>)> {
        let mut progress = Progress::new(self.progress, context.output);
        let folder = selection.folder();
        let built = match selection.tag() {
            Some(tag) => Some(TagArchive::build(tag, &folder, selection.manifest(), stop, &mut progress).await?),
            None => None,
        };
        let mut selected = selection.read(built.as_ref().map(|built| built.path.clone()), self.track)?;
        summary.label.clone_from(&selected.label);
        self.notes.apply(&mut selected, &folder, built.as_ref(), context.output).await?;
        if self.from_previous {
            let client = client(&context.settings.marketplace)?;
            previous::complete(&client, &mut selected, context.output).await?;
        }
        if self.submit.process_as_patch {
            declare_as_patch(&mut selected)?;
        }
        if !self.skip_check {
            check::check(context, &selected, built.as_ref(), &self.programs, summary, stop, &mut progress).await?;
        }
        let ignored = &self.dependencies.ignore_dependency;
        selected
            .requirements
            .retain(|one| !ignored.iter().any(|sku| sku.as_str().eq_ignore_ascii_case(one.sku.as_str())));
        Ok((selected, progress, built))
    }
}

/// Sets the field of the manifest with which a version is reviewed as a patch.
fn declare_as_patch(selected: &mut SelectedPackage) -> Result {
    let field = &mut selected.package.changes.process_as_patch;
    if let Some(ProcessAsPatch::No) = field {
        return Err(Failure::usage(
            "--process-as-patch contradicts the manifest, which has `process_as_patch = \"no\"`",
        )
        .next("omit one of them"));
    }
    *field = Some(ProcessAsPatch::Yes);
    Ok(())
}
