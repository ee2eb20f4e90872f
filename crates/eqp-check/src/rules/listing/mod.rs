//! Checks the listing: texts, files and values, and the fields that a submission needs.

mod commerce;
mod consistency;
mod fields;
mod files;
mod submit;
mod texts;
mod title;

use crate::composer::Composer;
use eqp_types::{PackageType, PricingType};

use crate::listing::{FileSource, Listing};
use crate::report_builder::ReportBuilder;
use crate::tracks::Tracks;

/// Checks the listing. It is compared with composer.json, if that could be read.
pub(crate) fn check(listing: &Listing, composer: Option<&Composer>, tracks: Tracks, builder: &mut ReportBuilder) {
    title::check(listing, composer, builder);
    texts::check(listing, builder);
    files::check(listing, builder);
    commerce::check(listing, builder);
    fields::check(listing, builder);
    consistency::check(listing, composer, builder);
    if tracks.technical() {
        submit::technical(listing, composer, builder);
    }
    if tracks.marketing() {
        submit::marketing(listing, builder);
    }
}

/// Returns whether the package is a shared package, which needs neither documents nor images.
fn is_shared_package(listing: &Listing) -> bool {
    listing.kind == Some(PackageType::SharedPackage)
}

/// Returns whether the package is a subscription.
fn is_subscription(listing: &Listing) -> bool {
    let pricing = listing.pricing_model.as_ref();
    pricing.is_some_and(|model| model.pricing_type == Some(PricingType::Subscription))
}

/// Iterates over the documents and their field names.
fn documents(listing: &Listing) -> impl Iterator<Item = (&'static str, &FileSource)> {
    listing.documentation_artifacts.iter().flat_map(|documents| {
        [
            ("documentation_artifacts.user", &documents.user),
            ("documentation_artifacts.installation", &documents.installation),
            ("documentation_artifacts.reference", &documents.reference),
        ]
        .into_iter()
        .filter_map(|(field, source)| Some((field, source.as_ref()?)))
    })
}

/// Iterates over icon and images and their field names.
fn images(listing: &Listing) -> impl Iterator<Item = (String, &FileSource)> {
    listing.media_artifacts.iter().flat_map(|media| {
        let icon = media.icon_image.iter().map(|source| ("media_artifacts.icon_image".to_owned(), source));
        let gallery = media.gallery_images.iter().flatten().enumerate();
        icon.chain(gallery.map(|(at, source)| (format!("media_artifacts.gallery_images[{at}]"), source)))
    })
}
