//! Rules for the listing, for the fields that each review requires, and rules that only the store can check.

category! { LISTING = "Listing";

TITLE_LENGTH = "title-length", Warning by SellersGuide, needs Listing, at "name";
"The title has at most five words.";
"Shorten the title to what the extension does.";

TITLE_WORDS = "title-words", Warning by SellersGuide, needs Listing, at "name";
"The title does not contain the words Magento, M2, Adobe, Extension, Module or Plugin.";
"Remove the word. Connector and Integration are allowed.";

TITLE_VENDOR = "title-vendor", Warning by SellersGuide, needs Listing, at "name";
"The title contains neither the vendor nor the version.";
"Remove it, unless the vendor is the integrated service.";

TITLE_AND = "title-and", Warning by SellersGuide, needs Listing, at "name";
"The title uses & instead of and.";
"Replace and with &.";

TITLE_FORM = "title-form", Warning by SellersGuide, needs Listing, at "name";
"Every word of the title starts with a capital letter, the title is not all in capitals, and words are not joined by underscores.";
"Write the title like this: Mass Order Export.";

DESCRIPTION_LENGTH = "description-length", Blocking by SellersGuide, needs Listing, at "long_description";
"The description has at most 25,989 characters.";
"Shorten the description, and move details to the user guide.";

DESCRIPTION_OPENING = "description-opening", Warning by SellersGuide, needs Listing, at "long_description";
"The description begins with a paragraph, not with a heading.";
"Begin with one paragraph about the benefit for the merchant.";

DESCRIPTION_FEATURES = "description-features", Warning by SellersGuide, needs Listing, at "long_description";
"The description has a heading Features (h2 or h3) with at least five list items.";
"Add <h2>Features</h2> and a list.";

DESCRIPTION_INSTALLATION = "description-installation", Warning by SellersGuide, needs Listing, at "long_description";
"The description contains no installation instructions.";
"Move them to the installation guide.";

DESCRIPTION_LINKS = "description-links", Warning by SellersGuide, needs Listing, at "long_description";
"Every URL in the description is a link.";
"Write <a href=\"…\">title of the page</a>.";

DESCRIPTION_STYLE = "description-style", Warning by SellersGuide, needs Listing, at "long_description";
"The description uses no CSS and no fonts.";
"Remove style attributes, <style> and <font>.";

DESCRIPTION_ACCOUNT = "description-account", Warning by SellersGuide, needs Listing, at "long_description";
"The description of an integration has a heading Account and Pricing.";
"Add the heading, and state whether an account is needed, what it costs, and where to create it.";

RELEASE_NOTES_LENGTH = "release-notes-length", Blocking by SellersGuide, needs Listing, at "release_notes";
"The release notes have at most 10,000 characters.";
"Describe only the changes of this version.";

RELEASE_NOTES_STYLE = "release-notes-style", Warning by SellersGuide, needs Listing, at "release_notes";
"The release notes use only simple HTML without CSS.";
"Remove style attributes and <style>.";

RELEASE_NOTES_MARKDOWN = "release-notes-markdown", Warning by OwnSafety, needs Listing, at "release_notes";
"The release notes are HTML or plain text, because the store shows the signs of Markdown.";
"Write HTML, or let the tool convert Markdown: eqp release --notes-from file:NOTES.md.";

GALLERY_COUNT = "gallery-count", Warning by SellersGuide, needs Listing, at "media_artifacts.gallery_images";
"The gallery has 2 to 15 images; the API requires one, and a shared package needs none.";
"Add at least one image of the storefront and one of the Admin.";

VIDEO_COUNT = "video-count", Warning by SellersGuide, needs Listing, at "media_artifacts.video_urls";
"There are at most three videos, all on YouTube.";
"Remove the other videos.";

IMAGE_FILE = "image-file", Blocking by SellersGuide, needs Listing, at "media_artifacts";
"Icon and images are PNG or JPEG files of at most 5 MB each.";
"Save the image as a smaller PNG or JPEG file.";

DOCUMENT_FILE = "document-file", Blocking by SellersGuide, needs Listing, at "documentation_artifacts";
"Documents are PDF files of at most 5 MB each.";
"Create a smaller PDF file.";

DOCUMENT_TWICE = "document-twice", Warning by SellersGuide, needs Listing, at "documentation_artifacts";
"Every document is a different file.";
"Remove the duplicates.";

FILE_PRESENT = "file-present", Blocking by OwnSafety, needs Listing, at "documentation_artifacts, media_artifacts";
"Every file in the manifest exists and can be read.";
"Correct the path, which is relative to the folder of the manifest.";

CATEGORIES = "categories", Blocking by ApiDocumentation, needs Listing, at "categories";
"There are at most three categories with the same main category (the first segment).";
"Use the category names of the store, such as //Extensions//Payments & Security//Checkout Enhancements.";

CATEGORY_FORM = "category-form", Warning by ApiDocumentation, needs Listing, at "categories";
"A category begins with //, which also separates its segments.";
"Write the category like this: //Extensions//Payments & Security//Checkout Enhancements.";

PRICE_FORM = "price-form", Blocking by ApiDocumentation, needs Listing, at "prices";
"Prices (price, initial_price, installation_price) are in USD, not negative, and have at most two decimals. There is one price per edition.";
"Write 149 or 149.50.";

PRICE_RANGE = "price-range", Warning by SellersGuide, needs Listing, at "prices";
"A price is 0, or between 25 (10 for a subscription) and 999,999.";
"Change the price, or ask the store, whose own documentation has an example below this range.";

PRICE_INITIAL = "price-initial", Warning by ApiDocumentation, needs Listing, at "prices, pricing_model";
"Only a subscription has an initial_price, which is the price of the first year.";
"Remove it, or use installation_price for a one-time installation fee.";

PRICE_EDITIONS = "price-editions", Blocking by ApiDocumentation, needs Listing, at "prices, version_compatibility";
"Prices are set for exactly the editions in version_compatibility.";
"Set one price for each of these editions, and remove the others.";

PRICING_MODEL = "pricing-model", Blocking by ApiDocumentation, needs Listing, at "pricing_model";
"The pricing model is one-time with period 1, or subscription with period 12.";
"Use one of the two. The pricing model cannot be changed after the first version has been created.";

SUPPORT_TIERS = "support-tiers", Blocking by ApiDocumentation, needs Listing, at "support_tiers";
"An edition has at most three support tiers, each for 1, 3, 6, 9 or 12 months and with a price in USD.";
"Correct the support tier in the message.";

SUPPORT_SUBSCRIPTION = "support-subscription", Warning by ApiDocumentation, needs Listing, at "support_tiers";
"A subscription has no support tiers.";
"Remove support_tiers, which are ignored.";

EXTERNAL_SERVICES = "external-services", Blocking by ApiDocumentation, needs Listing, at "external_services";
"There is at most one external service, with a valid url and documented values for owner and pay_to.";
"Correct the field in the message.";

LISTING_VALUES = "listing-values", Blocking by ApiDocumentation, needs Listing, at "type, platform, license_type, stability, priority, process_as_patch, browsers, version_compatibility";
"Fields with a fixed set of values have one of them.";
"Use one of the values in the message.";

LAUNCH_DATE = "launch-date", Blocking by ApiDocumentation, needs Listing, at "requested_launch_date";
"The launch date has the format YYYY-MM-DD HH:MM:SS, in UTC.";
"Correct the date, or use launch_on_approval.";

SKU_FORM = "sku-form", Blocking by ApiDocumentation, needs Listing, at "sku";
"The SKU has the form vendor_name/package_name.";
"Use the name in composer.json, or remove the SKU: the store reads it from the archive.";

SKU_IS_NAME = "sku-is-name", Warning by ApiDocumentation, needs Listing, at "sku, composer.json: name";
"The SKU is the same as the name in composer.json.";
"Use the same value in both. The store uses the one in the archive.";

VERSION_IS_SAME = "version-is-same", Blocking by ApiDocumentation, needs Listing, at "version, composer.json: version";
"The version is the same as in composer.json.";
"Use the same value in both. The store uses the one in the archive.";

TYPE_FITS = "type-fits", Blocking by SellersGuide, needs Listing, at "type, composer.json: type";
"An extension is a module, a language package or a metapackage; a theme is a theme; a shared package is a module, a theme or a language package.";
"Correct the type of the submission or of the package.";
}

