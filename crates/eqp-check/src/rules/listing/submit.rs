//! The fields that each review's submission needs, from the table of the API's documentation.

use crate::book::submit::{CUSTOM_LICENSE, MARKETING_FIELDS, TECHNICAL_FIELDS, USER_GUIDE};
use crate::composer::Composer;
use crate::ledger::Ledger;
use crate::listing::Listing;
use crate::report::Place;

/// The technical review. The version may come from the archive: that is where the store reads it.
pub(super) fn technical(listing: &Listing, composer: Option<&Composer>, ledger: &mut Ledger) {
    let in_archive = composer.is_some_and(|composer| composer.text("version").is_some());
    let has_document = listing.documents().next().is_some() || listing.is_shared_package();
    let needed = [
        ("type", has(listing.kind.as_ref())),
        ("platform", has(listing.platform.as_ref())),
        ("version_compatibility", is_claimed(listing)),
        ("release_notes", has(listing.release_notes.as_ref())),
        ("version", has(listing.version.as_ref()) || in_archive),
        ("documentation_artifacts", has_document),
    ];
    for (field, _) in needed.into_iter().filter(|(_, is_there)| !is_there) {
        ledger.find(&TECHNICAL_FIELDS, Place::field(field), "it is missing");
    }
    if has_document && !listing.is_shared_package() && listing.documentation_artifacts.user.is_none() {
        ledger.find(&USER_GUIDE, Place::field("documentation_artifacts.user"), "it is missing");
    }
}

/// The marketing review.
pub(super) fn marketing(listing: &Listing, ledger: &mut Ledger) {
    let is_shared = listing.is_shared_package();
    let media = &listing.media_artifacts;
    let needed = [
        ("name", has(listing.name.as_ref())),
        ("long_description", has(listing.long_description.as_ref())),
        ("documentation_artifacts", listing.documents().next().is_some() || is_shared),
        ("categories", !listing.categories.is_empty()),
        ("media_artifacts.icon_image", media.icon_image.is_some() || is_shared),
        ("media_artifacts.gallery_images", !media.gallery_images.is_empty() || is_shared),
        ("license_type", has(listing.license_type.as_ref())),
    ];
    for (field, _) in needed.into_iter().filter(|(_, is_there)| !is_there) {
        ledger.find(&MARKETING_FIELDS, Place::field(field), "it is missing");
    }
    if listing.license_type.as_deref() == Some("custom") {
        let needed = [
            ("custom_license_name", &listing.custom_license_name),
            ("custom_license_url", &listing.custom_license_url),
        ];
        for (field, _) in needed.into_iter().filter(|(_, value)| !has(value.as_ref())) {
            ledger.find(&CUSTOM_LICENSE, Place::field(field), "it is missing");
        }
    }
}

fn has(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.trim().is_empty())
}

fn is_claimed(listing: &Listing) -> bool {
    let claims = &listing.version_compatibility;
    !claims.is_empty() && claims.iter().all(|claim| !claim.versions.is_empty())
}
