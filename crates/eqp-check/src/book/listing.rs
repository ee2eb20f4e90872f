//! Rules for what buyers read, and for the values of the API's fields.

chapter! { "Listing";

TITLE_LENGTH = "title-length", Warns by SellersGuide, needs Listing, at "name";
"The title has at most five words.";
"Shorten it to what the extension does.";

TITLE_WORDS = "title-words", Warns by SellersGuide, needs Listing, at "name";
"The title has none of the words Magento, M2, Adobe, Extension, Module and Plugin.";
"Leave the word out; Connector and Integration are fine.";

TITLE_VENDOR = "title-vendor", Warns by SellersGuide, needs Listing, at "name";
"The title names neither the vendor nor the version.";
"Leave it out, unless the vendor is the service that is integrated.";

TITLE_AND = "title-and", Warns by SellersGuide, needs Listing, at "name";
"The title has & for and.";
"Write &.";

TITLE_FORM = "title-form", Warns by SellersGuide, needs Listing, at "name";
"Each word of the title starts with a capital, not all are capitals, and none are joined by underscores.";
"Write it as in Mass Order Export.";

DESCRIPTION_LENGTH = "description-length", Blocks by SellersGuide, needs Listing, at "long_description";
"The description has at most 25,989 characters.";
"Shorten it; details belong in the user guide.";

DESCRIPTION_OPENING = "description-opening", Warns by SellersGuide, needs Listing, at "long_description";
"The description opens with a paragraph, not with a heading.";
"Say first, in one paragraph, what it does for the merchant.";

DESCRIPTION_FEATURES = "description-features", Warns by SellersGuide, needs Listing, at "long_description";
"The description has a heading Features (h2 or h3) with at least five bullets.";
"Add <h2>Features</h2> and a list.";

DESCRIPTION_INSTALLATION = "description-installation", Warns by SellersGuide, needs Listing, at "long_description";
"The description does not tell how to install.";
"Move it to the installation guide.";

DESCRIPTION_LINKS = "description-links", Warns by SellersGuide, needs Listing, at "long_description";
"Every URL of the description is a link.";
"Write <a href=\"…\">what is there</a>.";

DESCRIPTION_STYLE = "description-style", Warns by SellersGuide, needs Listing, at "long_description";
"The description has no CSS and no fonts of its own.";
"Remove style attributes, <style> and <font>.";

DESCRIPTION_ACCOUNT = "description-account", Warns by SellersGuide, needs Listing, at "long_description";
"The description of an integration has a heading Account and Pricing.";
"Say there whether an account is needed, what it costs, and link to where it is made.";

RELEASE_NOTES_LENGTH = "release-notes-length", Blocks by SellersGuide, needs Listing, at "release_notes";
"Release notes have at most 10,000 characters.";
"Keep to what changed in this version.";

RELEASE_NOTES_STYLE = "release-notes-style", Warns by SellersGuide, needs Listing, at "release_notes";
"Release notes have simple HTML only, no CSS.";
"Remove style attributes and <style>.";

GALLERY_COUNT = "gallery-count", Warns by SellersGuide, needs Listing, at "media_artifacts.gallery_images";
"The gallery has 2 to 15 images (the API asks for one; a shared package needs none).";
"Show the storefront and the Admin, each at least once.";

VIDEO_COUNT = "video-count", Warns by SellersGuide, needs Listing, at "media_artifacts.video_urls";
"There are at most three videos, on YouTube.";
"Keep the three best.";

IMAGE_FILE = "image-file", Blocks by SellersGuide, needs Listing, at "media_artifacts";
"Icon and images are PNG or JPEG, of at most 5 MB each.";
"Save it in one of these forms, smaller.";

DOCUMENT_FILE = "document-file", Blocks by SellersGuide, needs Listing, at "documentation_artifacts";
"Documents are PDF, of at most 5 MB each.";
"Make a smaller PDF.";

DOCUMENT_TWICE = "document-twice", Warns by SellersGuide, needs Listing, at "documentation_artifacts";
"No document is uploaded under two names.";
"Leave the copies out.";

FILE_PRESENT = "file-present", Blocks by OwnSafety, needs Listing, at "documentation_artifacts, media_artifacts";
"Every file that the manifest names is there and can be read.";
"Correct the path: it starts at the manifest's folder.";

CATEGORIES = "categories", Blocks by ApiDocumentation, needs Listing, at "categories";
"There are at most three categories, all of one main category, which is the first segment of each.";
"Take the names from the store: //Extensions//Payments & Security//Checkout Enhancements.";

CATEGORY_FORM = "category-form", Warns by ApiDocumentation, needs Listing, at "categories";
"A category begins with //, which stands between its segments too.";
"Write it as //Extensions//Payments & Security//Checkout Enhancements.";

PRICE_FORM = "price-form", Blocks by ApiDocumentation, needs Listing, at "prices";
"Prices (price, initial_price, installation_price) are in USD, not negative, with at most two decimals, one for an edition.";
"Write 149 or 149.50.";

PRICE_RANGE = "price-range", Warns by SellersGuide, needs Listing, at "prices";
"A price is 0, or 25 (for a subscription 10) to 999,999.";
"Change it, or ask the store: its own documentation has an example below.";

PRICE_INITIAL = "price-initial", Warns by ApiDocumentation, needs Listing, at "prices, pricing_model";
"Only a subscription has an initial_price: what its first year costs.";
"Remove it, or write installation_price if it is meant to be paid once for the installation.";

PRICE_EDITIONS = "price-editions", Blocks by ApiDocumentation, needs Listing, at "prices, version_compatibility";
"Prices are for the editions that version_compatibility names.";
"Give each edition a price, and price no other.";

PRICING_MODEL = "pricing-model", Blocks by ApiDocumentation, needs Listing, at "pricing_model";
"The model is one-time with the period 1, or subscription with the period 12.";
"Write one of the two; it cannot be changed once the first version is there.";

SUPPORT_TIERS = "support-tiers", Blocks by ApiDocumentation, needs Listing, at "support_tiers";
"An edition has at most three support tiers, each for 1, 3, 6, 9 or 12 months, its price in USD.";
"Correct the tier that the message names.";

SUPPORT_SUBSCRIPTION = "support-subscription", Warns by ApiDocumentation, needs Listing, at "support_tiers";
"A subscription sells no support tiers.";
"Remove support_tiers: they are not used.";

EXTERNAL_SERVICES = "external-services", Blocks by ApiDocumentation, needs Listing, at "external_services";
"At most one external service is named; its url is one, and owner and pay_to are of the API's words.";
"Correct what the message names.";

LISTING_VALUES = "listing-values", Blocks by ApiDocumentation, needs Listing, at "type, platform, license_type, stability, priority, process_as_patch, browsers, version_compatibility";
"Fields that take one of a few words hold one of them.";
"Write one of those that the message names.";

LAUNCH_DATE = "launch-date", Blocks by ApiDocumentation, needs Listing, at "requested_launch_date";
"The launch date is written as YYYY-MM-DD HH:MM:SS, in UTC.";
"Write it so, or use launch_on_approval.";

SKU_FORM = "sku-form", Blocks by ApiDocumentation, needs Listing, at "sku";
"The SKU is vendor_name/package_name.";
"Write the name of composer.json, or leave it out: the store reads it from the archive.";

SKU_IS_NAME = "sku-is-name", Warns by ApiDocumentation, needs Listing, at "sku, composer.json: name";
"The SKU is the name in composer.json.";
"Write the same in both: the store believes the archive.";

VERSION_IS_SAME = "version-is-same", Warns by ApiDocumentation, needs Listing, at "version, composer.json: version";
"The version is the one in composer.json.";
"Write the same in both: the store believes the archive.";

TYPE_FITS = "type-fits", Blocks by SellersGuide, needs Listing, at "type, composer.json: type";
"An extension is a module, a language package or a metapackage; a theme is a theme; a shared package is a module, a theme or a language package.";
"Submit it as what it is.";
}