category! { SUBMISSION = "Submission";

TECHNICAL_FIELDS = "technical-fields", Blocking by ApiDocumentation, needs Technical, at "type, platform, version_compatibility, release_notes, version, documentation_artifacts";
"A submission for technical review has type, platform, version_compatibility, release_notes and version. Unless it is a shared package, it also has at least one document (user, installation or reference).";
"Add the field to the manifest.";

USER_GUIDE = "user-guide", Warning by ApiDocumentation, needs Technical, at "documentation_artifacts.user";
"The documents include a user guide, which parts of the documentation require.";
"Add it as a PDF file.";

MARKETING_FIELDS = "marketing-fields", Blocking by ApiDocumentation, needs Marketing, at "name, long_description, documentation_artifacts, categories, media_artifacts, license_type";
"A submission for marketing review has name, long_description, categories and license_type. Unless it is a shared package, it also has a document, an icon and a gallery image.";
"Add the field to the manifest.";

CUSTOM_LICENSE = "custom-license", Blocking by ApiDocumentation, needs Marketing, at "custom_license_name, custom_license_url";
"A custom license has a name and a URL.";
"Add both, or use one of the predefined licenses.";
}

category! { STORE = "Checked only by the store";

MALWARE_SCAN = "malware-scan", StoreOnly by SellersGuide, needs Store, at "archive";
"The malware scan finds nothing. Its rules are not public.";
"Wait for the result of the scan.";

COPY_PASTE = "copy-paste", StoreOnly by SellersGuide, needs Store, at "php";
"The code is not copied from Commerce or from another package, which the store checks.";
"Rewrite the code, or credit its authors if it is under the Open Software License.";

INSTALL_TEST = "install-test", StoreOnly by SellersGuide, needs Store, at "archive";
"The package can be installed, compiled and deployed with the newest patch of each claimed Commerce version and every PHP version that it supports.";
"Test it in such an installation before you submit it.";

VARNISH_TEST = "varnish-test", StoreOnly by SellersGuide, needs Store, at "archive";
"Product and category pages are cached by Varnish and purged when a product changes.";
"Test it with Varnish in production mode.";

FUNCTIONAL_TESTS = "functional-tests", StoreOnly by SellersGuide, needs Store, at "archive";
"The functional tests of Commerce and of the archive pass with the package installed.";
"Run both with MFTF.";

MANUAL_TEST = "manual-test", StoreOnly by SellersGuide, needs Store, at "archive, documentation_artifacts";
"A tester finds that the documentation describes all features of the package, and that they work as described.";
"Follow the user guide once, on a fresh installation.";

LISTING_REVIEW = "listing-review", StoreOnly by SellersGuide, needs Store, at "name, long_description, media_artifacts";
"A reviewer finds that texts and images are accurate, well written, in English, and respect trademarks.";
"Ask another person to read the texts.";

TITLE_UNIQUE = "title-unique", StoreOnly by ApiDocumentation, needs Store, at "name, item_id";
"No other package has the same title, and no other submission has the same item_id.";
"Choose another title or item_id if the API rejects the submission.";

LINES_KEPT_UP = "lines-kept-up", StoreOnly by SellersGuide, needs Store, at "version_compatibility";
"Compatibility with a new Commerce patch is submitted within 30 days, with a new minor version within 60 days, and there is at least one submission within 12 months.";
"Follow the release schedule of Commerce.";

PUBLISHED_ELSEWHERE = "published-elsewhere", StoreOnly by Practice, needs Store, at "composer.json: version";
"The version is not published on Packagist before it is in the store.";
"Publish it there after the release. Before that, it breaks installations that use the repository of the store.";
}
