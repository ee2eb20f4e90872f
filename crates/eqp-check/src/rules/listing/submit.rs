//! Checks the fields that each review requires, according to the API documentation.

use eqp_types::{LicenseType, VersionCompatibility};

use super::{documents, is_shared_package};
use crate::composer::Composer;
use crate::listing::Listing;
use crate::registry::submission::{CUSTOM_LICENSE, MARKETING_FIELDS, TECHNICAL_FIELDS, USER_GUIDE};
use crate::report::Location;
use crate::report_builder::ReportBuilder;

/// Checks the fields for the technical review. The version can also be in the archive, where the store reads it.
pub(super) fn technical(listing: &Listing, composer: Option<&Composer>, builder: &mut ReportBuilder) {
    let in_archive = composer.is_some_and(|composer| composer.text("version").is_some());
    let has_document = documents(listing).next().is_some() || is_shared_package(listing);
    let has_user_guide = listing.documentation_artifacts.as_ref().is_some_and(|documents| documents.user.is_some());
    let required = [
        ("type", has(listing.kind.as_ref().map(AsRef::as_ref))),
        ("platform", has(listing.platform.as_ref().map(AsRef::as_ref))),
        ("version_compatibility", is_claimed(listing)),
        ("release_notes", has(listing.release_notes.as_deref())),
        ("version", has(listing.version.as_deref()) || in_archive),
        ("documentation_artifacts", has_document),
    ];
    for (field, _) in required.into_iter().filter(|(_, is_present)| !is_present) {
        builder.add(&TECHNICAL_FIELDS, Location::field(field), "the field is missing");
    }
    if has_document && !is_shared_package(listing) && !has_user_guide {
        builder.add(&USER_GUIDE, Location::field("documentation_artifacts.user"), "the field is missing");
    }
}

/// Checks the fields for the marketing review.
pub(super) fn marketing(listing: &Listing, builder: &mut ReportBuilder) {
    let is_shared = is_shared_package(listing);
    let media = listing.media_artifacts.as_ref();
    let has_images = media.and_then(|media| media.gallery_images.as_ref()).is_some_and(|images| !images.is_empty());
    let required = [
        ("name", has(listing.name.as_deref())),
        ("long_description", has(listing.long_description.as_deref())),
        ("documentation_artifacts", documents(listing).next().is_some() || is_shared),
        ("categories", listing.categories.as_ref().is_some_and(|categories| !categories.is_empty())),
        ("media_artifacts.icon_image", media.is_some_and(|media| media.icon_image.is_some()) || is_shared),
        ("media_artifacts.gallery_images", has_images || is_shared),
        ("license_type", has(listing.license_type.as_ref().map(AsRef::as_ref))),
    ];
    for (field, _) in required.into_iter().filter(|(_, is_present)| !is_present) {
        builder.add(&MARKETING_FIELDS, Location::field(field), "the field is missing");
    }
    if listing.license_type == Some(LicenseType::Custom) {
        let required = [
            ("custom_license_name", &listing.custom_license_name),
            ("custom_license_url", &listing.custom_license_url),
        ];
        for (field, _) in required.into_iter().filter(|(_, value)| !has(value.as_deref())) {
            builder.add(&CUSTOM_LICENSE, Location::field(field), "the field is missing");
        }
    }
}

fn has(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.trim().is_empty())
}

fn is_claimed(listing: &Listing) -> bool {
    let claims = listing.version_compatibility.as_deref().unwrap_or(&[]);
    let names_versions =
        |claim: &VersionCompatibility| claim.versions.as_ref().is_some_and(|versions| !versions.is_empty());
    !claims.is_empty() && claims.iter().all(names_versions)
}
