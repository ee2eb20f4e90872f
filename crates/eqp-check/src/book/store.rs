//! What only the store can tell. These rules never run here, and are never counted as passed.

chapter! { "Known to the store alone";

MALWARE_SCAN = "malware-scan", CannotKnow by SellersGuide, needs Store, at "archive";
"The malware scan finds nothing; its rules are not public.";
"Wait for the scan: eqp wait.";

COPY_PASTE = "copy-paste", CannotKnow by SellersGuide, needs Store, at "php";
"The code is not copied from Commerce or from another listing, which the store compares.";
"Write it anew, or credit what is under the Open Software License.";

INSTALL_TEST = "install-test", CannotKnow by SellersGuide, needs Store, at "archive";
"It installs, compiles and deploys with the newest patch of each claimed line and every PHP that the patch supports.";
"Try it in such an installation before you submit.";

VARNISH_TEST = "varnish-test", CannotKnow by SellersGuide, needs Store, at "archive";
"Product and category pages come from Varnish, and leave it when a product changes.";
"Try it with Varnish in production mode.";

FUNCTIONAL_TESTS = "functional-tests", CannotKnow by SellersGuide, needs Store, at "archive";
"The functional tests of Commerce, and those in the archive, pass with it.";
"Run both with MFTF.";

MANUAL_TEST = "manual-test", CannotKnow by SellersGuide, needs Store, at "archive, documentation_artifacts";
"A tester finds that it does what its documents say, and that they say all that it does.";
"Follow the user guide once, on a fresh installation.";

LISTING_REVIEW = "listing-review", CannotKnow by SellersGuide, needs Store, at "name, long_description, media_artifacts";
"A reviewer finds texts and images true, well written, in English, and fair to trademarks.";
"Have somebody else read it.";

TITLE_UNIQUE = "title-unique", CannotKnow by ApiDocumentation, needs Store, at "name, item_id";
"No other package has this title, and no other submission this item_id.";
"Take another one when the API refuses it.";

LINES_KEPT_UP = "lines-kept-up", CannotKnow by SellersGuide, needs Store, at "version_compatibility";
"Compatibility with a new patch of Commerce is submitted within 30 days, with a minor version within 60, and something within 12 months.";
"Watch the release dates of Commerce.";

PUBLISHED_ELSEWHERE = "published-elsewhere", CannotKnow by Practice, needs Store, at "composer.json: version";
"The version is not on Packagist before it is in the store.";
"Publish there after the release: until then it breaks installations that use the store's repository.";
}
