//! Reasons of reviewers: manual QA and the marketing review. A more specific reason precedes a general one.

catalogue! { REVIEW =

"guide-incomplete", tool "manual_qa", found by "user-guide", words ["user guide", "documentation", "manual does not", "installation guide"];
"The documents do not describe the features or the installation of the package completely.";
"Follow the guide once on a clean installation, and add every setting and step that is missing.";

"feature-missing", tool "manual_qa", words ["feature is missing", "does not work", "not working", "is missing", "as described"];
"A described feature is missing, or does not work.";
"Repeat the steps in the message and its attachment, with sample data and in production mode.";

"errors-in-log", tool "manual_qa", words ["exception", "error in log", "system.log", "fatal error", "500"];
"The package causes an error in the logs or on a page.";
"Repeat the steps, and read var/log/system.log, var/log/exception.log and the console of the browser.";

"console-error", tool "manual_qa", words ["console", "javascript error", "js error"];
"The package causes an error in the console of the browser.";
"Open each page of the package with the console, also with JavaScript bundling and minification.";

"credentials-missing", tool "manual_qa", words ["credential", "test account", "api key", "sandbox account", "log in"];
"The tester cannot use an external service, because there is no test account.";
"Add a test account and its settings to the notes for the reviewer.";

"title", tool "marketing", found by "title-words", words ["title", "product name", "extension name"];
"The title has words, a length or a form that the guidelines do not allow.";
"Use at most 5 words, without Magento, M2, Adobe, Extension, Module, Plugin, your company and a version.";

"installation-in-description", tool "marketing", found by "description-installation", words ["installation instruction", "installation step", "how to install"];
"The description contains installation instructions.";
"Move them to the installation guide.";

"contact-in-description", tool "marketing", found by "description-links", words ["contact", "e-mail", "email", "phone", "external link"];
"The description contains contact data or links to another shop.";
"Remove them. The store shows the support contact of your account.";

"features-list", tool "marketing", found by "description-features", words ["features section", "feature list", "bullet"];
"The description has no list of features in the required form.";
"Add a heading Features (H2 or H3) with at least 5 bullets.";

"language", tool "marketing", words ["grammar", "spelling", "typo", "english"];
"The texts have language errors.";
"Let a native speaker of English read all texts, including those in images.";

"release-notes", tool "marketing", found by "release-notes-markdown", words ["release note", "changelog"];
"The release notes are missing, or not readable as HTML.";
"Describe what is new in this version: eqp release --notes-from changelog converts Markdown.";

"description", tool "marketing", words ["description"];
"The description does not meet the guidelines.";
"Change what the message names. Further marketing edits do not need a new version.";

"icon", tool "marketing", words ["icon", "logo"];
"The icon does not meet the guidelines.";
"Use an own, sharp image without the Magento or Adobe logo and without text that cannot be read in the list.";

"gallery", tool "marketing", words ["screenshot", "gallery", "image", "video"];
"The gallery images do not meet the guidelines.";
"Use 2 to 15 sharp screenshots of this version, in English, without other companies' names.";

"trademark", tool "marketing", words ["trademark", "brand", "copyright"];
"The listing uses the name or the logo of another company in a way that it does not permit.";
"Write \"for NAME\" instead of \"NAME\", and remove logos that are not yours.";

"price", tool "marketing", found by "price-editions", words ["price", "pricing", "free"];
"The price does not fit the listing, or an edition has none.";
"Set a price for every edition in version_compatibility, and remove prices from texts and images.";

"category", tool "marketing", found by "categories", words ["categor"];
"A category does not fit the product.";
"Choose 1 to 3 categories that describe what it does.";
}
